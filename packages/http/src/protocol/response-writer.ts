/**
 * Writes one response: RFC 9112 §4, §6 and §7.1. Pure: what is to be sent goes to a sink, in order.
 *
 * Everything is checked before the first byte of it is given out, so that a refused call leaves nothing on the
 * wire. The server frames the content: by the handler's Content-Length, else by chunks, else (for HTTP/1.0) by
 * closing.
 */
import { httpUsageError } from '../errors.js';
import { hasContent, type ResponseFraming, responseFraming } from './framing.js';
import { DIGITS, FIELD_TEXT, hasToken } from './grammar.js';
import { eachHeader, type HeadersInit, requireHeader } from './http-headers.js';
import { after, type ResponseState } from './response-state.js';
import { statusLine } from './status.js';

/** Where the bytes go. Each answers false when the reader is behind. */
export interface ResponseSink {
  /** Text with one byte for each character. */
  writeLatin1(text: string): boolean;
  /** Text as UTF-8, or bytes. */
  write(data: string | Uint8Array): boolean;
}

const TEXT_TYPE = 'text/plain; charset=utf-8';
const BYTES_TYPE = 'application/octet-stream';
const LAST_CHUNK = '0\r\n\r\n';
const CLOSE = 'Connection: close\r\n';
const KEEP_ALIVE = 'Connection: keep-alive\r\n';

export class ResponseWriter {
  #state: ResponseState = 'start';
  #status = 200;
  #framing: ResponseFraming = 'none';
  /** What Content-Length announced and has not been sent. */
  #remaining = 0;
  /** Header lines given before the header section is sent. */
  #lines = '';
  readonly #isHead: boolean;
  readonly #minor: 0 | 1;
  #keepAlive: boolean;

  constructor(isHead: boolean, minor: 0 | 1, keepAlive: boolean) {
    this.#isHead = isHead;
    this.#minor = minor;
    this.#keepAlive = keepAlive;
  }

  /** Nothing is given out yet: another response can take this one's place. */
  get isUntouched(): boolean {
    return this.#state === 'start' || this.#state === 'status';
  }
  get isFinished(): boolean {
    return this.#state === 'finished';
  }
  /** Whether the connection can carry another request after this response. */
  get keepAlive(): boolean {
    return this.#keepAlive;
  }
  /** Whether the client could take an end of the connection now for the end of the content. */
  get endsByClosing(): boolean {
    return this.#state === 'content' && this.#framing === 'close';
  }

  /** The connection is to end after this response; said in its head if that is not out yet. */
  refuseKeepAlive(): void {
    this.#keepAlive = false;
  }

  /** Forgets a status and header lines that were set but not sent, so that an error can be answered instead. */
  restart(): void {
    this.#state = 'start';
    this.#lines = '';
  }

  /** Sets the status; it is sent with the header section. */
  setStatus(status: number): void {
    const next = after(this.#state, 'status');
    requireStatus(status);
    this.#status = status;
    this.#state = next;
  }

  /** Adds a header line that is sent with the header section, ahead of the handler's own. */
  addHeader(name: string, value: string): void {
    if (!this.isUntouched) after(this.#state, 'headers');
    requireHeader(name, value);
    this.#lines += `${name}: ${value}\r\n`;
  }

  /** Gives out the status line and the header section; `date` is the Date line, used unless `headers` has one. */
  writeHead(sink: ResponseSink, headers: HeadersInit, date: string): boolean {
    const next = after(this.#state, 'headers');
    const head = this.#head(headers, date);
    this.#state = next;
    return sink.writeLatin1(head);
  }

  /** Gives out content, behind the head that it implies if there was none. */
  writeContent(sink: ResponseSink, data: string | Uint8Array, date: string): boolean {
    const next = after(this.#state, 'content');
    requireContent(data);
    if (this.isUntouched) this.writeHead(sink, { 'Content-Type': defaultType(data) }, date);
    this.#state = next;
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (this.#framing === 'length') {
      if (length > this.#remaining) throw httpUsageError('HTTP_CONTENT_TOO_LONG');
      this.#remaining -= length;
    }
    if (length === 0 || this.#isHead || this.#framing === 'none') return true;
    if (this.#framing !== 'chunked') return sink.write(data);
    // An empty chunk would be the last one; it cannot come here.
    sink.writeLatin1(`${length.toString(16)}\r\n`);
    sink.write(data);
    return sink.writeLatin1('\r\n');
  }

  /**
   * Ends the response, with an empty one if nothing was sent. False if the content is shorter than announced:
   * then only closing the connection tells the client.
   */
  writeEnd(sink: ResponseSink, date: string): boolean {
    const next = after(this.#state, 'finish');
    if (this.isUntouched) {
      this.writeHead(sink, hasContent(this.#status) ? { 'Content-Length': 0 } : {}, date);
    }
    this.#state = next;
    if (this.#framing === 'chunked' && !this.#isHead) sink.writeLatin1(LAST_CHUNK);
    return this.#framing !== 'length' || this.#isHead || this.#remaining === 0;
  }

  /** A whole response at once. `type` is its Content-Type, or its headers. */
  writeAll(
    sink: ResponseSink,
    content: string | Uint8Array,
    status: number | undefined,
    type: string | HeadersInit | undefined,
    date: string,
  ): void {
    if (!this.isUntouched) after(this.#state, 'headers');
    requireContent(content);
    if (status !== undefined) {
      requireStatus(status);
      this.#status = status;
    }
    const isText = typeof content === 'string';
    const length = isText ? Buffer.byteLength(content) : content.length;
    const head = this.#wholeHead(type, isText ? TEXT_TYPE : BYTES_TYPE, length, date);
    this.#state = 'finished';
    if (length === 0 || this.#isHead || !hasContent(this.#status)) sink.writeLatin1(head);
    else if (isText && length === content.length) sink.writeLatin1(head + content);
    else {
      sink.writeLatin1(head);
      sink.write(content);
    }
  }

  /** The head of a response whose length is known. The usual case, a type and nothing more, is put together at once. */
  #wholeHead(
    type: string | HeadersInit | undefined,
    defaultType: string,
    length: number,
    date: string,
  ): string {
    if (type !== undefined && typeof type !== 'string') {
      return this.#head(withDefaults(type, defaultType, length), date);
    }
    if (type !== undefined && !FIELD_TEXT.test(type))
      throw httpUsageError('HTTP_HEADER_VALUE', 'Content-Type');
    let head = statusLine(this.#status) + this.#lines;
    if (hasContent(this.#status)) {
      head += `Content-Type: ${type ?? defaultType}\r\nContent-Length: ${length}\r\n`;
    }
    return `${head + date + this.#connectionLine()}\r\n`;
  }

  /** Checks `headers`, decides the framing, and puts the head together. Changes nothing when it throws. */
  #head(headers: HeadersInit, date: string): string {
    let lines = this.#lines;
    let length: string | null = null;
    let hasDate = false;
    let closes = false;
    eachHeader(headers, (name, value) => {
      requireHeader(name, value);
      switch (name.toLowerCase()) {
        case 'content-length':
          if (length !== null || !DIGITS.test(value)) throw httpUsageError('HTTP_HEADER_FRAMING', value);
          length = value;
          return;
        case 'transfer-encoding':
          if (value.toLowerCase() !== 'chunked') throw httpUsageError('HTTP_HEADER_FRAMING', value);
          return;
        case 'connection':
          closes ||= hasToken(value, 'close');
          return;
        case 'date':
          hasDate = true;
      }
      lines += `${name}: ${value}\r\n`;
    });
    const framing = responseFraming(this.#status, length !== null, this.#minor);
    // A 304 may tell the length that a 200 would have had: RFC 9110 §8.6.
    if (length !== null && (framing === 'length' || this.#status === 304))
      lines += `Content-Length: ${length}\r\n`;
    if (framing === 'chunked') lines += 'Transfer-Encoding: chunked\r\n';
    if (closes || framing === 'close') this.#keepAlive = false;
    this.#framing = framing;
    this.#remaining = Number(length ?? 0);
    return `${statusLine(this.#status) + lines + (hasDate ? '' : date) + this.#connectionLine()}\r\n`;
  }

  /** RFC 9112 §9.3: an HTTP/1.1 connection stays unless we say so, an HTTP/1.0 one goes unless we say so. */
  #connectionLine(): string {
    if (!this.#keepAlive) return CLOSE;
    return this.#minor === 0 ? KEEP_ALIVE : '';
  }
}

function withDefaults(headers: HeadersInit, type: string, length: number): HeadersInit {
  const pairs: [string, string][] = [];
  let hasType = false;
  eachHeader(headers, (name, value) => {
    const lowerName = name.toLowerCase();
    hasType ||= lowerName === 'content-type';
    // The length of a whole response is what it is; another claim is a mistake.
    if (lowerName === 'content-length' && value !== String(length)) {
      throw httpUsageError('HTTP_HEADER_FRAMING', `Content-Length: ${value}, content of ${length}`);
    }
    if (lowerName !== 'content-length') pairs.push([name, value]);
  });
  if (!hasType && length > 0) pairs.push(['Content-Type', type]);
  pairs.push(['Content-Length', String(length)]);
  return pairs;
}

function defaultType(data: string | Uint8Array): string {
  return typeof data === 'string' ? TEXT_TYPE : BYTES_TYPE;
}

function requireStatus(status: number): void {
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw httpUsageError('HTTP_STATUS', String(status));
  }
}

function requireContent(data: string | Uint8Array): void {
  if (typeof data !== 'string' && !(data instanceof Uint8Array))
    throw httpUsageError('HTTP_CONTENT', typeof data);
}
