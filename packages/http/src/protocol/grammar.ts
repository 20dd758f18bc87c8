/**
 * The characters of HTTP/1.1 as tables over bytes, and the few patterns over text. Pure.
 *
 * RFC 9110 §5.6.2:  token = 1*tchar
 *                   tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
 * RFC 9110 §5.5:    field-value = visible characters, obs-text, and SP / HTAB within
 */

const TOKEN_PUNCTUATION = "!#$%&'*+-.^_`|~";

/** 1 for the bytes of a token. */
export const TOKEN = table(
  (byte) => isAlphanumeric(byte) || TOKEN_PUNCTUATION.includes(String.fromCharCode(byte)),
);

/** 1 for the bytes of a field value with its whitespace: no control character but HTAB, no DEL. */
export const FIELD = table((byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f));

/**
 * 1 for the bytes of a request target: every visible ASCII character but "#". RFC 3986 would have some more of
 * them percent-encoded, which browsers do not do in queries; a fragment, though, is read differently by different
 * proxies and is never sent by a client in order.
 */
export const TARGET = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** The value of a hexadecimal digit, -1 for every other byte. */
export const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? -1 : value;
});

export const SP = 0x20;
export const HTAB = 0x09;
export const CR = 0x0d;
export const LF = 0x0a;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

/** RFC 9110 §5.6.2, over text. */
export const TOKEN_TEXT = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a response header value may be: one byte for each character, no control character but HTAB. */
export const FIELD_TEXT = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9110 §8.6: Content-Length = 1*DIGIT. */
export const DIGITS = /^[0-9]+$/;
/**
 * RFC 9110 §7.2: Host = uri-host [ ":" port ], with RFC 3986 §3.2.2's reg-name and IP literals, and no user. It may
 * be empty, but no host with a port is none: RFC 9110 §4.2.1.
 */
export const AUTHORITY =
  /^(?!:)(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*)(?::[0-9]{0,5})?$/;

/** Whether `text` names a host, or is empty. What no URL can be made of (an impossible address or port) names none. */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text) && (text === '' || URL.canParse(`http://${text}/`));
}

/** Whether `list`, comma-separated, has `token` in it; `token` is lower-case. RFC 9110 §5.6.1. */
export function hasToken(list: string, token: string): boolean {
  return list.split(',').some((item) => trimWhitespace(item).toLowerCase() === token);
}

/** Without SP and HTAB at both ends; String's own `trim` takes more than HTTP's whitespace away. */
export function trimWhitespace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isWhitespace(text.charCodeAt(start))) start++;
  while (end > start && isWhitespace(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function isWhitespace(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
}

function isAlphanumeric(byte: number): boolean {
  return /[0-9A-Za-z]/.test(String.fromCharCode(byte)) && byte < 0x80;
}

function table(has: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (has(byte) ? 1 : 0));
}
