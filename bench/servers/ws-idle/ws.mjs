/** `ws` with handlers that do nothing. */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const server = createServer();
const sockets = new WebSocketServer({ server });

sockets.on('connection', (socket) => {
  socket.on('message', () => {});
  socket.on('close', () => {});
  // A client that resets is no reason to fall over.
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/`);
});
