/**
 * What a datagram socket still has to send, packet by packet: for want of a socket, of the address of a name, or of
 * room in the system. A name holds up the packets to it and no others.
 */
import { ENGINE_LIMITS } from '../limits.js';
import type { Resolver } from '../resolver.js';
import type { DatagramAddress, DatagramSocket } from '../transports/datagram-socket.js';
import { resolveHost, type Target } from './target.js';

/** Whom the output tells. */
export interface DatagramOutputSink {
  /** A packet to this family could go if there were a socket. */
  onReady(family: 4 | 6): void;
  /** A packet is with the system, or was refused; told once for each, and never from within `push` or `attach`. */
  onSent(bytes: number, error: Error | null, remote: DatagramAddress | null): void;
}

/** `to`: the addresses of the target, of which the first within reach is taken; null for the socket's peer. */
interface Packet {
  readonly bytes: Uint8Array;
  readonly to: readonly DatagramAddress[] | null;
}

interface NamedPacket {
  readonly bytes: Uint8Array;
  readonly port: number;
}

const { highWaterMark: HIGH_WATER } = ENGINE_LIMITS;

export class DatagramOutput {
  readonly #resolver: Resolver;
  readonly #sink: DatagramOutputSink;
  #socket: DatagramSocket | null = null;
  #queue: Packet[] = [];
  /** The packets behind a name while its addresses are looked up. */
  readonly #lookups = new Map<string, NamedPacket[]>();
  #pendingBytes = 0;
  #pendingPackets = 0;
  #sentPackets = 0;
  #isCleared = false;
  #waiting: (() => void)[] = [];

  constructor(resolver: Resolver, sink: DatagramOutputSink) {
    this.#resolver = resolver;
    this.#sink = sink;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get pendingPackets(): number {
    return this.#pendingPackets;
  }

  /** Packets that the system has taken or refused so far. */
  get sentPackets(): number {
    return this.#sentPackets;
  }

  /** Packets count as well as bytes: empty ones take memory, too. */
  get isFull(): boolean {
    return this.#pendingBytes >= HIGH_WATER || this.#pendingPackets >= HIGH_WATER;
  }

  /** Adds a packet, `target` null for the socket's peer. `bytes` must not change until it is sent. */
  push(bytes: Uint8Array, target: Target | null): void {
    this.#pendingBytes += bytes.length;
    this.#pendingPackets++;
    if (target === null) this.#send({ bytes, to: null });
    else if (target.family !== 0) this.#send({ bytes, to: [target as DatagramAddress] });
    else this.#lookUp(bytes, target);
  }

  /** Sends by `socket` from now on, what has waited first. */
  attach(socket: DatagramSocket): void {
    this.#socket = socket;
    const queue = this.#queue;
    this.#queue = [];
    for (const packet of queue) this.#send(packet);
  }

  /** Resolves at a quarter of the high water mark, or at once below the whole; or when everything is dropped. */
  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** Drops everything. What the system has already may still be sent; nobody is told. */
  clear(): void {
    this.#isCleared = true;
    this.#queue = [];
    this.#lookups.clear();
    this.#pendingBytes = this.#pendingPackets = 0;
    this.#wake();
  }

  #send(packet: Packet): void {
    const { bytes, to } = packet;
    const socket = this.#socket;
    if (socket === null) {
      this.#queue.push(packet);
      if (to?.[0] !== undefined) this.#sink.onReady(to[0].family);
      return;
    }
    const remote = to?.find(({ family }) => socket.reaches(family)) ?? null;
    if (to !== null && remote === null) {
      const error = new Error(`${to[0]?.host} cannot be reached by an IPv${socket.family} socket`);
      process.nextTick(() => this.#sent(bytes, error, to[0] ?? null));
    } else {
      socket.send(bytes, remote, (error) => this.#sent(bytes, error, remote));
    }
  }

  #sent(bytes: Uint8Array, error: Error | null, remote: DatagramAddress | null): void {
    if (this.#isCleared) return;
    this.#pendingBytes -= bytes.length;
    this.#pendingPackets--;
    this.#sentPackets++;
    if (this.#waiting.length > 0 && this.#isLow) this.#wake();
    this.#sink.onSent(bytes.length, error, remote);
  }

  get #isLow(): boolean {
    return this.#pendingBytes <= HIGH_WATER / 4 && this.#pendingPackets <= HIGH_WATER / 4;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #lookUp(bytes: Uint8Array, { host, port }: Target): void {
    const waiting = this.#lookups.get(host);
    if (waiting !== undefined) {
      waiting.push({ bytes, port });
      return;
    }
    const packets: NamedPacket[] = [{ bytes, port }];
    this.#lookups.set(host, packets);
    resolveHost(this.#resolver, host).then(
      (addresses) => {
        for (const packet of this.#takeLookup(host)) {
          const to = addresses.map((address) => ({ ...address, port: packet.port }));
          this.#send({ bytes: packet.bytes, to });
        }
      },
      (error) => {
        for (const packet of this.#takeLookup(host)) this.#sent(packet.bytes, error, null);
      },
    );
  }

  #takeLookup(host: string): readonly NamedPacket[] {
    const packets = this.#lookups.get(host) ?? [];
    this.#lookups.delete(host);
    return packets;
  }
}
