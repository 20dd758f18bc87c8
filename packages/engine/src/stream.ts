/**
 * Stream: one connection, accepted or dialled, and the class that protocols subclass.
 *
 * It owns the read buffer, the write queue and the state; the transport beneath does the system's part.
 * States: idle → connecting → open → closing → closed, changed in this file only. It is longer than 300 lines because
 * a third is the contract of its handlers, and because reading, writing and closing all turn on that one state.
 */
import { type Address, parseAddress } from './address.js';
import { NEED_MORE } from './byte-window.js';
import { Channel } from './channel.js';
import { ClosingPatience } from './closing-patience.js';
import type { DependencyContainer } from './container.js';
import type { Engine, Flushable } from './engine.js';
import { type InseamError, protocolError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { partsOf } from './parts.js';
import { ReadBuffer } from './read-buffer.js';
import { type Delimiter, type ReadDelimiter, toDelimiter } from './read-delimiter.js';
import type { Server } from './server.js';
import type { StreamAddress, Transport, TransportSink } from './transport.js';
import { SocketTransport } from './transports/socket-transport.js';
import { WriteQueue } from './write-queue.js';

export interface StreamOptions {
  /** The engine that counts the stream. Default: the server's, or the process's own. */
  engine?: Engine | undefined;
  /** Where the parts come from when no engine is given. Default: the project's container. */
  container?: DependencyContainer | undefined;
  /** The server that accepted the connection. */
  server?: Server | undefined;
}

/** Who gets a stream's events: the stream itself, or the protocol that has taken it over. */
export interface StreamOwner {
  onRead(data: Buffer): unknown;
  onWrite?(): unknown;
  onEnd?(): unknown;
  onClose?(reason: InseamError | null): unknown;
}

type StreamState = 'idle' | 'connecting' | 'open' | 'closing' | 'closed';

export class Stream extends Channel implements Flushable, StreamOwner {
  /** The server that accepted this stream, null for one that dials out. */
  readonly server: Server | null;
  #state: StreamState = 'idle';
  #transport: Transport | null = null;
  #owner: StreamOwner = this;
  readonly #input = new ReadBuffer();
  readonly #output = new WriteQueue();
  #readDelimiter: ReadDelimiter = null;
  #delimiter: Delimiter = null;
  #bufferSize: number = ENGINE_LIMITS.bufferSize;
  /** The user's pause, and that of the protocol's own back-pressure: reading goes on when there is neither. */
  #isPausedByUser = false;
  #isHeld = false;
  #isCutting = false;
  /** Set while a chunk is handled: what is written then leaves at its end, together. */
  #isCorked = false;
  #isFlushPlanned = false;
  /** Set when bytes have gone out since the last onWrite. */
  #hasWritten = false;
  #peerHasEnded = false;
  /** Set once the owner has been told of that. */
  #hasToldEnd = false;
  /** Set once our FIN is out or on its way, or not to come. */
  #hasEnded = false;
  #closedByUs = false;
  #reason: InseamError | null = null;
  #patience: ClosingPatience | null = null;
  #waiting: (() => void)[] = [];

  constructor(options: StreamOptions = {}) {
    const server = options.server ?? null;
    const { engine, logger } = partsOf({
      engine: options.engine ?? server?.engine,
      container: options.container,
    });
    super(engine, server?.logger ?? logger);
    this.server = server;
  }

  // Handlers, for subclasses -------------------------------------------------------------------------------

  /** The connection stands. */
  onConnect(): unknown {
    return undefined;
  }
  /** A piece of input, cut by `readDelimiter`. The bytes are yours to keep. */
  onRead(_data: Buffer): unknown {
    return undefined;
  }
  /** Everything written has been handed to the system. */
  onWrite(): unknown {
    return undefined;
  }
  /** The peer has finished sending; an incomplete last piece is dropped. The default answers by closing. */
  onEnd(): unknown {
    this.close();
    return undefined;
  }
  /** `connect` failed; `onClose` follows. The default reports it. */
  onConnectError(error: InseamError): unknown {
    this.logger.warn(`${this.constructor.name} could not connect`, error);
    return undefined;
  }
  /** More than `bufferSize` bytes came without a delimiter. The default reports it and closes at once. */
  onOverflowError(error: InseamError): unknown {
    this.onError(error);
    return undefined;
  }

  // State ---------------------------------------------------------------------------------------------------

  /** True from `onConnect` until the stream is closed; still true while `close()` sends what was written. */
  get connected(): boolean {
    return this.#state === 'open' || this.#state === 'closing';
  }
  get connecting(): boolean {
    return this.#state === 'connecting';
  }
  /** True once nothing more can be written: `close()` was called, or the connection is gone. */
  get closed(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }
  /** The peer's address; still there in `onClose`. */
  get remoteAddress(): StreamAddress | null {
    return this.#transport?.remoteAddress ?? null;
  }
  /** This end's address; still there in `onClose`. */
  get localAddress(): StreamAddress | null {
    return this.#transport?.localAddress ?? null;
  }
  /** Bytes written and not yet handed to the system. */
  get pendingBytes(): number {
    return this.#output.size + (this.#transport?.pendingBytes ?? 0);
  }

  /** Bytes given to `write` so far. */
  get bytesWritten(): number {
    return this.#output.total;
  }

  /**
   * How input is cut into `onRead` calls. Read anew for every cut, so that setting it inside `onRead` governs
   * what is buffered already. Throws UsageError for a value that could not cut.
   */
  get readDelimiter(): ReadDelimiter {
    return this.#readDelimiter;
  }
  set readDelimiter(value: ReadDelimiter) {
    this.#delimiter = toDelimiter(value);
    this.#readDelimiter = value;
    this.#input.restartSearch();
    this.#cutSoon();
  }

  /** Bytes kept while waiting for a delimiter, 64 KiB at first. A number delimiter raises it to itself. */
  get bufferSize(): number {
    return this.#bufferSize;
  }
  set bufferSize(bytes: number) {
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw usageError('ENGINE_BUFFER_SIZE', String(bytes));
    this.#bufferSize = bytes;
  }

  // Opening -------------------------------------------------------------------------------------------------

  /** Dials `address`. `onConnect` follows, or `onConnectError` and `onClose`. Throws UsageError for a bad address or a second call. */
  connect(address: Address): this {
    if (this.#state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    return this.attach(SocketTransport.dial(parseAddress(address)));
  }

  /** Runs the stream over `transport`: an accepted connection, one half of a memory pair, or one of your own. */
  attach(transport: Transport): this {
    if (this.#state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    this.#state = 'connecting';
    this.#transport = transport;
    this.engine.addChannel(this);
    if (this.#isPaused) transport.pause();
    transport.open(this.#sink);
    return this;
  }

  // Writing -------------------------------------------------------------------------------------------------

  /**
   * Sends text (as UTF-8) or bytes (which must not change until they are sent). It leaves with everything else
   * written in the same turn. Answers false when 64 KiB or more are waiting: then hold back until `onWrite` or
   * `drained()`. Nothing is sent to a peer that has gone. Throws UsageError before onConnect and after close().
   */
  write(data: string | Uint8Array): boolean {
    if (this.#state !== 'open') return this.#refuseWrite();
    if (typeof data === 'string') this.#output.pushText(data);
    else if (data instanceof Uint8Array) this.#output.pushBytes(data);
    else throw usageError('ENGINE_DATA', typeof data);
    return this.#planFlush();
  }

  /** `write` for text known to have no code unit above 255: one byte for each. */
  protected writeLatin1(text: string): boolean {
    if (this.#state !== 'open') return this.#refuseWrite();
    this.#output.pushLatin1(text);
    return this.#planFlush();
  }

  /** Hands everything written to the system now instead of at the end of the turn. */
  flush(): void {
    this.#isFlushPlanned = false;
    const transport = this.#transport;
    const output = this.#output;
    if (transport === null || output.size === 0 || !this.connected) return;
    const isSingle = output.isSingle;
    if (!isSingle) transport.cork();
    while (output.size > 0 && transport.pendingBytes < ENGINE_LIMITS.highWaterMark) {
      const piece = output.take(ENGINE_LIMITS.highWaterMark);
      if (piece === null) break;
      transport.write(piece);
    }
    this.#hasWritten = true;
    if (!isSingle) transport.uncork();
  }

  /** Resolves when less than 64 KiB wait to be sent, or when the stream is closed. */
  drained(): Promise<void> {
    if (!this.connected || this.pendingBytes < ENGINE_LIMITS.highWaterMark) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  // Reading -------------------------------------------------------------------------------------------------

  /** Stops `onRead`, and soon the peer: what it sends waits in the system's buffers. */
  pause(): void {
    this.#isPausedByUser = true;
    this.#transport?.pause();
  }

  /** Lets `onRead` go on. */
  resume(): void {
    this.#isPausedByUser = false;
    this.#goOnReading();
  }

  /** `pause` for a protocol's own back-pressure, which the user's `resume` must not undo. */
  protected holdReading(): void {
    this.#isHeld = true;
    this.#transport?.pause();
  }

  /** Ends `holdReading`. */
  protected releaseReading(): void {
    this.#isHeld = false;
    this.#goOnReading();
  }

  /**
   * A chunk as it came, valid during this call only. The default cuts it by `readDelimiter` for `onRead`; a
   * protocol with a parser of its own overrides this and copies nothing.
   */
  protected onChunk(chunk: Buffer): void {
    this.#input.push(chunk);
    this.#cut();
    this.#input.retain();
  }

  /** Gives the stream to another protocol: its events go to `owner` from now on, `leftover` before new input. */
  protected handOver(owner: StreamOwner, leftover: Buffer): void {
    this.#owner = owner;
    this.#hasToldEnd = false;
    this.#input.push(leftover);
    this.#input.retain();
    this.#cutSoon();
  }

  // Closing -------------------------------------------------------------------------------------------------

  /**
   * Closes. What is written is sent first, then our end is shut and input is discarded until the peer shuts its
   * own, at most two seconds: a reset would otherwise overtake our last bytes. With `flush` false everything
   * unsent is dropped at once. `onClose` follows. Idempotent.
   */
  close(flush = true): void {
    if (this.#state === 'closed') return;
    if (!flush || this.#state === 'idle' || this.#state === 'connecting') {
      this.abort();
      return;
    }
    if (this.#state === 'closing') return;
    this.#closedByUs = true;
    this.#state = 'closing';
    this.#input.clear();
    this.flush();
    // A paused transport would not see the peer's end.
    this.#transport?.resume();
    this.#patience = new ClosingPatience(this.engine, () => this.abort());
    if (this.pendingBytes > 0) this.#patience.whileSending(() => this.pendingBytes);
    else this.#end();
  }

  /** Closes at once; `reason` goes to `onClose`, and with one the peer gets a reset where there is such a thing (TCP). */
  abort(reason: InseamError | null = null): void {
    if (this.#state === 'closed') return;
    this.#closedByUs = true;
    this.#reason ??= reason;
    this.#input.clear();
    this.#output.clear();
    this.#hasEnded = true;
    if (this.#transport === null) this.#state = 'closed';
    else if (this.#state === 'open') this.#state = 'closing';
    this.#transport?.abort(reason !== null);
  }

  /** Whether the open stream holds the process; it does at first. */
  ref(): void {
    this.#transport?.ref();
  }
  unref(): void {
    this.#transport?.unref();
  }

  // What the transport says ---------------------------------------------------------------------------------

  readonly #sink: TransportSink = {
    onOpen: () => {
      this.#state = 'open';
      this.notify('onConnect', () => this.onConnect());
    },
    onChunk: (chunk) => {
      if (this.#state !== 'open') {
        this.#patience?.discard(chunk.length);
        return;
      }
      this.#isCorked = true;
      try {
        this.onChunk(chunk);
      } catch (error) {
        this.reportThrow('onChunk', error);
      }
      this.#isCorked = false;
      if (this.#output.size > 0) this.flush();
    },
    onDrain: () => {
      if (this.#output.size > 0) {
        this.flush();
        this.#wakeWriters();
        return;
      }
      if (!this.#hasWritten) return;
      this.#hasWritten = false;
      this.#wakeWriters();
      if (this.#state === 'closing') {
        this.#end();
        return;
      }
      try {
        this.observeResult('onWrite', this.#owner.onWrite?.());
      } catch (error) {
        this.reportThrow('onWrite', error);
      }
    },
    onEnd: () => {
      this.#peerHasEnded = true;
      if (this.#state !== 'closing') this.#readOn();
      else if (this.#hasEnded) this.abort();
    },
    onClose: (error) => {
      const wasConnecting = this.#state === 'connecting';
      this.#state = 'closed';
      this.#patience?.end();
      this.#input.clear();
      this.#output.clear();
      this.#wakeWriters();
      if (wasConnecting && !this.#closedByUs) {
        this.#reason = transportError('ENGINE_CONNECT_FAILED', error ?? undefined);
        const reason = this.#reason;
        this.notify('onConnectError', () => this.onConnectError(reason));
      } else if (error !== null && !this.#hasEnded) {
        this.#reason ??= transportError('ENGINE_CONNECTION_LOST', error);
      }
      this.notify('onClose', () => this.#owner.onClose?.(this.#reason));
      this.engine.removeChannel(this);
      this.server?.forget(this);
    },
  };

  #refuseWrite(): false {
    if (this.#state === 'idle' || this.#state === 'connecting') throw usageError('ENGINE_NOT_CONNECTED');
    if (this.#closedByUs) throw usageError('ENGINE_STREAM_CLOSED');
    return false;
  }

  #planFlush(): boolean {
    if (!this.#isCorked && !this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      this.engine.flushSoon(this);
    }
    return this.pendingBytes < ENGINE_LIMITS.highWaterMark;
  }

  #wakeWriters(): void {
    if (this.#waiting.length === 0) return;
    if (this.connected && this.pendingBytes >= ENGINE_LIMITS.highWaterMark) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  get #isPaused(): boolean {
    return this.#isPausedByUser || this.#isHeld;
  }

  #goOnReading(): void {
    if (this.#isPaused) return;
    this.#transport?.resume();
    this.#cutSoon();
  }

  /** Something outside a chunk made a cut possible. */
  #cutSoon(): void {
    if (this.#isCutting || (this.#input.length === 0 && !this.#peerHasEnded)) return;
    this.engine.callback(() => this.#readOn());
  }

  /** Hands on what has come, and then the peer's end. */
  #readOn(): void {
    if (this.#state !== 'open' || this.#isPaused) return;
    this.#cut();
    this.#input.retain();
    if (this.#peerHasEnded) this.#tellEnd();
  }

  #cut(): void {
    if (this.#isCutting) return;
    this.#isCutting = true;
    while (this.#state === 'open' && !this.#isPaused) {
      const piece = this.#input.cut(this.#delimiter);
      if (piece === NEED_MORE) break;
      try {
        this.observeResult('onRead', this.#owner.onRead(piece));
      } catch (error) {
        this.reportThrow('onRead', error);
      }
    }
    this.#isCutting = false;
    if (this.#state === 'open' && !this.#isPaused) this.#checkOverflow();
  }

  #checkOverflow(): void {
    const delimiter = this.#delimiter;
    const limit = typeof delimiter === 'number' ? Math.max(this.#bufferSize, delimiter) : this.#bufferSize;
    if (this.#input.length > limit) {
      this.notify('onOverflowError', () => this.onOverflowError(protocolError('ENGINE_BUFFER_OVERFLOW')));
    }
  }

  #tellEnd(): void {
    if (this.#state !== 'open' || this.#isPaused || this.#hasToldEnd) return;
    this.#hasToldEnd = true;
    this.notify('onEnd', () => (this.#owner.onEnd ? this.#owner.onEnd() : this.close()));
  }

  /** Everything is sent: shuts our side. */
  #end(): void {
    if (this.#hasEnded || this.pendingBytes > 0) return;
    this.#hasEnded = true;
    this.#transport?.end();
    if (this.#peerHasEnded) this.#patience?.end();
    else this.#patience?.whileLingering();
  }
}
