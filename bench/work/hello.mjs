import { HELLO, httpWork } from '../lib/http-work.mjs';

export const hello = httpWork({
  name: 'hello',
  title: 'GET hello, keep-alive',
  request: 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  answer: HELLO,
});
