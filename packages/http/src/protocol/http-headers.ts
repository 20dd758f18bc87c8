/**
 * HTTPHeaders: the fields of one message. Names match without case, order is kept, repeated fields stay apart.
 * Pure. A request's fields stay one text until the first question, since most handlers ask none.
 */
import { httpUsageError } from '../errors.js';
import { FIELD_TEXT, TOKEN_TEXT, trimWhitespace } from './grammar.js';

/** What headers can be made from: a record (an array repeats the field), pairs, or headers. */
export type HeadersInit =
  | Readonly<Record<string, string | number | readonly string[]>>
  | Iterable<readonly [name: string, value: string]>;

interface Field {
  readonly name: string;
  readonly lowerName: string;
  readonly value: string;
}

export class HTTPHeaders implements Iterable<[name: string, value: string]> {
  /** The section as it came, until a field is changed. */
  #block: string | null = null;
  /** Null until somebody asks for one that stands in `#block`. */
  #fields: Field[] | null = [];

  /** Throws UsageError for a name or value that could not stand in a message. */
  constructor(init?: HeadersInit) {
    if (init !== undefined) eachHeader(init, (name, value) => this.append(name, value));
  }

  /** For the parser: a header section that it has checked, without its empty line. */
  static fromBlock(block: string): HTTPHeaders {
    const headers = new HTTPHeaders();
    headers.#block = block;
    headers.#fields = null;
    return headers;
  }

  /** For what keeps a request for long: the fields become one text again until they are asked for. Of eight fields, 1.2 KiB less. */
  fold(): void {
    if (this.#block !== null) this.#fields = null;
  }

  /** The value, or null without such a field. Several make one list, joined by ", " (Cookie by "; "): RFC 9110 §5.3. */
  get(name: string): string | null {
    const values = this.getAll(name);
    if (values.length <= 1) return values[0] ?? null;
    return values.join(name.toLowerCase() === 'cookie' ? '; ' : ', ');
  }

  /** Every value of the field, in order, as they came. */
  getAll(name: string): string[] {
    const lowerName = name.toLowerCase();
    const values: string[] = [];
    for (const field of this.#all()) if (field.lowerName === lowerName) values.push(field.value);
    return values;
  }

  has(name: string): boolean {
    const lowerName = name.toLowerCase();
    return this.#all().some((field) => field.lowerName === lowerName);
  }

  /** Adds a field behind all others. Throws UsageError for a name or value that could not stand in a message. */
  append(name: string, value: string | number): this {
    const text = String(value);
    requireHeader(name, text);
    this.#all().push({ name, lowerName: name.toLowerCase(), value: text });
    this.#block = null;
    return this;
  }

  /** Replaces every field of this name by one. Throws as `append` does. */
  set(name: string, value: string | number): this {
    requireHeader(name, String(value));
    this.delete(name);
    return this.append(name, value);
  }

  /** Removes every field of this name; whether there was one. */
  delete(name: string): boolean {
    const lowerName = name.toLowerCase();
    const fields = this.#all();
    const kept = fields.filter((field) => field.lowerName !== lowerName);
    if (kept.length === fields.length) return false;
    this.#fields = kept;
    this.#block = null;
    return true;
  }

  /** Every field in order, its name as it was written. */
  *[Symbol.iterator](): Iterator<[name: string, value: string]> {
    for (const { name, value } of this.#all()) yield [name, value];
  }

  /** The fields as pairs, for JSON and for people who print them. */
  toJSON(): [name: string, value: string][] {
    return [...this];
  }
  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON();
  }

  #all(): Field[] {
    this.#fields ??= split(this.#block ?? '');
    return this.#fields;
  }
}

/** Calls `take` for each header of `init`. */
export function eachHeader(init: HeadersInit, take: (name: string, value: string) => void): void {
  if (isIterable(init)) {
    for (const [name, value] of init) take(name, String(value));
    return;
  }
  for (const name of Object.keys(init)) {
    const value = init[name];
    if (Array.isArray(value)) for (const item of value) take(name, String(item));
    else if (value !== undefined) take(name, String(value));
  }
}

/** Throws UsageError unless this header can be sent as it is: CR and LF in a value would begin another header. */
export function requireHeader(name: string, value: string): void {
  if (!TOKEN_TEXT.test(name)) throw httpUsageError('HTTP_HEADER_NAME', JSON.stringify(name));
  if (!FIELD_TEXT.test(value)) throw httpUsageError('HTTP_HEADER_VALUE', name);
}

function isIterable(init: HeadersInit): init is Iterable<readonly [string, string]> {
  return Symbol.iterator in init;
}

function split(block: string): Field[] {
  const fields: Field[] = [];
  for (let line = 0; line < block.length; ) {
    const colon = block.indexOf(':', line);
    const end = block.indexOf('\r\n', colon);
    const name = block.slice(line, colon);
    const value = trimWhitespace(block.slice(colon + 1, end));
    fields.push({ name, lowerName: name.toLowerCase(), value });
    line = end + 2;
  }
  return fields;
}
