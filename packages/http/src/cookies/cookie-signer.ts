/** Signed cookies: stub. */
export type CookieSecret = string | Uint8Array | readonly (string | Uint8Array)[];

export class CookieSigner {
  constructor(_secrets: CookieSecret) {}

  /** The value of cookie `name` that says `value` for `lifetimeMs` from `now`. */
  sign(_name: string, _value: unknown, _lifetimeMs: number, _now: number): string {
    return '';
  }

  /** What was signed; null for anything else. */
  verify(_name: string, _text: string, _now: number): unknown {
    return null;
  }
}
