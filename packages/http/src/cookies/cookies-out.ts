/**
 * The cookies that a response sets, and their order. The grammar of cookies is the `cookie` package's, what
 * browsers demand is in `cookie-rules.ts`.
 */
import { requireOptions } from '@inseam/engine';
import { type SetCookie, stringifySetCookie } from 'cookie';
import { httpUsageError } from '../errors.js';
import {
  COOKIE_OPTIONS,
  type CookieOptions,
  demandsOf,
  requireAttributes,
  requireLength,
} from './cookie-rules.js';

export type { CookieOptions } from './cookie-rules.js';

export class CookiesOut {
  readonly #cookies = new Map<string, string>();

  /**
   * Sets a cookie; a second one of the same name, domain and path takes the first one's place. The value is
   * percent-encoded; `request.cookies` decodes it. Throws UsageError for what no cookie can hold and for what
   * browsers would drop in silence: a prefix such as `__Host-` without what it demands, more than 4,096
   * bytes.
   */
  set(name: string, value: string, options: CookieOptions = {}): this {
    requireOptions(options, COOKIE_OPTIONS);
    const line = lineOf(name, value, options);
    requireAttributes(name, options);
    requireLength(name, line.split(';', 1)[0] ?? '');
    this.#cookies.set(JSON.stringify([name, options.domain ?? null, options.path ?? null]), line);
    return this;
  }

  /**
   * Tells the client to forget a cookie. `options` must name the path and domain that it was set with; what
   * the name's prefix demands is filled in.
   */
  delete(name: string, options: CookieOptions = {}): this {
    requireOptions(options, COOKIE_OPTIONS);
    return this.set(name, '', { ...demandsOf(String(name)), ...options, expires: new Date(0), maxAge: 0 });
  }

  /** Takes the Set-Cookie values out, in the order of setting; with `names`, only those. */
  take(names?: readonly string[]): string[] {
    const lines: string[] = [];
    for (const [key, line] of this.#cookies) {
      if (names !== undefined && !names.includes(JSON.parse(key)[0])) continue;
      lines.push(line);
      this.#cookies.delete(key);
    }
    return lines;
  }
}

function lineOf(name: string, value: string, options: CookieOptions): string {
  if (typeof name !== 'string' || typeof value !== 'string')
    throw httpUsageError('HTTP_COOKIE', 'name and value are text');
  try {
    // The package takes undefined for "not there", though its types do not say so.
    return stringifySetCookie({ ...options, name, value } as SetCookie);
  } catch (error) {
    throw httpUsageError('HTTP_COOKIE', `${JSON.stringify(name)}: ${(error as Error).message}`);
  }
}
