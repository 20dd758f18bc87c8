/**
 * Session: one WebSocket from its handshake to its end. It owns the stream, and has the reader and the writer of frames, the
 * closing handshake (RFC 6455 §7), the timeouts, and what can hold reading back. User code it knows as SessionSink only.
 *
 * It is longer than 300 lines because all of these turn on one state, which is changed in this file only.
 */
import { type InseamError, isThenable, type Stream, type StreamOwner } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { OVERFLOW, PieceIterator } from '@inseam/engine/pieces';
import {
  type WebSocketProtocolError,
  webSocketError,
  webSocketTransportError,
  webSocketUsageError,
} from './errors.js';
import type { WebSocketSettings } from './options.js';
import { GOING_AWAY, NO_CLOSE } from './protocol/close-code.js';
import type { Agreement } from './protocol/deflate.js';
import { FrameReader, type FrameSink } from './protocol/frame-reader.js';
import { FrameWriter } from './protocol/frame-writer.js';
import type { Message } from './protocol/message.js';
import { ENTIRE_MESSAGE, MessageCutter, type MessageDelimiter } from './protocol/message-cutter.js';
import { PING, PONG } from './protocol/opcodes.js';
import { Pings } from './protocol/pings.js';

/** Whom it tells; the WebSocket's inner side. What it throws is reported here. */
export interface SessionSink {
  readonly name: string;
  onConnect(args: unknown[]): unknown;
  onRead(piece: unknown): unknown;
  onWrite(): unknown;
  onPong(rttMsOrData: number | Buffer): unknown;
  onClose(code: number, reason: string, error: InseamError | null): unknown;
}

export interface SessionParts {
  readonly stream: Stream;
  readonly settings: WebSocketSettings;
  readonly isServer: boolean;
  readonly agreement: Agreement | null;
}

/**
 * `open` until a Close is sent or received; `closing` while the peer's answer to ours is awaited; `ending` when nothing more is
 * sent and the connection is about to be shut; `closed`.
 */
type State = 'open' | 'closing' | 'ending' | 'closed';

/** What waits while reading is held back. */
type Incoming =
  | { readonly data: Buffer; readonly isBinary: boolean }
  | { readonly code: number; readonly reason: string };

export class Session implements StreamOwner, FrameSink {
  readonly stream: Stream;
  readonly #sink: SessionSink;
  readonly #settings: WebSocketSettings;
  readonly #isServer: boolean;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  #state: State = 'open';
  /** What the peer's Close said. */
  #code = NO_CLOSE;
  #reason = '';
  #error: InseamError | null = null;
  /** Since when the peer's answer to Close, or its end, has been awaited. */
  #closingSince = 0;
  /** Whether it is our side that closed, so that writing is a mistake. */
  #closedByUser = false;

  #readDelimiter: MessageDelimiter = ENTIRE_MESSAGE;
  #cutter: MessageCutter | null = null;
  #incoming: Incoming[] = [];
  #isPumping = false;
  #isPausedByUser = false;
  /** A handler's promise is pending. */
  #isAwaited = false;
  #iterator: PieceIterator<unknown> | null = null;
  #isPieceWanted = false;

  #pings: Pings | null = null;
  /** Control frames of the second that began at `#controlSince`. */
  #controlFrames = 0;
  #controlSince = 0;
  /** Bytes that had come and gone when they last moved, for keep-alive. */
  #received = 0;
  #receivedAt = 0;
  #sent = 0;
  #sentAt = 0;
  /** When a ping was sent that nothing has followed, or -1. */
  #awaitingSince = -1;
  /** Messages that a slow peer did not get. */
  dropped = 0;

  constructor(sink: SessionSink, { stream, settings, isServer, agreement }: SessionParts) {
    this.stream = stream;
    this.#sink = sink;
    this.#settings = settings;
    this.#isServer = isServer;
    this.#reader = new FrameReader(this, settings.limits, isServer, agreement?.inflate ?? null);
    this.#writer = new FrameWriter(stream, isServer, agreement);
    this.#receivedAt = this.#sentAt = stream.engine.clock.now();
  }

  /** The stream is ours; `args` go to `onConnect`. */
  begin(args: unknown[]): void {
    this.#writer.onIdle = () => this.#onWriterIdle();
    this.stream.engine.watch(this.stream, this.shortestMs);
    this.#notify('onConnect', () => this.#sink.onConnect(args));
  }

  get shortestMs(): number {
    const { pingIntervalMs, pongTimeoutMs, closeTimeoutMs } = this.#settings.limits;
    return Math.min(pingIntervalMs, pongTimeoutMs, closeTimeoutMs);
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }
  get isClosed(): boolean {
    return this.#state === 'closed';
  }
  get code(): number {
    return this.#code;
  }
  get reason(): string {
    return this.#reason;
  }
  get bufferedAmount(): number {
    return this.#state === 'closed' ? 0 : this.#writer.pendingBytes + this.stream.pendingBytes;
  }

  // Writing -----------------------------------------------------------------------------------------------------

  /** False says to hold back, or that nobody gets it. Throws UsageError after our own `close`. */
  write(message: Message): boolean {
    if (!this.#mayWrite()) return false;
    if (this.bufferedAmount + message.payload.length > this.#settings.limits.maxBufferedBytes) {
      return this.#isTooSlow(message);
    }
    const mayGoOn = this.#writer.message(message);
    return mayGoOn && this.#writer.pendingBytes < this.stream.highWaterMark;
  }

  /** Whether a message that others get, too, is sent to this peer. */
  writeShared(message: Message): boolean {
    if (this.#state !== 'open' || this.stream.closed) return false;
    const { dropped } = this;
    this.write(message);
    return this.dropped === dropped && !this.stream.closed;
  }

  ping(data: Buffer | null): void {
    if (!this.#mayWrite()) return;
    this.#pings ??= new Pings();
    this.#writer.send(PING, data ?? this.#pings.next(this.stream.engine.clock.now(), true));
  }

  async drained(): Promise<void> {
    if (!this.#writer.isIdle) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    await this.stream.drained();
  }

  #whenIdle: (() => void)[] = [];

  #mayWrite(): boolean {
    if (this.#state === 'open' && !this.stream.closed) return true;
    if (this.#closedByUser) throw webSocketUsageError('WEBSOCKET_CLOSED');
    return false;
  }

  /** One message may always wait, however long. */
  #isTooSlow(message: Message): boolean {
    if (this.bufferedAmount === 0) return this.#writer.message(message);
    if (this.#settings.slowReader === 'drop') {
      this.dropped++;
      return false;
    }
    this.#abortFor(webSocketTransportError('WEBSOCKET_SLOW_READER'));
    return false;
  }

  // Reading -----------------------------------------------------------------------------------------------------

  get readDelimiter(): MessageDelimiter {
    return this.#readDelimiter;
  }
  set readDelimiter(delimiter: MessageDelimiter) {
    if (this.#cutter === null && delimiter === ENTIRE_MESSAGE) return;
    this.#cutter ??= new MessageCutter(this.#settings.limits.maxMessageBytes);
    this.#cutter.delimiter = delimiter;
    this.#readDelimiter = delimiter;
    if (!this.#isPumping) this.stream.engine.callback(() => this.#pump());
  }

  set isPaused(isPaused: boolean) {
    this.#isPausedByUser = isPaused;
    this.#holdOrGoOn();
  }

  /** A loop over the pieces; nothing is read between two of its turns. */
  iterate(): AsyncIterableIterator<unknown, undefined> {
    if (this.#iterator !== null) throw webSocketUsageError('WEBSOCKET_READ_IN_USE');
    const iterator = new PieceIterator<unknown>({
      demandPiece: () => {
        this.#isPieceWanted = true;
        this.#holdOrGoOn();
      },
      leave: () => {
        this.#iterator = null;
        this.close(1000, '');
      },
    });
    if (this.#state !== 'open' && this.#incoming.length === 0) {
      iterator.end(this.#error);
      return iterator;
    }
    this.#iterator = iterator;
    this.#isPieceWanted = false;
    this.#holdOrGoOn();
    return iterator;
  }

  get #isHeld(): boolean {
    return this.#isPausedByUser || this.#isAwaited || (this.#iterator !== null && !this.#isPieceWanted);
  }

  /** The stream has read: for the reader. */
  onRead(chunk: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#reader.push(chunk);
    if (this.#isHeld || this.#reader.isBusy) this.stream.pause();
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    // What comes after our Close is passed over, as by browsers.
    if (this.#state !== 'open') return;
    if (this.#incoming.length === 0 && this.#cutter === null && !this.#isHeld) {
      this.#give(isBinary ? data : data.toString());
      return;
    }
    this.#incoming.push({ data, isBinary });
    this.#pump();
  }

  onPing(data: Buffer): void {
    if (this.#state !== 'open' || !this.#mayControl()) return;
    this.#writer.send(PONG, data);
  }

  onPong(data: Buffer): void {
    if (this.#state !== 'open' || !this.#mayControl()) return;
    const pong = this.#pings?.answer(data, this.stream.engine.clock.now()) ?? data;
    if (pong !== 'keep-alive') this.#notify('onPong', () => this.#sink.onPong(pong));
  }

  onReady(): void {
    if (!this.#isHeld) this.stream.resume();
  }

  /** Calls the handler. Everything that was read before is with it already. */
  #give(piece: unknown): void {
    const iterator = this.#iterator;
    if (iterator !== null) {
      this.#isPieceWanted = false;
      iterator.onPiece(piece);
      return;
    }
    let result: unknown;
    try {
      result = this.#sink.onRead(piece);
    } catch (error) {
      this.#report('onRead threw', error);
      return;
    }
    if (!isThenable(result)) return;
    this.#isAwaited = true;
    this.#holdOrGoOn();
    const goOn = () => {
      this.#isAwaited = false;
      this.#holdOrGoOn();
    };
    result.then(goOn, (error) => {
      this.#report('onRead rejected', error);
      goOn();
    });
  }

  /** Hands on what waits, in order, as far as it may. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#isHeld && this.#state === 'open') {
        const piece = this.#nextPiece();
        if (piece !== NEED_MORE) this.#give(piece);
        else if (!this.#takeIncoming()) break;
      }
    } finally {
      this.#isPumping = false;
    }
  }

  #nextPiece(): unknown {
    const cutter = this.#cutter;
    if (cutter === null || cutter.isEmpty) return NEED_MORE;
    try {
      const piece = cutter.cut();
      if (piece !== OVERFLOW) return piece;
      this.#fail(webSocketError('WEBSOCKET_MESSAGE_TOO_LARGE', 'a piece between two delimiters'));
    } catch (error) {
      this.#failFor(error);
    }
    return NEED_MORE;
  }

  /** Whether something was there. */
  #takeIncoming(): boolean {
    const incoming = this.#incoming.shift();
    if (incoming === undefined) return false;
    if ('code' in incoming) {
      this.#close(incoming.code, incoming.reason);
      return true;
    }
    const { data, isBinary } = incoming;
    if (this.#readDelimiter === ENTIRE_MESSAGE) {
      this.#give(isBinary ? data : data.toString());
      return true;
    }
    try {
      this.#cutter?.push(data, isBinary);
    } catch (error) {
      this.#failFor(error);
    }
    return true;
  }

  #holdOrGoOn(): void {
    this.#reader.isHeld = this.#isHeld;
    if (this.#isHeld) {
      this.stream.pause();
      return;
    }
    this.#pump();
    this.#reader.isHeld = this.#isHeld;
    if (!this.#isHeld && !this.#reader.isBusy) this.stream.resume();
  }

  // Closing -----------------------------------------------------------------------------------------------------

  /** RFC 6455 §7.1.2: says Close, and waits for the peer's. What comes meanwhile is passed over. Idempotent. */
  close(code: number, reason: string): void {
    this.#closedByUser = true;
    this.#startClosing(code, reason);
  }

  abort(): void {
    this.#closedByUser = true;
    this.stream.abort();
  }

  /** The engine is stopping. */
  shutdown(): void {
    this.#startClosing(GOING_AWAY, 'going away');
  }

  #startClosing(code: number, reason: string): void {
    if (this.#state !== 'open' || this.stream.closed) return;
    this.#state = 'closing';
    this.#closingSince = this.stream.engine.clock.now();
    this.#writer.sendClose(code, reason);
    // The peer's Close may be among what has come.
    const close = this.#incoming.find((incoming) => 'code' in incoming);
    this.#incoming = [];
    this.#endLoop(null);
    this.#isAwaited = this.#isPausedByUser = false;
    if (close !== undefined && 'code' in close) this.#close(close.code, close.reason);
    else this.#holdOrGoOn();
  }

  /** The peer's Close has come, behind everything that it had to say. */
  onClosing(code: number, reason: string): void {
    if (this.#state === 'open' && (this.#isHeld || this.#incoming.length > 0)) {
      this.#incoming.push({ code, reason });
      this.#pump();
    } else this.#close(code, reason);
  }

  #close(code: number, reason: string): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#code = code;
    this.#reason = reason;
    // RFC 6455 §5.5.1: answered with the same code. A Close that crosses ours is the answer to it.
    if (this.#state === 'open') this.#writer.sendClose(code, '');
    this.#end();
  }

  /** Everything is said. A client lets the server shut the connection, for it has more of them: §7.1.1. */
  #end(): void {
    this.#state = 'ending';
    this.#closingSince = this.stream.engine.clock.now();
    this.#endLoop(this.#error);
    if (!this.#writer.isIdle) return;
    if (this.#isServer || this.#error !== null) this.stream.close();
    else this.stream.resume();
  }

  #onWriterIdle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const wake of waiting) wake();
    if (this.#state === 'ending') this.#end();
  }

  onBroken(error: WebSocketProtocolError): void {
    this.#fail(error);
  }

  /** RFC 6455 §7.1.7: says why, and reads no further. */
  #fail(error: WebSocketProtocolError): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    const peer = this.stream.remoteAddress;
    const from = peer !== null && 'host' in peer ? peer.host : 'a local peer';
    this.stream.logger.warn(`failed the WebSocket with ${from} by ${error.closeCode}`, error);
    this.#error = error;
    this.#incoming = [];
    if (this.#state === 'open') this.#writer.sendClose(error.closeCode, error.message);
    this.#end();
  }

  /** A delimiter of the user's has failed, or the peer. */
  #failFor(error: unknown): void {
    const isPeers = error instanceof Error && 'closeCode' in error;
    if (isPeers) this.#fail(error as WebSocketProtocolError);
    else {
      this.#report('readDelimiter threw', error);
      this.close(1011, 'a message could not be read');
    }
  }

  #abortFor(error: InseamError): void {
    this.#error ??= error;
    this.stream.giveUp(error);
  }

  /** The peer has finished sending, and said no Close. */
  onEnd(): void {
    if (this.#state !== 'ending') this.#error ??= webSocketTransportError('WEBSOCKET_NO_CLOSE');
    this.stream.close();
  }

  onWrite(): void {
    if (this.#state === 'open' && this.#writer.isIdle) this.#notify('onWrite', () => this.#sink.onWrite());
  }

  onClose(reason: InseamError | null): void {
    const hasClose = this.#code !== NO_CLOSE;
    const error = this.#error ?? (hasClose ? null : reason);
    this.#error = error;
    this.#state = 'closed';
    this.#incoming = [];
    this.#reader.close();
    this.#writer.close();
    this.#onWriterIdle();
    this.#endLoop(error);
    this.#notify('onClose', () => this.#sink.onClose(this.#code, this.#reason, error));
  }

  #endLoop(error: InseamError | null): void {
    const iterator = this.#iterator;
    this.#iterator = null;
    iterator?.end(error);
  }

  // Timeouts ----------------------------------------------------------------------------------------------------

  /** For the engine's sweep. */
  checkTimeouts(now: number): void {
    const { closeTimeoutMs } = this.#settings.limits;
    if (this.#state === 'open') this.#keepAlive(now);
    else if (now - this.#closingSince >= closeTimeoutMs) {
      if (this.#state === 'closing') this.#abortFor(webSocketTransportError('WEBSOCKET_CLOSE_TIMEOUT'));
      else this.stream.close();
    }
  }

  /** A ping where one direction is silent: what stands between may drop a connection for either. */
  #keepAlive(now: number): void {
    const { pingIntervalMs, pongTimeoutMs } = this.#settings.limits;
    const { bytesRead, bytesWritten } = this.stream;
    if (bytesRead !== this.#received || this.#isHeld) {
      this.#received = bytesRead;
      this.#receivedAt = now;
      this.#awaitingSince = -1;
    }
    if (bytesWritten !== this.#sent) {
      this.#sent = bytesWritten;
      this.#sentAt = now;
    }
    if (this.#awaitingSince !== -1) {
      if (now - this.#awaitingSince >= pongTimeoutMs) this.#fail(webSocketError('WEBSOCKET_PONG_TIMEOUT'));
      return;
    }
    if (now - Math.min(this.#receivedAt, this.#sentAt) < pingIntervalMs) return;
    this.#pings ??= new Pings();
    this.#writer.send(PING, this.#pings.next(now, false));
    this.#awaitingSince = this.#receivedAt = this.#sentAt = now;
    this.#sent = this.stream.bytesWritten;
  }

  #mayControl(): boolean {
    const now = this.stream.engine.clock.now();
    if (now - this.#controlSince >= 1_000) {
      this.#controlSince = now;
      this.#controlFrames = 0;
    }
    if (++this.#controlFrames <= this.#settings.limits.maxControlFramesPerSecond) return true;
    this.#fail(webSocketError('WEBSOCKET_TOO_MANY_CONTROL_FRAMES'));
    return false;
  }

  // User code ---------------------------------------------------------------------------------------------------

  #notify(handler: string, call: () => unknown): void {
    try {
      const result = call();
      if (isThenable(result)) result.then(undefined, (error) => this.#report(`${handler} rejected`, error));
    } catch (error) {
      this.#report(`${handler} threw`, error);
    }
  }

  #report(what: string, error: unknown): void {
    this.stream.engine.report(error, `${this.#sink.name}.${what}`, this.stream);
  }
}
