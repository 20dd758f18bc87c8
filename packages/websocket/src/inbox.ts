/**
 * Inbox: what has come and is for the user, messages and then the peer's Close, handed on in order and one at a time. Everything
 * that can hold reading back stands here: the user's pause, a handler whose promise is pending, a loop that is not asking.
 */
import { ENGINE_LIMITS, type InseamError, isThenable } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { OVERFLOW, PieceIterator } from '@inseam/engine/pieces';
import { webSocketError, webSocketUsageError } from './errors.js';
import { ENTIRE_MESSAGE, MessageCutter, type MessageDelimiter } from './protocol/message-cutter.js';

/** Whom it tells. */
export interface InboxSink {
  /** Whether messages are wanted: not after our own Close. */
  readonly isOpen: boolean;
  /** Whether there is a handler to give them to. */
  readonly isHeard: boolean;
  /** Whether there will be a loop in its place, since nobody has written a class. */
  readonly isLoopAwaited: boolean;
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

/** Bytes of messages that wait for a loop which has not begun. As much as the engine keeps for a delimiter. */
const MAX_UNHEARD_BYTES = ENGINE_LIMITS.bufferSize;
/** What a message takes beside its bytes. */
const MESSAGE_BYTES = 64;

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
  #unheardBytes = 0;
  /** Nobody has asked for so long that messages are passed over. */
  #isDeaf = false;
  /** Set when nothing more will come; what waits is still there for a loop. */
  #end: { readonly error: InseamError | null } | null = null;

  constructor(sink: InboxSink, limit: number) {
    this.#sink = sink;
    this.#limit = limit;
  }

  /** After our own Close nothing is: the peer's must be read. */
  get isHeld(): boolean {
    if (!this.#sink.isOpen) return false;
    if (this.#isUnheard) return this.#isPausedByUser || this.#unheardBytes > MAX_UNHEARD_BYTES;
    return this.#isPausedByUser || this.#isAwaited || (this.#iterator !== null && !this.#isPieceWanted);
  }

  /** Whether a handler is at work, or something waits for it to be done. */
  get isAtWork(): boolean {
    return this.#isAwaited;
  }

  /** Neither a handler nor a loop: what comes waits for the latter. */
  get #isUnheard(): boolean {
    return this.#iterator === null && !this.#sink.isHeard;
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
    if (this.#isUnheard) this.#keep(data, isBinary);
    else if (this.#waiting.length === 0 && this.#cutter === null && !this.isHeld) {
      this.#give(isBinary ? data : data.toString());
    } else {
      this.#waiting.push({ data, isBinary });
      this.handOn();
    }
  }

  /** For a loop that may come. A class that has no handler may never have one, and its peer must not be held up by that. */
  #keep(data: Buffer, isBinary: boolean): void {
    if (this.#isDeaf) return;
    this.#waiting.push({ data, isBinary });
    this.#unheardBytes += data.length + MESSAGE_BYTES;
    if (this.#unheardBytes <= MAX_UNHEARD_BYTES) return;
    if (this.#sink.isLoopAwaited) this.#sink.onHold(true);
    else {
      this.#isDeaf = true;
      this.#unheardBytes = 0;
      this.#waiting = [];
    }
  }

  closed(code: number, reason: string): void {
    if (this.#isUnheard) {
      // Answered at once: there may be nobody who would ever come to it.
      this.#sink.onClosed(code, reason);
      return;
    }
    this.#waiting.push({ code, reason });
    this.handOn();
  }

  /** Hands on what waits, in order, as far as it may. */
  handOn(): void {
    if (this.#isHandingOn) return;
    this.#isHandingOn = true;
    while (!this.isHeld && this.#sink.isOpen && !this.#isUnheard) {
      const piece = this.#nextPiece();
      if (piece !== NEED_MORE) this.#give(piece);
      else if (!this.#takeWaiting()) break;
    }
    this.#isHandingOn = false;
  }

  /** Nothing more will come. What nobody has heard waits for a loop. */
  finish(error: InseamError | null): void {
    this.#end ??= { error };
    if (!this.#isUnheard) this.discard();
    this.endLoop(error);
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
        if (this.#end === null) this.#holdOrGoOn();
        else this.#giveLeft(this.#end.error);
      },
      leave: () => {
        this.#iterator = null;
        this.#sink.onLeft();
      },
    });
    this.#iterator = iterator;
    this.#isPieceWanted = false;
    this.#unheardBytes = 0;
    if (this.#end === null) this.#holdOrGoOn();
    else if (this.#waiting.length === 0) this.endLoop(this.#end.error);
    return iterator;
  }

  /** Nothing will follow; an `error` is thrown into the loop. */
  endLoop(error: InseamError | null): void {
    const iterator = this.#iterator;
    this.#iterator = null;
    iterator?.end(error);
  }

  /** What had come before the end. */
  #giveLeft(error: InseamError | null): void {
    for (;;) {
      const piece = this.#nextPiece();
      if (piece !== NEED_MORE) this.#give(piece);
      else if (!this.#takeWaiting()) break;
      if (!this.#isPieceWanted) return;
    }
    this.endLoop(error);
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
