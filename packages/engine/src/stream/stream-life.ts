/**
 * The life of a stream: idle → connecting → open → closing → closed. Opening, TLS, ending and closing all turn on
 * that one state, which is changed in this file only, and that is why it is longer than 300 lines. It hears what the
 * transport says, and knows no user code.
 */
import { type EngineErrorCode, InseamError, transportError, usageError } from '../errors.js';
import { ENGINE_LIMITS } from '../limits.js';
import { type TlsHandshake, tlsFailure } from '../tls/tls-handshake.js';
import type { Transport, TransportSink } from '../transport.js';
import type { StreamInput } from './stream-input.js';
import type { StreamOutput } from './stream-output.js';
import { StreamTimeouts, type WaitingPhase } from './stream-timeouts.js';

export type StreamState = 'idle' | 'connecting' | 'open' | 'closing' | 'closed';

/** Whom it tells; the stream's inner side. */
export interface LifeSink {
  onConnect(): void;
  onTlsHandshake(): void;
  onTlsHandshakeError(error: InseamError): void;
  onConnectError(error: InseamError): void;
  /** A chunk has come to the open stream; valid during this call. */
  onChunk(chunk: Buffer): void;
  /** Everything written is with the system. */
  onWrite(): void;
  onTimeout(error: InseamError): void;
  /** It will not open, or not any more: for whoever waits for that. */
  onAbandoned(error: InseamError): void;
  onClose(reason: InseamError | null): void;
  /** Asks for `checkTimeouts` at least four times in `ms`, not at all for Infinity. Answers the time. */
  watch(ms: number): number;
}

export class StreamLife implements TransportSink {
  readonly #sink: LifeSink;
  readonly #input: StreamInput;
  readonly #output: StreamOutput;
  #state: StreamState = 'idle';
  #transport: Transport | null = null;
  /** The host that was dialled: whose certificate TLS expects. */
  host: string | null = null;
  #handshake: ((host: string | null) => TlsHandshake) | null = null;
  /** From `startTls`, or the connection, until the handshake is over; and while the handshake itself is at work. */
  #isSecuring = false;
  #hasBegunTls = false;
  #hasConnected = false;
  /** Set by `end`, `close` and `abort`: nothing more is written. */
  #isEnding = false;
  /** Set once our FIN is out or on its way, or not to come. */
  #hasEnded = false;
  #closedByUs = false;
  /** Set when it was the user who closed, not a default of ours: then writing is a mistake. */
  #closedByUser = false;
  #reason: InseamError | null = null;
  /** Why connecting was given up, by a timeout or a signal. */
  #failure: InseamError | null = null;
  #timeouts: StreamTimeouts | null = null;
  #bytesRead = 0;
  /** Bytes that came after `close`. */
  #discarded = 0;

  constructor(sink: LifeSink, input: StreamInput, output: StreamOutput) {
    this.#sink = sink;
    this.#input = input;
    this.#output = output;
  }

  get state(): StreamState {
    return this.#state;
  }
  get transport(): Transport | null {
    return this.#transport;
  }
  /** Why it ended, or is about to; null for good order. */
  get reason(): InseamError | null {
    return this.#reason;
  }
  get hasConnected(): boolean {
    return this.#hasConnected;
  }
  get connected(): boolean {
    return this.#state === 'open' || this.#state === 'closing';
  }
  get closed(): boolean {
    return this.#state === 'closing' || this.#state === 'closed';
  }
  get bytesRead(): number {
    return this.#bytesRead;
  }
  /** Made when the first timeout is asked for or needed: most streams live without. */
  get timeouts(): StreamTimeouts {
    this.#timeouts ??= new StreamTimeouts();
    return this.#timeouts;
  }
  get hasTimeouts(): boolean {
    return this.#timeouts !== null;
  }

  /** Whether something can be written; throws UsageError where it is our own side that does not allow it. */
  mayWrite(): boolean {
    if (this.#state === 'open' && !this.#isEnding) return true;
    if (this.#state === 'idle' || this.#state === 'connecting') throw usageError('ENGINE_NOT_CONNECTED');
    if (this.#closedByUser) throw usageError('ENGINE_STREAM_CLOSED');
    return false;
  }

  // Opening and TLS -------------------------------------------------------------------------------------------

  /** `connectMs` is how long whatever comes before `onConnect` may take. */
  attach(transport: Transport, connectMs: number | undefined): void {
    this.#state = 'connecting';
    this.#transport = transport;
    this.#input.attach(transport);
    this.#output.attach(transport);
    transport.open(this);
    // An accepted connection stands already, as a rule: it needs no timeouts yet.
    if (this.#state !== 'connecting') return;
    if (connectMs !== undefined) this.timeouts.connectMs = connectMs;
    this.watch();
  }

  /** Begins before the connection stands, or behind everything written so far. Throws UsageError for a second call. */
  startTls(handshake: (host: string | null) => TlsHandshake): void {
    if (this.#handshake !== null) throw usageError('ENGINE_TLS_IN_USE');
    this.#handshake = handshake;
    if (this.#state !== 'open') return;
    this.#isSecuring = true;
    this.#input.holdForTls();
    this.#output.pushMoment(() => this.#beginTls(handshake));
    this.watch();
  }

  /** Ends what is being made, the connection or the handshake; `onClose` follows with `failure`. */
  giveUpConnecting(failure: InseamError): void {
    this.#failure ??= failure;
    this.#transport?.abort();
  }

  #beginTls(handshake: (host: string | null) => TlsHandshake): void {
    this.#isSecuring = this.#hasBegunTls = true;
    this.#input.holdForTls();
    try {
      // An end that has come already would be awaited by the handshake in vain.
      if (this.#input.peerHasEnded)
        throw transportError('ENGINE_TLS_HANDSHAKE', new Error('the peer has finished'));
      this.#transport?.startTls(handshake(this.host), this.#input.takeForTls());
    } catch (error) {
      const isOurs = error instanceof InseamError;
      this.giveUpConnecting(isOurs ? error : transportError('ENGINE_TLS_HANDSHAKE', error as Error));
    }
  }

  #open(): void {
    this.#state = 'open';
    this.#hasConnected = true;
    this.watch();
    this.#sink.onConnect();
  }

  // Ending ------------------------------------------------------------------------------------------------------

  /** Hands on what was written; a handshake's own bytes let nothing in between. */
  flush(): void {
    if (this.connected && !this.#hasBegunTls) this.#output.flush();
  }

  end(): void {
    if (this.#isEnding || !this.mayWrite()) return;
    this.#isEnding = this.#closedByUser = true;
    this.flush();
    this.#endOutput();
  }

  /** `byUser` is false for the engine's and the default handlers' closing, which no program can know of in time. */
  close(flush: boolean, byUser: boolean): void {
    this.#closedByUser ||= byUser;
    if (this.closed && flush) return;
    if (!flush || this.#state !== 'open') {
      this.abort(null, byUser);
      return;
    }
    this.#closedByUs = this.#isEnding = true;
    this.#state = 'closing';
    this.#input.clear();
    this.#input.endLoop(this.#reason);
    this.flush();
    // A paused transport would not see the peer's end.
    if (!this.#isSecuring) this.#transport?.resume();
    this.#endOutput();
    this.watch();
  }

  /** `close` with something to say to `onClose`. */
  closeFor(reason: InseamError): void {
    this.#reason ??= reason;
    this.close(true, false);
  }

  abort(reason: InseamError | null, byUser = false): void {
    this.#closedByUser ||= byUser;
    if (this.#state === 'closed') return;
    this.#closedByUs = true;
    this.#reason ??= reason;
    this.#input.clear();
    this.#input.endLoop(this.#reason);
    this.#hasEnded = this.#isEnding = true;
    this.#output.clear(this.#lastWord);
    if (this.#transport === null) {
      this.#state = 'closed';
      this.#sink.onAbandoned(this.#lastWord);
      return;
    }
    this.#state = 'closing';
    this.#transport.abort(reason !== null);
  }

  /** What those are told who wait for something that will not come. */
  get #lastWord(): InseamError {
    if (this.#reason !== null) return this.#reason;
    return this.#closedByUs ? usageError('ENGINE_STREAM_CLOSED') : transportError('ENGINE_CONNECTION_LOST');
  }

  /** Shuts our side once everything is sent, when that is what is wanted. */
  #endOutput(): void {
    if (!this.#isEnding || this.#hasEnded || !this.#output.isDrained) return;
    // A handshake that is to be of use must not be broken off by our end.
    if (this.#hasBegunTls && this.#state === 'open') return;
    this.#hasEnded = true;
    this.#transport?.end();
    this.watch();
  }

  // What the transport says -----------------------------------------------------------------------------------

  onOpen(): void {
    // Given up meanwhile, which the transport has not told yet.
    if (this.#state !== 'connecting' || this.#failure !== null) return;
    if (this.#handshake === null) this.#open();
    else this.#beginTls(this.#handshake);
  }

  onSecure(): void {
    this.#isSecuring = this.#hasBegunTls = false;
    this.#input.releaseForTls();
    // Closed meanwhile: a paused transport would not see the peer's end.
    if (this.#state === 'closing') this.#transport?.resume();
    this.#sink.onTlsHandshake();
    if (this.#failure !== null) return;
    if (this.#state === 'connecting') {
      this.#open();
      return;
    }
    this.watch();
    this.onDrain();
  }

  onChunk(chunk: Buffer): void {
    this.#bytesRead += chunk.length;
    if (this.#state === 'open') {
      // Between `startTls` and the handshake no protocol may see what comes: it is the handshake's.
      if (this.#isSecuring) this.#input.take(chunk);
      else this.#sink.onChunk(chunk);
    } else if (this.#state === 'closing') {
      // Nobody wants it any more; somebody who sends without end is not waited for.
      this.#discarded += chunk.length;
      if (this.#discarded > ENGINE_LIMITS.lingerBytes) this.abort(null);
    }
  }

  onDrain(): void {
    const output = this.#output;
    if (!output.isEmpty) {
      this.flush();
      output.wake();
      if (output.isLow) this.#input.isOutputFull = false;
      return;
    }
    output.wake();
    this.#input.isOutputFull = false;
    this.#endOutput();
    if (!output.hasSent || this.#state !== 'open') return;
    output.hasSent = false;
    this.#sink.onWrite();
  }

  onEnd(): void {
    if (this.#state === 'closing' && this.#hasEnded) this.abort(null);
    else this.#input.end();
  }

  onClose(error: Error | null): void {
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'closed';
    this.#input.clear();
    if (this.#isSecuring && !this.#closedByUs) this.#fail('ENGINE_TLS_HANDSHAKE', error);
    else if (wasConnecting && !this.#closedByUs) this.#fail('ENGINE_CONNECT_FAILED', error);
    else if (error !== null && !(this.#closedByUs && this.#hasEnded)) {
      this.#reason ??= transportError('ENGINE_CONNECTION_LOST', error, tlsFailure(error));
    }
    this.#reason ??= this.#failure;
    this.#output.clear(this.#lastWord);
    this.#input.endLoop(this.#reason);
    this.#sink.onAbandoned(this.#lastWord);
    this.#sink.onClose(this.#reason);
  }

  /** The connection, or its TLS, could not be made. */
  #fail(code: 'ENGINE_TLS_HANDSHAKE' | 'ENGINE_CONNECT_FAILED', cause: Error | null): void {
    let error = this.#failure;
    if (error === null && cause instanceof InseamError) error = cause;
    error ??= cause === null ? transportError(code) : transportError(code, cause, tlsFailure(cause));
    this.#reason = error;
    if (code === 'ENGINE_TLS_HANDSHAKE') this.#sink.onTlsHandshakeError(error);
    else this.#sink.onConnectError(error);
  }

  // Timeouts ----------------------------------------------------------------------------------------------------

  /** Ends what has waited too long; `now` is the engine's time. */
  checkTimeouts(now: number): void {
    const phase = this.#phase;
    const code = phase === null || this.#timeouts === null ? null : this.#check(phase, now);
    if (code === null) return;
    const error = transportError(code);
    if (phase === 'connecting') this.giveUpConnecting(error);
    else if (phase === 'open') this.#sink.onTimeout(error);
    else this.abort(phase === 'sending' ? error : null);
  }

  /** Sees to it that the timeouts which count now are looked at, from now on. */
  watch(): void {
    const phase = this.#phase;
    if (phase === null) return;
    if (phase === 'open' && this.#timeouts === null) {
      // As most streams are.
      this.#sink.watch(Number.POSITIVE_INFINITY);
      return;
    }
    const { connectMs, shortestMs } = this.timeouts;
    const closingMs = ENGINE_LIMITS.lingerTimeoutMs;
    const ms = phase === 'connecting' ? connectMs : phase === 'open' ? shortestMs : closingMs;
    this.#check(phase, this.#sink.watch(ms));
  }

  get #phase(): WaitingPhase | null {
    if (this.#state === 'connecting') return 'connecting';
    if (this.#state !== 'open' && this.#state !== 'closing') return null;
    if (this.#state === 'closing' && this.#hasEnded) return 'lingering';
    if (this.#isSecuring) return 'connecting';
    return this.#state === 'open' ? 'open' : 'sending';
  }

  #check(phase: WaitingPhase, now: number): EngineErrorCode | null {
    const { total, pendingBytes: pending } = this.#output;
    const { isReading } = this.#input;
    const progress = { phase, received: this.#bytesRead, sent: total - pending, pending, isReading };
    return this.timeouts.check(progress, now);
  }
}
