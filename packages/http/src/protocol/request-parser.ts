/**
 * The whole of reading requests: bytes in; a head, pieces of content, the end of the content, NEED_MORE, or a
 * thrown HTTPProtocolError out. Pure: no socket, no clock. After an error it must not be used again.
 */

import { ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import { ChunkedDecoder, END_OF_CONTENT } from './chunked-decoder.js';
import { CR, LF } from './grammar.js';
import { HeadParser } from './head-parser.js';
import type { HTTPHeaders } from './http-headers.js';
import type { RequestHead } from './request-head.js';

export type ParserEvent = RequestHead | Buffer | typeof END_OF_CONTENT | typeof NEED_MORE;

export class RequestParser {
  readonly #window = new ByteWindow();
  readonly #heads: HeadParser;
  readonly #limits: HTTPLimits;
  #state: 'head' | 'length' | 'chunked' = 'head';
  #hasSkippedLine = false;
  #remaining = 0;
  #chunks: ChunkedDecoder | null = null;

  constructor(limits: HTTPLimits) {
    this.#limits = limits;
    this.#heads = new HeadParser(limits);
  }

  /** Bytes that came and are not understood yet. */
  get buffered(): number {
    return this.#window.length;
  }

  /** Where in a request the input stands: between two of them, in a head, or in content. */
  get phase(): 'between' | 'head' | 'content' {
    if (this.#state !== 'head') return 'content';
    return this.#window.length === 0 ? 'between' : 'head';
  }

  /** The trailer fields of the content that has just ended, null without any. */
  get trailers(): HTTPHeaders | null {
    return this.#chunks?.trailers ?? null;
  }

  /** Adds a chunk. It stays the caller's: call `next()` while that helps, then `retain()`, before it changes. */
  push(chunk: Buffer): void {
    this.#window.push(chunk);
  }

  retain(): void {
    this.#window.retain();
  }

  /** Takes back what was not understood: the bytes after an upgrade. */
  takeRest(): Buffer {
    return this.#window.takeAll();
  }

  /** The next event. Content is valid until the chunk changes; every request ends with END_OF_CONTENT. */
  next(): ParserEvent {
    if (this.#state === 'head') return this.#nextHead();
    const event =
      this.#state === 'length' ? this.#nextPiece() : (this.#chunks?.next(this.#window) ?? NEED_MORE);
    if (event === END_OF_CONTENT) this.#state = 'head';
    return event;
  }

  #nextHead(): RequestHead | typeof NEED_MORE {
    if (!this.#skipEmptyLine()) return NEED_MORE;
    const head = this.#heads.next(this.#window);
    if (head === NEED_MORE) return NEED_MORE;
    this.#hasSkippedLine = false;
    if (head.framing.kind === 'chunked') {
      this.#state = 'chunked';
      this.#chunks = new ChunkedDecoder(this.#limits);
    } else {
      this.#state = 'length';
      this.#remaining = head.framing.length;
      this.#chunks = null;
    }
    return head;
  }

  /** RFC 9112 §2.2: one empty line before a request is forgiven. False while it is unclear whether there is one. */
  #skipEmptyLine(): boolean {
    const window = this.#window;
    if (window.length === 0) return false;
    if (window.bytes[window.start] !== CR || this.#hasSkippedLine) return true;
    if (window.length === 1) return false;
    if (window.bytes[window.start + 1] !== LF) throw httpError('HTTP_BARE_CR');
    window.start += 2;
    this.#hasSkippedLine = true;
    return window.length > 0;
  }

  #nextPiece(): Buffer | typeof END_OF_CONTENT | typeof NEED_MORE {
    if (this.#remaining === 0) return END_OF_CONTENT;
    const window = this.#window;
    if (window.length === 0) return NEED_MORE;
    const length = Math.min(window.length, this.#remaining);
    const piece = window.bytes.subarray(window.start, window.start + length);
    window.start += length;
    this.#remaining -= length;
    return piece;
  }
}
