/** Inseam with handlers that do nothing. From the workspace's build, so that what is measured is this checkout. */
import { HTTPServer } from '../../../packages/http/dist/index.js';
import { WebSocket, webSocketHandler } from '../../../packages/websocket/dist/index.js';

class Idle extends WebSocket {
  onRead() {}
  onClose() {}
}

const server = new HTTPServer(webSocketHandler(Idle));
await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
