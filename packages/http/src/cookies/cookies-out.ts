/** The cookies that a response sets. The grammar of cookies is the `cookie` package's. */
import { type SetCookie, stringifySetCookie } from 'cookie';
import { httpUsageError } from '../errors.js';

/** A cookie's attributes; `maxAge` is in seconds, as in the header. */
export type CookieOptions = Omit<SetCookie, 'name' | 'value'>;

export class CookiesOut {
  readonly #cookies = new Map<string, string>();

  /** Sets a cookie; a second one of the same name, domain and path takes the first one's place. Throws UsageError for what no cookie can hold. */
  set(name: string, value: string, options: CookieOptions = {}): this {
    const key = JSON.stringify([name, options.domain ?? null, options.path ?? null]);
    let line: string;
    try {
      line = stringifySetCookie({ ...options, name, value });
    } catch (error) {
      throw httpUsageError('HTTP_COOKIE', (error as Error).message);
    }
    this.#cookies.set(key, line);
    return this;
  }

  /** Tells the client to forget a cookie; `options` must name the path and domain that it was set with. */
  delete(name: string, options: CookieOptions = {}): this {
    return this.set(name, '', { ...options, expires: new Date(0), maxAge: 0 });
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
