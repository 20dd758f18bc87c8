/** Inseam, as a user would write it. From the workspace's build, so that what is measured is this checkout. */
import { Server, Stream } from '../../../packages/engine/dist/index.js';

class Echo extends Stream {
  /** @param {Buffer} data */
  onRead(data) {
    this.write(data);
  }
}

const server = new Server({ ConnectionClass: Echo });
await server.listen(['127.0.0.1', 0]);
console.log(`127.0.0.1:${server.port}`);
