/**
 * Cuts unread bytes into pieces by a delimiter. Pure. The delimiter is searched from where the last search ended,
 * so any cutting of the input costs linear time.
 */
import { ByteWindow, NEED_MORE } from './byte-window.js';
import type { Delimiter } from './read-delimiter.js';

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

  /** The next piece, the caller's to keep, or NEED_MORE. A delimiter itself is dropped. */
  cut(delimiter: Delimiter): Buffer | typeof NEED_MORE {
    const { bytes, start, end, length } = this.#window;
    if (delimiter === null) return length === 0 ? NEED_MORE : this.#take(length, 0);
    if (typeof delimiter === 'number') return length < delimiter ? NEED_MORE : this.#take(delimiter, 0);
    // What lies behind the end means nothing, and must not be searched time and again.
    const searchable = end === bytes.length ? bytes : bytes.subarray(0, end);
    const found = searchable.indexOf(delimiter, start + this.#searched);
    if (found !== -1) return this.#take(found - start, delimiter.length);
    this.#searched = Math.max(0, length - delimiter.length + 1);
    return NEED_MORE;
  }

  /** Another delimiter is to be looked for: the search starts again. */
  restartSearch(): void {
    this.#searched = 0;
  }

  clear(): void {
    this.#window.clear();
    this.#searched = 0;
  }

  #take(length: number, dropped: number): Buffer {
    const window = this.#window;
    const piece = Buffer.from(window.bytes.subarray(window.start, window.start + length));
    window.start += length + dropped;
    this.#searched = 0;
    return piece;
  }
}
