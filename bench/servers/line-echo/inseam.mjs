/** Inseam, as a user would write it. */
import { Server, Stream } from '../../../packages/engine/dist/index.js';

class LineEcho extends Stream {
  onConnect() {
    this.readDelimiter = '\n';
  }

  /** @param {Buffer} line */
  onRead(line) {
    this.write(`${line}\n`);
  }
}

const server = new Server({ ConnectionClass: LineEcho });
await server.listen(['127.0.0.1', 0]);
console.log(`127.0.0.1:${server.port}`);
