/**
 * Writes one response: RFC 9112 §4, §6 and §7.1. Pure: what is to be sent goes to a sink, in order.
 *
 * Everything is checked before the first byte of it is given out, so that a refused call leaves nothing on the
 * wire. The server frames the content: by the handler's Content-Length, else by chunks, else (for HTTP/1.0) by
 * closing.
 */
import { httpUsageError } from '../errors.js';
import { hasContent, type ResponseFraming, responseFraming } from './framing.js';
import { FIELD_TEXT } from './grammar.js';
import { eachHeader, type HeadersInit, requireHeader } from './http-headers.js';
import { composeHead, connectionLine, withDefaults } from './response-head.js';
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
/** Text of at most this length is joined to its head, and leaves with it; longer text would be copied whole for that. */
const JOIN_LIMIT = 65_536;
/** What a 101 cannot have, and what it has already. */
const NOT_IN_UPGRADE = /^(?:content-length|transfer-encoding|connection|upgrade)$/i;
const LAST_CHUNK = '0\r\n\r\n';

export class ResponseWriter {
  #state: ResponseState = 'start';
  /** The state behind 'lent'. */
  #lentState: ResponseState = 'start';
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
  /** Whether the head is out, or is as good as that. */
  get hasBegun(): boolean {
    const state = this.#state === 'lent' ? this.#lentState : this.#state;
    return state === 'content' || state === 'finished';
  }
  get status(): number {
    return this.#status;
  }
  /** Whether content that is sent goes out: not to HEAD, nor with a status that has none. */
  get sendsContent(): boolean {
    return !this.#isHead && hasContent(this.#status);
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

  /** What made `refuseKeepAlive` necessary is over: the content has been read after all. */
  allowKeepAlive(): void {
    if (this.isUntouched) this.#keepAlive = true;
  }

  /**
   * Settles status and headers of a response that is to begin later, and throws UsageError for what `writeHead` would
   * throw for then. Until `giveBack` every other call is out of order.
   */
  lend(status: number | undefined, headers: HeadersInit): void {
    if (!this.isUntouched) after(this.#state, 'headers');
    if (status !== undefined) requireStatus(status);
    composeHead(status ?? this.#status, '', headers, this.#minor, this.#keepAlive, '');
    this.#status = status ?? this.#status;
    this.lendAgain();
  }

  /** As before `giveBack`. */
  lendAgain(): void {
    this.#lentState = this.#state;
    this.#state = 'lent';
  }

  /** For whom it was lent to: calls count again, from where it stands. */
  giveBack(): void {
    this.#state = this.#lentState;
  }

  /** Forgets a status that was set but not sent, so that an error can be answered instead. */
  restart(): void {
    this.#state = 'start';
  }

  /** Forgets the header lines that were added. */
  dropHeaders(): void {
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
    const head = this.#head(this.#status, headers, date);
    this.#state = next;
    return sink.writeLatin1(head);
  }

  /**
   * The head for header lines that have been checked, and content of `length` bytes. Whoever asked for it gives it out,
   * and the content behind it (`passContent`).
   */
  takeCheckedHead(lines: string, length: number, date: string): string {
    const next = after(this.#state, 'headers');
    this.#state = next;
    this.#framing = responseFraming(this.#status, true, this.#minor);
    this.#remaining = length;
    let lengthLine = this.#framing === 'length' ? `Content-Length: ${length}\r\n` : '';
    if (this.#status === 205) lengthLine = 'Content-Length: 0\r\n';
    const start = statusLine(this.#status) + this.#lines + lines;
    return `${start + lengthLine + date + connectionLine(this.#keepAlive, this.#minor)}\r\n`;
  }

  /** Gives out content, behind the head that it implies if there was none. */
  writeContent(sink: ResponseSink, data: string | Uint8Array, date: string): boolean {
    const next = after(this.#state, 'content');
    requireContent(data);
    if (this.isUntouched) this.writeHead(sink, { 'Content-Type': defaultType(data) }, date);
    this.#state = next;
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    this.#count(length);
    if (length === 0 || this.#isHead || this.#framing === 'none') return true;
    if (this.#framing !== 'chunked') return sink.write(data);
    // An empty chunk would be the last one; it cannot come here.
    sink.writeLatin1(`${length.toString(16)}\r\n`);
    sink.write(data);
    return sink.writeLatin1('\r\n');
  }

  /**
   * Counts `length` bytes of content that go out by another way, behind a head with a Content-Length; false when the
   * response has no content and they must not.
   */
  passContent(length: number): boolean {
    const next = after(this.#state, 'content');
    this.#count(length);
    this.#state = next;
    return !this.#isHead && this.#framing === 'length';
  }

  /**
   * Ends the response, with an empty one if nothing was sent. False if the content is shorter than announced:
   * then only closing the connection tells the client.
   */
  writeEnd(sink: ResponseSink, date: string): boolean {
    const next = after(this.#state, 'finish');
    if (this.isUntouched) {
      // To HEAD it would say that GET has no content, which is not known: RFC 9110 §8.6.
      const isEmpty = (hasContent(this.#status) || this.#status === 205) && !this.#isHead;
      this.writeHead(sink, isEmpty ? { 'Content-Length': 0 } : {}, date);
    }
    this.#state = next;
    if (this.#framing === 'chunked' && !this.#isHead) sink.writeLatin1(LAST_CHUNK);
    return this.#framing !== 'length' || this.#isHead || this.#remaining === 0;
  }

  /** Gives out a 101 that goes over to `protocol`; nothing more is sent by this writer. RFC 9110 §7.8. */
  writeUpgrade(sink: ResponseSink, protocol: string, headers: HeadersInit, date: string): void {
    requireHeader('Upgrade', protocol);
    let head = `${statusLine(101)}Upgrade: ${protocol}\r\nConnection: Upgrade\r\n${this.#lines}`;
    eachHeader(headers, (name, value) => {
      requireHeader(name, value);
      if (NOT_IN_UPGRADE.test(name)) throw httpUsageError('HTTP_HEADER_FRAMING', name);
      head += `${name}: ${value}\r\n`;
    });
    this.#state = 'finished';
    sink.writeLatin1(`${head + date}\r\n`);
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
    if (status !== undefined) requireStatus(status);
    const newStatus = status ?? this.#status;
    const isText = typeof content === 'string';
    const length = isText ? Buffer.byteLength(content) : content.length;
    const head = this.#wholeHead(newStatus, type, isText ? TEXT_TYPE : BYTES_TYPE, length, date);
    this.#status = newStatus;
    this.#state = 'finished';
    if (length === 0 || this.#isHead || !hasContent(newStatus)) sink.writeLatin1(head);
    else if (isText && length === content.length && length <= JOIN_LIMIT) sink.writeLatin1(head + content);
    else {
      sink.writeLatin1(head);
      sink.write(content);
    }
  }

  #count(length: number): void {
    if (this.#framing !== 'length') return;
    if (length > this.#remaining) throw httpUsageError('HTTP_CONTENT_TOO_LONG');
    this.#remaining -= length;
  }

  /** The head of a response whose length is known. */
  #wholeHead(
    status: number,
    type: string | HeadersInit | undefined,
    defaultType: string,
    length: number,
    date: string,
  ): string {
    if (type !== undefined && typeof type !== 'string') {
      return this.#head(status, hasContent(status) ? withDefaults(type, defaultType, length) : type, date);
    }
    if (type !== undefined && !FIELD_TEXT.test(type))
      throw httpUsageError('HTTP_HEADER_VALUE', 'Content-Type');
    // The usual case, a type and nothing more, needs no look at each header.
    let head = statusLine(status) + this.#lines;
    if (hasContent(status)) head += `Content-Type: ${type ?? defaultType}\r\nContent-Length: ${length}\r\n`;
    else if (status === 205) head += 'Content-Length: 0\r\n';
    return `${head + date + connectionLine(this.#keepAlive, this.#minor)}\r\n`;
  }

  /** Any other head. Changes nothing when it throws. */
  #head(status: number, headers: HeadersInit, date: string): string {
    const head = composeHead(status, this.#lines, headers, this.#minor, this.#keepAlive, date);
    this.#framing = head.framing;
    this.#remaining = head.length;
    this.#keepAlive = head.keepAlive;
    return head.text;
  }
}

/** The Content-Type of content that says none. */
export function defaultType(data: string | Uint8Array): string {
  return typeof data === 'string' ? TEXT_TYPE : BYTES_TYPE;
}

function requireStatus(status: number): void {
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw httpUsageError('HTTP_STATUS', String(status));
  }
}

/** Throws UsageError for what is neither text nor bytes. */
export function requireContent(data: unknown): asserts data is string | Uint8Array {
  if (typeof data !== 'string' && !(data instanceof Uint8Array))
    throw httpUsageError('HTTP_CONTENT', typeof data);
}
