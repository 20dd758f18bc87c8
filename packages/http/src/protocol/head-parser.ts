/** Reads a request line and the header section after it: RFC 9112 §2 to §5. Pure. */

import { type ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import { FieldSection } from './field-section.js';
import { requestFraming } from './framing.js';
import { CR, hasToken, isAuthority, LF, SP, TARGET, TOKEN } from './grammar.js';
import type { RequestHead } from './request-head.js';

/** RFC 9112 §2.3: HTTP-version = "HTTP" "/" DIGIT "." DIGIT, and the line's end. A 'd' stands for a digit. */
const VERSION_AND_END = 'HTTP/d.d\r\n';

/** RFC 9112 §3.2.2: absolute-form, as clients send it to proxies. */
const ABSOLUTE_TARGET = /^https?:\/\/([^/?]+)/i;

export class HeadParser {
  readonly #limits: HTTPLimits;
  readonly #fields: FieldSection;
  /** Set once the request line is read: places in it, counted from the window's start. */
  #hasLine = false;
  /** How far an unfinished request line is checked. */
  #checked = 0;
  #methodEnd = 0;
  #targetEnd = 0;
  #lineEnd = 0;
  #minorDigit = 0;
  #checkedHost = '';

  constructor(limits: HTTPLimits) {
    this.#limits = limits;
    this.#fields = new FieldSection(limits);
  }

  /** The head at the window's start, which moves behind it; or NEED_MORE. Throws HTTPProtocolError. */
  next(window: ByteWindow): RequestHead | typeof NEED_MORE {
    if (!this.#hasLine) {
      if (!this.#readLine(window)) return NEED_MORE;
      this.#fields.reset(this.#lineEnd);
    }
    const length = this.#fields.read(window);
    if (length === NEED_MORE) return NEED_MORE;
    const text = window.latin1(length - 2);
    window.start += length;
    const head = this.#understand(text);
    this.#hasLine = false;
    this.#checked = this.#methodEnd = 0;
    return head;
  }

  /** method SP request-target SP HTTP-version CRLF */
  #readLine(window: ByteWindow): boolean {
    const { bytes, start, end } = window;
    // A line that comes in pieces is resumed where it was left: in the method, or in the target.
    let at = start + this.#checked;
    let methodEnd = this.#methodEnd === 0 ? 0 : start + this.#methodEnd;
    if (methodEnd === 0) {
      while (at < end && TOKEN[bytes[at] ?? 0] === 1) at++;
      if (at - start > this.#limits.maxTargetBytes) throw httpError('HTTP_METHOD');
      this.#checked = at - start;
      if (at === end) return false;
      if (bytes[at] !== SP || at === start) throw refuseMethod(bytes[at]);
      methodEnd = at++;
      this.#methodEnd = methodEnd - start;
    }
    while (at < end && TARGET[bytes[at] ?? 0] === 1) at++;
    if (at - methodEnd - 1 > this.#limits.maxTargetBytes) throw httpError('HTTP_TARGET_TOO_LONG');
    this.#checked = at - start;
    if (at === end) return false;
    if (bytes[at] !== SP || at === methodEnd + 1) throw refuseTarget(bytes[at], at === methodEnd + 1);
    const targetEnd = at++;
    for (let i = 0; i < VERSION_AND_END.length; i++, at++) {
      if (at === end) return false;
      if (!matches(bytes[at] ?? 0, VERSION_AND_END.charCodeAt(i))) throw refuseVersion(bytes[at]);
    }
    if (bytes[targetEnd + 6] !== 0x31) throw httpError('HTTP_VERSION');
    this.#hasLine = true;
    this.#targetEnd = targetEnd - start;
    this.#lineEnd = at - start;
    this.#minorDigit = (bytes[targetEnd + 8] ?? 0) - 0x30;
    return true;
  }

  #understand(text: string): RequestHead {
    const fields = this.#fields.noted(text);
    const method = text.slice(0, this.#methodEnd);
    const target = text.slice(this.#methodEnd + 1, this.#targetEnd);
    const minor = this.#minorDigit === 0 ? 0 : 1;
    const { connection } = fields;
    // Every HTTP/1.1 request has exactly one Host, even beside an absolute target: RFC 9112 §3.2.
    if (fields.host === null && minor === 1) throw httpError('HTTP_HOST');
    if (fields.host !== null) this.#checkHost(fields.host);
    if (fields.expect !== null && fields.expect.toLowerCase() !== '100-continue') {
      throw httpError('HTTP_EXPECTATION');
    }
    return {
      method,
      target,
      protocol:
        minor === this.#minorDigit ? (minor === 1 ? 'HTTP/1.1' : 'HTTP/1.0') : `HTTP/1.${this.#minorDigit}`,
      minor,
      fields: text.slice(this.#lineEnd),
      host: checkTarget(method, target) ?? fields.host,
      framing: requestFraming(fields, minor),
      keepAlive: connection === null ? minor === 1 : staysOpen(connection, minor),
      // An HTTP/1.0 client cannot have meant it: RFC 9110 §10.1.1.
      expectsContinue: fields.expect !== null && minor === 1,
      upgrade: fields.upgrade !== null && offersUpgrade(connection, minor) ? fields.upgrade : null,
    };
  }

  #checkHost(host: string): void {
    // A connection names one host over and over.
    if (host === this.#checkedHost) return;
    if (!isAuthority(host)) throw httpError('HTTP_HOST');
    this.#checkedHost = host;
  }
}

/** Checks a target's form, RFC 9112 §3.2; returns the authority of an absolute one, which outranks Host (§3.2.2). */
function checkTarget(method: string, target: string): string | null {
  if (method === 'CONNECT') throw httpError('HTTP_CONNECT');
  if (target.charCodeAt(0) === 0x2f) return null;
  if (target === '*' && method === 'OPTIONS') return null;
  const authority = ABSOLUTE_TARGET.exec(target)?.[1];
  if (authority === undefined || !isAuthority(authority)) throw httpError('HTTP_TARGET');
  return authority;
}

function staysOpen(connection: string, minor: 0 | 1): boolean {
  if (hasToken(connection, 'close')) return false;
  return minor === 1 || hasToken(connection, 'keep-alive');
}

/** RFC 9110 §7.8: Upgrade counts where Connection names it, and not from an HTTP/1.0 client. */
function offersUpgrade(connection: string | null, minor: 0 | 1): boolean {
  return minor === 1 && connection !== null && hasToken(connection, 'upgrade');
}

function matches(byte: number, expected: number): boolean {
  return expected === 0x64 ? byte >= 0x30 && byte <= 0x39 : byte === expected;
}

function refuseMethod(byte: number | undefined): Error {
  return httpError(byte === LF ? 'HTTP_BARE_LF' : byte === CR ? 'HTTP_REQUEST_LINE' : 'HTTP_METHOD');
}

function refuseTarget(byte: number | undefined, isEmpty: boolean): Error {
  if (byte === CR || byte === LF || isEmpty) return httpError('HTTP_REQUEST_LINE');
  return httpError('HTTP_TARGET');
}

function refuseVersion(byte: number | undefined): Error {
  return httpError(byte === LF ? 'HTTP_BARE_LF' : 'HTTP_REQUEST_LINE');
}
