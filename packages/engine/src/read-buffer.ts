/**
 * Bytes that came and are not delivered yet, as pure data. A chunk is borrowed while it is cut and only what
 * remains is copied, so that input made of whole lines is never copied into the buffer. The buffer grows by
 * doubling and a delimiter is searched from where the last search ended: any cutting of the input costs linear time.
 */
import type { Delimiter } from './read-delimiter.js';

/** "Not enough bytes yet": a value, since it is not a failure. */
export const NEED_MORE: unique symbol = Symbol('NEED_MORE');

const EMPTY = Buffer.alloc(0);

export class ReadBuffer {
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Whether `#bytes` is ours to keep and to write to. */
  #owned = true;
  /** Bytes after `#start` that are known not to begin a delimiter. */
  #searched = 0;

  get length(): number {
    return this.#end - this.#start;
  }

  /** Adds `chunk`, which stays the caller's: `retain()` must follow before it changes. */
  push(chunk: Buffer): void {
    if (this.length === 0) {
      this.#bytes = chunk;
      this.#start = 0;
      this.#end = chunk.length;
      this.#owned = false;
      this.#searched = 0;
      return;
    }
    this.#reserve(chunk.length);
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** The next piece, the caller's to keep, or NEED_MORE. A delimiter itself is dropped. */
  cut(delimiter: Delimiter): Buffer | typeof NEED_MORE {
    if (delimiter === null) return this.length === 0 ? NEED_MORE : this.#take(this.length, 0);
    if (typeof delimiter === 'number') {
      return this.length < delimiter ? NEED_MORE : this.#take(delimiter, 0);
    }
    // What lies behind the end in a grown buffer is nothing, and must not be searched time and again.
    const bytes = this.#end === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#end);
    const found = bytes.indexOf(delimiter, this.#start + this.#searched);
    if (found !== -1) return this.#take(found - this.#start, delimiter.length);
    this.#searched = Math.max(0, this.length - delimiter.length + 1);
    return NEED_MORE;
  }

  /** Another delimiter is to be looked for: the search starts again. */
  restartSearch(): void {
    this.#searched = 0;
  }

  /** Copies what remains of a borrowed chunk, and lets go of memory that is not needed. */
  retain(): void {
    if (this.length === 0) {
      this.clear();
    } else if (!this.#owned) {
      this.#bytes = Buffer.from(this.#bytes.subarray(this.#start, this.#end));
      this.#end -= this.#start;
      this.#start = 0;
      this.#owned = true;
    }
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#start = this.#end = this.#searched = 0;
    this.#owned = true;
  }

  #take(length: number, dropped: number): Buffer {
    const piece = Buffer.from(this.#bytes.subarray(this.#start, this.#start + length));
    this.#start += length + dropped;
    this.#searched = 0;
    return piece;
  }

  /** Makes room for `more` bytes behind the end. */
  #reserve(more: number): void {
    const needed = this.length + more;
    if (this.#owned && this.#end + more <= this.#bytes.length) return;
    const grown =
      this.#owned && needed <= this.#bytes.length / 2
        ? this.#bytes // half of it is already delivered: move up instead of growing
        : Buffer.allocUnsafeSlow(Math.max(needed * 2, 256));
    this.#bytes.copy(grown, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#bytes = grown;
    this.#owned = true;
  }
}
