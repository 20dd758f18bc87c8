import { idleWork } from '../lib/idle-work.mjs';
import { OPENING } from '../lib/ws-frames.mjs';

export const wsIdle = idleWork({
  name: 'ws-idle',
  title: 'a WebSocket',
  app: 'ws-idle',
  servers: ['inseam', 'ws'],
  baseline: 'ws',
  notes: ["The kernel's part of a connection is in none of these figures."],
  opening: OPENING,
});
