/** Inseam with handlers that do nothing: what a connection costs before anybody uses it. */
import { Server, Stream } from '../../../packages/engine/dist/index.js';

class Idle extends Stream {
  onRead() {}
  onClose() {}
}

const server = new Server({ ConnectionClass: Idle });
await server.listen(['127.0.0.1', 0]);
console.log(`127.0.0.1:${server.port}`);
