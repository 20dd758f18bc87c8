/**
 * CookieSigner: values that a client can read and give back, but not change. It knows no cookies of a
 * request and no clock. A signed value is six fields of token characters, so that no cookie needs to escape
 * it:
 *
 *     1 "." kind "." value "." issued "." lifetime "." signature
 *
 * 1 is the version. kind is `t` for text, `j` for JSON; value is its UTF-8 in base64url; issued and lifetime
 * are milliseconds in decimal. The signature is HMAC-SHA256 (RFC 2104), in base64url, of the cookie's name,
 * "=" and all that stands before the last dot. Nothing behind that "=" has another in it, so no two cookies
 * are signed as the same text.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import { httpUsageError } from '../errors.js';

/** The key or keys that sign: text (as UTF-8) or bytes, best 32 random ones or more. */
export type CookieSecret = string | Uint8Array | readonly (string | Uint8Array)[];

const SIGNED = /^(1\.([tj])\.([\w-]*)\.(\d{1,16})\.(\d{1,16}))\.([\w-]{43})$/;
/** What the clocks of several machines may differ by. */
const MAX_CLOCK_SKEW_MS = 5_000;
/** The last millisecond that a Date can name. */
const LAST_DATE = 8.64e15;

export class CookieSigner {
  readonly #keys: readonly [KeyObject, ...KeyObject[]];

  /**
   * Of several secrets the first signs and all verify. They are copied. Throws UsageError for none, and for
   * an empty one.
   */
  constructor(secrets: CookieSecret) {
    const list = typeof secrets === 'string' || secrets instanceof Uint8Array ? [secrets] : secrets;
    const [first, ...others] = Array.isArray(list) ? list.map(keyOf) : [];
    if (first === undefined) throw httpUsageError('HTTP_COOKIE_SECRET', 'none is given');
    this.#keys = [first, ...others];
  }

  /**
   * The value of cookie `name` that says `value` for `lifetimeMs` from `now` (milliseconds since 1970).
   * Throws UsageError for a value that is neither text nor JSON, and for a lifetime that is not above 0 and
   * finite.
   */
  sign(name: string, value: unknown, lifetimeMs: number, now: number): string {
    if (!(lifetimeMs > 0 && now + lifetimeMs <= LAST_DATE))
      throw httpUsageError('HTTP_OPTION', 'expires is a Date to come, or milliseconds above 0');
    const [kind, text] = typeof value === 'string' ? ['t', requireText(value)] : ['j', jsonOf(value)];
    const base64 = Buffer.from(text).toString('base64url');
    const payload = `1.${kind}.${base64}.${Math.floor(now)}.${Math.ceil(lifetimeMs)}`;
    return `${payload}.${signatureOf(this.#keys[0], name, payload)}`;
  }

  /**
   * What `sign` was given for cookie `name`; null for anything else: malformed, changed, signed for another
   * name or with another secret, expired, or from more than 5 s after `now`.
   */
  verify(name: string, signed: string, now: number): unknown {
    const [, payload, kind, base64 = '', issued, lifetime, signature] = SIGNED.exec(signed) ?? [];
    if (payload === undefined || signature === undefined) return null;
    if (!this.#keys.some((key) => isSame(signatureOf(key, name, payload), signature))) return null;
    const ageMs = now - Number(issued);
    if (ageMs < -MAX_CLOCK_SKEW_MS || ageMs >= Number(lifetime)) return null;
    const text = Buffer.from(base64, 'base64url').toString();
    return kind === 't' ? text : parseOrNull(text);
  }
}

function keyOf(secret: string | Uint8Array): KeyObject {
  if (!(typeof secret === 'string' || secret instanceof Uint8Array))
    throw httpUsageError('HTTP_COOKIE_SECRET', 'a secret is text or bytes');
  if (secret.length === 0) throw httpUsageError('HTTP_COOKIE_SECRET', 'a secret is empty');
  return createSecretKey(Buffer.from(secret));
}

function signatureOf(key: KeyObject, name: string, payload: string): string {
  return createHmac('sha256', key).update(`${name}=${payload}`).digest('base64url');
}

/** Compares as text: base64url has four spellings of the same digest, and one of them is ours. */
function isSame(ours: string, theirs: string): boolean {
  return timingSafeEqual(Buffer.from(ours), Buffer.from(theirs));
}

/** A lone surrogate has no UTF-8, and would come back as another character. */
function requireText(value: string): string {
  if (Buffer.from(value).toString() === value) return value;
  throw httpUsageError('HTTP_SECURE_COOKIE', 'the text has a lone surrogate');
}

function jsonOf(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw httpUsageError('HTTP_SECURE_COOKIE', (error as Error).message);
  }
  // `null` is the answer for a cookie that is not there; NaN is null in JSON, too.
  if (text === undefined || text === 'null')
    throw httpUsageError('HTTP_SECURE_COOKIE', inspect(value, { depth: 0 }));
  return text;
}

/** Another program that has the secret may sign what is no JSON. */
function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
