/**
 * UDP sockets, through node:dgram; no other file knows it. Hosts are literals here, and both directions say when they
 * failed.
 *
 * A socket has one family. One of IPv6 that is not `ipv6Only` carries IPv4 too, as mapped addresses (RFC 4291
 * §2.5.5.2); nobody above sees these.
 */
import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { isIP, isIPv4 } from 'node:net';

/** Where a packet comes from or goes to; an IPv4 address is never shown as an IPv6 one. */
export type DatagramAddress = { readonly host: string; readonly port: number; readonly family: 4 | 6 };

/** What a socket tells its one owner. */
export interface DatagramSink {
  /** A packet has come; `data` is the owner's to keep. */
  onPacket(data: Buffer, remote: DatagramAddress): void;
  /** One receive failed; the next may not. */
  onError(error: Error): void;
}

/** The system's settings for what a socket sends, in its own terms. */
export interface DatagramSettings {
  /** Hops that a packet to one host may take, 1 to 255. Default: the system's, mostly 64. */
  ttl?: number | undefined;
  /** Whether packets may go to a broadcast address. Default false. */
  broadcast?: boolean | undefined;
  /** Hops that a multicast packet may take, 0 to 255. Default 1: this network only. */
  multicastTtl?: number | undefined;
  /**
   * Where multicast packets leave: an address of this machine's for IPv4, `::%eth0` for IPv6. Default: the system's
   * choice.
   */
  multicastInterface?: string | undefined;
  /** Whether this machine gets its own multicast packets. Default true. */
  multicastLoopback?: boolean | undefined;
}

export interface BindOptions extends DatagramSettings {
  /** Lets several sockets have the same port. */
  reuseAddress?: boolean | undefined;
  /** Keeps IPv4 out of an IPv6 socket. */
  ipv6Only?: boolean | undefined;
  /** Not to be shared among the workers of node:cluster. */
  isExclusive?: boolean | undefined;
}

/** What binding to every IPv6 address says where there is no IPv6. */
const NO_IPV6: readonly unknown[] = ['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'EPROTONOSUPPORT'];

/** dgram asks this for every host; the answer is there already. */
const keepLiteral: SocketOptions['lookup'] = (host, _options, done) => done(null, host, isIP(host));

export class DatagramSocket {
  readonly family: 4 | 6;
  readonly #socket: Socket;
  readonly #isMapping: boolean;
  #localAddress: DatagramAddress;
  #peer: DatagramAddress | null = null;

  private constructor(socket: Socket, family: 4 | 6, isMapping: boolean) {
    this.#socket = socket;
    this.family = family;
    this.#isMapping = isMapping;
    const { address, port } = socket.address();
    this.#localAddress = toAddress(address, port);
  }

  /**
   * Binds to a literal, or with `null` to every address: of both families, or of IPv4 where there is no IPv6. Rejects
   * with the system's error.
   */
  static async bind(
    host: string | null,
    port: number,
    options: BindOptions,
    sink: DatagramSink,
  ): Promise<DatagramSocket> {
    if (host !== null) return DatagramSocket.#open(host, port, options, sink);
    try {
      return await DatagramSocket.#open('::', port, options, sink);
    } catch (error) {
      if (options.ipv6Only || !NO_IPV6.includes((error as NodeJS.ErrnoException).code)) throw error;
      return DatagramSocket.#open('0.0.0.0', port, options, sink);
    }
  }

  /** A socket on a port of the system's choice that hears `peer` only. Rejects with the system's error. */
  static async dial(
    peer: DatagramAddress,
    settings: DatagramSettings,
    sink: DatagramSink,
  ): Promise<DatagramSocket> {
    const options = { ...settings, isExclusive: true };
    let socket: DatagramSocket | null = null;
    const onPacket = (data: Buffer, remote: DatagramAddress) => {
      // The system lets through what came from others before the socket was connected.
      const heard = socket?.peer;
      if (heard && heard.port === remote.port && heard.host === remote.host) sink.onPacket(data, remote);
    };
    socket = await DatagramSocket.bind(peer.family === 6 ? '::' : '0.0.0.0', 0, options, {
      onPacket,
      onError: (error) => sink.onError(error),
    });
    try {
      await socket.#connect(peer);
    } catch (error) {
      socket.close();
      throw error;
    }
    return socket;
  }

  get localAddress(): DatagramAddress {
    return this.#localAddress;
  }

  get peer(): DatagramAddress | null {
    return this.#peer;
  }

  /** Whether packets can go to addresses of `family`. */
  reaches(family: 4 | 6): boolean {
    return family === this.family || (family === 4 && this.#isMapping);
  }

  /** Sends one packet, `to` null for the peer. `done` is called later, when the system has taken or refused it. */
  send(bytes: Uint8Array, to: DatagramAddress | null, done: (error: Error | null) => void): void {
    if (to === null) this.#socket.send(bytes, done);
    else this.#socket.send(bytes, to.port, to.family === this.family ? to.host : `::ffff:${to.host}`, done);
  }

  join(group: string, networkInterface?: string): void {
    this.#socket.addMembership(group, networkInterface);
  }

  leave(group: string, networkInterface?: string): void {
    this.#socket.dropMembership(group, networkInterface);
  }

  /** Whether the socket holds the process; it does at first. */
  ref(): void {
    this.#socket.ref();
  }
  unref(): void {
    this.#socket.unref();
  }

  /** Nothing is told afterwards, but for what is asked of `send`. */
  close(): void {
    this.#socket.close();
  }

  async #connect({ host, port }: DatagramAddress): Promise<void> {
    const socket = this.#socket;
    await new Promise<void>((resolve, reject) => {
      socket.connect(port, host, ((error?: Error) => (error ? reject(error) : resolve())) as () => void);
    });
    const local = socket.address();
    const peer = socket.remoteAddress();
    this.#localAddress = toAddress(local.address, local.port);
    this.#peer = toAddress(peer.address, peer.port);
  }

  static async #open(
    host: string,
    port: number,
    options: BindOptions,
    sink: DatagramSink,
  ): Promise<DatagramSocket> {
    const family = isIPv4(host) ? 4 : 6;
    const { reuseAddress = false, ipv6Only = false, isExclusive = false } = options;
    const type = family === 6 ? 'udp6' : 'udp4';
    const socket = createSocket({ type, reuseAddr: reuseAddress, ipv6Only, lookup: keepLiteral });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject);
        socket.bind({ port, address: host, exclusive: isExclusive }, resolve);
      });
      applySettings(socket, options);
    } catch (error) {
      socket.close();
      throw error;
    }
    socket.removeAllListeners('error').on('error', (error) => sink.onError(error));
    socket.on('message', (data, { address, port }) => sink.onPacket(data, toAddress(address, port)));
    return new DatagramSocket(socket, family, !ipv6Only);
  }
}

function applySettings(socket: Socket, settings: DatagramSettings): void {
  const { ttl, broadcast, multicastTtl, multicastInterface, multicastLoopback } = settings;
  if (ttl !== undefined) socket.setTTL(ttl);
  if (broadcast !== undefined) socket.setBroadcast(broadcast);
  if (multicastTtl !== undefined) socket.setMulticastTTL(multicastTtl);
  if (multicastInterface !== undefined) socket.setMulticastInterface(multicastInterface);
  if (multicastLoopback !== undefined) socket.setMulticastLoopback(multicastLoopback);
}

function toAddress(address: string, port: number): DatagramAddress {
  const host = unmapped(address);
  return { host, port, family: host.includes(':') ? 6 : 4 };
}

/** The IPv4 address in a mapped one; any other host as it is. */
export function unmapped(host: string): string {
  if (!host.startsWith('::ffff:')) return host;
  const literal = host.slice('::ffff:'.length);
  return isIPv4(literal) ? literal : host;
}
