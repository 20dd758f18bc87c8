import { idleWork } from '../lib/idle-work.mjs';

export const idle = idleWork({
  name: 'idle',
  title: 'a connection',
  app: 'idle',
  servers: ['inseam', 'node-net'],
  baseline: 'node-net',
  notes: ["The kernel's part of a connection is in none of these figures."],
});
