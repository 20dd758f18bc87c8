import { HELLO, httpWork } from '../lib/http-work.mjs';

export const pipelined = httpWork({
  name: 'pipelined',
  title: 'GET hello, 16 requests pipelined',
  request: 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  answer: HELLO,
  batch: 16,
});
