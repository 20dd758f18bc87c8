/** Sends one form with one file after another for so long, each when the answer to the one before is there. lib/upload-work.mjs starts it. */
import { connect } from 'node:net';

const BOUNDARY = '----------------------------bench0123456789';
const BLOCK = Buffer.alloc(65_536, 'what is in a file is nobody’s business but its owner’s; ');

const { port, bytes, seconds } = JSON.parse(process.argv[2] ?? '{}');

const opening = Buffer.from(
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="file.bin"\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n',
);
const closing = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
const head = Buffer.from(
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
    `Content-Length: ${opening.length + bytes + closing.length}\r\n\r\n`,
);

const socket = connect(port, '127.0.0.1');
socket.setNoDelay(true);
socket.on('error', (error) => fail(error.message));
socket.on('close', () => fail('the server closed the connection'));

let text = '';
/** @type {(answer: string) => void} */
let answered = () => {};
socket.setEncoding('latin1');
socket.on('data', (chunk) => {
  text += chunk;
  const end = text.indexOf('\r\n\r\n');
  const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? Number.NaN);
  if (end !== -1 && text.length >= end + 4 + length) answered(text);
});

const begun = performance.now();
let uploads = 0;
while (uploads === 0 || performance.now() - begun < seconds * 1_000) {
  const answer = new Promise((resolve) => {
    answered = resolve;
  });
  await send();
  const said = await answer;
  if (!said.startsWith('HTTP/1.1 200 ') || !said.endsWith(`\r\n\r\n${bytes}\n`))
    fail(`answers ${JSON.stringify(said)}`);
  text = '';
  uploads++;
}
process.stdout.write(
  `BENCH ${JSON.stringify({ uploads, seconds: (performance.now() - begun) / 1_000 })}\n`,
  () => process.exit(),
);

async function send() {
  socket.write(head);
  socket.write(opening);
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    if (!socket.write(left >= BLOCK.length ? BLOCK : BLOCK.subarray(0, left))) {
      await new Promise((resolve) => socket.once('drain', resolve));
    }
  }
  socket.write(closing);
}

/** @param {string} reason */
function fail(reason) {
  console.error(reason);
  process.exit(1);
}
