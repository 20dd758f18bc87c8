/** The broadcast of `ws`'s documentation. */
import { createServer } from 'node:http';
import WebSocket, { WebSocketServer } from 'ws';

const server = createServer();
const sockets = new WebSocketServer({ server });

sockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    for (const member of sockets.clients) {
      if (member.readyState === WebSocket.OPEN) member.send(data, { binary: isBinary });
    }
  });
  // A client that resets is no reason to fall over.
  socket.on('error', () => {});
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/`);
});
