/** Inseam, as a user would write it who means bytes: no text is made of them. */
import { Server, Stream } from '../../../packages/engine/dist/index.js';

class LineEcho extends Stream {
  onConnect() {
    this.readDelimiter = '\n';
  }

  /** @param {Buffer} line */
  onRead(line) {
    this.write(line);
    this.write('\n');
  }
}

const server = new Server({ ConnectionClass: LineEcho });
await server.listen(['127.0.0.1', 0]);
console.log(`127.0.0.1:${server.port}`);
