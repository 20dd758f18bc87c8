// A protocol of your own: answers each line with the same line, in capitals; "bye" ends the connection.
// Run it with `pnpm example 02-line-echo`, then type into `telnet localhost 8081` (or nc).
import { Engine, Server, Stream } from '@inseam/engine';

class LineEcho extends Stream {
  override onConnect() {
    this.readDelimiter = '\n';
    this.write('Say something.\n');
  }

  override onRead(line: Buffer) {
    const text = line.toString().trimEnd();
    this.write(`${text.toUpperCase()}\n`);
    if (text === 'bye') this.close();
  }
}

const server = new Server({ ConnectionClass: LineEcho });
const engine = Engine.instance();
engine.stopOnSignals();
await server.listen(Number(process.env.PORT ?? 8081));
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
await engine.start();
console.log('stopped');
