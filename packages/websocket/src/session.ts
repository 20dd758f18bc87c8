/**
 * Session: one WebSocket from its handshake to its end. It owns the stream, and has the reader and the writer of frames, the closing
 * handshake (RFC 6455 §7) and the timeouts. User code it knows as SessionSink only.
 *
 * It is longer than 300 lines because writing, reading, closing and failing all turn on one state, which is changed in
 * this file only.
 */
import {
  type InseamError,
  isThenable,
  type Stream,
  type StreamOwner,
  type TimerHandle,
} from '@inseam/engine';
import type { HTTPRequest } from '@inseam/http';
import {
  WebSocketProtocolError,
  webSocketError,
  webSocketTransportError,
  webSocketUsageError,
} from './errors.js';
import { Inbox, type InboxSink } from './inbox.js';
import type { WebSocketSettings } from './options.js';
import { GOING_AWAY, INTERNAL_ERROR, NO_CLOSE, NORMAL } from './protocol/close-code.js';
import type { Agreement } from './protocol/deflate.js';
import { FrameReader, type FrameSink } from './protocol/frame-reader.js';
import { FrameWriter } from './protocol/frame-writer.js';
import { KeepAlive } from './protocol/keep-alive.js';
import type { Message } from './protocol/message.js';
import type { MessageDelimiter } from './protocol/message-cutter.js';
import { PING, PONG } from './protocol/opcodes.js';
import { Pings } from './protocol/pings.js';
import { RateLimit } from './protocol/rate-limit.js';

/** Whom it tells; the WebSocket's inner side. What it throws is reported here. */
export interface SessionSink {
  /** For reports: the name of the user's class. */
  readonly name: string;
  /** For the log: who is at the other end. */
  readonly peer: string;
  /** Whether there is an `onRead` of the user's. */
  readonly isHeard: boolean;
  /** Whether it is WebSocket itself, which only a loop can read. */
  readonly isPlain: boolean;
  onConnect(args: unknown[]): unknown;
  onRead(piece: unknown): unknown;
  onWrite(): unknown;
  onPong(rttMsOrData: number | Buffer): unknown;
  /** Nothing can be written any more. */
  onLeaving(): void;
  onClose(code: number, reason: string, error: InseamError | null): unknown;
}

export interface SessionParts {
  readonly stream: Stream;
  readonly settings: WebSocketSettings;
  readonly isServer: boolean;
  readonly agreement: Agreement | null;
}

/** What a handshake has settled. */
export interface Opening extends SessionParts {
  readonly protocol: string;
  readonly extensions: string;
  readonly request: HTTPRequest | null;
}

/** How long more than `maxBufferedBytes` may wait. A second: what is left then would be a second late. */
const PATIENCE_MS = 1_000;

/**
 * `open` until a Close is sent or received; `closing` while the peer's answer to ours is awaited; `ending` when nothing more is
 * said and the connection is about to be shut; `closed`.
 */
type State = 'open' | 'closing' | 'ending' | 'closed';

export class Session implements StreamOwner, FrameSink, InboxSink {
  readonly stream: Stream;
  readonly #sink: SessionSink;
  readonly #settings: WebSocketSettings;
  readonly #isServer: boolean;
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  readonly #inbox: Inbox;
  readonly #keepAlive: KeepAlive;
  #controlFrames: RateLimit | null = null;
  #pings: Pings | null = null;
  #state: State = 'open';
  /** What the peer's Close said. */
  #code = NO_CLOSE;
  #reason = '';
  /** Why it ends otherwise than in good order. */
  #error: InseamError | null = null;
  /** Since when the peer's answer to Close, or the end of its connection, has been awaited. */
  #closingSince = 0;
  /** Bytes that the system had taken when the timeouts were looked at. */
  #taken = 0;
  /** Whether it is the user who closed, so that writing is a mistake. */
  #closedByUser = false;
  #isStopping = false;
  /** Runs out when too much has waited for too long. */
  #patience: TimerHandle | null = null;
  /** Whether `onClose` has been called. */
  #isEndTold = false;
  /** Those who wait for what is being compressed. */
  #waiting: (() => void)[] = [];
  /** Messages that a slow peer did not get. */
  dropped = 0;

  constructor(sink: SessionSink, { stream, settings, isServer, agreement }: SessionParts) {
    const { limits } = settings;
    this.stream = stream;
    this.#sink = sink;
    this.#settings = settings;
    this.#isServer = isServer;
    this.#reader = new FrameReader(this, limits, isServer, agreement?.inflate ?? null);
    this.#writer = new FrameWriter(stream, isServer, agreement);
    this.#inbox = new Inbox(this, limits.maxMessageBytes);
    this.#keepAlive = new KeepAlive(limits, this.#now());
  }

  /** The stream is ours; `args` go to `onConnect`. */
  begin(args: unknown[]): void {
    this.#writer.onIdle = () => this.#onWriterIdle();
    this.stream.engine.watch(this.stream, this.shortestMs);
    this.#notify('onConnect', () => this.#sink.onConnect(args));
  }

  /** The shortest of its timeouts, in milliseconds. */
  get shortestMs(): number {
    const { pingIntervalMs, pongTimeoutMs, closeTimeoutMs } = this.#settings.limits;
    return Math.min(pingIntervalMs, pongTimeoutMs, closeTimeoutMs);
  }
  get isOpen(): boolean {
    return this.#state === 'open';
  }
  get isHeard(): boolean {
    return this.#sink.isHeard;
  }
  get isLoopAwaited(): boolean {
    return this.#sink.isPlain;
  }
  get bufferedAmount(): number {
    return this.#state === 'closed' ? 0 : this.#writer.pendingBytes + this.stream.pendingBytes;
  }
  get readDelimiter(): MessageDelimiter {
    return this.#inbox.readDelimiter;
  }
  set readDelimiter(delimiter: MessageDelimiter) {
    this.#inbox.readDelimiter = delimiter;
  }
  set isPaused(isPaused: boolean) {
    this.#inbox.isPaused = isPaused;
  }

  /** The messages for a loop. */
  iterate(): AsyncIterableIterator<unknown, undefined> {
    const iterator = this.#inbox.iterate();
    if (this.#state === 'closing') this.#inbox.endLoop(null);
    return iterator;
  }

  // Writing -----------------------------------------------------------------------------------------------------

  /** False says to hold back, or that nobody gets it. Throws UsageError after our own `close`. */
  write(message: Message): boolean {
    if (!this.#mayWrite()) return false;
    const isTooMuch = this.#isTooMuch(message.size);
    if (isTooMuch && !this.#mayPileUp()) return false;
    const mayGoOn = this.#writer.message(message);
    return mayGoOn && !isTooMuch && this.#writer.pendingBytes < this.stream.highWaterMark;
  }

  /** One message may always wait, however long. */
  #isTooMuch(more: number): boolean {
    const waiting = this.bufferedAmount;
    return waiting > 0 && waiting + more > this.#settings.limits.maxBufferedBytes;
  }

  /** `write` of a message that others get, too: whether this peer does. */
  writeShared(message: Message): boolean {
    if (this.#state !== 'open' || this.stream.closed) return false;
    const { dropped } = this;
    this.write(message);
    return this.dropped === dropped && !this.stream.closed;
  }

  ping(data: Buffer | null): void {
    if (this.#mayWrite()) this.#sendPing(data, true);
  }

  async drained(): Promise<void> {
    if (!this.#writer.isIdle) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.stream.drained();
  }

  #mayWrite(): boolean {
    if (this.#state === 'open' && !this.stream.closed) return true;
    if (this.#closedByUser) throw webSocketUsageError('WEBSOCKET_CLOSED');
    return false;
  }

  /** Much that is written at once says nothing of the peer: it is given a moment to take it. */
  #mayPileUp(): boolean {
    if (this.#settings.slowReader === 'drop') {
      this.dropped++;
      return false;
    }
    this.#patience ??= this.stream.engine.defer(PATIENCE_MS, () => {
      this.#patience = null;
      if (this.#isTooMuch(0)) this.#giveUpOnSlow();
    });
    return true;
  }

  #giveUpOnSlow(): void {
    const error = webSocketTransportError('WEBSOCKET_SLOW_READER');
    this.stream.logger.warn(`dropped the WebSocket with ${this.#sink.peer}`, error);
    this.#abortFor(error);
  }

  /** Without data, one whose pong is timed; `isAsked` when it is the user who wants to know. */
  #sendPing(data: Buffer | null, isAsked: boolean): void {
    if (data === null) this.#pings ??= new Pings();
    this.#writer.send(PING, data ?? (this.#pings as Pings).next(this.#now(), isAsked));
  }

  #onWriterIdle(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
    if (this.#state === 'ending') this.#end();
  }

  /** The stream is drained. */
  onWrite(): void {
    if (this.#state !== 'open' || !this.#writer.isIdle) return;
    // Too often for a closure.
    try {
      this.#observe('onWrite', this.#sink.onWrite());
    } catch (error) {
      this.#report('onWrite threw', error);
    }
  }

  // Reading -----------------------------------------------------------------------------------------------------

  /** The stream has read. */
  onRead(chunk: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#reader.push(chunk);
    if (this.#reader.isBusy) this.stream.pause();
  }

  /** The reader can go on. */
  onReady(): void {
    if (!this.#inbox.isHeld) this.stream.resume();
  }

  onHold(isHeld: boolean): void {
    this.#reader.isHeld = isHeld;
    if (isHeld || this.#reader.isBusy) this.stream.pause();
    else if (!this.#inbox.isHeld) this.stream.resume();
    if (!isHeld) this.#stopIfIdle();
  }

  /** What comes after our Close is passed over, as by browsers. */
  onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'open') this.#inbox.message(data, isBinary);
  }

  onPing(data: Buffer): void {
    if (this.#state !== 'open' || !this.#mayControl()) return;
    // Who takes no pongs needs no more of them: RFC 6455 §5.5.3 asks for the latest ping's only.
    if (this.bufferedAmount < this.#settings.limits.maxBufferedBytes) this.#writer.send(PONG, data);
  }

  onPong(data: Buffer): void {
    if (this.#state !== 'open' || !this.#mayControl()) return;
    const pong = this.#pings?.answer(data, this.#now()) ?? data;
    if (pong !== 'keep-alive') this.#notify('onPong', () => this.#sink.onPong(pong));
  }

  #mayControl(): boolean {
    this.#controlFrames ??= new RateLimit(this.#settings.limits.maxControlFramesPerSecond);
    if (this.#controlFrames.take(this.#now())) return true;
    this.#fail(webSocketError('WEBSOCKET_TOO_MANY_CONTROL_FRAMES'));
    return false;
  }

  onPiece(piece: unknown): unknown {
    try {
      return this.#sink.onRead(piece);
    } catch (error) {
      this.#report('onRead threw', error);
      return undefined;
    }
  }

  onPieceRejected(error: unknown): void {
    this.#report('onRead rejected', error);
  }

  /** The peer has sent what its `readDelimiter` cannot take, or a delimiter of the user's has failed. */
  onUnreadable(error: unknown): void {
    if (error instanceof WebSocketProtocolError) this.#fail(error);
    else {
      this.#report('readDelimiter threw', error);
      this.close(INTERNAL_ERROR, 'a message could not be read');
    }
  }

  onLeft(): void {
    this.close(NORMAL, '');
  }

  handOnSoon(): void {
    this.stream.engine.callback(() => this.#inbox.handOn());
  }

  // Closing -----------------------------------------------------------------------------------------------------

  /** RFC 6455 §7.1.2: says Close, and waits for the peer's. What comes meanwhile is passed over. Idempotent. */
  close(code: number, reason: string): void {
    this.#closedByUser = true;
    this.#startClosing(code, reason);
  }

  abort(): void {
    this.#closedByUser = true;
    // Behind `onClose` only the answer to the peer's Close is on its way.
    if (this.#isEndTold) return;
    this.#hearNoMore();
    this.stream.abort();
  }

  /** The engine is stopping. */
  shutdown(): void {
    this.#isStopping = true;
    this.#closingSince = this.#now();
    this.#stopIfIdle();
  }

  /** What a handler is at work on is finished first, and what had come behind it; for `closeTimeoutMs`. */
  #stopIfIdle(): void {
    if (this.#isStopping && !this.#inbox.isAtWork) this.#startClosing(GOING_AWAY, 'going away');
  }

  #startClosing(code: number, reason: string): void {
    if (this.#state !== 'open' || this.stream.closed) return;
    this.#leave('closing');
    this.#closingSince = this.#now();
    this.#writer.sendClose(code, reason);
    this.#inbox.endLoop(null);
    // The peer's Close may be among what has come.
    const close = this.#inbox.discard();
    if (close === null) this.onHold(false);
    else this.onClosed(close.code, close.reason);
  }

  /** The peer's Close: behind everything that it had to say. */
  onClosing(code: number, reason: string): void {
    if (this.#state === 'open') this.#inbox.closed(code, reason);
    else this.onClosed(code, reason);
  }

  onClosed(code: number, reason: string): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#code = code;
    this.#reason = reason;
    // RFC 6455 §5.5.1: answered with the same. A Close that crosses ours is the answer to it.
    if (this.#state === 'open') this.#writer.sendClose(code, reason);
    this.#end();
  }

  /** Everything is said. A client lets the server shut the connection, which costs whoever is first more: §7.1.1. */
  #end(): void {
    this.#leave('ending');
    this.#closingSince = this.#now();
    this.#inbox.finish(this.#error);
    if (!this.#writer.isIdle) return;
    if (this.#isServer || this.#error !== null) this.stream.close();
    else this.stream.resume();
    if (this.#code !== NO_CLOSE) this.#tellEnd();
  }

  /** With both Closes: a browser whose page has gone keeps the connection for seconds. Else with the end of the connection. */
  #tellEnd(): void {
    if (this.#isEndTold) return;
    this.#isEndTold = true;
    this.#notify('onClose', () => this.#sink.onClose(this.#code, this.#reason, this.#error));
  }

  onBroken(error: WebSocketProtocolError): void {
    this.#fail(error);
  }

  /** RFC 6455 §7.1.7: says why, and reads no further. */
  #fail(error: WebSocketProtocolError): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.stream.logger.warn(`failed the WebSocket with ${this.#sink.peer} by ${error.closeCode}`, error);
    this.#error = error;
    if (this.#state === 'open') this.#writer.sendClose(error.closeCode, error.message);
    this.#end();
  }

  /** Who takes nothing would not take a Close either, and must not keep what waits for it. */
  #giveUpOn(error: WebSocketProtocolError): void {
    if (this.stream.pendingBytes > 0) this.#abortFor(error);
    else this.#fail(error);
  }

  #abortFor(error: InseamError): void {
    this.#error ??= error;
    this.#hearNoMore();
    this.stream.giveUp(error);
  }

  /** What has come and was not handed on is dropped: the end is told later, and nothing before it. */
  #hearNoMore(): void {
    if (this.#state !== 'closed') this.#leave('ending');
    this.#inbox.discard();
  }

  #leave(state: State): void {
    const wasOpen = this.#state === 'open';
    this.#state = state;
    this.#patience?.cancel();
    this.#patience = null;
    if (wasOpen) this.#sink.onLeaving();
  }

  /** The peer has finished sending, and said no Close. */
  onEnd(): void {
    if (this.#state !== 'ending') this.#error ??= webSocketTransportError('WEBSOCKET_NO_CLOSE');
    this.stream.close();
  }

  /** The stream is closed. */
  onClose(reason: InseamError | null): void {
    // Behind the peer's Close it does not matter how the connection went.
    if (this.#code === NO_CLOSE) this.#error ??= reason;
    this.#leave('closed');
    // First, for what closing the reader breaks off is handed to the writer.
    this.#writer.close();
    this.#reader.close();
    this.#onWriterIdle();
    this.#inbox.finish(this.#error);
    this.#tellEnd();
  }

  /** For the engine's sweep. */
  checkTimeouts(now: number): void {
    if (this.#state === 'open') this.#checkAlive(now);
    else if (this.#isTaking() || !this.#writer.isIdle) this.#closingSince = now;
    else if (now - this.#closingSince < this.#settings.limits.closeTimeoutMs) return;
    else if (this.#state === 'closing') this.#abortFor(webSocketTransportError('WEBSOCKET_CLOSE_TIMEOUT'));
    else this.stream.close();
  }

  #checkAlive(now: number): void {
    if (this.#isStopping && now - this.#closingSince >= this.#settings.limits.closeTimeoutMs) {
      this.#startClosing(GOING_AWAY, 'going away');
      return;
    }
    const { bytesRead: received, bytesWritten: sent } = this.stream;
    // A ping stands behind what the peer is still taking: it is there, and cannot answer yet.
    const isTaking = this.#isTaking();
    const isReading = !this.#inbox.isHeld && !this.#reader.isBusy && !isTaking;
    const todo = this.#keepAlive.check({ received, sent, isReading }, now);
    if (todo === 'ping') this.#sendPing(null, false);
    else if (todo === 'timeout') this.#giveUpOn(webSocketError('WEBSOCKET_PONG_TIMEOUT'));
  }

  /** Whether the peer has taken something of what waits since the last time. */
  #isTaking(): boolean {
    const { bytesWritten, pendingBytes } = this.stream;
    const before = this.#taken;
    this.#taken = bytesWritten - pendingBytes;
    return this.#taken !== before && (pendingBytes > 0 || this.#state !== 'open');
  }

  // Behind the scenes -------------------------------------------------------------------------------------------

  #now(): number {
    return this.stream.engine.clock.now();
  }

  #notify(handler: string, call: () => unknown): void {
    try {
      this.#observe(handler, call());
    } catch (error) {
      this.#report(`${handler} threw`, error);
    }
  }

  #observe(handler: string, result: unknown): void {
    if (isThenable(result)) result.then(undefined, (error) => this.#report(`${handler} rejected`, error));
  }

  #report(what: string, error: unknown): void {
    this.stream.engine.report(error, `${this.#sink.name}.${what}`, this.stream);
  }
}
