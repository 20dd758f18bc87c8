/**
 * Loopback addresses that behave as dialling must cope with, on one port: listening, refusing, silent, unreachable.
 * On Linux only, where all of 127.0.0.0/8 is there and a full queue of connections drops further ones.
 */
import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';

/** Nobody listens here unless `listen` is called with it; so it is with `::1`. */
export const LISTENING = '127.0.0.1';
export const LISTENING_TOO = '127.0.0.2';
export const REFUSING = '127.0.0.4';
/** Listens, but its queue is full: an attempt hears nothing. */
export const SILENT = '127.0.0.3';
/** The loopback network's broadcast address: connect() itself fails. */
export const UNREACHABLE = '127.255.255.255';

export const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

/** Listens, tells its port, and accepts nothing until its thread is ended. */
const deafListener = `
  const server = require('node:net').createServer();
  server.listen({ host: '${SILENT}', port: 0, backlog: 1 }, () => {
    require('node:worker_threads').parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

export class LoopbackHosts {
  port = 0;
  #deaf: Worker | null = null;
  readonly #queued: Socket[] = [];
  #servers: Server[] = [];

  async open(): Promise<void> {
    this.#deaf = new Worker(deafListener, { eval: true });
    [this.port] = (await once(this.#deaf, 'message')) as [number];
    // One more fits than the backlog says; two more, not waited for, so that there is no place left in any case.
    for (let i = 0; i < 2; i++) await once(this.#queue(), 'connect');
    for (let i = 0; i < 2; i++) this.#queue();
  }

  /** Listens on `host` until `closeServers`; what comes is read and dropped. */
  async listen(host: string, onAccept: (socket: Socket) => void = () => {}): Promise<void> {
    const server = createServer((socket) => onAccept(socket.on('error', () => {}).resume()));
    this.#servers.push(server);
    await once(server.listen({ host, port: this.port }), 'listening');
  }

  /** Resolves when the last connection of each has ended. */
  async closeServers(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  async close(): Promise<void> {
    await this.closeServers();
    for (const socket of this.#queued) socket.destroy();
    await this.#deaf?.terminate();
  }

  #queue(): Socket {
    const socket = new Socket().on('error', () => {}).connect(this.port, SILENT);
    this.#queued.push(socket);
    return socket;
  }
}
