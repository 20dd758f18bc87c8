// A SOCKS5 proxy (RFC 1928) without passwords: two streams, each of which gets what the other one reads.
// Run it with `pnpm example 06-socks5`, then `curl --socks5-hostname localhost:1080 https://example.org`.
import { Engine, NetStruct, Server, Stream, type TransportError } from '@inseam/engine';

const ADDRESSES: Record<number, string> = { 1: '4BH', 3: 'B$H', 4: '8HH' }; // IPv4, name, IPv6; and a port
const GREETING = new NetStruct('BB$'); // version, methods
const REQUEST = new NetStruct('BBxB'); // version, command, kind of address
const REPLY = new NetStruct('BBxB6x'); // version, outcome, kind of address

class Client extends Stream {
  override async onConnect() {
    this.idleTimeoutMs = 300_000;
    const [, methods] = await this.read<[number, Buffer]>(GREETING);
    this.write(Buffer.of(5, methods.includes(0) ? 0 : 255));
    const [, command, kind = 0] = await this.read<number[]>(REQUEST);
    const address = await this.read<(number | Buffer)[]>(new NetStruct(ADDRESSES[kind] ?? 'x'));
    const port = Number(address.pop());
    if (command !== 1 || !port) return this.writePacked(REPLY, 5, command === 1 ? 8 : 7, 1) && this.close();
    const host = kind === 4 ? address.map((part) => Number(part).toString(16)).join(':') : address.join('.');
    const target = new Stream().connect([host, port]);
    this.onClose = (reason) => (reason ? target.abort(reason) : target.close());
    const opened = await target.opened().catch((error: TransportError) => error);
    const failure = opened instanceof Stream ? null : opened.systemCode;
    const outcome = failure === null ? 0 : failure === 'ECONNREFUSED' ? 5 : 4;
    this.writePacked(REPLY, 5, outcome, 1);
    if (outcome) return this.close();
    target.onRead = (data: Buffer) => this.write(data) || target.pause();
    target.onEnd = () => this.end();
    target.onClose = (reason) => (reason ? this.abort(reason) : this.close());
    this.onWrite = () => target.resume();
    this.onEnd = () => target.end();
    this.readDelimiter = null;
    for await (const data of this) if (!target.write(data)) await target.drained();
  }
}

const server = await new Server({ ConnectionClass: Client }).listen(Number(process.env.PORT ?? 1080));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
