/**
 * MessageCutter: the messages of a WebSocket as a stream of their contents, cut by `readDelimiter` as a Stream's input is. Pure.
 *
 * Text is cut as text: a number counts its code units, a RegExp sees characters, and pieces are strings. What is for
 * bytes only (a Buffer, Struct, NetStruct or a Cutter) refuses text, and text and bytes never make one piece: 1003.
 */
import { ENGINE_LIMITS, type ReadDelimiter } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { OVERFLOW, ReadBuffer, toDelimiter } from '@inseam/engine/pieces';
import { webSocketError } from '../errors.js';

/** As `readDelimiter`: each message is a piece. */
export const ENTIRE_MESSAGE: unique symbol = Symbol('ENTIRE_MESSAGE');

/** How messages are cut: not at all, or as a Stream's input. */
export type MessageDelimiter = typeof ENTIRE_MESSAGE | ReadDelimiter;

export class MessageCutter {
  readonly #limit: number;
  readonly #bytes = new ReadBuffer();
  #text = '';
  /** Code units of `#text` that are known not to begin the delimiter. */
  #searched = 0;
  /** What the pieces are cut by, checked. */
  #delimiter: MessageDelimiter = null;
  #byteDelimiter = toDelimiter(null);

  /** `limit` is the longest piece, in bytes or code units. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Throws UsageError for a delimiter that could never cut. */
  set delimiter(delimiter: MessageDelimiter) {
    this.#byteDelimiter = toDelimiter(delimiter === ENTIRE_MESSAGE ? null : delimiter);
    this.#delimiter = delimiter;
    this.#searched = 0;
    this.#bytes.restartSearch();
  }

  get isEmpty(): boolean {
    return this.#text.length === 0 && this.#bytes.length === 0;
  }

  /** Adds a message; throws WebSocketProtocolError where it cannot follow what is here. */
  push(data: Buffer, isBinary: boolean): void {
    if (data.length === 0) return;
    if (isBinary ? this.#text.length > 0 : this.#bytes.length > 0)
      throw webSocketError('WEBSOCKET_DATA_TYPE');
    if (isBinary) {
      this.#bytes.push(data);
      this.#bytes.retain();
    } else this.#text += data.toString();
  }

  /** The next piece, NEED_MORE, or OVERFLOW for one that is too long. Throws WebSocketProtocolError, and what a Cutter throws. */
  cut(): unknown {
    if (this.#bytes.length > 0) return this.#bytes.cut(this.#byteDelimiter, this.#limit);
    const { length } = this.#text;
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
    if (found !== -1) return found > this.#limit ? OVERFLOW : this.#take(found, delimiter.length);
    this.#searched = Math.max(0, this.#text.length - delimiter.length + 1);
    return this.#searched > this.#limit ? OVERFLOW : NEED_MORE;
  }

  #cutBy(pattern: RegExp): unknown {
    const search = new RegExp(pattern);
    search.lastIndex = 0;
    const match = search.exec(this.#text);
    // A search begins anew with every message, so what a peer can have searched is less than a message.
    if (match === null) return this.#text.length > ENGINE_LIMITS.bufferSize ? OVERFLOW : NEED_MORE;
    const text = this.#take(match.index, match[0].length);
    return pattern.sticky ? match : text;
  }

  #take(length: number, dropped: number): string {
    const piece = this.#text.slice(0, length);
    this.#text = this.#text.slice(length + dropped);
    this.#searched = 0;
    return piece;
  }
}
