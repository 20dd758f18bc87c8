/**
 * Stream: one connection, accepted or dialled, and the class that protocols subclass.
 *
 * This page is what users see; the work is done in `stream/`, by what was read (StreamInput), what is to be sent
 * (StreamOutput), and the state that both depend on (StreamLife). It is longer than 300 lines because every member
 * stands here with its contract, and with little else.
 */
import { type Address, parseAddress } from './address.js';
import { isThenable } from './channel.js';
import type { DependencyContainer } from './container.js';
import type { ReadDelimiter } from './delimiters/read-delimiter.js';
import type { Engine, Flushable } from './engine.js';
import { asError, InseamError, protocolError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireCount, requireMilliseconds, requireOptions } from './options.js';
import { partsOf } from './parts.js';
import type { Server } from './server.js';
import { type FileInput, type FileRange, FileSource } from './stream/file-source.js';
import { PieceIterator } from './stream/piece-iterator.js';
import { StreamHandlers } from './stream/stream-handlers.js';
import { type InputSink, StreamInput } from './stream/stream-input.js';
import { type LifeSink, StreamLife } from './stream/stream-life.js';
import { type OutputSink, StreamOutput } from './stream/stream-output.js';
import { NetStruct } from './struct/net-struct.js';
import { Struct } from './struct/struct.js';
import type { PackValue } from './struct/struct-letters.js';
import { acceptorOf } from './tls/tls-acceptor.js';
import { clientHandshake } from './tls/tls-handshake.js';
import type { TlsClientOptions, TlsServerOptions, TlsSession } from './tls/tls-options.js';
import type { StreamAddress, Transport } from './transport.js';
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
  /**
   * How long connecting may take, name, connection and TLS handshake together. Default 30,000; Infinity for no limit.
   */
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
  /** The engine is stopping: end in good order. Without it, what is written is sent and the stream closed. */
  shutdown?(): void;
  /** Called with the stream's own sweep over timeouts; `engine.watch(stream, ms)` sees to it that it comes often enough. */
  checkTimeouts?(now: number): void;
}

export class Stream extends StreamHandlers implements Flushable, StreamOwner, AsyncIterable<Buffer> {
  /** The server that accepted this stream, null for one that dials out. */
  readonly server: Server | null;
  readonly #input: StreamInput;
  readonly #output: StreamOutput;
  readonly #life: StreamLife;
  #owner: StreamOwner = this;
  /** Set while a chunk is handled: what is written then leaves at its end, together. */
  #isCorked = false;
  #isFlushPlanned = false;
  /** What `read` takes its pieces from. */
  #reader: AsyncIterableIterator<Buffer, undefined> | null = null;
  /** What `read` rejected with at the peer's end. */
  #endOfInput: InseamError | null = null;
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
    const inner = new Stream.#Inner(this);
    this.#input = new StreamInput(inner);
    this.#output = new StreamOutput(inner);
    this.#life = new StreamLife(inner, this.#input, this.#output);
  }

  // State ---------------------------------------------------------------------------------------------------

  /** True from `onConnect` until the stream is closed; still true while `close()` sends what was written. */
  get connected(): boolean {
    return this.#life.connected;
  }
  get connecting(): boolean {
    return this.#life.state === 'connecting';
  }
  /** True once nothing more can be written: `close()` was called, or the connection is gone. */
  get closed(): boolean {
    return this.#life.closed;
  }
  /** The peer's address; still there in `onClose`. */
  get remoteAddress(): StreamAddress | null {
    return this.#life.transport?.remoteAddress ?? null;
  }
  /** This end's address; after the peer's reset only if it was asked for before. */
  get localAddress(): StreamAddress | null {
    return this.#life.transport?.localAddress ?? null;
  }
  /**
   * What TLS has agreed on: protocol, cipher, ALPN, names, the peer's certificate. Null without TLS, and until
   * `onTlsHandshake`.
   */
  get tls(): TlsSession | null {
    return this.#life.transport?.tls ?? null;
  }
  /** The certificate that the peer has shown, verified or not (`tls.authorized` says so); null without one. */
  get peerCertificate(): TlsSession['peerCertificate'] {
    return this.tls?.peerCertificate ?? null;
  }
  /** Bytes read so far. */
  override get bytesRead(): number {
    return this.#life.bytesRead;
  }
  /** Bytes given to `write` so far, and those read from files. */
  override get bytesWritten(): number {
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
  protected override get hasConnected(): boolean {
    return this.#life.hasConnected;
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

  /**
   * The longest piece in bytes. Until it is set, 64 KiB, or 8 KiB for a RegExp with repetition or lookaround. A
   * number or a Struct as delimiter raises it to its own size.
   */
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
    this.#output.highWaterMark = requireCount('highWaterMark', bytes);
  }

  /**
   * Calls `onTimeout` when nothing came or went for so many milliseconds; Infinity, at first, is never. At most two
   * seconds late.
   */
  get idleTimeoutMs(): number {
    return this.#life.hasTimeouts ? this.#life.timeouts.idleMs : Number.POSITIVE_INFINITY;
  }
  set idleTimeoutMs(ms: number) {
    this.#life.timeouts.idleMs = requireMilliseconds('idleTimeoutMs', ms);
    this.#life.watch();
  }

  /** The same for what comes alone, while reading is not paused. */
  get readTimeoutMs(): number {
    return this.#life.hasTimeouts ? this.#life.timeouts.readMs : Number.POSITIVE_INFINITY;
  }
  set readTimeoutMs(ms: number) {
    this.#life.timeouts.readMs = requireMilliseconds('readTimeoutMs', ms);
    this.#life.watch();
  }

  /**
   * The same for what the peer takes, while something waits to be sent. What it takes is seen in steps of up to 64
   * KiB, so a slow reader needs a timeout that is longer than it takes for that much.
   */
  get writeTimeoutMs(): number {
    return this.#life.hasTimeouts ? this.#life.timeouts.writeMs : Number.POSITIVE_INFINITY;
  }
  set writeTimeoutMs(ms: number) {
    this.#life.timeouts.writeMs = requireMilliseconds('writeTimeoutMs', ms);
    this.#life.watch();
  }

  // Opening -------------------------------------------------------------------------------------------------

  /**
   * Dials `address`, a host by all its addresses (RFC 8305). `onConnect` follows, or `onConnectError` and `onClose`.
   * Throws UsageError for a bad address or option and for a second call.
   */
  connect(address: Address, options: ConnectOptions = {}): this {
    const parsed = parseAddress(address);
    requireOptions(options, ['connectTimeoutMs', 'signal']);
    if (!(options.signal === undefined || options.signal instanceof AbortSignal)) {
      throw usageError('ENGINE_OPTION', 'signal: not an AbortSignal');
    }
    if (this.#life.state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    const { connectTimeoutMs = ENGINE_LIMITS.connectTimeoutMs, signal } = options;
    this.#life.timeouts.connectMs = requireMilliseconds('connectTimeoutMs', connectTimeoutMs);
    this.#life.host = 'host' in parsed ? (parsed.host ?? 'localhost') : null;
    this.engine.counters.dialled++;
    this.attach(SocketTransport.dial(parsed, this.engine.dialParts));
    if (signal !== undefined) this.#followSignal(signal);
    return this;
  }

  /**
   * Resolves to the stream once it is connected; rejects with what `onConnectError` gets, or when it was closed before.
   * What comes then waits for a loop or `read`; assign an `onRead` in the same turn.
   */
  opened(): Promise<this> {
    this.#input.holdUntilHeard();
    if (this.#life.state === 'open') return Promise.resolve(this);
    if (this.closed) return Promise.reject(this.#life.reason ?? usageError('ENGINE_STREAM_CLOSED'));
    return new Promise((resolve, reject) => {
      this.#opening ??= [];
      this.#opening.push({ resolve: () => resolve(this), reject });
    });
  }

  /** Runs the stream over `transport`: an accepted connection, one half of a memory pair, or one of your own. */
  attach(transport: Transport): this {
    if (this.#life.state !== 'idle') throw usageError('ENGINE_STREAM_IN_USE');
    this.engine.addChannel(this);
    this.#life.attach(transport, this.server?.connectTimeoutMs);
    return this;
  }

  /**
   * Goes on in TLS: as the server on an accepted stream, as the client on one that dials. Before the connection
   * stands, `onConnect` waits for the handshake; on an open stream TLS begins behind everything written so far, and
   * what is written or comes meanwhile is part of it. `onTlsHandshake` follows, or `onTlsHandshakeError` and
   * `onClose`. Throws UsageError for options that cannot work, and for a second call.
   *
   * A server's options are prepared once for each object: keep it, and take a new one for new certificates.
   */
  startTls(options: TlsClientOptions | TlsServerOptions = {}): this {
    if (this.server !== null) {
      const { handshake } = acceptorOf(options as TlsServerOptions);
      if (this.connected) this.#life.timeouts.connectMs = this.server.connectTimeoutMs;
      this.#startTls(() => handshake);
    } else {
      this.#startTls(clientHandshake(options as TlsClientOptions));
    }
    return this;
  }

  #startTls(handshake: Parameters<StreamLife['startTls']>[0]): void {
    const isBefore = this.#life.state === 'idle' || this.connecting;
    if (!isBefore && !this.#life.mayWrite()) return;
    this.#life.startTls(handshake);
    if (!isBefore) this.#planFlush();
  }

  // Writing -------------------------------------------------------------------------------------------------

  /**
   * Sends text (as UTF-8) or bytes (which must not change until they are sent). It leaves with everything else
   * written in the same turn. Answers false when `highWaterMark` bytes or more are waiting: then hold back until
   * `onWrite` or `drained()`. In `onRead`, the next piece waits for that by itself, so that a peer that takes no
   * answers cannot ask for more. Nothing is sent to a peer that has gone. Throws UsageError before onConnect and
   * after end() or close().
   */
  write(data: string | Uint8Array): boolean {
    if (!this.#life.mayWrite()) return false;
    if (typeof data === 'string') this.#output.pushText(data);
    else if (data instanceof Uint8Array) this.#output.pushBytes(data);
    else throw usageError('ENGINE_DATA', typeof data);
    return this.#planFlush();
  }

  /** For protocols: `write` for text known to have no code unit above 255, one byte for each. */
  writeLatin1(text: string): boolean {
    if (!this.#life.mayWrite()) return false;
    this.#output.pushLatin1(text);
    return this.#planFlush();
  }

  /**
   * Packs `values` by the Struct or NetStruct that is the first of them, or else the read delimiter, and sends them.
   */
  writePacked(...values: (PackValue | Struct | NetStruct)[]): boolean {
    const [first] = values;
    const hasFormat = first instanceof Struct || first instanceof NetStruct;
    const format = hasFormat ? first : this.readDelimiter;
    if (!(format instanceof Struct || format instanceof NetStruct)) throw usageError('ENGINE_PACK_FORMAT');
    return this.write(format.pack(...((hasFormat ? values.slice(1) : values) as PackValue[])));
  }

  /**
   * Sends a file in its place among what is written: a path, opened when its turn comes, or a FileHandle or
   * descriptor, which stays yours and must be open until the promise settles. Resolves when it has been read to its
   * end; rejects, and calls `onWriteError`, when it could not be, and rejects when the stream closes before. A
   * rejection need not be handled. Throws UsageError as `write` does.
   */
  writeFile(file: FileInput, range: FileRange = {}): Promise<void> {
    requireOptions(range, ['offset', 'length', 'stats']);
    let settle: (error: Error | null) => void = () => {};
    const sent = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === null ? resolve() : reject(asFileError(error)));
    });
    sent.catch(() => {});
    const source = new FileSource(file, range, settle);
    if (!this.#life.mayWrite()) {
      source.settle(this.#life.reason ?? transportError('ENGINE_CONNECTION_LOST'));
      return sent;
    }
    this.#output.pushFile(source);
    this.#planFlush();
    return sent;
  }

  /** Hands everything written to the system now instead of at the end of the turn. */
  flush(): void {
    this.#isFlushPlanned = false;
    this.#life.flush();
  }

  /**
   * Resolves when no more than a quarter of `highWaterMark` waits to be sent, at once below the whole; or when the
   * stream is closed.
   */
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
   * The next piece, instead of `onRead`: a dialogue as a sequence. `delimiter`, where it is given, is set first. One
   * at a time; between two calls nothing is read, and the peer waits. Rejects with the reason when the stream is
   * closed, with TransportError (`ENGINE_ENDED`) when the peer has finished; then `onEnd` follows. What rejects an
   * async handler in this way is not reported.
   */
  async read<T = Buffer>(delimiter?: ReadDelimiter): Promise<T> {
    this.#reader ??= this.pieces();
    if (delimiter !== undefined) this.readDelimiter = delimiter;
    const { done, value } = await this.#reader.next();
    if (done) throw this.#ended();
    return value as T;
  }

  /**
   * The pieces as an async iterable, instead of `onRead`: `for await (const line of stream)`. One is cut for each
   * turn of the loop, so `readDelimiter` may change in it, and the peer waits for a slow one. The loop ends when the
   * peer has finished (`onEnd` follows) or the stream is closed in good order, and throws the reason of any other
   * end. Leaving it early closes the stream. Throws UsageError while another loop is at work.
   */
  pieces<T = Buffer>(): AsyncIterableIterator<T, undefined> {
    const input = this.#input;
    const reader = this.#reader;
    this.#reader = null;
    if (reader !== null && !this.closed) return reader as unknown as AsyncIterableIterator<T, undefined>;
    const iterator = new PieceIterator<T>({
      demandPiece: () => input.demandPiece(),
      leave: () => {
        this.close();
        input.leave();
      },
    });
    input.iterate(iterator as PieceIterator<unknown>);
    if (this.closed) input.endLoop(this.#life.reason);
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

  /**
   * Half-closes: what is written is sent, then our side is shut. Reading goes on until the peer shuts its own.
   * Idempotent.
   */
  end(): void {
    this.#life.end();
  }

  /**
   * Closes. What is written is sent first, then our end is shut and input is discarded until the peer shuts its
   * own, at most two seconds: a reset would otherwise overtake our last bytes. With `flush` false everything
   * unsent is dropped at once. `onClose` follows. Idempotent.
   */
  close(flush = true): void {
    this.#life.close(flush, true);
  }

  /**
   * Closes at once; `reason` goes to `onClose`, and with one the peer gets a reset where there is such a thing (TCP).
   */
  abort(reason: InseamError | null = null): void {
    this.#life.abort(reason, true);
  }

  /** The engine is stopping: what is written is sent, then the stream is closed. */
  override shutdown(): void {
    const owner = this.#owner;
    if (owner !== this && owner.shutdown !== undefined && !this.closed) owner.shutdown();
    else this.#life.close(true, false);
  }

  /** See StreamHandlers. */
  override onEnd(): unknown {
    this.#life.close(true, false);
    return undefined;
  }

  /** See Channel: `write` answers false afterwards, where it throws after an `abort` of the user's. */
  override giveUp(reason: InseamError): void {
    this.#life.abort(reason);
  }

  /** See StreamHandlers. Whoever waits for `opened()` is told there. */
  override onConnectError(error: InseamError): unknown {
    return this.#opening === null ? super.onConnectError(error) : undefined;
  }

  /** See StreamHandlers. The peer is told in good order unless it takes nothing. */
  override onTimeout(error: InseamError): unknown {
    if (this.pendingBytes > 0) this.#life.abort(error);
    else this.#life.closeFor(error);
    return undefined;
  }

  /** Whether the open stream holds the process; it does at first. */
  ref(): void {
    this.#life.transport?.ref();
  }
  unref(): void {
    this.#life.transport?.unref();
  }

  /** The shortest timeout of a protocol that overrides `checkTimeouts`, in milliseconds. */
  protected get ownTimeoutMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** For the engine's sweep; a protocol with timeouts of its own overrides it and `ownTimeoutMs`, and calls it, too. */
  override checkTimeouts(now: number): void {
    this.#life.checkTimeouts(now);
    if (this.#owner !== this && !this.closed) this.#owner.checkTimeouts?.(now);
  }

  // Behind the scenes -----------------------------------------------------------------------------------------

  #ended(): InseamError {
    this.#endOfInput ??=
      this.closed && this.#life.reason ? this.#life.reason : transportError('ENGINE_ENDED');
    return this.#endOfInput;
  }

  /** An end that `onClose` or `onEnd` tells is no news when it comes out of a handler that was reading. */
  protected override reportRejection(handler: string, error: unknown): void {
    const isKnown = error !== null && (error === this.#life.reason || error === this.#endOfInput);
    if (!isKnown) super.reportRejection(handler, error);
    // Nobody is left who would read on.
    if (handler === 'onConnect' && this.#input.isAbandoned) this.#life.close(true, false);
  }

  #planFlush(): boolean {
    if (!this.#isCorked && !this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      this.engine.flushSoon(this);
    }
    if (!this.#output.isFull) return true;
    if (this.#input.isCutting) this.#input.isOutputFull = true;
    return false;
  }

  #followSignal(signal: AbortSignal): void {
    const giveUp = () => {
      if (!this.connecting) return;
      this.#life.giveUpConnecting(transportError('ENGINE_CONNECT_ABORTED', asError(signal.reason)));
    };
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    this.#forgetSignal = () => signal.removeEventListener('abort', giveUp);
  }

  /** Connected, or closed before: tells whoever waits for it, and lets the signal go. */
  #settleOpening(error: InseamError | null): void {
    const opening = this.#opening;
    this.#opening = null;
    for (const { resolve, reject } of opening ?? []) {
      if (error === null) resolve();
      else reject(error);
    }
    this.#forgetSignal?.();
    this.#forgetSignal = null;
  }

  /** Nothing will come any more, so a handler that fails must not leave the stream open. */
  #tellEnd(): void {
    if (this.#life.state !== 'open') return;
    const owner = this.#owner;
    const closeAnyway = () => this.#life.close(true, false);
    try {
      const result = owner.onEnd ? owner.onEnd() : closeAnyway();
      this.observeResult('onEnd', result);
      if (isThenable(result)) result.then(undefined, closeAnyway);
    } catch (error) {
      this.reportThrow('onEnd', error);
      closeAnyway();
    }
  }

  /** The stream as its parts see it: a class of its own, so that the handlers keep their names for the user. */
  static readonly #Inner = class implements LifeSink, InputSink, OutputSink {
    readonly #stream: Stream;

    constructor(stream: Stream) {
      this.#stream = stream;
    }

    get isOpen(): boolean {
      return this.#stream.#life.state === 'open';
    }
    get isHeard(): boolean {
      const stream = this.#stream;
      return stream.#owner !== stream || stream.onRead !== Stream.prototype.onRead;
    }
    onConnect(): void {
      this.#stream.#settleOpening(null);
      this.#stream.notify('onConnect', () => this.#stream.onConnect());
    }
    onTlsHandshake(): void {
      this.#stream.notify('onTlsHandshake', () => this.#stream.onTlsHandshake());
    }
    onTlsHandshakeError(error: InseamError): void {
      this.#stream.notify('onTlsHandshakeError', () => this.#stream.onTlsHandshakeError(error));
    }
    onConnectError(error: InseamError): void {
      this.#stream.notify('onConnectError', () => this.#stream.onConnectError(error));
    }
    onChunk(chunk: Buffer): void {
      const stream = this.#stream;
      stream.#isCorked = true;
      try {
        stream.onChunk(chunk);
      } catch (error) {
        stream.reportThrow('onChunk', error);
      }
      stream.#isCorked = false;
      if (!stream.#output.isEmpty) stream.#life.flush();
    }
    onPiece(piece: unknown): void {
      const stream = this.#stream;
      try {
        stream.observeResult('onRead', stream.#owner.onRead(piece as Buffer));
      } catch (error) {
        stream.reportThrow('onRead', error);
      }
    }
    onWrite(): void {
      const stream = this.#stream;
      try {
        stream.observeResult('onWrite', stream.#owner.onWrite?.());
      } catch (error) {
        stream.reportThrow('onWrite', error);
      }
    }
    onOverflow(): void {
      const error = protocolError('ENGINE_BUFFER_OVERFLOW');
      this.#stream.notify('onOverflowError', () => this.#stream.onOverflowError(error));
    }
    onCutError(thrown: unknown): void {
      const error =
        thrown instanceof InseamError ? thrown : usageError('ENGINE_CUT', `it threw: ${thrown}`, thrown);
      this.#stream.notify('onReadError', () => this.#stream.onReadError(error));
    }
    onFileError(cause: Error): void {
      const error = asFileError(cause);
      this.#stream.notify('onWriteError', () => this.#stream.onWriteError(error));
    }
    onDrained(): void {
      this.#stream.#life.onDrain();
    }
    onInputEnd(isLoop: boolean): void {
      if (!isLoop) this.#stream.#tellEnd();
      // The loop's own last lines come first: what they write is still sent.
      else this.#stream.engine.callback(() => this.#stream.#tellEnd());
    }
    readSoon(): void {
      this.#stream.engine.callback(() => this.#stream.#input.readOn());
    }
    onTimeout(error: InseamError): void {
      this.#stream.notify('onTimeout', () => this.#stream.onTimeout(error));
    }
    watch(ms: number): number {
      const stream = this.#stream;
      stream.engine.watch(stream, Math.min(ms, stream.ownTimeoutMs));
      return stream.engine.clock.now();
    }
    onAbandoned(error: InseamError): void {
      this.#stream.#settleOpening(error);
    }
    onClose(reason: InseamError | null): void {
      const stream = this.#stream;
      stream.notify('onClose', () => stream.#owner.onClose?.(reason));
      stream.engine.removeChannel(stream, reason);
      stream.server?.forget(stream);
    }
  };
}

function asFileError(error: Error): InseamError {
  return error instanceof InseamError ? error : transportError('ENGINE_FILE_FAILED', error);
}
