import { tcpWork } from '../lib/tcp-work.mjs';

const message = '0123456789abcdef'.repeat(4);

export const tcpEcho = tcpWork({
  name: 'tcp-echo',
  title: '64 bytes there and back',
  app: 'tcp-echo',
  unit: 'message',
  message,
  reply: message,
});
