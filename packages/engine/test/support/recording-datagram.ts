/** Writes down what the handlers of a Datagram or DatagramServer are told; and plain dgram sockets for the other end. */
import { createSocket, Socket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { Engine, type EngineErrorCode, UsageError } from '@inseam/engine';
import type { Datagram, DatagramAddress } from '#src/datagram';
import { DatagramServer } from '#src/datagram-server';
import { Resolver } from '#src/resolver';
import { EventLog } from './event-log.js';
import type { TestEngine } from './test-engine.js';

/** Whether this machine has IPv6 on its loopback. */
export const hasIPv6 = (networkInterfaces().lo ?? networkInterfaces().lo0 ?? []).some(
  ({ address }) => address === '::1',
);

/** A test of IPv6, pending where there is none. */
export function itIPv6(title: string, run: () => Promise<void>): void {
  if (hasIPv6) it(title, run);
  else it(`${title} (pending: no IPv6 here)`);
}

/** What a call throws: its class and code. */
export function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return [(error as Error).constructor, (error as { code?: unknown }).code];
  }
  return 'nothing';
}

/** `thrown` of a UsageError. */
export function usage(code: EngineErrorCode): unknown {
  return [UsageError, code];
}

/** Entries: 'connect', 'read TEXT', 'write', 'close CODE', 'write error CODE'… in the order in which they came. */
export function record(datagram: Datagram): EventLog {
  const log = new EventLog();
  datagram.onConnect = () => log.add('connect');
  datagram.onRead = (data: unknown) => log.add(`read ${String(data)}`);
  datagram.onWrite = () => log.add('write');
  datagram.onClose = (reason) => log.add(reason === null ? 'close' : `close ${reason.code}`);
  datagram.onConnectError = (error) => log.add(`connect error ${error.code}`);
  datagram.onReadError = (error) => log.add(`read error ${error.code}`);
  datagram.onWriteError = (error) => log.add(`write error ${error.code}`);
  if (datagram instanceof DatagramServer) {
    datagram.onListen = () => log.add('listen');
    datagram.onOverflowError = (error) => log.add(`overflow ${error.code}`);
  }
  return log;
}

/** A plain UDP socket on the loopback, and the packets that it gets as 'TEXT'. */
export class Peer {
  readonly log = new EventLog();
  /** Who has sent the latest packet. */
  remote: DatagramAddress | null = null;
  readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('message', (data, { address, port, family }) => {
      this.remote = { host: address, port, family: family === 'IPv6' ? 6 : 4 };
      this.log.add(data.toString('latin1'));
    });
  }

  static async bind(host = '127.0.0.1', port = 0): Promise<Peer> {
    const peer = new Peer(createSocket(host.includes(':') ? 'udp6' : 'udp4'));
    peer.socket.bind(port, host);
    await once(peer.socket, 'listening');
    return peer;
  }

  get address(): [host: string, port: number] {
    const { address, port } = this.socket.address();
    return [address, port];
  }

  /** Resolves when the system has taken the packet. */
  async send(data: string | Uint8Array, [host, port]: readonly [string, number]): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.send(data, port, host, (error) => (error ? reject(error) : resolve()));
    });
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}

/** An engine whose names are `hosts`: a name's addresses, or what looking it up leads to. */
export function engineWithHosts(
  test: TestEngine,
  hosts: Record<string, string[] | Promise<string[]>>,
): Engine {
  const parts = test.parts.createChildContainer();
  parts.register(Resolver, {
    useValue: {
      async resolve(host: string) {
        const addresses = await hosts[host];
        if (addresses === undefined) throw new Error(`no ${host}`);
        return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as const);
      },
    },
  });
  return new Engine(parts);
}

/** Has `instead` called for a method of every dgram socket while `run` runs; it may make the `call` that it stands for. */
export async function watchingSockets<R>(
  method: string,
  instead: (call: () => unknown, socket: Socket, args: unknown[]) => unknown,
  run: () => Promise<R>,
): Promise<R> {
  const prototype = Socket.prototype as unknown as Record<string, (...args: unknown[]) => unknown>;
  const original = prototype[method] as (...args: unknown[]) => unknown;
  prototype[method] = function (this: Socket, ...args: unknown[]) {
    return instead(() => original.apply(this, args), this, args);
  };
  try {
    return await run();
  } finally {
    prototype[method] = original;
  }
}
