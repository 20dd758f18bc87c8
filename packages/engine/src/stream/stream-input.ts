/**
 * What a stream has read: cut into pieces, and handed on when it may be. Everything that can hold reading back stands
 * here: the user's pause, a protocol's own, a TLS handshake, a loop that is not asking, a piece that is too long.
 */
import { NEED_MORE } from '../byte-window.js';
import { OVERFLOW, ReadBuffer } from '../delimiters/read-buffer.js';
import { type Delimiter, type ReadDelimiter, sizeOf, toDelimiter } from '../delimiters/read-delimiter.js';
import { RegExpDelimiter } from '../delimiters/regexp-delimiter.js';
import { type InseamError, usageError } from '../errors.js';
import { ENGINE_LIMITS } from '../limits.js';
import type { Transport } from '../transport.js';
import type { PieceIterator, PieceSource } from './piece-iterator.js';

/** Whom the input tells; the stream's inner side. */
export interface InputSink {
  /** Whether the stream is open: nothing is handed on otherwise. */
  readonly isOpen: boolean;
  /** Whether there is an `onRead` to get the pieces. */
  readonly isHeard: boolean;
  onPiece(piece: unknown): void;
  onOverflow(): void;
  onCutError(error: unknown): void;
  /**
   * The peer has finished, and everything before that has been handed on; `isLoop` when to a loop, which has been
   * told.
   */
  onInputEnd(isLoop: boolean): void;
  /** Calls `StreamInput.readOn` in the next turn. */
  readSoon(): void;
}

export class StreamInput implements PieceSource {
  readonly #sink: InputSink;
  readonly #buffer = new ReadBuffer();
  #transport: Transport | null = null;
  #readDelimiter: ReadDelimiter = null;
  #delimiter: Delimiter = null;
  /** Null until it is set. */
  #bufferSize: number | null = null;
  /** The longest piece: `bufferSize`, or what the delimiter raises it to. */
  #limit: number = ENGINE_LIMITS.bufferSize;
  #isPausedByUser = false;
  #isHeld = false;
  #isSecuring = false;
  /** Set while the peer does not take what `onRead` has answered. */
  #isOutputFull = false;
  /** Set while nobody is there to read, and somebody will be. */
  #isUnheard = false;
  /** Set from an overflow until a setting is changed: input must not pile up behind it. */
  #isStuck = false;
  #isCutting = false;
  #iterator: PieceIterator<unknown> | null = null;
  #isPieceWanted = false;
  #peerHasEnded = false;
  #hasToldEnd = false;

  constructor(sink: InputSink) {
    this.#sink = sink;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
    if (this.isPaused) transport.pause();
  }

  get length(): number {
    return this.#buffer.length;
  }

  get readDelimiter(): ReadDelimiter {
    return this.#readDelimiter;
  }
  set readDelimiter(value: ReadDelimiter) {
    this.#delimiter = toDelimiter(value);
    this.#readDelimiter = value;
    this.#limit = Math.max(this.bufferSize, sizeOf(this.#delimiter));
    this.#buffer.restartSearch();
    this.#settingsChanged();
  }

  get bufferSize(): number {
    if (this.#bufferSize !== null) return this.#bufferSize;
    const isCostly = this.#delimiter instanceof RegExpDelimiter && this.#delimiter.isUnbounded;
    return isCostly ? ENGINE_LIMITS.regExpBufferSize : ENGINE_LIMITS.bufferSize;
  }
  set bufferSize(bytes: number) {
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw usageError('ENGINE_BUFFER_SIZE', String(bytes));
    // A handler that sets what did not help must not be asked for ever.
    if (bytes === this.#bufferSize) return;
    this.#bufferSize = bytes;
    this.#limit = Math.max(bytes, sizeOf(this.#delimiter));
    this.#settingsChanged();
  }

  /** Whether the transport is to be paused. */
  get isPaused(): boolean {
    return this.#isPausedByUser || this.#isHeld || this.#isStuck || this.#isOutputFull;
  }

  /** Whether more is wanted at the moment: neither paused nor waiting for a loop to ask. */
  get isReading(): boolean {
    return !this.isPaused && (this.#iterator === null || this.#isPieceWanted);
  }

  /** Whether a loop has taken over that is not asking. */
  get isAbandoned(): boolean {
    return this.#iterator !== null && !this.#isPieceWanted;
  }

  get peerHasEnded(): boolean {
    return this.#peerHasEnded;
  }

  // Holding back ---------------------------------------------------------------------------------------------

  set isPausedByUser(isPaused: boolean) {
    this.#isPausedByUser = isPaused;
    if (!isPaused) this.#isUnheard = false;
    this.#pauseOrGoOn();
  }

  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    this.#pauseOrGoOn();
  }

  /** Whether what is written now is the answer to what is being read. */
  get isCutting(): boolean {
    return this.#isCutting;
  }

  /** A peer that does not take its answers is not read any further, so that they cannot pile up. */
  set isOutputFull(isFull: boolean) {
    if (isFull === this.#isOutputFull) return;
    this.#isOutputFull = isFull;
    this.#pauseOrGoOn();
  }

  /** Pieces wait for a loop, or for an `onRead` that is assigned. */
  holdUntilHeard(): void {
    this.#isUnheard = this.#iterator === null;
  }

  /** What comes from now on is the handshake's. */
  holdForTls(): void {
    this.#isSecuring = true;
  }

  /** What came behind the point where TLS begins: for the handshake. */
  takeForTls(): Buffer {
    this.#isStuck = false;
    return this.#buffer.takeAll();
  }

  /** The handshake is over; what comes now was encrypted. */
  releaseForTls(): void {
    this.#isSecuring = false;
    // A delimiter may remember what it has searched.
    this.#delimiter = toDelimiter(this.#readDelimiter);
    this.#pauseOrGoOn();
  }

  // Handing on -----------------------------------------------------------------------------------------------

  /** A chunk has come; it stays the caller's. */
  take(chunk: Buffer): void {
    this.#buffer.push(chunk);
    this.#cut();
    this.#buffer.retain();
    // Nobody asks for more at the moment: the next chunk would only pile up.
    if (!this.#sink.isOpen || this.#mayCut) return;
    // Who waits to be heard may also have to hear that the peer has finished.
    if (!this.#isUnheard || this.#buffer.length > this.#limit) this.#transport?.pause();
  }

  /** Bytes that come before the next chunk, for a new owner. */
  putBack(bytes: Buffer): void {
    this.#hasToldEnd = false;
    this.#buffer.push(bytes);
    this.#buffer.retain();
    this.#readSoon();
  }

  end(): void {
    this.#peerHasEnded = true;
    this.readOn();
  }

  /** Hands on what has come, and then the peer's end. */
  readOn(): void {
    if (this.#isCutting) return;
    this.#cut();
    this.#buffer.retain();
    // Not before: more would pile up behind a piece that is too long, or that a loop has not asked for.
    if (this.#mayCut) this.#transport?.resume();
    if (!this.#peerHasEnded || !this.#sink.isOpen) return;
    // An end where a handshake should be is the handshake's failure.
    if (this.isPaused || this.#isSecuring) return;
    if (this.#isUnheard && !this.#sink.isHeard && this.#buffer.length > 0) return;
    // A loop that has not asked for what is left will do so.
    const isLoop = this.#iterator !== null;
    if (isLoop && !this.#isPieceWanted) return;
    this.endLoop(null);
    if (this.#hasToldEnd) return;
    this.#hasToldEnd = true;
    this.#sink.onInputEnd(isLoop);
  }

  clear(): void {
    this.#buffer.clear();
  }

  // Loops over the pieces ------------------------------------------------------------------------------------

  /** Pieces go to `iterator` from now on, one for each that it asks for. */
  iterate(iterator: PieceIterator<unknown>): void {
    if (this.#iterator !== null) throw usageError('ENGINE_READ_IN_USE');
    this.#iterator = iterator;
    this.#isPieceWanted = this.#isUnheard = false;
  }

  /** Nothing will follow; a `reason` is thrown into the loop. */
  endLoop(reason: InseamError | null): void {
    const iterator = this.#iterator;
    this.#iterator = null;
    iterator?.end(reason);
  }

  demandPiece(): void {
    this.#isPieceWanted = true;
    this.readOn();
  }

  leave(): void {
    this.endLoop(null);
    // A `close` that is overridden may go on reading.
    if (this.#sink.isOpen) this.#pauseOrGoOn();
  }

  get #mayCut(): boolean {
    if (!this.isReading || this.#isSecuring || !this.#sink.isOpen) return false;
    return !this.#isUnheard || this.#sink.isHeard;
  }

  #cut(): void {
    if (this.#isCutting) return;
    this.#isCutting = true;
    while (this.#mayCut) {
      const piece = this.#nextPiece();
      if (piece === NEED_MORE) break;
      if (this.#iterator === null) {
        this.#sink.onPiece(piece);
      } else {
        this.#isPieceWanted = false;
        this.#iterator.onPiece(piece);
      }
    }
    this.#isCutting = false;
  }

  /** A piece or NEED_MORE; what is wrong with the input is told here. */
  #nextPiece(): unknown {
    let piece: unknown;
    try {
      piece = this.#buffer.cut(this.#delimiter, this.#limit);
    } catch (error) {
      return this.#stick(() => this.#sink.onCutError(error));
    }
    return piece === OVERFLOW ? this.#stick(() => this.#sink.onOverflow()) : piece;
  }

  #stick(tell: () => void): typeof NEED_MORE {
    this.#isStuck = true;
    this.#transport?.pause();
    tell();
    // A handler that changed a setting: not at once, since what it did may not have been enough.
    if (!this.#isStuck) this.#sink.readSoon();
    return NEED_MORE;
  }

  #settingsChanged(): void {
    this.#isStuck = false;
    this.#readSoon();
  }

  #pauseOrGoOn(): void {
    if (this.isPaused) {
      this.#transport?.pause();
      return;
    }
    if (!this.#isSecuring) this.#transport?.resume();
    this.#readSoon();
  }

  /** Something outside a chunk made a cut possible. */
  #readSoon(): void {
    if (!this.#isCutting && (this.#buffer.length > 0 || this.#peerHasEnded)) this.#sink.readSoon();
  }
}
