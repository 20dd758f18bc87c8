/** A TCP proxy that writes down every byte, to see what an eavesdropper sees. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class WireTap {
  readonly #server: Server;
  readonly #sent: Buffer[] = [];
  readonly #answered: Buffer[] = [];
  /** Changes what is passed on to the server: what an attacker does who holds the wire. */
  tamper: (chunk: Buffer) => Buffer = (chunk) => chunk;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on 127.0.0.1 for connections to `port` there, until the first one has come. */
  static async open(port: number): Promise<WireTap> {
    const server = createServer({ allowHalfOpen: true });
    const tap = new WireTap(server);
    server.once('connection', (near) => {
      server.close();
      const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      carry(near, far, tap.#sent, (chunk) => tap.tamper(chunk));
      carry(far, near, tap.#answered, (chunk) => chunk);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return tap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the client has sent, and what it was answered; one character a byte. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString('latin1');
  }
  get answered(): string {
    return Buffer.concat(this.#answered).toString('latin1');
  }
}

function carry(from: Socket, to: Socket, record: Buffer[], change: (chunk: Buffer) => Buffer): void {
  from.on('data', (chunk: Buffer) => {
    record.push(chunk);
    if (!to.write(change(chunk))) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}
