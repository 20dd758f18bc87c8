/** node:net, as a user would write it. */
import { createServer } from 'node:net';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => socket.write(data));
  // A client that resets is no reason to fall over.
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`127.0.0.1:${address.port}`);
});
