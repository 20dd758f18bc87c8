import { tcpWork } from '../lib/tcp-work.mjs';

const line = 'a line of thirty-one characters\n';

export const lineEcho = tcpWork({
  name: 'line-echo',
  title: 'a line of 32 bytes there and back',
  app: 'line-echo',
  unit: 'line',
  message: line,
  reply: line,
});

export const lines16 = tcpWork({
  name: 'lines-16',
  title: 'the same, 16 lines in a segment',
  app: 'line-echo',
  unit: 'line',
  message: line,
  reply: line,
  batch: 16,
});
