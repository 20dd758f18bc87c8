/** Listening TCP and Unix sockets, through Node's net.Server. */
import cluster from 'node:cluster';
import { chmodSync } from 'node:fs';
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import type { ParsedListenAddress } from '../address.js';
import type { StreamAddress, Transport } from '../transport.js';
import { SocketTransport } from './socket-transport.js';
import { removeStaleSocket } from './stale-socket.js';

/** What a listener tells its one owner. */
export interface ListenerSink {
  onTransport(transport: Transport): void;
  /** A connection could not be accepted; listening goes on. */
  onError(error: Error): void;
}

export interface ListenerOptions {
  readonly backlog: number;
  /** Without it, every IPv6 address (`::`) means every IPv4 address, too. */
  readonly ipv6Only: boolean;
  /** The permissions of a Unix socket's file; null leaves them to the umask. */
  readonly mode: number | null;
}

export class SocketListener {
  readonly #server: NetServer;
  readonly #onConnection: (socket: Socket) => void;
  readonly #onError: (error: Error) => void;
  readonly address: StreamAddress;

  private constructor(server: NetServer, sink: ListenerSink) {
    this.#server = server;
    this.address = addressOf(server);
    const path = 'path' in this.address ? this.address.path : null;
    this.#onConnection = (socket) => {
      // A net.Server of the user's may not have said so.
      socket.setNoDelay();
      const transport = SocketTransport.accepted(socket, path);
      if (transport !== null) sink.onTransport(transport);
    };
    // An accept that fails, for want of descriptors say, fails alone: the next one may do.
    this.#onError = (error) => sink.onError(error);
    server.on('connection', this.#onConnection).on('error', this.#onError);
  }

  /**
   * Listens on `address`; rejects with the system's error. A Unix socket's file that nobody answers on is replaced. A
   * net.Server becomes the listener's own. `sink` gets each connection, unread.
   */
  static async listen(
    address: ParsedListenAddress,
    options: ListenerOptions,
    sink: ListenerSink,
  ): Promise<SocketListener> {
    if ('netServer' in address) return new SocketListener(address.netServer, sink);
    // Before the attempt, not after: workers of node:cluster share what all of them have asked for at the first.
    if ('path' in address) await removeStaleSocket(address.path);
    return new SocketListener(await listen(address, options), sink);
  }

  /** Stops listening; connections that were accepted stay. A net.Server is its owner's again. */
  close(): void {
    this.#server.off('connection', this.#onConnection).off('error', this.#onError).close();
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }
}

/**
 * An address that a name has and this machine lacks, as ::1 where there is no IPv6, does not matter beside one that
 * works.
 */
const ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/**
 * Listens on one port of every host, the first one's where the system chooses it. All or none: rejects with the
 * system's error, of several absent hosts the last one's.
 */
export async function listenOnHosts(
  hosts: readonly string[],
  port: number,
  options: ListenerOptions,
  sink: ListenerSink,
): Promise<SocketListener[]> {
  const listeners: SocketListener[] = [];
  let absent: unknown = new Error('the name has no address');
  for (const host of hosts) {
    const first = listeners[0]?.address;
    const place = { host, port: first !== undefined && 'port' in first ? first.port : port };
    try {
      listeners.push(await SocketListener.listen(place, options, sink));
    } catch (error) {
      absent = error;
      if (ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) continue;
      for (const listener of listeners) listener.close();
      throw error;
    }
  }
  if (listeners.length === 0) throw absent;
  return listeners;
}

type ToBind = Exclude<ParsedListenAddress, { netServer: NetServer }>;

function listen(address: ToBind, options: ListenerOptions): Promise<NetServer> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const hasMode = 'path' in address && options.mode !== null;
    // The file is made during the call: nobody may come in before its mode is set. A worker's is made elsewhere.
    const umask = hasMode && isMainThread && cluster.isPrimary ? process.umask(~options.mode & 0o777) : null;
    // An argument of its own: among the options it is not seen beside a descriptor.
    server.listen(toOptions(address, options), options.backlog, () => {
      server.off('error', reject);
      try {
        if (hasMode) chmodSync(address.path, options.mode);
        resolve(server);
      } catch (error) {
        server.close();
        reject(error);
      }
    });
    if (umask !== null) process.umask(umask);
  });
}

function toOptions(address: ToBind, { ipv6Only }: ListenerOptions): ListenOptions | { fd: number } {
  if ('fd' in address || 'path' in address) return address;
  const { host, port } = address;
  if (host !== null) return { port, host, ipv6Only };
  return ipv6Only ? { port, host: '::', ipv6Only } : { port };
}

function addressOf(server: NetServer): StreamAddress {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return { path: bound ?? '' };
  return { host: bound.address, port: bound.port, family: bound.family === 'IPv6' ? 6 : 4 };
}
