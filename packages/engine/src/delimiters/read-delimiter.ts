/** What `readDelimiter` may be, and its one check. */
import type { NEED_MORE } from '../byte-window.js';
import { usageError } from '../errors.js';
import { RegExpDelimiter } from './regexp-delimiter.js';

/** What a cutter found at the start of the buffer: the piece, and how many bytes it and its delimiter took. */
export interface Cut<T> {
  readonly data: T;
  readonly consumed: number;
}

/** A delimiter of your own: any object with `cut`. */
export interface Cutter<T = unknown> {
  /**
   * Looks for one piece at the start of `buffer`, which is never empty: everything unread so far, from the same byte
   * on until a piece is found there. Views of it may be kept. Answers NEED_MORE while the piece is incomplete; what
   * it throws goes to `onReadError`.
   */
  cut(buffer: Buffer): Cut<T> | typeof NEED_MORE;
  /** The fewest bytes that a piece takes, where that is known: `bufferSize` is raised to it. */
  readonly size?: number;
}

/**
 * How a stream cuts what it reads, and what `onRead` gets:
 *
 *     null              every chunk as it comes
 *     text or bytes     everything up to it
 *     a number          that many bytes
 *     a RegExp          everything up to a match anywhere; with the `y` flag, the match at the start
 *     Struct, NetStruct the list of values
 *     another Cutter    what it finds
 */
export type ReadDelimiter = null | string | Uint8Array | number | RegExp | Cutter;

/** A delimiter ready for cutting: text has become bytes, a RegExp a Cutter. */
export type Delimiter = null | Uint8Array | number | Cutter;

/** Checks a delimiter from user code; throws UsageError for one that could never cut, or would cut for ever. */
export function toDelimiter(value: ReadDelimiter): Delimiter {
  if (value === null) return null;
  if (typeof value === 'string' && value.length > 0) return Buffer.from(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  if (value instanceof Uint8Array && value.length > 0) return Buffer.from(value);
  if (value instanceof RegExp) return new RegExpDelimiter(value);
  if (isCutter(value) && (leastSize(value) ?? 1) > 0) return value;
  throw usageError('ENGINE_READ_DELIMITER', typeof value === 'object' ? 'object' : String(value));
}

/** The fewest bytes that a piece takes, 0 where that is not known. */
export function sizeOf(delimiter: Delimiter): number {
  if (typeof delimiter === 'number') return delimiter;
  return delimiter === null || delimiter instanceof Uint8Array ? 0 : (leastSize(delimiter) ?? 0);
}

function isCutter(value: unknown): value is Cutter {
  return typeof value === 'object' && value !== null && 'cut' in value && typeof value.cut === 'function';
}

function leastSize(cutter: Cutter & { readonly minimumSize?: number }): number | undefined {
  return cutter.size ?? cutter.minimumSize;
}
