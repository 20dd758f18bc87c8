/**
 * HTTPRequest: one request, and the response to it. What a handler is called with.
 *
 * Made once for a request; whatever costs something to find out is found out when it is asked for. It is longer than 300
 * lines because every member stands here with its contract; the work is done elsewhere.
 */
import { UsageError } from '@inseam/engine/errors';
import { parseCookie } from 'cookie';
import { wholeContent } from '../content/content-iterator.js';
import { type Form, isUrlEncoded, NO_FILES, type UploadedFiles, urlEncodedFields } from '../content/form.js';
import { CookiesOut } from '../cookies/cookies-out.js';
import {
  type SecureCookieOptions,
  type SecureCookieValue,
  setSecureCookie,
} from '../cookies/secure-cookie.js';
import { HTTPError, httpUsageError } from '../errors.js';
import type { SendFileOptions } from '../files/file-sender.js';
import { hasToken } from '../protocol/grammar.js';
import { type HeadersInit, HTTPHeaders } from '../protocol/http-headers.js';
import type { RequestHead } from '../protocol/request-head.js';
import { ResponseWriter } from '../protocol/response-writer.js';
import type { Origin } from '../proxy/x-headers.js';
import { EventStream, type EventStreamOptions } from '../responses/event-stream.js';
import { jsonText } from '../responses/json-text.js';
import { redirectLocation } from '../responses/redirect.js';
import type { ResponseTask } from '../responses/response-task.js';
import { type ContentSource, sendStream } from '../responses/send-stream.js';
import type { HTTPConnection } from './http-connection.js';

const JSON_TYPE = 'application/json';
const JSON_CONTENT = /^application\/(?:[^;\s]+\+)?json[ \t]*(?:;|$)/i;
const UTF8 = new TextDecoder('utf-8', { fatal: true });
const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export class HTTPRequest {
  /** The connection it came on. */
  readonly connection: HTTPConnection;
  readonly method: string;
  /** The request target as it was sent, usually path and query. */
  readonly url: string;
  /** 'HTTP/1.1' or 'HTTP/1.0'. */
  readonly protocol: string;
  /**
   * Set by an early handler: called as content comes, with the bytes so far and what Content-Length announced, null
   * for chunks.
   */
  onProgress: ((received: number, total: number | null) => unknown) | null = null;
  readonly #head: RequestHead;
  readonly #response: ResponseWriter;
  #startedAt: number;
  /** The content; null while it has not come, and when it was taken. */
  #body: Buffer | null = null;
  #content: AsyncIterableIterator<Buffer, undefined> | null = null;
  #trailers: HTTPHeaders | null = null;
  #form: Form | null = null;
  #maxUpload: number | null = null;
  #released = 0;
  #tookMs: number | null = null;
  #headers: HTTPHeaders | null = null;
  #get: URLSearchParams | null = null;
  #cookies: Readonly<Record<string, string>> | null = null;
  #cookiesOut: CookiesOut | null = null;
  #origin: Origin | null = null;
  #abort: AbortController | null = null;
  #hasLeft = false;
  #onClose: (() => unknown) | null = null;
  /** For responses that take their time: who sends this one in the handler's place, null for nobody. */
  task: ResponseTask | null = null;

  /** For HTTPConnection. */
  constructor(connection: HTTPConnection, head: RequestHead, keepAlive: boolean) {
    this.connection = connection;
    this.method = head.method;
    this.url = head.target;
    this.protocol = head.protocol;
    this.#head = head;
    this.#response = new ResponseWriter(head.method === 'HEAD', head.minor, keepAlive);
    this.#startedAt = connection.receivedAt;
  }

  // The request -----------------------------------------------------------------------------------------------

  /** The header fields: names match without case, repeated ones stay apart. */
  get headers(): HTTPHeaders {
    this.#headers ??= HTTPHeaders.fromBlock(this.#head.fields);
    return this.#headers;
  }
  /** The client's address, or what a believed proxy says it is (`xheaders`); '' on a Unix socket. */
  get remoteIp(): string {
    const said = this.#said()?.remoteIp;
    if (said) return said;
    const address = this.connection.remoteAddress;
    return address !== null && 'host' in address ? address.host : '';
  }
  /** 'http', or 'https' on an encrypted connection; or what a believed proxy says (`xheaders`). */
  get scheme(): 'http' | 'https' {
    return this.#said()?.scheme ?? (this.connection.tls === null ? 'http' : 'https');
  }
  get isSecure(): boolean {
    return this.scheme === 'https';
  }
  /** Host and port as the client named them; '127.0.0.1' where an HTTP/1.0 client named none. */
  get host(): string {
    return this.#said()?.host || this.#head.host || '127.0.0.1';
  }
  /** The host without its port, in lower case, and an IPv6 address without its brackets. */
  get hostname(): string {
    const { host } = this;
    const end = host.startsWith('[') ? host.indexOf(']') : host.indexOf(':');
    return (end === -1 ? host : host.slice(host.startsWith('[') ? 1 : 0, end)).toLowerCase();
  }
  /** The path, not decoded, without the query. '*' for `OPTIONS *`. */
  get path(): string {
    const target = this.#localTarget();
    const mark = target.indexOf('?');
    return mark === -1 ? target : target.slice(0, mark);
  }
  /** What follows the '?', not decoded; '' without one. */
  get query(): string {
    const mark = this.url.indexOf('?');
    return mark === -1 ? '' : this.url.slice(mark + 1);
  }
  /** Always '': a client keeps the fragment to itself, and a target with one is refused (RFC 9112 §3.2). */
  get fragment(): string {
    return '';
  }
  /** The content, whole; empty without any, and for a form with files. It is the handler's to keep. Throws UsageError in an early handler. */
  get body(): Buffer {
    return this.#body ?? this.#noContent();
  }
  /** The fields after a chunked body, null without any. Never merged with `headers`. */
  get trailers(): HTTPHeaders | null {
    return this.#trailers;
  }
  /** The query as form fields. */
  get get(): URLSearchParams {
    // URLSearchParams would take a leading '?' for the query's mark.
    this.#get ??= new URLSearchParams(`?${this.query}`);
    return this.#get;
  }
  /**
   * The fields of a form in the content, URL-encoded or multipart; empty for other content. Throws as `body` does, and
   * HTTPProtocolError for a form beyond the limits, which answers 413 if it is not caught.
   */
  get post(): URLSearchParams {
    return this.#readForm().fields;
  }
  /** The files of a multipart form, by field: `files.photo?.[0]`. They last as long as the request unless they are moved. */
  get files(): UploadedFiles {
    return this.#readForm().files;
  }
  /**
   * The content, read as JSON. Throws as `body` does; HTTPError 415 for content of another type and 400 for what is no
   * JSON, which answer the request if they are not caught.
   */
  json(): unknown {
    const type = this.headers.get('content-type') ?? '';
    const coding = this.headers.get('content-encoding');
    if (coding !== null) throw new HTTPError(415, `Content-Encoding ${coding} is not decoded here\n`);
    if (!JSON_CONTENT.test(type)) throw new HTTPError(415, 'Content-Type: application/json is expected\n');
    try {
      return JSON.parse(UTF8.decode(this.body));
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw new HTTPError(400, 'the content is not JSON\n', { cause: error });
    }
  }
  /**
   * The content piece by piece, for `for await`: taken by an early handler, it comes as the loop asks for it, is
   * not held in memory and has no limit; the request handler is not called then. Breaks off with HTTPProtocolError or
   * TransportError when the content does. Otherwise it is `body`. Throws UsageError if it was taken before.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer, undefined> {
    if (this.#content !== null) throw httpUsageError('HTTP_CONTENT_TAKEN');
    this.#content = this.#body === null ? this.connection.takeContent(this) : wholeContent(this.#body);
    return this.#content;
  }
  /**
   * The most bytes that this request may bring if it is a multipart form, whose files go to the disk; an early handler may
   * raise it for an upload. At first the server's `maxUpload`.
   */
  get maxUpload(): number {
    return this.#maxUpload ?? this.connection.server.maxUpload;
  }
  set maxUpload(bytes: number) {
    if (!(typeof bytes === 'number' && bytes >= 0))
      throw httpUsageError('HTTP_OPTION', `maxUpload: ${bytes}; a number of bytes is expected`);
    this.#maxUpload = bytes;
  }
  /** The whole URL. */
  get fullUrl(): string {
    return `${this.scheme}://${this.host}${this.url === '*' ? '' : this.#localTarget()}`;
  }
  /** The client's cookies by name; the first one where a name is repeated. */
  get cookies(): Readonly<Record<string, string>> {
    this.#cookies ??= parseCookie(this.headers.get('cookie') ?? '') as Record<string, string>;
    return this.#cookies;
  }
  /**
   * What `setSecureCookie` has put into cookie `name`; null for a cookie that is missing, tampered with, expired or
   * from the future. Throws UsageError without a `cookieSecret`.
   */
  getSecureCookie(name: string): unknown {
    const text = this.cookies[name];
    const { cookieSigner, engine } = this.connection.server;
    if (cookieSigner === null) throw httpUsageError('HTTP_COOKIE_SECRET');
    return text === undefined ? null : cookieSigner.verify(name, text, engine.clock.date());
  }

  /** Milliseconds since the request was complete; once the response is finished, how long that took. */
  get time(): number {
    return this.#tookMs ?? this.connection.engine.clock.now() - this.#startedAt;
  }
  /** Aborted when `onClose` is called: hand it to `fetch`, timers and queries that work for this response only. */
  get signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#hasLeft) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /**
   * Called once if the client leaves before the response is finished: it has shut its side or the connection is lost, also
   * because what it sent was refused; at once when it has left already. A response may still be sent, in case the client only
   * shut its side.
   */
  get onClose(): (() => unknown) | null {
    return this.#onClose;
  }
  set onClose(listener: (() => unknown) | null) {
    this.#onClose = listener;
    if (this.#hasLeft) this.connection.notifyLeft(listener);
  }

  // The response ----------------------------------------------------------------------------------------------

  /** The cookies to set; they go out with the headers. */
  get cookiesOut(): CookiesOut {
    this.#cookiesOut ??= new CookiesOut();
    return this.#cookiesOut;
  }

  /**
   * Sets a cookie that the client can read but not change: signed, HttpOnly unless told otherwise. Throws UsageError
   * without a `cookieSecret`, and for what no cookie can hold.
   */
  setSecureCookie(name: string, value: SecureCookieValue, options: SecureCookieOptions = {}): void {
    const { cookieSigner, engine } = this.connection.server;
    if (cookieSigner === null) throw httpUsageError('HTTP_COOKIE_SECRET');
    setSecureCookie(this.cookiesOut, cookieSigner, name, value, options, engine.clock.date());
  }

  /** Whether `finish` or `sendResponse` has been called. */
  get finished(): boolean {
    return this.#response.isFinished || this.task?.isWhole === true;
  }

  /**
   * Sends a whole response and finishes it. Text goes out as UTF-8. `type` is the Content-Type, or an object of
   * headers; without one it is text/plain for text and application/octet-stream for bytes, which must not change
   * until they are sent. Throws UsageError, with nothing sent, for a bad status or header, or out of order.
   */
  sendResponse(content: string | Uint8Array, status?: number, type?: string | HeadersInit): void {
    const { compression } = this.connection.server;
    if (compression === null) this.sendWhole(content, status, type);
    else compression.send(this, content, status, type);
  }

  /** For Compression: `sendResponse` with the content as it is. */
  sendWhole(content: string | Uint8Array, status?: number, type?: string | HeadersInit): void {
    if (this.#cookiesOut !== null) this.sendCookies();
    this.#response.writeAll(this.connection.output, content, status, type, this.#date());
    this.#finished(true);
  }

  /** Sends `value` as JSON. Throws UsageError for what JSON cannot say: undefined, a function, a cycle, a BigInt. */
  sendJSON(value: unknown, status?: number, headers?: HeadersInit): void {
    const text = jsonText(value);
    if (headers === undefined) {
      this.sendResponse(text, status, JSON_TYPE);
      return;
    }
    const all = new HTTPHeaders(headers);
    if (!all.has('content-type')) all.set('Content-Type', JSON_TYPE);
    this.sendResponse(text, status, all);
  }

  /**
   * Sends the client to another URL, absolute or relative; what no URL has is percent-encoded. `status` is 301, 302,
   * 303, 307 or 308.
   */
  redirect(location: string, status = 302, headers: HeadersInit = {}): void {
    if (!REDIRECTIONS.has(status)) throw httpUsageError('HTTP_REDIRECT', String(status));
    this.sendResponse('', status, new HTTPHeaders(headers).set('Location', redirectLocation(location)));
  }

  /**
   * Sends a file and finishes the response: with validators, conditions and ranges (RFC 9110 §13, §14), or, with the
   * server's `sendfile`, by telling the proxy to send it. A relative path is looked up in `fileRoot`, else in the working
   * directory; nothing outside `fileRoot` is sent. Answers 404 or 403 itself. Resolves when the response is finished; never
   * rejects, so it need not be awaited.
   */
  sendFile(path: string, options: SendFileOptions = {}): Promise<void> {
    return this.connection.server.files.send(this, path, options);
  }

  /**
   * Sends what `source` gives, text and bytes, at the client's pace, and finishes the response; `type` is its Content-Type, or its
   * headers. The source is given away: it is destroyed when the client is gone, or the call throws. One that fails is
   * reported, and answers 500 or, behind the head, ends the connection. Resolves when it is over; never rejects. Throws
   * UsageError, with nothing sent, for what is no source, a bad status or header, or out of order.
   */
  sendStream(source: ContentSource, status?: number, type?: string | HeadersInit): Promise<void> {
    return sendStream(this, source, status, type);
  }

  /**
   * Begins a stream of Server-Sent Events, which lasts until it is closed, the client leaves or the engine stops. Throws
   * UsageError, with nothing sent, for a bad header or option, or out of order.
   */
  sendEvents(options?: EventStreamOptions): EventStream {
    return new EventStream(this, options);
  }

  /** Sets the status of a response sent piece by piece. Goes out with the headers. */
  sendStatus(status = 200): void {
    this.#response.setStatus(status);
  }

  /** Adds cookies of `cookiesOut` to the headers, all or those named. `sendHeaders` does it by itself. */
  sendCookies(names?: readonly string[]): void {
    for (const value of this.#cookiesOut?.take(names) ?? []) this.#response.addHeader('Set-Cookie', value);
  }

  /**
   * Sends status line and headers. With a Content-Length that much content must follow; without one it is
   * chunked. Date and Connection are added. Throws UsageError, with nothing sent, for a bad header or out of order.
   */
  sendHeaders(headers: HeadersInit = {}): void {
    if (this.#cookiesOut !== null) this.sendCookies();
    this.#response.writeHead(this.connection.output, headers, this.#date());
  }

  /**
   * Sends content: text as UTF-8, or bytes, which must not change until they are sent. Answers false when the
   * client is behind: wait for `drained()`. Sends nothing, and answers false, when the client is gone.
   */
  send(data: string | Uint8Array): boolean {
    if (this.#cookiesOut !== null && this.#response.isUntouched) this.sendCookies();
    return this.#response.writeContent(this.connection.output, data, this.#date()) && !this.#isGone;
  }

  /** Resolves when the client has caught up (less than 64 KiB wait) or is gone. */
  drained(): Promise<void> {
    return this.connection.drained();
  }

  /**
   * Finishes the response; an empty one if nothing was sent. Throws UsageError when less content was sent than
   * announced; the connection is closed then, so that the client notices.
   */
  finish(): void {
    if (this.#cookiesOut !== null && this.#response.isUntouched) this.sendCookies();
    this.#finished(this.#response.writeEnd(this.connection.output, this.#date()));
  }

  // For HTTPConnection ------------------------------------------------------------------------------------------

  /** For HTTPConnection: the content has come; null where a handler has taken it. */
  complete(body: Buffer | null, trailers: HTTPHeaders | null, form: Form | null): void {
    this.#body = body;
    this.#trailers = trailers;
    this.#form = form;
    this.#startedAt = this.connection.receivedAt;
  }

  /** For HTTPConnection: the handler is done with the request, or the response is over. After both its files are removed. */
  release(): void {
    if (this.#form === null || ++this.#released < 2) return;
    for (const files of Object.values(this.#form.files)) for (const file of files) file.remove();
  }

  /** For HTTPConnection: the response so far. */
  get response(): ResponseWriter {
    return this.#response;
  }

  /** For HTTPConnection: whether the client offered to go on with `protocol`. */
  offers(protocol: string): boolean {
    return this.#head.upgrade !== null && hasToken(this.#head.upgrade, protocol.toLowerCase());
  }

  /** For HTTPConnection: a failed handler's cookies are not sent. */
  dropCookies(): void {
    this.#cookiesOut = null;
    this.#response.dropHeaders();
  }

  /** For HTTPConnection: whether the client left before the response was finished. */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** For HTTPConnection: the client has left. */
  leave(): void {
    if (this.#hasLeft || this.finished) return;
    this.#hasLeft = true;
    this.connection.notifyLeft(this.#onClose);
    this.#abort?.abort();
    this.task?.leave();
  }

  /** What the proxies say, if there are any that are believed. */
  #said(): Origin | null {
    const { xheaders } = this.connection.server;
    if (xheaders === null) return null;
    this.#origin ??= xheaders.originOf(this.connection.remoteAddress, this.headers);
    return this.#origin;
  }

  #noContent(): never {
    throw httpUsageError(this.#content === null ? 'HTTP_CONTENT_AHEAD' : 'HTTP_CONTENT_TAKEN');
  }

  #readForm(): Form {
    if (this.#form !== null) return this.#form;
    const { body } = this;
    const isForm = body.length > 0 && isUrlEncoded(this.headers.get('content-type') ?? '');
    const fields = isForm ? urlEncodedFields(body, this.connection.server.limits) : new URLSearchParams();
    this.#form = { fields, files: NO_FILES };
    return this.#form;
  }

  get #isGone(): boolean {
    return this.connection.closed;
  }

  #date(): string {
    return this.connection.dateLine();
  }

  #finished(isWhole: boolean): void {
    this.#tookMs = this.time;
    this.connection.finishRequest(this, isWhole);
  }

  /** The target without scheme and authority, which clients send to proxies only. */
  #localTarget(): string {
    const { url } = this;
    if (url.charCodeAt(0) === 0x2f || url === '*') return url;
    const rest = url.slice(url.indexOf('://') + 3);
    const end = rest.search(/[/?]/);
    if (end === -1) return '/';
    return rest[end] === '/' ? rest.slice(end) : `/${rest.slice(end)}`;
  }
}
