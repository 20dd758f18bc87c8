/**
 * Datagram: a UDP socket that sends packets and gets answers, and what DatagramServer is built on (RFC 768).
 *
 * States: idle → opening → open → closing → closed, changed in this file only. What waits to be sent is
 * DatagramOutput's, the system's part DatagramSocket's. The file is longer than 300 lines because a third of it is
 * contract, and because opening, sending and closing all turn on that one state.
 */
import { isIP } from 'node:net';
import type { Address } from './address.js';
import type { DependencyContainer } from './container.js';
import { DatagramHandlers } from './datagram/datagram-handlers.js';
import { DatagramOutput } from './datagram/datagram-output.js';
import { type HostLiteral, resolveHost, type Target, toTarget } from './datagram/target.js';
import type { Engine } from './engine.js';
import { type InseamError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireMilliseconds, requireOptions } from './options.js';
import { partsOf } from './parts.js';
import { StreamTimeouts, type WaitingPhase } from './stream/stream-timeouts.js';
import {
  type BindOptions,
  type DatagramAddress,
  type DatagramSettings,
  type DatagramSink,
  DatagramSocket,
} from './transports/datagram-socket.js';

export type { DatagramAddress, DatagramSettings };

export interface DatagramOptions extends DatagramSettings {
  /** The engine that counts the socket. Default: the process's own. */
  engine?: Engine | undefined;
  /** Where the parts come from when no engine is given. Default: the project's container. */
  container?: DependencyContainer | undefined;
}

export const DATAGRAM_OPTIONS = [
  'engine',
  'container',
  'ttl',
  'broadcast',
  'multicastTtl',
  'multicastInterface',
  'multicastLoopback',
] as const;

type DatagramState = 'idle' | 'opening' | 'open' | 'closing' | 'closed';

export class Datagram extends DatagramHandlers {
  readonly #settings: DatagramSettings;
  #state: DatagramState = 'idle';
  /** Set by `connect`: packets go to the peer, and come from it alone. */
  #hasPeer = false;
  /** Set once a socket is on its way. */
  #isBinding = false;
  #socket: DatagramSocket | null = null;
  #output: DatagramOutput;
  #isHeldByProcess = true;
  #closedByUs = false;
  #bytesRead = 0;
  #bytesWritten = 0;
  #packetsRead = 0;
  readonly #timeouts = new StreamTimeouts();

  /** Throws UsageError for an option that does not exist or cannot be. */
  constructor(options: DatagramOptions = {}) {
    requireOptions(options, DATAGRAM_OPTIONS);
    const { engine, logger } = partsOf({ engine: options.engine, container: options.container });
    super(engine, logger);
    requireHops('ttl', options.ttl, 1);
    requireHops('multicastTtl', options.multicastTtl, 0);
    this.#settings = options;
    this.#output = this.#newOutput();
  }

  // State ---------------------------------------------------------------------------------------------------

  /** True from `onConnect` until the socket is closed; still true while `close()` sends what was written. */
  get connected(): boolean {
    return this.#hasPeer && this.#socket !== null && this.#state !== 'closed';
  }
  /** True once nothing more can be written. */
  get closed(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }
  /** This end's address, null until there is a socket; still there in `onClose`. */
  get localAddress(): DatagramAddress | null {
    return this.#socket?.localAddress ?? null;
  }
  /** The peer that `connect` has fixed, or null; still there in `onClose`. */
  get remoteAddress(): DatagramAddress | null {
    return this.#socket?.peer ?? null;
  }
  /** Bytes of the packets that have come so far. */
  override get bytesRead(): number {
    return this.#bytesRead;
  }
  /** Bytes of the packets that the system has taken so far. */
  override get bytesWritten(): number {
    return this.#bytesWritten;
  }
  /** Bytes written that the system has not taken. */
  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }

  /**
   * Calls `onTimeout` when nothing came or went for so many milliseconds; Infinity, at first, is never. Up to two
   * seconds late.
   */
  get idleTimeoutMs(): number {
    return this.#timeouts.idleMs;
  }
  set idleTimeoutMs(ms: number) {
    this.#timeouts.idleMs = requireMilliseconds('idleTimeoutMs', ms);
    this.watchTimeouts();
  }

  /** The same for what comes alone. */
  get readTimeoutMs(): number {
    return this.#timeouts.readMs;
  }
  set readTimeoutMs(ms: number) {
    this.#timeouts.readMs = requireMilliseconds('readTimeoutMs', ms);
    this.watchTimeouts();
  }

  // Opening -------------------------------------------------------------------------------------------------

  /**
   * Fixes the peer: only it is heard, and `write` needs no address. A name stands for its first address, a port alone
   * for 127.0.0.1. `onConnect` follows, which says nothing of the peer, or `onConnectError` and `onClose`. Throws
   * UsageError for a bad address, and once there is a socket.
   */
  connect(address: Address): this {
    const target = toTarget(address);
    if (this.#state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    this.#hasPeer = this.#isBinding = true;
    this.#begin();
    this.#dial(target).then(
      (socket) => {
        if (this.#opened(socket)) this.notify('onConnect', () => this.onConnect());
      },
      (error) => this.#failToConnect(transportError('ENGINE_CONNECT_FAILED', error)),
    );
    return this;
  }

  // Writing -------------------------------------------------------------------------------------------------

  /**
   * Sends one packet, which may be empty: text (as UTF-8) or bytes (which must not change until they are sent). It
   * goes to `remote`, a name by the first of its addresses within reach, or to the peer of `connect`. The first one
   * decides the socket's family; one of IPv6 reaches IPv4 addresses, too. Packets to one address leave in order.
   *
   * Answers false when 64 KiB or more are waiting: then hold back until `onWrite` or `drained()`; and when a failure
   * has closed the socket. Throws UsageError without an address, for a bad one or one beside the peer's, for bad
   * data, and after `close()`.
   */
  write(data: string | Uint8Array, remote?: Address): boolean {
    if (this.closed) return this.#refuseWrite();
    const bytes = toBytes(data);
    const target = this.#targetOf(remote);
    if (this.#state === 'idle') this.#begin();
    this.#output.push(bytes, target);
    return !this.#output.isFull;
  }

  /** Resolves when no more than 16 KiB wait to be sent, at once below 64 KiB; or when the socket is closed. */
  drained(): Promise<void> {
    return this.#output.drained();
  }

  // Closing -------------------------------------------------------------------------------------------------

  /**
   * Closes. What is written is sent first, unless `flush` is false or none of it leaves for a minute; nothing is read
   * meanwhile. `onClose` follows. Idempotent.
   */
  close(flush = true): void {
    if (this.#state === 'closed') return;
    this.#closedByUs = true;
    if (!flush || this.#output.pendingPackets === 0) {
      this.#end(null);
    } else {
      this.#state = 'closing';
      this.watchTimeouts();
    }
  }

  /** Closes at once and drops what is unsent; `reason` is what `onClose` gets. Idempotent. */
  abort(reason: InseamError | null = null): void {
    this.#closedByUs = true;
    this.#end(reason);
  }

  /** See DatagramHandlers. */
  override onTimeout(error: InseamError): unknown {
    this.#end(error);
    return undefined;
  }

  /** Whether the socket holds the process; it does at first. */
  ref(): void {
    this.#isHeldByProcess = true;
    this.#socket?.ref();
  }
  unref(): void {
    this.#isHeldByProcess = false;
    this.#socket?.unref();
  }

  /** For the engine's sweep. */
  override checkTimeouts(now: number): void {
    const phase = this.#phase;
    if (phase === null) return;
    const { sentPackets: sent, pendingPackets: pending } = this.#output;
    const code = this.#timeouts.check(
      { phase, received: this.#packetsRead, sent, pending, isReading: true },
      now,
    );
    if (code === null) return;
    const error = transportError(code);
    if (phase === 'connecting') this.#failToConnect(error);
    else if (phase === 'open') this.notify('onTimeout', () => this.onTimeout(error));
    else this.#end(error);
  }

  // For DatagramServer --------------------------------------------------------------------------------------

  /** Binds to an address of this machine, a host of null standing for all. Rejects as `DatagramServer.listen` does. */
  protected async bind(host: string | null, port: number, options: BindOptions): Promise<boolean> {
    if (this.#state !== 'idle') throw usageError('ENGINE_SERVER_IN_USE');
    this.#isBinding = true;
    this.#begin();
    try {
      const isLiteral = host === null || isIP(host) !== 0;
      const literal = isLiteral ? host : (await this.#resolve(host)).host;
      const settings = { ...this.#settings, ...options };
      return this.#opened(await DatagramSocket.bind(literal, port, settings, this.#sink));
    } catch (cause) {
      this.#failToBind(cause as Error);
      throw transportError('ENGINE_LISTEN_FAILED', cause as Error);
    }
  }

  /** A packet for this socket has come. */
  protected receive(data: Buffer, remote: DatagramAddress): void {
    this.deliver(data, remote);
  }

  /** Calls `onRead`; a server's pieces may be something else than a Buffer. */
  protected deliver(piece: unknown, remote: DatagramAddress): void {
    try {
      this.observeResult('onRead', this.onRead(piece as Buffer, remote));
    } catch (error) {
      this.reportThrow('onRead', error);
    }
  }

  /** All is over; `onClose` follows. */
  protected ended(): void {}

  /** Has the engine look at the timeouts as often as the shortest of them needs, or not at all. */
  protected watchTimeouts(): void {
    if (this.#state === 'idle' || this.#state === 'closed') return;
    this.engine.watch(this, this.shortestTimeoutMs);
  }

  protected get shortestTimeoutMs(): number {
    const phase = this.#phase;
    if (phase === 'connecting') return this.#timeouts.connectMs;
    if (phase === 'open') return this.#timeouts.shortestMs;
    return phase === 'sending' ? ENGINE_LIMITS.closeTimeoutMs : Number.POSITIVE_INFINITY;
  }

  /** The socket while packets are read, else null. */
  protected get openSocket(): DatagramSocket | null {
    return this.#state === 'open' ? this.#socket : null;
  }

  // Inside --------------------------------------------------------------------------------------------------

  readonly #sink: DatagramSink = {
    onPacket: (data, remote) => {
      if (this.#state !== 'open') return;
      this.#packetsRead++;
      this.#bytesRead += data.length;
      this.receive(data, remote);
    },
    onError: (cause) => {
      const error = transportError('ENGINE_RECEIVE_FAILED', cause);
      this.notify('onReadError', () => this.onReadError(error, null));
    },
  };

  #newOutput(): DatagramOutput {
    return new DatagramOutput(this.engine.dialParts.resolver, {
      onReady: (family) => this.#openFor(family),
      onSent: (bytes, error, remote) => this.#sent(bytes, error, remote),
    });
  }

  get #phase(): WaitingPhase | null {
    if (this.#state === 'opening') return this.#hasPeer ? 'connecting' : 'open';
    if (this.#state === 'open') return 'open';
    return this.#state === 'closing' ? 'sending' : null;
  }

  #targetOf(remote: Address | undefined): Target | null {
    if (!this.#hasPeer) {
      if (remote === undefined) throw usageError('ENGINE_NO_REMOTE');
      return toTarget(remote);
    }
    if (remote === undefined) return null;
    throw usageError('ENGINE_ADDRESS', 'connected: every packet goes to the peer');
  }

  #refuseWrite(): false {
    if (this.#closedByUs) throw usageError('ENGINE_STREAM_CLOSED');
    return false;
  }

  #begin(): void {
    this.#state = 'opening';
    this.engine.addChannel(this);
    this.watchTimeouts();
  }

  async #dial({ host, port, family }: Target): Promise<DatagramSocket> {
    const peer = family === 0 ? { ...(await this.#resolve(host)), port } : { host, port, family };
    return DatagramSocket.dial(peer, this.#settings, this.#sink);
  }

  async #resolve(name: string): Promise<HostLiteral> {
    const [first] = await resolveHost(this.engine.dialParts.resolver, name);
    return first;
  }

  /** The first packet is on its way: a socket of its family, on a port of the system's choice. */
  #openFor(family: 4 | 6): void {
    if (this.#isBinding) return;
    this.#isBinding = true;
    const options = { ...this.#settings, isExclusive: true };
    DatagramSocket.bind(family === 6 ? '::' : '0.0.0.0', 0, options, this.#sink).then(
      (socket) => this.#opened(socket),
      (error) => this.#end(transportError('ENGINE_SEND_FAILED', error)),
    );
  }

  /** Answers whether the socket is still wanted for more than what waits. */
  #opened(socket: DatagramSocket): boolean {
    if (this.#state === 'closed') {
      socket.close();
      return false;
    }
    this.#socket = socket;
    if (!this.#isHeldByProcess) socket.unref();
    if (this.#state === 'opening') this.#state = 'open';
    this.watchTimeouts();
    this.#output.attach(socket);
    return this.#state === 'open';
  }

  #failToConnect(error: InseamError): void {
    if (this.#state === 'opening') this.notify('onConnectError', () => this.onConnectError(error));
    this.#end(error);
  }

  /** A server that could not be bound may try again; packets written meanwhile are lost, and said to be. */
  #failToBind(cause: Error): void {
    if (this.#state === 'closed') return;
    const { pendingPackets } = this.#output;
    if (this.#state === 'closing') {
      this.#end(transportError('ENGINE_SEND_FAILED', cause));
      return;
    }
    this.#output.clear();
    this.#output = this.#newOutput();
    this.#state = 'idle';
    this.#isBinding = false;
    this.engine.removeChannel(this, null);
    if (pendingPackets === 0) return;
    const error = transportError('ENGINE_SEND_FAILED', cause);
    this.notify('onWriteError', () => this.onWriteError(error, null));
  }

  #sent(bytes: number, cause: Error | null, remote: DatagramAddress | null): void {
    if (cause === null) {
      this.#bytesWritten += bytes;
    } else {
      const error = transportError('ENGINE_SEND_FAILED', cause);
      this.notify('onWriteError', () => this.onWriteError(error, remote));
    }
    if (this.#state === 'closed' || this.#output.pendingPackets > 0) return;
    if (this.#state === 'closing') {
      this.#end(null);
      return;
    }
    try {
      this.observeResult('onWrite', this.onWrite());
    } catch (error) {
      this.reportThrow('onWrite', error);
    }
  }

  #end(reason: InseamError | null): void {
    if (this.#state === 'closed') return;
    const wasCounted = this.#state !== 'idle';
    this.#state = 'closed';
    this.#output.clear();
    this.#socket?.close();
    this.ended();
    if (!wasCounted) return;
    // Never from within the call that closes.
    process.nextTick(() => {
      this.notify('onClose', () => this.onClose(reason));
      this.engine.removeChannel(this, reason);
    });
  }
}

function requireHops(name: string, hops: number | undefined, least: number): void {
  if (hops === undefined || (Number.isInteger(hops) && hops >= least && hops <= 255)) return;
  throw usageError('ENGINE_OPTION', `${name}: ${hops}`);
}

function toBytes(data: string | Uint8Array): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof Uint8Array) return data;
  throw usageError('ENGINE_DATA', typeof data);
}
