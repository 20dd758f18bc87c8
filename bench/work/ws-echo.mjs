import { wsEchoWork } from '../lib/ws-work.mjs';

export const wsEcho20 = wsEchoWork({
  name: 'ws-echo-20',
  title: 'a WebSocket message of 20 bytes there and back',
  bytes: 20,
});

export const wsEcho1k = wsEchoWork({ name: 'ws-echo-1k', title: 'the same with 1 KiB', bytes: 1_024 });

export const wsEcho16k = wsEchoWork({ name: 'ws-echo-16k', title: 'the same with 16 KiB', bytes: 16_384 });

export const ws16 = wsEchoWork({
  name: 'ws-16',
  title: 'the same with 20 bytes, 16 messages in a segment',
  bytes: 20,
  batch: 16,
});
