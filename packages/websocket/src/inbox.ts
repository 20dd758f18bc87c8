/**
 * Inbox: what has come and is for the user, messages and then the peer's Close, handed on in order and one at a time. Everything
 * that can hold reading back stands here: the user's pause, a handler whose promise is pending, a loop that is not asking.
 */
import { isThenable } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { OVERFLOW, PieceIterator } from '@inseam/engine/pieces';
import { webSocketError, webSocketUsageError } from './errors.js';
import { ENTIRE_MESSAGE, MessageCutter, type MessageDelimiter } from './protocol/message-cutter.js';

/** Whom it tells. */
export interface InboxSink {
  /** Whether messages are wanted: not after our own Close. */
  readonly isOpen: boolean;
  /** Calls the user's handler; what that throws is reported there. */
  onPiece(piece: unknown): unknown;
  onPieceRejected(error: unknown): void;
  /** The peer's Close, behind everything that came before it. */
  onClosed(code: number, reason: string): void;
  /** A message could not be cut. */
  onUnreadable(error: unknown): void;
  /** Reading is to be held back from now on, or to go on. */
  onHold(isHeld: boolean): void;
  /** A loop was left before its end. */
  onLeft(): void;
  /** Calls `Inbox.handOn` in the next turn. */
  handOnSoon(): void;
}

type Incoming =
  | { readonly data: Buffer; readonly isBinary: boolean }
  | { readonly code: number; readonly reason: string };

export class Inbox {
  readonly #sink: InboxSink;
  /** The longest piece. */
  readonly #limit: number;
  #waiting: Incoming[] = [];
  #readDelimiter: MessageDelimiter = ENTIRE_MESSAGE;
  /** Made for the first other delimiter. */
  #cutter: MessageCutter | null = null;
  #isHandingOn = false;
  #isPausedByUser = false;
  /** A handler's promise is pending. */
  #isAwaited = false;
  #iterator: PieceIterator<unknown> | null = null;
  #isPieceWanted = false;

  constructor(sink: InboxSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** After our own Close nothing is: the peer's must be read. */
  get isHeld(): boolean {
    if (!this.#sink.isOpen) return false;
    return this.#isPausedByUser || this.#isAwaited || (this.#iterator !== null && !this.#isPieceWanted);
  }

  get readDelimiter(): MessageDelimiter {
    return this.#readDelimiter;
  }
  /** Throws UsageError for a delimiter that could not cut. */
  set readDelimiter(delimiter: MessageDelimiter) {
    if (this.#cutter === null && delimiter === ENTIRE_MESSAGE) return;
    this.#cutter ??= new MessageCutter(this.#limit);
    this.#cutter.delimiter = delimiter;
    this.#readDelimiter = delimiter;
    if (!this.#isHandingOn && !this.#cutter.isEmpty) this.#sink.handOnSoon();
  }

  set isPaused(isPaused: boolean) {
    this.#isPausedByUser = isPaused;
    this.#holdOrGoOn();
  }

  // What comes --------------------------------------------------------------------------------------------------

  message(data: Buffer, isBinary: boolean): void {
    if (this.#waiting.length === 0 && this.#cutter === null && !this.isHeld) {
      this.#give(isBinary ? data : data.toString());
      return;
    }
    this.#waiting.push({ data, isBinary });
    this.handOn();
  }

  closed(code: number, reason: string): void {
    this.#waiting.push({ code, reason });
    this.handOn();
  }

  /** Hands on what waits, in order, as far as it may. */
  handOn(): void {
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    while (!this.isHeld && this.#sink.isOpen) {
      const piece = this.#nextPiece();
      if (piece !== NEED_MORE) this.#give(piece);
      else if (!this.#takeWaiting()) break;
    }
    this.#isHandingOn = false;
  }

  /** Nothing more is wanted of what waits; answers the peer's Close if that is among it. */
  discard(): { readonly code: number; readonly reason: string } | null {
    const close = this.#waiting.find((incoming) => 'code' in incoming);
    this.#waiting = [];
    this.#isAwaited = this.#isPausedByUser = false;
    return close !== undefined && 'code' in close ? close : null;
  }

  // Loops -------------------------------------------------------------------------------------------------------

  /** One piece for each turn of a loop. Throws UsageError while there is another. */
  iterate(): PieceIterator<unknown> {
    if (this.#iterator !== null) throw webSocketUsageError('WEBSOCKET_READ_IN_USE');
    const iterator = new PieceIterator<unknown>({
      demandPiece: () => {
        this.#isPieceWanted = true;
        this.#holdOrGoOn();
      },
      leave: () => {
        this.#iterator = null;
        this.#sink.onLeft();
      },
    });
    this.#iterator = iterator;
    this.#isPieceWanted = false;
    this.#holdOrGoOn();
    return iterator;
  }

  /** Nothing will follow; an `error` is thrown into the loop. */
  endLoop(error: Error | null): void {
    const iterator = this.#iterator;
    this.#iterator = null;
    iterator?.end(error as Parameters<PieceIterator<unknown>['end']>[0]);
  }

  // Behind the scenes -------------------------------------------------------------------------------------------

  #give(piece: unknown): void {
    if (this.#iterator !== null) {
      this.#isPieceWanted = false;
      this.#iterator.onPiece(piece);
      if (this.isHeld) this.#sink.onHold(true);
      return;
    }
    const result = this.#sink.onPiece(piece);
    if (!isThenable(result)) return;
    this.#isAwaited = true;
    this.#sink.onHold(this.isHeld);
    const goOn = () => {
      this.#isAwaited = false;
      this.#holdOrGoOn();
    };
    result.then(goOn, (error) => {
      this.#sink.onPieceRejected(error);
      goOn();
    });
  }

  #nextPiece(): unknown {
    const cutter = this.#cutter;
    if (cutter === null || cutter.isEmpty) return NEED_MORE;
    try {
      const piece = cutter.cut();
      if (piece !== OVERFLOW) return piece;
      this.#sink.onUnreadable(
        webSocketError('WEBSOCKET_MESSAGE_TOO_LARGE', 'a piece between two delimiters'),
      );
    } catch (error) {
      this.#sink.onUnreadable(error);
    }
    return NEED_MORE;
  }

  /** Whether something was there. */
  #takeWaiting(): boolean {
    const incoming = this.#waiting.shift();
    if (incoming === undefined) return false;
    if ('code' in incoming) {
      this.#sink.onClosed(incoming.code, incoming.reason);
      return true;
    }
    const { data, isBinary } = incoming;
    if (this.#cutter === null || this.#readDelimiter === ENTIRE_MESSAGE) {
      this.#give(isBinary ? data : data.toString());
      return true;
    }
    try {
      this.#cutter.push(data, isBinary);
    } catch (error) {
      this.#sink.onUnreadable(error);
    }
    return true;
  }

  #holdOrGoOn(): void {
    if (!this.isHeld) this.handOn();
    this.#sink.onHold(this.isHeld);
  }
}
