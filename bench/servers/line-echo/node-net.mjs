/** node:net with a splitter by hand. Corked, so that the lines of one chunk leave together, as Inseam's do. */
import { createServer } from 'node:net';

const NEWLINE = 10;

const server = createServer({ noDelay: true }, (socket) => {
  /** @type {Buffer | null} */
  let rest = null;
  socket.on('data', (chunk) => {
    const bytes = rest === null ? chunk : Buffer.concat([rest, chunk]);
    let start = 0;
    socket.cork();
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      socket.write(bytes.subarray(start, end + 1));
      start = end + 1;
    }
    socket.uncork();
    rest = start === bytes.length ? null : bytes.subarray(start);
  });
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`127.0.0.1:${address.port}`);
});
