/**
 * What browsers demand of a cookie. They drop one that breaks these rules without a word, so that its
 * server looks for the fault elsewhere; here it is an error where the cookie is set. The rules are RFC
 * 6265bis §5.6 and §5.7. Characters are the `cookie` package's business.
 */
import type { SetCookie } from 'cookie';
import { httpUsageError } from '../errors.js';

type Attributes = Omit<SetCookie, 'name' | 'value'>;

/** A cookie's attributes; `maxAge` is in seconds, as in the header. */
export type CookieOptions = { [K in keyof Attributes]?: Attributes[K] | undefined };

export const COOKIE_OPTIONS: readonly (keyof CookieOptions)[] = [
  'domain',
  'path',
  'expires',
  'maxAge',
  'secure',
  'httpOnly',
  'sameSite',
  'partitioned',
  'priority',
];

/** Name and value together; `=` is not counted. */
const MAX_PAIR_BYTES = 4_096;
const MAX_ATTRIBUTE_BYTES = 1_024;

/** What a prefix of the name demands, in lower case; the longer one first where one begins with another. */
const PREFIXES: readonly [prefix: string, demands: CookieOptions][] = [
  ['__host-http-', { secure: true, httpOnly: true, path: '/' }],
  ['__host-', { secure: true, path: '/' }],
  ['__http-', { secure: true, httpOnly: true }],
  ['__secure-', { secure: true }],
];

/** The attributes that the prefix of `name` demands. */
export function demandsOf(name: string): CookieOptions {
  const lowerName = name.toLowerCase();
  return PREFIXES.find(([prefix]) => lowerName.startsWith(prefix))?.[1] ?? {};
}

/** Throws UsageError for attributes that browsers drop, or drop the cookie for. */
export function requireAttributes(name: string, options: CookieOptions): void {
  const refuse = (reason: string) => httpUsageError('HTTP_COOKIE', `${name}: ${reason}`);
  const { domain, path, expires, secure, sameSite, partitioned } = options;
  const demands = demandsOf(name);
  for (const attribute of ['secure', 'httpOnly', 'path'] as const) {
    const demand = demands[attribute];
    if (demand === undefined || options[attribute] === demand) continue;
    throw refuse(`a name with this prefix needs ${attribute}: ${JSON.stringify(demand)}`);
  }
  if (demands.path && domain) throw refuse('a name with this prefix takes no domain');
  // RFC 6265bis §5.6.4: any other is as good as none, and the cookie gets the path of the request.
  if (path && !path.startsWith('/')) throw refuse('path begins with "/"');
  if (!secure && String(sameSite).toLowerCase() === 'none')
    throw refuse('sameSite: "none" needs secure: true');
  if (!secure && partitioned) throw refuse('partitioned: true needs secure: true');
  if (expires !== undefined && !isCookieDate(expires))
    throw refuse('expires is a Date between the years 1601 and 9999');
  for (const [attribute, text] of Object.entries({ domain, path })) {
    if (text && text.length > MAX_ATTRIBUTE_BYTES)
      throw refuse(`${attribute} has ${text.length} bytes; browsers take ${MAX_ATTRIBUTE_BYTES}`);
  }
}

/**
 * Throws UsageError for name and value, `pair` as they stand in the header, that are longer than browsers
 * take.
 */
export function requireLength(name: string, pair: string): void {
  const bytes = pair.length - '='.length;
  if (bytes > MAX_PAIR_BYTES) {
    const detail = `${name}: name and value have ${bytes} bytes; browsers take ${MAX_PAIR_BYTES}`;
    throw httpUsageError('HTTP_COOKIE', `${detail}, so keep less in the cookie`);
  }
}

/**
 * RFC 6265 §5.1.1 reads years from 1601 with four digits; with any other the cookie would last for the
 * session.
 */
function isCookieDate(date: Date): boolean {
  if (!(date instanceof Date)) return false;
  const year = date.getUTCFullYear();
  return year >= 1601 && year <= 9999;
}
