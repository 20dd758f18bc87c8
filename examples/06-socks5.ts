// A SOCKS5 proxy (RFC 1928) without passwords: two streams, each of which gets what the other one reads.
// Run it with `pnpm example 06-socks5`, then `curl --socks5-hostname localhost:1080 https://example.org`.
import { Engine, NetStruct, Server, Stream } from '@inseam/engine';

const ADDRESSES: Record<number, string> = { 1: '4BH', 3: 'B$H', 4: '8HH' }; // IPv4, name, IPv6; and a port
const REPLY = new NetStruct('BBxB6x'); // version, outcome, kind of address

class Client extends Stream {
  override async onConnect() {
    this.idleTimeoutMs = 300_000;
    const pieces = this.pieces<unknown>();
    const read = async (format: string) => {
      this.readDelimiter = new NetStruct(format);
      return ((await pieces.next()).value ?? []) as (number | Buffer)[];
    };
    const [, methods] = await read('BB$'); // version, methods
    this.write(Buffer.of(5, String(methods).includes('\0') ? 0 : 255));
    const [, command, kind] = await read('BBxB');
    const address = await read(ADDRESSES[Number(kind)] ?? 'x');
    const port = Number(address.pop());
    if (command !== 1 || !port) return this.writePacked(REPLY, 5, command === 1 ? 8 : 7, 1) && this.close();
    const host = kind === 4 ? address.map((part) => Number(part).toString(16)).join(':') : address.join('.');
    const target = new Stream().connect([host, port]);
    this.onClose = (reason) => (reason ? target.abort(reason) : target.close());
    const failure = await target.opened().then(() => '', String);
    if (failure) return this.writePacked(REPLY, 5, failure.includes('REFUSED') ? 5 : 4, 1) && this.close();
    this.writePacked(REPLY, 5, 0, 1);
    target.onRead = (data: Buffer) => this.write(data) || target.pause();
    target.onEnd = () => this.end();
    target.onClose = (reason) => (reason ? this.abort(reason) : this.close());
    this.onWrite = () => target.resume();
    this.onEnd = () => target.end();
    this.readDelimiter = null;
    for await (const data of pieces) if (!target.write(data as Buffer)) await target.drained();
  }
}

const server = await new Server({ ConnectionClass: Client }).listen(Number(process.env.PORT ?? 1080));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
