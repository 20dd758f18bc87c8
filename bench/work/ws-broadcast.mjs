import { wsBroadcastWork } from '../lib/ws-work.mjs';

export const wsBroadcast = wsBroadcastWork({
  name: 'ws-broadcast',
  title: 'a WebSocket message of 100 bytes to everyone',
  bytes: 100,
  members: 5_000,
});

export const wsBroadcast16 = wsBroadcastWork({
  name: 'ws-broadcast-16',
  title: 'the same, 16 messages in a segment of the sender’s',
  bytes: 100,
  members: 5_000,
  batch: 16,
});
