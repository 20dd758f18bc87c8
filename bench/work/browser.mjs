import { HELLO, httpWork } from '../lib/http-work.mjs';

const HEADERS = [
  'Host: localhost',
  'Connection: keep-alive',
  'Cache-Control: max-age=0',
  'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-mobile: ?0',
  'sec-ch-ua-platform: "Linux"',
  'Upgrade-Insecure-Requests: 1',
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'Sec-Fetch-Site: none',
  'Sec-Fetch-Mode: navigate',
  'Sec-Fetch-User: ?1',
  'Sec-Fetch-Dest: document',
  'Accept-Encoding: gzip, deflate, br, zstd',
  'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
  'Cookie: session=6f1c2a9be0d84f7f9a3c5d2e1b0a7c44; theme=dark; consent=1',
];

export const browser = httpWork({
  name: 'browser',
  title: "GET hello with a browser's headers, keep-alive",
  request: `GET / HTTP/1.1\r\n${HEADERS.join('\r\n')}\r\n\r\n`,
  answer: HELLO,
});
