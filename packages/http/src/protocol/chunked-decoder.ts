/**
 * Reads chunked content: RFC 9112 §7.1. Pure. Strict about every line end, since a decoder that forgives them
 * sees other chunk borders than the one in front of it.
 */

import { type ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { httpError } from '../errors.js';
import { type HTTPLimits, MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_LINE_BYTES } from '../limits.js';
import { FieldSection } from './field-section.js';
import { CR, FIELD, HEX, isWhitespace, LF, SEMICOLON } from './grammar.js';
import { HTTPHeaders } from './http-headers.js';

/** The message's content is complete. */
export const END_OF_CONTENT: unique symbol = Symbol('END_OF_CONTENT');

/** chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] ) */
const EXTENSIONS =
  /^(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\.)*"))?)*$/;

/** Thirteen hexadecimal digits still fit a safe integer. */
const MAX_SIZE_DIGITS = 13;

export class ChunkedDecoder {
  #state: 'size' | 'data' | 'dataEnd' | 'trailers' | 'done' = 'size';
  #remaining = 0;
  #extensionBytes = 0;
  readonly #trailerSection: FieldSection;
  /** The trailer fields, once the content is complete; they are never merged with the header fields. */
  trailers: HTTPHeaders | null = null;

  constructor(limits: HTTPLimits) {
    this.#trailerSection = new FieldSection(limits);
  }

  /** The next piece of content, valid until the window changes; or the end; or NEED_MORE. */
  next(window: ByteWindow): Buffer | typeof END_OF_CONTENT | typeof NEED_MORE {
    for (;;) {
      switch (this.#state) {
        case 'size':
          if (!this.#readSize(window)) return NEED_MORE;
          break;
        case 'data':
          return this.#readData(window);
        case 'dataEnd':
          if (!this.#readDataEnd(window)) return NEED_MORE;
          break;
        case 'trailers':
          if (!this.#readTrailers(window)) return NEED_MORE;
          break;
        case 'done':
          return END_OF_CONTENT;
      }
    }
  }

  /** chunk-size [ chunk-ext ] CRLF */
  #readSize(window: ByteWindow): boolean {
    const { bytes, start, end } = window;
    let at = start;
    let size = 0;
    for (let digit = HEX[bytes[at] ?? 0] ?? -1; at < end && digit >= 0; digit = HEX[bytes[at] ?? 0] ?? -1) {
      size = size * 16 + digit;
      at++;
    }
    if (at - start > MAX_SIZE_DIGITS || (at === start && at < end)) throw httpError('HTTP_CHUNK_SIZE');
    const extension = at;
    while (at < end && FIELD[bytes[at] ?? 0] === 1) at++;
    // In the order of the bytes that are at fault: a refusal does not wait for the line's end.
    if (extension < at && bytes[extension] !== SEMICOLON && !isWhitespace(bytes[extension])) {
      throw httpError('HTTP_CHUNK_SIZE');
    }
    if (at - start > MAX_CHUNK_LINE_BYTES) throw httpError('HTTP_CHUNK_EXTENSION');
    if (at < end && bytes[at] === LF) throw httpError('HTTP_BARE_LF');
    if (at < end && bytes[at] !== CR) throw httpError('HTTP_CHUNK_SIZE');
    if (at + 1 >= end) return false;
    if (bytes[at + 1] !== LF) throw httpError('HTTP_BARE_CR');
    if (extension < at) this.#checkExtension(bytes.toString('latin1', extension, at));
    window.start = at + 2;
    this.#remaining = size;
    this.#state = size === 0 ? 'trailers' : 'data';
    if (size === 0) this.#trailerSection.reset(0);
    return true;
  }

  #checkExtension(text: string): void {
    this.#extensionBytes += text.length;
    if (this.#extensionBytes > MAX_CHUNK_EXTENSION_BYTES || !EXTENSIONS.test(text)) {
      throw httpError('HTTP_CHUNK_EXTENSION');
    }
  }

  #readData(window: ByteWindow): Buffer | typeof NEED_MORE {
    if (window.length === 0) return NEED_MORE;
    const length = Math.min(window.length, this.#remaining);
    const piece = window.bytes.subarray(window.start, window.start + length);
    window.start += length;
    this.#remaining -= length;
    if (this.#remaining === 0) this.#state = 'dataEnd';
    return piece;
  }

  #readDataEnd(window: ByteWindow): boolean {
    const { bytes, start } = window;
    if (window.length > 0 && bytes[start] !== CR) throw httpError('HTTP_CHUNK_END');
    if (window.length > 1 && bytes[start + 1] !== LF) throw httpError('HTTP_CHUNK_END');
    if (window.length < 2) return false;
    window.start += 2;
    this.#state = 'size';
    return true;
  }

  /** trailer-section CRLF; fields that would change framing or routing after the fact are refused. */
  #readTrailers(window: ByteWindow): boolean {
    const section = this.#trailerSection;
    const length = section.read(window);
    if (length === NEED_MORE) return false;
    const text = window.latin1(length - 2);
    const { host, contentLength, transferEncoding, connection } = section.noted(text);
    if ((host ?? contentLength ?? transferEncoding ?? connection) !== null) throw httpError('HTTP_TRAILER');
    if (length > 2) this.trailers = HTTPHeaders.fromBlock(text);
    window.start += length;
    this.#state = 'done';
    return true;
  }
}
