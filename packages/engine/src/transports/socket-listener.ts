/** Listening TCP and Unix sockets, through Node's net.Server. */
import { createServer, type Server as NetServer } from 'node:net';
import type { ParsedAddress } from '../address.js';
import type { StreamAddress, Transport } from '../transport.js';
import { SocketTransport } from './socket-transport.js';

/** What a listener tells its one owner. */
export interface ListenerSink {
  onTransport(transport: Transport): void;
  /** A connection could not be accepted; listening goes on. */
  onError(error: Error): void;
}

export class SocketListener {
  readonly #server: NetServer;
  readonly address: StreamAddress;

  private constructor(server: NetServer, address: StreamAddress) {
    this.#server = server;
    this.address = address;
  }

  /** Listens on `address`; rejects with the system's error. `sink` gets each connection, unread. */
  static async listen(address: ParsedAddress, backlog: number, sink: ListenerSink): Promise<SocketListener> {
    const path = 'path' in address ? address.path : null;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
      const transport = SocketTransport.accepted(socket, path);
      if (transport !== null) sink.onTransport(transport);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(toOptions(address, backlog), () => {
        server.removeListener('error', reject);
        // An accept that fails, for want of descriptors say, fails alone: the next one may do.
        server.on('error', (error) => sink.onError(error));
        resolve();
      });
    });
    const bound = server.address();
    if (bound === null || typeof bound === 'string') return new SocketListener(server, { path: path ?? '' });
    return new SocketListener(server, {
      host: bound.address,
      port: bound.port,
      family: bound.family === 'IPv6' ? 6 : 4,
    });
  }

  /** Stops listening; connections that were accepted stay. */
  close(): void {
    this.#server.close();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

function toOptions(address: ParsedAddress, backlog: number) {
  if ('path' in address) return { path: address.path, backlog };
  return address.host === null
    ? { port: address.port, backlog }
    : { port: address.port, host: address.host, backlog };
}
