/**
 * Parses struct formats into layouts. Pure; it knows the grammar, and of letters only what they are called and how
 * long they are. The grammar is that of Python's module `struct`, and `$` on top of it for NetStruct.
 */
import { endianness } from 'node:os';
import { usageError } from '../errors.js';
import type { StructField, StructLayout } from './struct-layout.js';
import { type Letters, nativeLetters, standardLetters } from './struct-letters.js';

/** The longest that a struct may be, in bytes: what fits a C `int`. */
const MAX_SIZE = 2 ** 31 - 1;

interface Order {
  readonly letters: Letters;
  /** Whether values are aligned to their size. */
  readonly aligned: boolean;
}

const hostIsLittle = endianness() === 'LE';
const LITTLE: Order = { letters: standardLetters(true), aligned: false };
const BIG: Order = { letters: standardLetters(false), aligned: false };
const NATIVE: Order = { letters: nativeLetters(hostIsLittle), aligned: true };

const ORDERS: ReadonlyMap<string, Order> = new Map([
  ['@', NATIVE],
  ['=', hostIsLittle ? LITTLE : BIG],
  ['<', LITTLE],
  ['>', BIG],
  ['!', BIG],
]);

/** What an item may be: digits, then one character that is none. White space is a character here. */
const ITEM = /(\d*)(\D?)/gsu;
const WHITE_SPACE = ' \t\n\v\f\r';
const LENGTH_LETTERS = 'bBhHiIlLqQP';

/** The layout of a format without `$`; the default order is `@`. Throws UsageError that says what is wrong where. */
export function parseStruct(format: string): StructLayout {
  return new FormatParser(format, NATIVE, false).parse().tail;
}

/** A format cut at its `$`: each head ends in the length of the bytes that follow it, aligned afresh. */
export interface NetLayout {
  readonly heads: readonly StructLayout[];
  readonly tail: StructLayout;
}

/** The layouts of a format with any number of `$`; the default order is `!`. Throws as parseStruct does. */
export function parseNetStruct(format: string): NetLayout {
  return new FormatParser(format, BIG, true).parse();
}

class FormatParser {
  readonly #format: string;
  readonly #order: Order;
  readonly #start: number;
  readonly #hasLengths: boolean;
  readonly #heads: StructLayout[] = [];
  /** Bytes of the heads. */
  #before = 0;
  #fields: StructField[] = [];
  #size = 0;
  #count = 0;
  /** Whether the item right before is an integer that may be a length. */
  #afterLength = false;

  constructor(format: string, order: Order, hasLengths: boolean) {
    if (typeof format !== 'string') throw usageError('ENGINE_STRUCT_FORMAT', typeof format);
    const named = ORDERS.get(format.charAt(0));
    this.#format = format;
    this.#order = named ?? order;
    this.#start = named === undefined ? 0 : 1;
    this.#hasLengths = hasLengths;
  }

  parse(): NetLayout {
    for (const { index, 1: digits = '', 2: name = '' } of this.#format.slice(this.#start).matchAll(ITEM)) {
      const at = this.#start + index + digits.length;
      const isBlank = name === '' || WHITE_SPACE.includes(name);
      if (isBlank && digits !== '')
        this.#refuse(digits, at - digits.length, 'a repeat count without a letter');
      if (isBlank) this.#afterLength = false;
      else if (name === '$' && this.#hasLengths) this.#endHead(digits, at);
      else this.#add(name, digits === '' ? 1 : Number(digits), at);
    }
    return { heads: this.#heads, tail: this.#layout() };
  }

  #add(name: string, repeat: number, at: number): void {
    if (name === 'x') {
      this.#grow(repeat, name, at);
      return;
    }
    const letter = this.#order.letters.get(name);
    if (letter === undefined) {
      this.#refuse(name, at, NATIVE.letters.has(name) ? 'only with the byte order @' : 'no such letter');
    }
    if (this.#order.aligned) this.#grow(-this.#size & (letter.size - 1), name, at);
    const offset = this.#size;
    this.#grow(letter.size * repeat, name, at);
    const isText = name === 's' || name === 'p';
    const count = isText ? 1 : repeat;
    this.#fields.push({ name, letter, offset, count, size: isText ? repeat : letter.size });
    this.#count += count;
    this.#afterLength = repeat === 1 && LENGTH_LETTERS.includes(name);
  }

  #endHead(digits: string, at: number): void {
    const field = this.#fields.pop();
    if (digits !== '' || !this.#afterLength || field === undefined) {
      this.#refuse('$', at, `has to follow one of ${LENGTH_LETTERS} at once, neither of them repeated`);
    }
    this.#fields.push({ ...field, name: `the length ${field.name} of $` });
    this.#heads.push(this.#layout());
    this.#before += this.#size;
    this.#fields = [];
    this.#size = 0;
    this.#count = 0;
  }

  #layout(): StructLayout {
    return { fields: this.#fields, size: this.#size, count: this.#count };
  }

  #grow(bytes: number, name: string, at: number): void {
    this.#afterLength = false;
    this.#size += bytes;
    if (this.#before + this.#size > MAX_SIZE) this.#refuse(name, at, `more than ${MAX_SIZE} bytes in all`);
  }

  #refuse(text: string, at: number, problem: string): never {
    const shown = text.length > 20 ? `${text.slice(0, 20)}…` : text;
    throw usageError('ENGINE_STRUCT_FORMAT', `'${shown}' at character ${at + 1}: ${problem}`);
  }
}
