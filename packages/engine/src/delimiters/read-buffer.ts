/**
 * Cuts unread bytes into pieces by a delimiter. Pure. Text and bytes are searched from where the last search ended, so
 * any cutting of the input costs linear time; and a piece is too long, or is not, however the input was cut.
 */
import { ByteWindow, NEED_MORE } from '../byte-window.js';
import { usageError } from '../errors.js';
import type { Cutter, Delimiter } from './read-delimiter.js';

/** The next piece is, or will be, longer than it may be. */
export const OVERFLOW: unique symbol = Symbol('OVERFLOW');

/**
 * Pieces of so few bytes in all are copied together and cut as views, longer input piece by piece: a short piece that
 * is kept must not keep 64 KiB alive. Half of Node's pool. Of a chunk of 16 lines of 32 bytes, a line takes 0.18 µs as
 * a view and 0.32 as a copy of its own (Node 20).
 */
const COPIED_TOGETHER = 4_096;

export class ReadBuffer {
  readonly #window = new ByteWindow();
  /** Bytes after the window's start that are known not to begin a delimiter. */
  #searched = 0;

  get length(): number {
    return this.#window.length;
  }

  /** Adds `chunk`, which stays the caller's: `retain()` must follow before it changes. */
  push(chunk: Buffer): void {
    this.#window.push(chunk);
  }

  /** Copies what remains of a borrowed chunk, and lets go of memory that is not needed. */
  retain(): void {
    this.#window.retain();
  }

  /**
   * The next piece, the caller's to keep; or NEED_MORE; or OVERFLOW if it has more than `limit` bytes, its text or
   * byte delimiter not counted. Throws what a Cutter throws, and UsageError (`ENGINE_CUT`) for an answer of its that
   * makes no sense.
   */
  cut(delimiter: Delimiter, limit = Number.POSITIVE_INFINITY): unknown {
    const { length } = this.#window;
    if (delimiter === null) return length === 0 ? NEED_MORE : this.#take(length, 0);
    if (typeof delimiter === 'number') return length < delimiter ? NEED_MORE : this.#take(delimiter, 0);
    if (length === 0) return NEED_MORE;
    return delimiter instanceof Uint8Array ? this.#cutAt(delimiter, limit) : this.#cutBy(delimiter, limit);
  }

  /** Another delimiter is to be looked for: the search starts again. */
  restartSearch(): void {
    this.#searched = 0;
  }

  /** Everything that is unread, the caller's to keep. */
  takeAll(): Buffer {
    this.#searched = 0;
    return this.#window.takeAll();
  }

  clear(): void {
    this.#window.clear();
    this.#searched = 0;
  }

  #cutAt(delimiter: Uint8Array, limit: number): unknown {
    const { bytes, start, end, length } = this.#window;
    // What lies behind the end means nothing, and must not be searched time and again.
    const searchable = end === bytes.length ? bytes : bytes.subarray(0, end);
    const sought = delimiter.length === 1 ? (delimiter[0] as number) : delimiter;
    const found = searchable.indexOf(sought, start + this.#searched);
    if (found !== -1) return found - start > limit ? OVERFLOW : this.#take(found - start, delimiter.length);
    this.#searched = Math.max(0, length - delimiter.length + 1);
    return this.#searched > limit ? OVERFLOW : NEED_MORE;
  }

  #cutBy(cutter: Cutter, limit: number): unknown {
    const window = this.#window;
    window.own();
    const cut = cutter.cut(window.bytes.subarray(window.start, window.end));
    if (cut === NEED_MORE) return window.length > limit ? OVERFLOW : NEED_MORE;
    const consumed = cut?.consumed;
    if (!(Number.isInteger(consumed) && consumed > 0 && consumed <= window.length)) {
      throw usageError('ENGINE_CUT', `consumed: ${consumed}`);
    }
    if (consumed > limit) return OVERFLOW;
    window.start += consumed;
    return cut.data;
  }

  #take(length: number, dropped: number): Buffer {
    const window = this.#window;
    if (window.length <= COPIED_TOGETHER) window.own();
    const view = window.bytes.subarray(window.start, window.start + length);
    const piece = window.bytes.length <= COPIED_TOGETHER ? view : Buffer.from(view);
    window.start += length + dropped;
    this.#searched = 0;
    return piece;
  }
}
