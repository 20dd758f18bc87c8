/**
 * Reads a status line and the header section after it, as a client gets them: RFC 9112 §4 to §6. Pure. It is as strict as
 * the server's parser is about requests: an answer that two readers could cut differently is none.
 */
import { type ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import { FieldSection, type NotedFields } from './field-section.js';
import { requestFraming } from './framing.js';
import { CR, FIELD, LF, SP } from './grammar.js';
import { HTTPHeaders } from './http-headers.js';

/** How the content of a received response is delimited: so many bytes, by chunks, or by the end of the connection. */
export type ContentDelimiter = number | 'chunked' | 'end';

export interface ReceivedHead {
  readonly status: number;
  /** What follows the status; it means nothing, and may be empty. */
  readonly reason: string;
  /** The HTTP/1.x version, 0 or 1; a later one is as good as 1. */
  readonly minor: 0 | 1;
  readonly headers: HTTPHeaders;
  /** For the answer to a GET. */
  readonly content: ContentDelimiter;
}

/** RFC 9112 §4: HTTP-version SP status-code. A 'd' stands for a digit. */
const VERSION_AND_STATUS = 'HTTP/d.d ddd';

export class ResponseHeadParser {
  readonly #limits: HTTPLimits;
  readonly #fields: FieldSection;
  /** How far an unfinished status line is checked, and where it ends: 0 before that. From the window's start. */
  #checked = 0;
  #lineEnd = 0;

  constructor(limits: HTTPLimits) {
    this.#limits = limits;
    this.#fields = new FieldSection(limits);
  }

  /** The head at the window's start, which moves behind it; or NEED_MORE. Throws HTTPProtocolError. */
  next(window: ByteWindow): ReceivedHead | typeof NEED_MORE {
    if (this.#lineEnd === 0) {
      if (!this.#readLine(window)) return NEED_MORE;
      this.#fields.reset(this.#lineEnd);
    }
    const length = this.#fields.read(window);
    if (length === NEED_MORE) return NEED_MORE;
    const text = window.latin1(length - 2);
    const lineEnd = this.#lineEnd;
    window.start += length;
    this.#checked = this.#lineEnd = 0;
    const status = Number(text.slice(9, 12));
    const minor = text[7] === '0' ? 0 : 1;
    return {
      status,
      reason: text.slice(13, lineEnd - 2),
      minor,
      headers: HTTPHeaders.fromBlock(text.slice(lineEnd)),
      content: contentOf(status, this.#fields.noted(text), minor),
    };
  }

  /** HTTP-version SP status-code SP [ reason-phrase ] CRLF; the second SP is often left out where no reason follows. */
  #readLine(window: ByteWindow): boolean {
    const { bytes, start } = window;
    const { maxHeadBytes } = this.#limits;
    const end = Math.min(window.end, start + maxHeadBytes);
    const statusEnd = start + VERSION_AND_STATUS.length;
    let at = start + this.#checked;
    for (; at < end && at < statusEnd; at++) {
      const expected = VERSION_AND_STATUS.charCodeAt(at - start);
      if (!matches(bytes[at] ?? 0, expected)) throw httpError('HTTP_STATUS_LINE');
      if (at === start + 5 && bytes[at] !== 0x31) throw httpError('HTTP_VERSION');
      // RFC 9110 §15: 100 is the first there is.
      if (at === start + 9 && bytes[at] === 0x30) throw httpError('HTTP_STATUS_LINE');
    }
    if (at === statusEnd && at < end && bytes[at] !== SP && bytes[at] !== CR) {
      throw httpError(bytes[at] === LF ? 'HTTP_BARE_LF' : 'HTTP_STATUS_LINE');
    }
    while (at < end && FIELD[bytes[at] ?? 0] === 1) at++;
    if (at < end && bytes[at] !== CR) throw httpError(bytes[at] === LF ? 'HTTP_BARE_LF' : 'HTTP_STATUS_LINE');
    if (at + 1 < end) {
      if (bytes[at + 1] !== LF) throw httpError('HTTP_BARE_CR');
      this.#lineEnd = at + 2 - start;
      return true;
    }
    this.#checked = at - start;
    if (window.length > maxHeadBytes) throw httpError('HTTP_HEAD_TOO_LARGE');
    return false;
  }
}

/** RFC 9112 §6.3. What codes other than chunked would need is never asked for, so they are refused as in requests. */
function contentOf(status: number, fields: NotedFields, minor: number): ContentDelimiter {
  if (status < 200 || status === 204 || status === 304) return 0;
  if (fields.contentLength === null && fields.transferEncoding === null) return 'end';
  const framing = requestFraming(fields, minor);
  return framing.kind === 'chunked' ? 'chunked' : framing.length;
}

function matches(byte: number, expected: number): boolean {
  return expected === 0x64 ? byte >= 0x30 && byte <= 0x39 : byte === expected;
}
