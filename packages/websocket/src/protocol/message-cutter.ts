/**
 * MessageCutter: the messages of a WebSocket as a stream of their contents, cut by `readDelimiter` as a Stream's input is. Pure.
 *
 * Text is cut as text: a number counts its code units, a RegExp sees characters, and pieces are strings. What is for
 * bytes only (a Buffer, Struct, NetStruct or a Cutter) refuses text, and text and bytes never make one piece: 1003.
 */
import type { ReadDelimiter } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { type Delimiter, OVERFLOW, ReadBuffer, toDelimiter } from '@inseam/engine/pieces';
import { webSocketError, webSocketUsageError } from '../errors.js';

/** As `readDelimiter`: each message is a piece. */
export const ENTIRE_MESSAGE: unique symbol = Symbol('ENTIRE_MESSAGE');

/** How messages are cut: not at all, or as a Stream's input. */
export type MessageDelimiter = typeof ENTIRE_MESSAGE | ReadDelimiter;

/** Text that has been searched is put aside in pieces of this many code units: to join it anew for every message would take far longer. */
const PUT_ASIDE = 4_096;

/** Text without a match that a RegExp may have to search anew with every message: a Stream's `regExpBufferSize`. */
const SEARCHED_ANEW = 8_192;

export class MessageCutter {
  readonly #limit: number;
  readonly #bytes = new ReadBuffer();
  /** Text in which no delimiter begins, and what follows it. */
  #aside = '';
  #text = '';
  /** Code units of `#text` that are known not to begin the delimiter. */
  #searched = 0;
  /** What the pieces are cut by, checked. */
  #delimiter: MessageDelimiter = null;
  #byteDelimiter: Delimiter = toDelimiter(null);

  /** `limit` is the longest piece, in bytes or code units. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws UsageError for a delimiter that could never cut. */
  set delimiter(delimiter: MessageDelimiter) {
    this.#byteDelimiter = toDelimiter(delimiter === ENTIRE_MESSAGE ? null : delimiter);
    this.#delimiter = delimiter instanceof RegExp ? new RegExp(delimiter) : delimiter;
    this.#text = this.#aside + this.#text;
    this.#aside = '';
    this.#searched = 0;
    this.#bytes.restartSearch();
  }

  get isEmpty(): boolean {
    return this.#textLength === 0 && this.#bytes.length === 0;
  }

  get #textLength(): number {
    return this.#aside.length + this.#text.length;
  }

  /** Adds a message; throws WebSocketProtocolError where it cannot follow what is here. */
  push(data: Buffer, isBinary: boolean): void {
    if (data.length === 0) return;
    if (isBinary ? this.#textLength > 0 : this.#bytes.length > 0) throw webSocketError('WEBSOCKET_DATA_TYPE');
    if (isBinary) {
      this.#bytes.push(data);
      this.#bytes.retain();
    } else this.#text += data.toString();
  }

  /** The next piece, NEED_MORE, or OVERFLOW for one that is too long. Throws WebSocketProtocolError, and what a Cutter throws. */
  cut(): unknown {
    if (this.#bytes.length > 0) return this.#bytes.cut(this.#byteDelimiter, this.#limit);
    const length = this.#textLength;
    if (length === 0) return NEED_MORE;
    const delimiter = this.#delimiter;
    if (delimiter === null || delimiter === ENTIRE_MESSAGE) return this.#take(length, 0);
    if (typeof delimiter === 'number') return length < delimiter ? NEED_MORE : this.#take(delimiter, 0);
    if (typeof delimiter === 'string') return this.#cutAt(delimiter);
    if (delimiter instanceof RegExp) return this.#cutBy(delimiter);
    throw webSocketError('WEBSOCKET_DATA_TYPE');
  }

  #cutAt(delimiter: string): unknown {
    const found = this.#text.indexOf(delimiter, this.#searched);
    if (found === -1) return this.#isNotIn(delimiter.length - 1);
    return this.#aside.length + found > this.#limit ? OVERFLOW : this.#take(found, delimiter.length);
  }

  #cutBy(pattern: RegExp): unknown {
    pattern.lastIndex = 0;
    const match = pattern.exec(this.#searched === 0 ? this.#text : this.#text.slice(this.#searched));
    if (match === null) {
      // What is matched may be twice as long as the pattern: a character can have two code units.
      if (!isUnbounded(this.#byteDelimiter)) return this.#isNotIn(2 * pattern.source.length);
      return this.#text.length > SEARCHED_ANEW ? OVERFLOW : NEED_MORE;
    }
    // It would match there for ever.
    if (match[0] === '') throw webSocketUsageError('WEBSOCKET_DELIMITER', `${pattern} matches empty text`);
    const found = this.#searched + match.index;
    if (this.#aside.length + found > this.#limit) return OVERFLOW;
    const text = this.#take(found, match[0].length);
    return pattern.sticky ? match : text;
  }

  /** The delimiter may begin in the last `reach` code units, but nowhere before. */
  #isNotIn(reach: number): unknown {
    this.#searched = Math.max(this.#searched, this.#text.length - reach);
    if (this.#aside.length + this.#searched > this.#limit) return OVERFLOW;
    if (this.#searched > PUT_ASIDE) {
      this.#aside += this.#text.slice(0, this.#searched);
      this.#text = this.#text.slice(this.#searched);
      this.#searched = 0;
    }
    return NEED_MORE;
  }

  #take(length: number, dropped: number): string {
    const piece = this.#aside + this.#text.slice(0, length);
    this.#text = this.#text.slice(length + dropped);
    this.#aside = '';
    this.#searched = 0;
    return piece;
  }
}

/** Whether a search begins anew with every message, so that the time that a peer can cost grows with the square. */
function isUnbounded(delimiter: Delimiter): boolean {
  return (
    typeof delimiter === 'object' &&
    delimiter !== null &&
    'isUnbounded' in delimiter &&
    delimiter.isUnbounded === true
  );
}
