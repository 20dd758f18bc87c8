import { httpWork } from '../lib/http-work.mjs';

const TYPE = 'application/json';
const body = JSON.stringify({ text: '0123456789abcdef'.repeat(64).slice(0, 1_013) });
const head = `POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${TYPE}\r\nContent-Length: ${body.length}\r\n\r\n`;

export const echo = httpWork({
  name: 'echo',
  title: 'POST 1 KiB of JSON, echoed unparsed',
  request: head + body,
  answer: { status: 200, type: TYPE, body },
  without: { nginx: 'nginx by itself cannot send a request body back' },
});
