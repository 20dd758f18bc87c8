/** The first bytes of a handshake, for peers that send them in ways of their own. */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { connect } from 'node:tls';

/** What Node's client begins with. */
export async function clientHello(): Promise<Buffer> {
  let tell: (bytes: Buffer) => void = () => {};
  const bytes = new Promise<Buffer>((resolve) => {
    tell = resolve;
  });
  const wire = new Duplex({ read() {}, write: (chunk: Buffer) => tell(chunk) });
  const client = connect({ socket: wire }).on('error', () => {});
  const hello = await bytes;
  client.destroy();
  return hello;
}

/**
 * `wire` for the TLS of an impatient client, whose first bytes leave in one write with its `command`. The `answer` to that is
 * taken off before what comes; any other answer is an error.
 */
export function behind(command: string, answer: string, wire: Socket): Duplex {
  let isFirst = true;
  let awaited = Buffer.from(answer);
  const joined = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      wire.write(isFirst ? Buffer.concat([Buffer.from(command), chunk]) : chunk, done);
      isFirst = false;
    },
    final: (done) => wire.end(done),
    destroy(error, done) {
      wire.destroy();
      done(error);
    },
  });
  wire.on('data', (chunk: Buffer) => {
    const length = Math.min(awaited.length, chunk.length);
    if (!chunk.subarray(0, length).equals(awaited.subarray(0, length))) {
      joined.destroy(new Error(`answered ${chunk}`));
      return;
    }
    awaited = awaited.subarray(length);
    if (chunk.length > length) joined.push(chunk.subarray(length));
  });
  wire.on('end', () => joined.push(null));
  wire.on('error', (error) => joined.destroy(error));
  return joined;
}
