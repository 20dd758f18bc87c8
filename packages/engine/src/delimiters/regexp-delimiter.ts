/**
 * A regular expression as a read delimiter. Bytes are matched as latin1, one character each, so that places in the
 * text are places in the buffer. Without the `y` flag the text before a match is cut, with it the match at the start
 * is the piece.
 *
 * A match counts as soon as it is there: `/\n+/` may be cut after its first newline if the second is still on its
 * way.
 */
import { NEED_MORE } from '../byte-window.js';
import { usageError } from '../errors.js';
import type { Cut, Cutter } from './read-delimiter.js';

type Piece = Cut<Buffer | RegExpExecArray>;

/**
 * Every character there is, twice, and line ends: a pattern with an empty match has one here, unless it looks for
 * longer text.
 */
const EVERY_CHARACTER = `${String.fromCharCode(...Array(256).keys()).repeat(2)}\r\n\r\n`;

/** Such patterns match no more characters than they have themselves, and look at nothing around the match. */
const BOUNDED = /^(?:\\[^bBkpPc1-9]|[^\\*+{^$(]|\((?!\?)|\(\?:)*$/s;

export class RegExpDelimiter implements Cutter<Buffer | RegExpExecArray> {
  readonly #pattern: RegExp;
  /** How far before the newest bytes a match can begin; Infinity where that cannot be told. */
  readonly #reach: number;
  /** Bytes after the start that are known not to begin a match. */
  #searched = 0;
  /** The rest of the latest chunk as text, kept while pieces are cut from it: a chunk is decoded once. */
  #text = '';

  /** Whether a search begins anew with every chunk. */
  get isUnbounded(): boolean {
    return this.#reach === Number.POSITIVE_INFINITY;
  }

  /**
   * Throws UsageError for a pattern that can match empty text, which would cut for ever. One that looks for longer text around its empty
   * match than is tried here is refused when it finds it.
   */
  constructor({ source, flags, sticky }: RegExp) {
    this.#pattern = new RegExp(source, flags);
    this.#reach = !sticky && BOUNDED.test(source) ? source.length - 1 : Number.POSITIVE_INFINITY;
    const probe = new RegExp(source, `${flags.replace(/[gy]/g, '')}g`);
    for (const text of ['', EVERY_CHARACTER, source]) {
      for (const [match] of text.matchAll(probe)) if (match === '') refuse(source);
    }
  }

  cut(buffer: Buffer): Piece | typeof NEED_MORE {
    const { length } = buffer;
    if (this.#text.length !== length - this.#searched) {
      this.#text = buffer.toString('latin1', this.#searched);
    }
    const match = this.#match(this.#text);
    if (match === null) {
      this.#searched = Math.max(length - this.#reach, 0);
      this.#text = '';
      return NEED_MORE;
    }
    if (match[0] === '') refuse(this.#pattern.source);
    const consumed = this.#searched + match.index + match[0].length;
    const data = this.#pattern.sticky ? match : buffer.subarray(0, this.#searched + match.index);
    this.#text = this.#text.slice(match.index + match[0].length);
    this.#searched = 0;
    return { data, consumed };
  }

  #match(text: string): RegExpExecArray | null {
    this.#pattern.lastIndex = 0;
    return this.#pattern.exec(text);
  }
}

function refuse(source: string): never {
  throw usageError('ENGINE_READ_DELIMITER', `/${source}/ matches empty text`);
}
