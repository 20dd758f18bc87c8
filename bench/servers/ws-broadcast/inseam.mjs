/** Inseam, as a user would write it. From the workspace's build, so that what is measured is this checkout. */
import { HTTPServer } from '../../../packages/http/dist/index.js';
import { Group, WebSocket, webSocketHandler } from '../../../packages/websocket/dist/index.js';

const group = new Group();

class Member extends WebSocket {
  onConnect() {
    group.add(this);
  }

  /** @param {string | Buffer} message */
  onRead(message) {
    group.write(message);
  }
}

const server = new HTTPServer(webSocketHandler(Member));
await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
