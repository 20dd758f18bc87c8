/** How long a message's content is: RFC 9112 §6 for requests, RFC 9110 §6.4.1 for responses. Pure. */
import { httpError } from '../errors.js';
import type { NotedFields } from './field-section.js';
import { DIGITS, trimWhitespace } from './grammar.js';

/** Content of a request: `length` bytes, or chunks until the last one. */
export type RequestFraming =
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' };

export const NO_CONTENT: RequestFraming = Object.freeze({ kind: 'length', length: 0 });
const CHUNKED: RequestFraming = Object.freeze({ kind: 'chunked' });

/** The framing of a request, RFC 9112 §6.3; `minor` is its HTTP/1.x version. Throws for what two servers could read differently. */
export function requestFraming(fields: NotedFields, minor: number): RequestFraming {
  const { contentLength, transferEncoding } = fields;
  if (transferEncoding !== null) {
    // 3. Both fields: an attempt to smuggle. The RFC lets chunked win; here it is refused.
    if (contentLength !== null) throw httpError('HTTP_TWO_FRAMINGS');
    requireChunked(transferEncoding, minor);
    return CHUNKED;
  }
  // 6. and 5. One plain number; a list of equal ones could be recovered, and is refused too.
  if (contentLength !== null) return { kind: 'length', length: parseLength(contentLength) };
  // 7. Neither: no content.
  return NO_CONTENT;
}

/** 4. A request's coding must end in chunked, once, and HTTP/1.0 has none. */
function requireChunked(transferEncoding: string, minor: number): void {
  const codings = transferEncoding.split(',').map((coding) => trimWhitespace(coding).toLowerCase());
  const chunked = codings.filter((coding) => coding === 'chunked').length;
  if (minor === 0 || chunked !== 1 || codings.at(-1) !== 'chunked') throw httpError('HTTP_TRANSFER_ENCODING');
  if (codings.length > 1) throw httpError('HTTP_CODING');
}

function parseLength(contentLength: string): number {
  if (!DIGITS.test(contentLength)) throw httpError('HTTP_CONTENT_LENGTH');
  const length = Number(contentLength);
  if (!Number.isSafeInteger(length)) throw httpError('HTTP_BODY_TOO_LARGE');
  return length;
}

/** How a response's content is delimited: not at all, by its length, by chunks, or by the end of the connection. */
export type ResponseFraming = 'none' | 'length' | 'chunked' | 'close';

/** RFC 9112 §6.3; `hasLength` says whether the handler announced one, `minor` is the client's HTTP/1.x version. */
export function responseFraming(status: number, hasLength: boolean, minor: number): ResponseFraming {
  if (!hasContent(status)) return 'none';
  if (hasLength) return 'length';
  return minor === 0 ? 'close' : 'chunked';
}

/** Whether a response of this status can have content: RFC 9110 §6.4.1, and §15.3.6 for 205. */
export function hasContent(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 205 && status !== 304;
}
