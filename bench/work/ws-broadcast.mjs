import { wsBroadcastWork } from '../lib/ws-work.mjs';

export const wsBroadcast = wsBroadcastWork({
  name: 'ws-broadcast',
  title: 'a WebSocket message of 100 bytes to everyone',
  bytes: 100,
  members: 5_000,
});
