/** Inseam, as a user would write it. From the workspace's build, so that what is measured is this checkout. */
import { HTTPServer } from '../../../packages/http/dist/index.js';
import { WebSocket, webSocketHandler } from '../../../packages/websocket/dist/index.js';

class Echo extends WebSocket {
  /** @param {string | Buffer} message */
  onRead(message) {
    this.write(message);
  }
}

const server = new HTTPServer(webSocketHandler(Echo));
await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
