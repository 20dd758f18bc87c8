/** How a signed cookie is set: its lifetime is signed, and told to the client as Expires. */
import { httpUsageError } from '../errors.js';
import type { CookieSigner } from './cookie-signer.js';
import type { CookieOptions, CookiesOut } from './cookies-out.js';

/** What a signed cookie can say: text, or a value for JSON. */
export type SecureCookieValue = string | number | boolean | object;

export interface SecureCookieOptions extends Omit<CookieOptions, 'expires' | 'maxAge'> {
  /** When it ends: a Date, or milliseconds from now. Default 30 days. */
  expires?: Date | number | undefined;
}

const THIRTY_DAYS_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Sets cookie `name` to `value`, signed at `now` (milliseconds since 1970); HttpOnly unless told otherwise.
 * Throws UsageError as `CookieSigner.sign` and `CookiesOut.set` do.
 */
export function setSecureCookie(
  cookies: CookiesOut,
  signer: CookieSigner,
  name: string,
  value: SecureCookieValue,
  options: SecureCookieOptions,
  now: number,
): void {
  const { expires = THIRTY_DAYS_MS, httpOnly = true, ...attributes } = options;
  if ('maxAge' in attributes)
    throw httpUsageError(
      'HTTP_OPTION',
      'maxAge: a signed cookie takes expires, a Date or milliseconds from now',
    );
  const lifetimeMs = expires instanceof Date ? expires.getTime() - now : expires;
  const signed = signer.sign(name, value, lifetimeMs, now);
  cookies.set(name, signed, { httpOnly, ...attributes, expires: new Date(now + lifetimeMs) });
}
