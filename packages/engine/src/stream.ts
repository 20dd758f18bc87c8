/**
 * Stream: one connection, accepted or dialled, and the class that protocols subclass. `stream/` has its parts: what was read
 * (StreamInput), what is to be sent (StreamOutput), and the handlers to override (StreamHandlers).
 *
 * States: idle → connecting → open → closing → closed, changed in this file only, which is why opening, TLS and closing stand together
 * here and the file is longer than 300 lines.
 */
import { type Address, parseAddress } from './address.js';
import type { DependencyContainer } from './container.js';
import { NetStruct } from './delimiters/net-struct.js';
import type { ReadDelimiter } from './delimiters/read-delimiter.js';
import { Struct } from './delimiters/struct.js';
import type { PackValue } from './delimiters/struct-letters.js';
import type { Engine, Flushable } from './engine.js';
import { type EngineErrorCode, InseamError, protocolError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireMilliseconds, requireOptions } from './options.js';
import { partsOf } from './parts.js';
import type { Server } from './server.js';
import { type FileInput, type FileRange, FileSource } from './stream/file-source.js';
import { PieceIterator } from './stream/piece-iterator.js';
import { StreamHandlers } from './stream/stream-handlers.js';
import { type InputSink, StreamInput } from './stream/stream-input.js';
import { StreamOutput } from './stream/stream-output.js';
import { StreamTimeouts, type WaitingPhase } from './stream/stream-timeouts.js';
import { acceptorOf } from './tls/tls-acceptor.js';
import { clientHandshake, type TlsHandshake, tlsFailure } from './tls/tls-handshake.js';
import type { TlsClientOptions, TlsServerOptions, TlsSession } from './tls/tls-options.js';
import type { StreamAddress, Transport, TransportSink } from './transport.js';
import { SocketTransport } from './transports/socket-transport.js';

export interface StreamOptions {
  /** The engine that counts the stream. Default: the server's, or the process's own. */
  engine?: Engine | undefined;
  /** Where the parts come from when no engine is given. Default: the project's container. */
  container?: DependencyContainer | undefined;
  /** The server that accepted the connection. */
  server?: Server | undefined;
}

export interface ConnectOptions {
  /** How long connecting may take, name, connection and TLS handshake together. Default 30,000; Infinity for no limit. */
  connectTimeoutMs?: number | undefined;
  /** Gives up connecting when it is aborted; afterwards it has no effect. */
  signal?: AbortSignal | undefined;
}

/** Who gets a stream's events: the stream itself, or the protocol that has taken it over. */
export interface StreamOwner {
  /** A Buffer, unless `readDelimiter` is of a kind that gives something else. */
  onRead(data: Buffer): unknown;
  onWrite?(): unknown;
  onEnd?(): unknown;
  onClose?(reason: InseamError | null): unknown;
}

type StreamState = 'idle' | 'connecting' | 'open' | 'closing' | 'closed';

export class Stream extends StreamHandlers implements Flushable, StreamOwner, AsyncIterable<Buffer> {
  /** The server that accepted this stream, null for one that dials out. */
  readonly server: Server | null;
  #state: StreamState = 'idle';
  #transport: Transport | null = null;
  #owner: StreamOwner = this;
  readonly #inner: TransportSink & InputSink = this.#makeInner();
  readonly #input = new StreamInput(this.#inner);
  readonly #output = new StreamOutput((error) => this.#failFile(error));
  /** Set while a chunk is handled: what is written then leaves at its end, together. */
  #isCorked = false;
  #isFlushPlanned = false;
  #bytesRead = 0;
  #bytesCounted = 0;
  /** The host that was dialled: whose certificate TLS expects. */
  #host: string | null = null;
  #handshake: ((host: string | null) => TlsHandshake) | null = null;
  /** From `startTls`, or the connection, until the handshake is over; and while the handshake itself is at work. */
  #isSecuring = false;
  #hasBegunTls = false;
  #hasConnected = false;
  /** Set by `end` and `close`: nothing more is written. */
  #isEnding = false;
  /** Set once our FIN is out or on its way, or not to come. */
  #hasEnded = false;
  #closedByUs = false;
  #reason: InseamError | null = null;
  /** Why connecting was given up, by a timeout or a signal. */
  #failure: InseamError | null = null;
  #timeouts: StreamTimeouts | null = null;
  /** Bytes that came after `close`. */
  #discarded = 0;
  #forgetSignal: (() => void) | null = null;
  #opening: { resolve: () => void; reject: (error: unknown) => void }[] | null = null;

  constructor(options: StreamOptions = {}) {
    const server = options.server ?? null;
    const { engine, logger } = partsOf({
      engine: options.engine ?? server?.engine,
      container: options.container,
    });
    super(engine, server?.logger ?? logger);
    this.server = server;
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
  /** What TLS has agreed on: protocol, cipher, ALPN, names, the peer's certificate. Null without TLS, and until `onTlsHandshake`. */
  get tls(): TlsSession | null {
    return this.#transport?.tls ?? null;
  }
  /** The certificate that the peer has shown, verified or not (`tls.authorized` says so); null without one. */
  get peerCertificate(): TlsSession['peerCertificate'] {
    return this.tls?.peerCertificate ?? null;
  }
  /** Bytes read so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }
  /** Bytes given to `write` so far, and those read from files. */
  get bytesWritten(): number {
    return this.#output.total;
  }
  /** Bytes written, and those of files, that the system has not taken. */
  get pendingBytes(): number {
    return this.#output.pendingBytes;
  }
  /** Bytes read that are no piece yet. */
  get bufferedBytes(): number {
    return this.#input.length;
  }
  protected get hasConnected(): boolean {
    return this.#hasConnected;
  }

  // Settings ------------------------------------------------------------------------------------------------

  /**
   * How input is cut into `onRead` calls. Read anew for every cut, so that setting it inside `onRead` governs
   * what is buffered already. Throws UsageError for a value that could not cut.
   */
  get readDelimiter(): ReadDelimiter {
    return this.#input.readDelimiter;
  }
  set readDelimiter(value: ReadDelimiter) {
    this.#input.readDelimiter = value;
  }

  /** The longest piece in bytes, 64 KiB at first. A number or a Struct as delimiter raises it to its own size. */
  get bufferSize(): number {
    return this.#input.bufferSize;
  }
  set bufferSize(bytes: number) {
    this.#input.bufferSize = bytes;
  }

  /** Bytes waiting at which `write` answers false, 64 KiB at first; at a quarter of it `drained()` resolves. */
  get highWaterMark(): number {
    return this.#output.highWaterMark;
  }
  set highWaterMark(bytes: number) {
    if (!(Number.isSafeInteger(bytes) && bytes > 0))
      throw usageError('ENGINE_OPTION', `highWaterMark: ${bytes}`);
    this.#output.highWaterMark = bytes;
  }

  /** Calls `onTimeout` when nothing came or went for so many milliseconds; Infinity, at first, is never. At most a second late. */
  get idleTimeoutMs(): number {
    return this.#timeouts?.idleMs ?? Number.POSITIVE_INFINITY;
  }
  set idleTimeoutMs(ms: number) {
    this.#needTimeouts().idleMs = requireMilliseconds('idleTimeoutMs', ms);
    this.#watch();
  }

  /** The same for what comes alone, while reading is not paused. */
  get readTimeoutMs(): number {
    return this.#timeouts?.readMs ?? Number.POSITIVE_INFINITY;
  }
  set readTimeoutMs(ms: number) {
    this.#needTimeouts().readMs = requireMilliseconds('readTimeoutMs', ms);
    this.#watch();
  }

  /** The same for what the peer takes, while something waits to be sent. */
  get writeTimeoutMs(): number {
    return this.#timeouts?.writeMs ?? Number.POSITIVE_INFINITY;
  }
  set writeTimeoutMs(ms: number) {
    this.#needTimeouts().writeMs = requireMilliseconds('writeTimeoutMs', ms);
    this.#watch();
  }

  // Opening -------------------------------------------------------------------------------------------------

  /**
   * Dials `address`, a host by all its addresses (RFC 8305). `onConnect` follows, or `onConnectError` and `onClose`. Throws
   * UsageError for a bad address or option and for a second call.
   */
  connect(address: Address, options: ConnectOptions = {}): this {
    const parsed = parseAddress(address);
    requireOptions(options, ['connectTimeoutMs', 'signal']);
    if (this.#state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    const { connectTimeoutMs = ENGINE_LIMITS.connectTimeoutMs, signal } = options;
    this.#needTimeouts().connectMs = requireMilliseconds('connectTimeoutMs', connectTimeoutMs);
    this.#host = 'host' in parsed ? (parsed.host ?? 'localhost') : null;
    this.engine.counters.dialled++;
    this.attach(SocketTransport.dial(parsed, this.engine.dialParts));
    if (signal !== undefined) this.#followSignal(signal);
    return this;
  }

  /** Resolves to the stream once it is connected; rejects with what `onConnectError` gets, or when it was closed before. */
  opened(): Promise<this> {
    if (this.#state === 'open') return Promise.resolve(this);
    if (this.closed) return Promise.reject(this.#reason ?? usageError('ENGINE_STREAM_CLOSED'));
    return new Promise((resolve, reject) => {
      this.#opening ??= [];
      this.#opening.push({ resolve: () => resolve(this), reject });
    });
  }

  /** Runs the stream over `transport`: an accepted connection, one half of a memory pair, or one of your own. */
  attach(transport: Transport): this {
    if (this.#state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    this.#state = 'connecting';
    this.#transport = transport;
    this.engine.addChannel(this);
    this.#input.attach(transport);
    this.#output.attach(transport);
    transport.open(this.#inner);
    if (this.#state === 'connecting') {
      const timeouts = this.#needTimeouts();
      if (this.server !== null) timeouts.connectMs = this.server.connectTimeoutMs;
      this.#watch();
    }
    return this;
  }

  /**
   * Goes on in TLS: as the server on an accepted stream, as the client on one that dials. Before the connection stands, `onConnect`
   * waits for the handshake; on an open stream TLS begins behind everything written so far, and what is written or comes meanwhile is part
   * of it. `onTlsHandshake` follows, or `onTlsHandshakeError` and `onClose`. Throws UsageError for options that cannot work, and for a second call.
   *
   * A server's options are prepared once for each object: keep it, and take a new one for new certificates.
   */
  startTls(options: TlsClientOptions | TlsServerOptions = {}): this {
    if (this.#handshake !== null) throw usageError('ENGINE_TLS_IN_USE');
    if (this.#isEnding || this.closed) {
      this.#refuseWrite();
      return this;
    }
    if (this.server !== null) {
      const { handshake } = acceptorOf(options as TlsServerOptions);
      this.#handshake = () => handshake;
    } else {
      this.#handshake = clientHandshake(options as TlsClientOptions);
    }
    if (this.#state !== 'open') return this;
    this.#isSecuring = true;
    this.#needTimeouts();
    this.#watch();
    this.#input.holdForTls();
    this.#output.pushMoment(() => this.#beginTls());
    this.#planFlush();
    return this;
  }

  // Writing -------------------------------------------------------------------------------------------------

  /**
   * Sends text (as UTF-8) or bytes (which must not change until they are sent). It leaves with everything else
   * written in the same turn. Answers false when `highWaterMark` bytes or more are waiting: then hold back until `onWrite` or
   * `drained()`. Nothing is sent to a peer that has gone. Throws UsageError before onConnect and after end() or close().
   */
  write(data: string | Uint8Array): boolean {
    if (this.#state !== 'open' || this.#isEnding) return this.#refuseWrite();
    if (typeof data === 'string') this.#output.pushText(data);
    else if (data instanceof Uint8Array) this.#output.pushBytes(data);
    else throw usageError('ENGINE_DATA', typeof data);
    return this.#planFlush();
  }

  /** `write` for text known to have no code unit above 255: one byte for each. */
  protected writeLatin1(text: string): boolean {
    if (this.#state !== 'open' || this.#isEnding) return this.#refuseWrite();
    this.#output.pushLatin1(text);
    return this.#planFlush();
  }

  /** Packs `values` by the Struct or NetStruct that is the first of them, or else the read delimiter, and sends them. */
  writePacked(...values: (PackValue | Struct | NetStruct)[]): boolean {
    const [first] = values;
    const hasFormat = first instanceof Struct || first instanceof NetStruct;
    const format = hasFormat ? first : this.readDelimiter;
    if (!(format instanceof Struct || format instanceof NetStruct)) throw usageError('ENGINE_PACK_FORMAT');
    return this.write(format.pack(...((hasFormat ? values.slice(1) : values) as PackValue[])));
  }

  /**
   * Sends a file in its place among what is written: a path, opened when its turn comes, or a FileHandle or descriptor, which stays yours
   * and must be open until the promise settles. Resolves when it has been read to its end; rejects, and calls `onWriteError`, when it could not
   * be, and rejects when the stream closes before. A rejection need not be handled. Throws UsageError as `write` does.
   */
  writeFile(file: FileInput, range: FileRange = {}): Promise<void> {
    requireOptions(range, ['offset', 'length']);
    let settle: (error: Error | null) => void = () => {};
    const sent = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === null ? resolve() : reject(asFileError(error)));
    });
    sent.catch(() => {});
    const source = new FileSource(file, range, settle);
    if (this.#state !== 'open' || this.#isEnding) {
      this.#refuseWrite();
      source.settle(this.#reason ?? transportError('ENGINE_CONNECTION_LOST'));
      return sent;
    }
    this.#output.pushFile(source);
    this.#planFlush();
    return sent;
  }

  /** Hands everything written to the system now instead of at the end of the turn. */
  flush(): void {
    this.#isFlushPlanned = false;
    if (this.connected) this.#flush();
  }

  /** Resolves when no more than a quarter of `highWaterMark` waits to be sent, at once below the whole; or when the stream is closed. */
  drained(): Promise<void> {
    return this.connected ? this.#output.drained() : Promise.resolve();
  }

  // Reading -------------------------------------------------------------------------------------------------

  /** Stops `onRead`, and soon the peer: what it sends waits in the system's buffers. */
  pause(): void {
    this.#input.isPausedByUser = true;
  }

  /** Lets `onRead` go on. */
  resume(): void {
    this.#input.isPausedByUser = false;
  }

  /**
   * The pieces as an async iterable, instead of `onRead`: `for await (const line of stream)`. One is cut for each turn of the loop, so `readDelimiter` may
   * change in it, and the peer waits for a slow one. The loop ends when the peer has finished (`onEnd` follows) or the stream is closed in good order,
   * and throws the reason of any other end. Leaving it early closes the stream. Throws UsageError while another loop is at work.
   */
  pieces<T = Buffer>(): AsyncIterableIterator<T, undefined> {
    const input = this.#input;
    const iterator = new PieceIterator<T>({
      demandPiece: () => input.demandPiece(),
      leave: () => {
        input.leave();
        this.close();
      },
    });
    input.iterate(iterator as PieceIterator<unknown>);
    if (this.closed) iterator.end(this.#reason);
    return iterator;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    return this.pieces();
  }

  /** `pause` for a protocol's own back-pressure, which the user's `resume` must not undo. */
  protected holdReading(): void {
    this.#input.isHeld = true;
  }

  /** Ends `holdReading`. */
  protected releaseReading(): void {
    this.#input.isHeld = false;
  }

  /**
   * A chunk as it came, valid during this call only. The default cuts it by `readDelimiter` for `onRead`; a
   * protocol with a parser of its own overrides this and copies nothing.
   */
  protected onChunk(chunk: Buffer): void {
    this.#input.take(chunk);
  }

  /** Gives the stream to another protocol: its events go to `owner` from now on, `leftover` before new input. */
  protected handOver(owner: StreamOwner, leftover: Buffer): void {
    this.#owner = owner;
    this.#input.putBack(leftover);
  }

  // Closing -------------------------------------------------------------------------------------------------

  /** Half-closes: what is written is sent, then our side is shut. Reading goes on until the peer shuts its own. Idempotent. */
  end(): void {
    if (this.#isEnding || this.#state !== 'open') {
      if (!this.#isEnding) this.#refuseWrite();
      return;
    }
    this.#isEnding = true;
    this.#flush();
    this.#endOutput();
  }

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
    this.#isEnding = true;
    this.#state = 'closing';
    this.#input.clear();
    this.#input.iterator?.end(null);
    this.#flush();
    // A paused transport would not see the peer's end.
    if (!this.#isSecuring) this.#transport?.resume();
    this.#needTimeouts();
    this.#endOutput();
    this.#watch();
  }

  /** Closes at once; `reason` goes to `onClose`, and with one the peer gets a reset where there is such a thing (TCP). */
  abort(reason: InseamError | null = null): void {
    if (this.#state === 'closed') return;
    this.#closedByUs = true;
    this.#reason ??= reason;
    this.#input.clear();
    this.#input.iterator?.end(this.#reason);
    this.#hasEnded = this.#isEnding = true;
    this.#output.clear(this.#reason ?? usageError('ENGINE_STREAM_CLOSED'));
    if (this.#transport === null) this.#state = 'closed';
    else if (this.#state === 'open') this.#state = 'closing';
    this.#transport?.abort(reason !== null);
  }

  /** See StreamHandlers. The peer is told in good order unless it takes nothing. */
  override onTimeout(error: InseamError): unknown {
    if (this.pendingBytes > 0) {
      this.abort(error);
    } else {
      this.#reason ??= error;
      this.close();
    }
    return undefined;
  }

  /** Whether the open stream holds the process; it does at first. */
  ref(): void {
    this.#transport?.ref();
  }
  unref(): void {
    this.#transport?.unref();
  }

  /** For the engine's sweep. */
  override checkTimeouts(now: number): void {
    const phase = this.#phase;
    const code = phase === null ? null : this.#checkWaiting(phase, now);
    if (code === null) return;
    const error = transportError(code);
    if (phase === 'connecting') this.#giveUpConnecting(error);
    else if (phase === 'open') this.notify('onTimeout', () => this.onTimeout(error));
    else this.abort(phase === 'sending' ? error : null);
  }

  #checkWaiting(phase: WaitingPhase, now: number): EngineErrorCode | null {
    const { bytesWritten, pendingBytes } = this;
    const isReading = !this.#input.isPaused;
    const progress = {
      phase,
      received: this.#bytesRead,
      sent: bytesWritten - pendingBytes,
      pending: pendingBytes,
      isReading,
    };
    return this.#timeouts?.check(progress, now) ?? null;
  }

  get #phase(): WaitingPhase | null {
    if (this.#state === 'connecting') return 'connecting';
    if (this.#state === 'open') return this.#isSecuring ? 'connecting' : 'open';
    if (this.#state === 'closing') return this.#hasEnded ? 'lingering' : 'sending';
    return null;
  }

  // What the transport and the input say --------------------------------------------------------------------

  #makeInner(): TransportSink & InputSink {
    const stream = this;
    return {
      get isOpen() {
        return stream.#state === 'open';
      },
      onOpen: () => {
        if (stream.#handshake === null) stream.#open();
        else stream.#beginTls();
      },
      onSecure: () => {
        stream.#isSecuring = stream.#hasBegunTls = false;
        stream.#input.releaseForTls();
        stream.notify('onTlsHandshake', () => stream.onTlsHandshake());
        if (stream.#state === 'connecting') stream.#open();
        else stream.#flushOn();
      },
      onChunk: (chunk) => stream.#read(chunk),
      onDrain: () => stream.#flushOn(),
      onEnd: () => {
        if (stream.#state === 'closing' && stream.#hasEnded) stream.abort();
        else stream.#input.end();
      },
      onClose: (error) => stream.#closedBy(error),
      onPiece: (piece) => stream.#deliver(piece),
      onOverflow: () => {
        const error = protocolError('ENGINE_BUFFER_OVERFLOW');
        stream.notify('onOverflowError', () => stream.onOverflowError(error));
      },
      onCutError: (thrown) => {
        const error =
          thrown instanceof InseamError ? thrown : usageError('ENGINE_CUT', String(thrown), thrown);
        stream.notify('onReadError', () => stream.onReadError(error));
      },
      onInputEnd: (isLoop) => {
        if (!isLoop) stream.#tellEnd();
        // The loop's own last lines come first: what they write is still sent.
        else stream.engine.callback(() => stream.#tellEnd());
      },
      readSoon: () => {
        stream.engine.callback(() => stream.#input.readOn());
      },
    };
  }

  #open(): void {
    this.#state = 'open';
    this.#hasConnected = true;
    this.#settleOpening(null);
    this.#watch();
    this.notify('onConnect', () => this.onConnect());
  }

  #read(chunk: Buffer): void {
    this.#bytesRead += chunk.length;
    this.engine.counters.bytesRead += chunk.length;
    if (this.#state !== 'open') {
      this.#discard(chunk.length);
      return;
    }
    this.#isCorked = true;
    try {
      this.onChunk(chunk);
    } catch (error) {
      this.reportThrow('onChunk', error);
    }
    this.#isCorked = false;
    if (!this.#output.isEmpty) this.#flush();
  }

  #deliver(piece: unknown): void {
    try {
      this.observeResult('onRead', this.#owner.onRead(piece as Buffer));
    } catch (error) {
      this.reportThrow('onRead', error);
    }
  }

  #tellEnd(): void {
    if (this.#state !== 'open') return;
    this.notify('onEnd', () => (this.#owner.onEnd ? this.#owner.onEnd() : this.close()));
  }

  /** The transport has taken everything. */
  #flushOn(): void {
    const output = this.#output;
    if (!output.isEmpty) {
      this.#flush();
      output.wake();
      return;
    }
    output.wake();
    if (!output.hasSent) return;
    output.hasSent = false;
    this.#endOutput();
    if (this.#state === 'closing') return;
    try {
      this.observeResult('onWrite', this.#owner.onWrite?.());
    } catch (error) {
      this.reportThrow('onWrite', error);
    }
  }

  /** All is over; `error` is the transport's. */
  #closedBy(error: Error | null): void {
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'closed';
    this.#input.clear();
    if (this.#isSecuring && !this.#closedByUs) this.#tellFailure('ENGINE_TLS_HANDSHAKE', error);
    else if (wasConnecting && !this.#closedByUs) this.#tellFailure('ENGINE_CONNECT_FAILED', error);
    else if (error !== null && !this.#hasEnded)
      this.#reason ??= transportError('ENGINE_CONNECTION_LOST', error);
    const last = this.#reason ?? usageError('ENGINE_STREAM_CLOSED');
    this.#forgetSignal?.();
    this.#output.clear(last);
    this.#settleOpening(last);
    this.#input.iterator?.end(this.#reason);
    this.notify('onClose', () => this.#owner.onClose?.(this.#reason));
    this.engine.removeChannel(this, this.#reason);
    this.server?.forget(this);
  }

  /** The connection, or its TLS, could not be made. */
  #tellFailure(code: 'ENGINE_TLS_HANDSHAKE' | 'ENGINE_CONNECT_FAILED', cause: Error | null): void {
    const isOurs = cause === null || cause instanceof InseamError;
    const error =
      this.#failure ??
      (isOurs ? cause : null) ??
      transportError(code, cause ?? undefined, cause ? tlsFailure(cause) : undefined);
    this.#reason = error;
    if (code === 'ENGINE_TLS_HANDSHAKE')
      this.notify('onTlsHandshakeError', () => this.onTlsHandshakeError(error));
    else this.notify('onConnectError', () => this.onConnectError(error));
  }

  #settleOpening(error: InseamError | null): void {
    const opening = this.#opening;
    this.#opening = null;
    for (const { resolve, reject } of opening ?? []) {
      if (error === null) resolve();
      else reject(error);
    }
  }

  // Opening and TLS -------------------------------------------------------------------------------------------

  #followSignal(signal: AbortSignal): void {
    const giveUp = () => {
      const cause = signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
      if (this.#state === 'connecting')
        this.#giveUpConnecting(transportError('ENGINE_CONNECT_ABORTED', cause));
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    this.#forgetSignal = () => signal.removeEventListener('abort', giveUp);
  }

  /** Ends what is being made: the connection or the handshake. `onClose` of the transport tells the rest. */
  #giveUpConnecting(failure: InseamError): void {
    this.#failure ??= failure;
    this.#transport?.abort();
  }

  #beginTls(): void {
    const transport = this.#transport;
    const handshake = this.#handshake;
    if (transport === null || handshake === null) return;
    this.#isSecuring = this.#hasBegunTls = true;
    this.#input.holdForTls();
    try {
      if (this.#input.peerHasEnded)
        this.#giveUpConnecting(transportError('ENGINE_TLS_HANDSHAKE', new Error('the peer has finished')));
      else transport.startTls(handshake(this.#host), this.#input.takeForTls());
    } catch (error) {
      this.#giveUpConnecting(error as InseamError);
    }
  }

  // Writing and closing -----------------------------------------------------------------------------------------

  #refuseWrite(): false {
    if (this.#state === 'idle' || this.#state === 'connecting') throw usageError('ENGINE_NOT_CONNECTED');
    if (this.#closedByUs || this.#isEnding) throw usageError('ENGINE_STREAM_CLOSED');
    return false;
  }

  #planFlush(): boolean {
    if (!this.#isCorked && !this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      this.engine.flushSoon(this);
    }
    return !this.#output.isFull;
  }

  #flush(): void {
    // Between the handshake's bytes nothing may stand.
    if (this.#hasBegunTls) return;
    const output = this.#output;
    output.flush();
    this.engine.counters.bytesWritten += output.total - this.#bytesCounted;
    this.#bytesCounted = output.total;
  }

  #failFile(cause: Error): void {
    const error = asFileError(cause);
    this.notify('onWriteError', () => this.onWriteError(error));
  }

  /** Shuts our side once everything is sent, when that is what is wanted. */
  #endOutput(): void {
    if (!this.#isEnding || this.#hasEnded || !this.#output.isDrained) return;
    this.#hasEnded = true;
    this.#transport?.end();
    this.#watch();
  }

  /** Counts input that nobody wants any more. */
  #discard(bytes: number): void {
    if (this.#state !== 'closing') return;
    this.#discarded += bytes;
    if (this.#discarded > ENGINE_LIMITS.lingerBytes) this.abort();
  }

  #needTimeouts(): StreamTimeouts {
    this.#timeouts ??= new StreamTimeouts();
    return this.#timeouts;
  }

  /** Asks the engine to look at the timeouts that count now. */
  #watch(): void {
    const phase = this.#phase;
    if (phase === null || this.#timeouts === null) return;
    const { connectMs, shortestMs } = this.#timeouts;
    const closingMs = ENGINE_LIMITS.lingerTimeoutMs;
    const ms = phase === 'connecting' ? connectMs : phase === 'open' ? shortestMs : closingMs;
    if (ms === Number.POSITIVE_INFINITY) {
      this.engine.unwatch(this);
      return;
    }
    this.engine.watch(this, ms);
    // From now on, not from the first look.
    this.#checkWaiting(phase, this.engine.clock.now());
  }
}

function asFileError(error: Error): InseamError {
  return error instanceof InseamError ? error : transportError('ENGINE_FILE_FAILED', error);
}
