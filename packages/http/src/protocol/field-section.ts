/**
 * Reads a field section, a header or a trailer one: RFC 9112 §5. Pure.
 *
 * One pass over the bytes finds every line and refuses whatever another server could read differently: folded lines, space
 * before the colon, bare CR or LF, control characters. The few fields that decide framing and routing are noted
 * on the way; all others stay text until somebody asks (HTTPHeaders). A refusal comes with the byte that causes it,
 * not with the end of the section. A section that comes in pieces is resumed where it was left, so that any cutting costs linear time.
 */

import { type ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import { COLON, CR, FIELD, isWhitespace, LF, TOKEN, trimWhitespace } from './grammar.js';

/** The fields that this layer itself obeys. RFC 9112 §3.2, §6.1, §6.2, §9.1; RFC 9110 §7.8, §10.1.1. */
export class NotedFields {
  host: string | null = null;
  contentLength: string | null = null;
  transferEncoding: string | null = null;
  connection: string | null = null;
  expect: string | null = null;
  upgrade: string | null = null;
}

type Noted = 'host' | 'contentLength' | 'transferEncoding' | 'connection' | 'expect' | 'upgrade';

interface Found {
  name: Noted;
  from: number;
  to: number;
}

export class FieldSection {
  /** Where the unfinished line begins, how far it is checked, and its colon (0 before that), from the window's start. */
  #line = 0;
  #checked = 0;
  #colon = 0;
  #count = 0;
  /** The fields found: name, start and end of the value, counted likewise. The list is used again for each section. */
  readonly #found: Found[] = [];
  #foundCount = 0;
  readonly #limits: HTTPLimits;

  constructor(limits: HTTPLimits) {
    this.#limits = limits;
  }

  /** Prepares for the next section, which begins `line` bytes after the window's start. */
  reset(line: number): void {
    this.#line = this.#checked = line;
    this.#colon = 0;
    this.#count = 0;
    this.#foundCount = 0;
  }

  /** The fields that were found; `text` is what `read` went over, from the window's start, as latin1. */
  noted(text: string): NotedFields {
    const fields = new NotedFields();
    for (let i = 0; i < this.#foundCount; i++) {
      const { name, from, to } = this.#found[i] as Found;
      const value = trimWhitespace(text.slice(from, to));
      const earlier = fields[name];
      // RFC 9110 §5.3: repeated fields are one list. Host and Content-Length are none, and their grammars refuse it.
      fields[name] = earlier === null ? value : `${earlier}, ${value}`;
    }
    return fields;
  }

  /** Reads on. Returns how many bytes after the window's start the section, its empty line included, ends. */
  read(window: ByteWindow): number | typeof NEED_MORE {
    const { bytes, start } = window;
    const { maxHeadBytes, maxHeaders } = this.#limits;
    // What lies beyond the limit is not looked at, so that the answer is the same however the input was cut.
    const end = Math.min(window.end, start + maxHeadBytes);
    let line = start + this.#line;
    let at = start + this.#checked;
    let colon = this.#colon === 0 ? 0 : start + this.#colon;
    for (;;) {
      if (colon === 0) {
        while (TOKEN[bytes[at] ?? 0] === 1 && at < end) at++;
        if (at >= end) break;
        if (bytes[at] !== COLON || at === line) {
          if (bytes[at] !== CR || at > line) throw refuseName(bytes[at], at > line);
          if (at + 1 >= end) break;
          if (bytes[at + 1] !== LF) throw httpError('HTTP_BARE_CR');
          return at + 2 - start;
        }
        colon = at++;
      }
      while (FIELD[bytes[at] ?? 0] === 1 && at < end) at++;
      if (at >= end) break;
      if (bytes[at] !== CR) throw httpError(bytes[at] === LF ? 'HTTP_BARE_LF' : 'HTTP_FIELD_VALUE');
      if (at + 1 >= end) break;
      if (bytes[at + 1] !== LF) throw httpError('HTTP_BARE_CR');
      if (++this.#count > maxHeaders) throw httpError('HTTP_TOO_MANY_FIELDS');
      const name = notedName(bytes, line, colon - line);
      if (name !== null) this.#find(name, colon + 1 - start, at - start);
      line = at = at + 2;
      colon = 0;
    }
    this.#line = line - start;
    this.#checked = at - start;
    this.#colon = colon === 0 ? 0 : colon - start;
    if (window.length > maxHeadBytes) throw httpError('HTTP_HEAD_TOO_LARGE');
    return NEED_MORE;
  }

  #find(name: Noted, from: number, to: number): void {
    const found = this.#found[this.#foundCount];
    if (found === undefined) {
      this.#found.push({ name, from, to });
    } else {
      found.name = name;
      found.from = from;
      found.to = to;
    }
    this.#foundCount++;
  }
}

/** The field's name if it is one of ours. Its length rules out nearly all others at once. */
function notedName(bytes: Buffer, line: number, length: number): Noted | null {
  switch (length) {
    case 4:
      return isNamed(bytes, line, 'host') ? 'host' : null;
    case 6:
      return isNamed(bytes, line, 'expect') ? 'expect' : null;
    case 7:
      return isNamed(bytes, line, 'upgrade') ? 'upgrade' : null;
    case 10:
      return isNamed(bytes, line, 'connection') ? 'connection' : null;
    case 14:
      return isNamed(bytes, line, 'content-length') ? 'contentLength' : null;
    case 17:
      return isNamed(bytes, line, 'transfer-encoding') ? 'transferEncoding' : null;
    default:
      return null;
  }
}

/** Why a line does not begin with a name and a colon. */
function refuseName(byte: number | undefined, hasName: boolean): Error {
  if (byte === LF) return httpError('HTTP_BARE_LF');
  if (!isWhitespace(byte)) return httpError('HTTP_FIELD_NAME');
  return httpError(hasName ? 'HTTP_FIELD_NAME_SPACE' : 'HTTP_FIELD_FOLDED');
}

/** Whether the token at `at` is `name`, which is in lower case. For the bytes of tokens, setting bit 5 folds letters only. */
function isNamed(bytes: Buffer, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (((bytes[at + i] ?? 0) | 0x20) !== name.charCodeAt(i)) return false;
  }
  return true;
}
