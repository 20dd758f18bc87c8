/**
 * Where a redirection goes: text made fit for Location (RFC 9110 §10.2.2, a URI reference). It judges no
 * target: an open redirection is for the handler to avoid.
 */
import { httpUsageError } from '../errors.js';

/** What RFC 3986 §2 does not have, and a "%" that begins no encoded byte. */
const NOT_IN_A_URL = /%(?![\dA-Fa-f]{2})|[^\w\-.~:/?#[\]@!$&'()*+,;=%]+/g;

/**
 * The Location of a redirection, absolute or relative. What no URL has is percent-encoded as UTF-8, also
 * `\`, which browsers take for a slash; `%41` stays. Throws UsageError for what is not text, for '' and for a
 * lone surrogate.
 */
export function redirectLocation(location: string): string {
  if (typeof location !== 'string' || location === '')
    throw httpUsageError('HTTP_REDIRECT', `the location is ${location === '' ? 'empty' : typeof location}`);
  try {
    return location.replace(NOT_IN_A_URL, encodeURIComponent);
  } catch {
    throw httpUsageError('HTTP_REDIRECT', 'the location has a lone surrogate');
  }
}
