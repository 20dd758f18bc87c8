/**
 * HTTPConnection: the shell around the pure protocol. It feeds the parser, calls the handlers, and decides when a
 * connection waits, goes on or ends. One request at a time: the next one is not looked at until the current
 * response is finished, which keeps pipelined responses in order.
 *
 * A connection reads a head, pauses while an early handler is at work, reads the content, and leaves the turn to the request
 * handler: `#stage`. An early handler may answer, and the content is never read; or take the content, and is the only handler then.
 *
 * It is longer than 300 lines because reading, answering, upgrading, timeouts and failures all ask the same question:
 * whose turn is it on this connection? What could be decided without that is in files of its own.
 */

import {
  type InseamError,
  isThenable,
  Stream,
  type StreamOptions,
  type StreamOwner,
  type TimerHandle,
  TransportError,
} from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { ContentIterator } from '../content/content-iterator.js';
import type { Form } from '../content/form.js';
import { type ContentHost, RequestContent } from '../content/request-content.js';
import { HTTPError, HTTPProtocolError, httpError, httpTransportError, httpUsageError } from '../errors.js';
import { HTTP_LIMITS, MAX_WAITING_BYTES } from '../limits.js';
import { END_OF_CONTENT } from '../protocol/chunked-decoder.js';
import { dateLine } from '../protocol/http-date.js';
import type { HeadersInit } from '../protocol/http-headers.js';
import type { RequestHead } from '../protocol/request-head.js';
import { RequestParser } from '../protocol/request-parser.js';
import { type ResponseSink, ResponseWriter } from '../protocol/response-writer.js';
import { statusContent } from '../protocol/status.js';
import { type ConnectionPhase, ConnectionTimeouts } from './connection-timeouts.js';
import { HTTPRequest } from './http-request.js';
import type { HTTPServer, RequestHandler } from './http-server.js';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const EMPTY = Buffer.alloc(0);
/** In place of that of a connection that has left HTTP, which would be kept, 0.7 KiB, for as long as it lives. */
const NO_PARSER = new RequestParser(HTTP_LIMITS);
/**
 * How long an idle connection is kept when the engine stops. A request may be on its way, or here and not read yet: to close at
 * once resets it, and a proxy that has sent a POST may not send it again and answers 502.
 */
const DRAIN_MS = 250;

/** Whose turn it is: the client's, to send a head or content; nobody's, until something else is done; the handler's. */
type Stage = 'head' | 'content' | 'paused' | 'handler';

export class HTTPConnection extends Stream {
  declare readonly server: HTTPServer;
  /** For HTTPRequest: where response bytes go. Nothing is thrown when the client is gone. */
  readonly output: ResponseSink;
  #parser: RequestParser;
  #stage: Stage = 'head';
  /** From its head on until its response is finished. */
  #request: HTTPRequest | null = null;
  #head: RequestHead | null = null;
  /** Its content until that is complete, null without any. */
  #content: RequestContent | null = null;
  #contentHost: ContentHost | null = null;
  /** The client waits for 100 Continue. */
  #expectsContinue = false;
  #isAdvancing = false;
  #isUpgraded = false;
  /** No request is taken after the current one. */
  #isLast = false;
  #peerHasEnded = false;
  /** Reading is paused because too much waits: requests behind this one, or responses the client does not take. */
  #isHeldBack = false;
  /** Requests that are over. */
  #handled = 0;
  /** For HTTPRequest: when the latest chunk came, on the engine's clock. */
  receivedAt = 0;
  /** The Date line during one `#advance`, since asking for the time costs a tenth of a pipelined request. */
  #dateLine: string | null = null;
  /** The engine stops: closes the connection if it is still idle then. */
  #drain: TimerHandle | null = null;
  readonly #timeouts: ConnectionTimeouts;

  constructor(options: StreamOptions) {
    super(options);
    this.#parser = new RequestParser(this.server.limits);
    this.#timeouts = new ConnectionTimeouts(this.server.limits);
    this.output = {
      writeLatin1: (text) => !this.closed && this.writeLatin1(text),
      write: (data) => !this.closed && this.write(data),
    };
  }

  /** The request whose response is not finished, or null. */
  get currentRequest(): HTTPRequest | null {
    return this.#request;
  }

  /** Finishes the current response, if there is one; `HTTPRequest.finish()` is the usual way. */
  finish(): void {
    this.#request?.finish();
  }

  /**
   * Answers the current request with 101 Switching Protocols and gives the connection to `owner`: from now on
   * its handlers get what comes, cut by `readDelimiter`, beginning with what has come already. Throws UsageError, with
   * nothing sent, without a current request, after a response to it has begun, and for a protocol that the client
   * did not offer (RFC 9110 §7.8). When the client has gone, `owner.onClose` is all that happens.
   */
  upgrade(protocol: string, owner: StreamOwner, headers: HeadersInit = {}): void {
    const request = this.#request;
    if (typeof owner?.onRead !== 'function') throw httpUsageError('HTTP_UPGRADE', 'the owner has no onRead');
    if (this.closed) {
      this.notify('upgrade', () => owner.onClose?.(null));
      return;
    }
    if (request === null || !request.response.isUntouched) throw httpUsageError('HTTP_UPGRADE');
    if (this.#content !== null) throw httpUsageError('HTTP_UPGRADE', 'its content has not been read');
    if (!request.offers(protocol)) throw httpUsageError('HTTP_UPGRADE', 'a protocol that was not offered');
    request.sendCookies();
    request.response.writeUpgrade(this.output, protocol, headers, this.dateLine());
    this.#over(request);
    this.#isUpgraded = true;
    this.handOver(owner, this.#parser.takeRest());
    this.#parser = NO_PARSER;
    this.#release();
    if (this.engine.stopping) super.shutdown();
  }

  // What the stream says --------------------------------------------------------------------------------------

  protected override get ownTimeoutMs(): number {
    return this.server.shortestTimeoutMs;
  }

  protected override onChunk(chunk: Buffer): void {
    if (this.#isUpgraded) {
      super.onChunk(chunk);
      return;
    }
    this.receivedAt = this.engine.clock.now();
    this.#parser.push(chunk);
    this.#advance();
    if (this.#wantsInput) return;
    // Content that nobody takes just now is not collected; a little of the next requests may wait.
    const most = this.#stage === 'content' ? 0 : MAX_WAITING_BYTES;
    if (this.#parser.buffered > most) this.#holdBack();
  }

  override onWrite(): void {
    if (this.#isHeldBack && this.#wantsInput) this.#advance();
  }

  /** The client has shut its side. What it asked for is still answered, in order. */
  override onEnd(): void {
    this.#peerHasEnded = true;
    this.#advance();
  }

  override onClose(reason: InseamError | null): void {
    this.#drain?.cancel();
    const request = this.#request;
    if (request === null) return;
    if (reason?.code === 'ENGINE_STOP_TIMEOUT') {
      this.logger.warn(`closed before ${request.method} ${request.path} was answered`, reason);
    }
    request.leave();
    this.#over(request, reason);
  }

  /** The engine is stopping: a request that has begun is answered, an idle connection is closed. */
  override shutdown(): void {
    // On its way out already: an abort now could overtake its last bytes.
    if (this.closed) return;
    if (this.#isUpgraded) {
      super.shutdown();
      return;
    }
    this.#isLast = true;
    if (this.#request !== null) {
      this.#request.response.refuseKeepAlive();
      this.#request.task?.shutdown();
    } else if (this.#parser.phase === 'between') {
      this.#drain ??= this.engine.defer(DRAIN_MS, () => this.#closeIfIdle());
    }
  }

  #closeIfIdle(): void {
    if (this.closed || this.#request !== null || this.#parser.phase !== 'between') return;
    if (this.pendingBytes === 0) this.abort();
    else this.close();
  }

  // Requests ----------------------------------------------------------------------------------------------------

  /** Whether it is the client's turn, and what it sends has somewhere to go. */
  get #wantsInput(): boolean {
    if (this.#stage === 'content') return this.#content?.isOpen ?? true;
    return this.#stage === 'head';
  }

  /** Reads on until more bytes are needed, a handler is at work, or the client is behind. */
  #advance(): void {
    if (this.#isAdvancing || this.#isUpgraded) return;
    this.#isAdvancing = true;
    try {
      while (this.#wantsInput && !this.closed && !this.#isUpgraded) {
        if (this.#isBehind()) return;
        const event = this.#parser.next();
        if (event === NEED_MORE) {
          this.#release();
          if (this.#peerHasEnded) this.#endOfInput();
          return;
        }
        if (event === END_OF_CONTENT) this.#endContent();
        else if (Buffer.isBuffer(event)) this.#content?.push(event);
        else this.#begin(event);
      }
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#isAdvancing = false;
      this.#dateLine = null;
      if (this.#content !== null) this.#tellProgress(this.#content);
      // The chunk is ours until its call ends; nothing read means nothing kept.
      this.#parser.retain();
      const isAtWork = this.#stage === 'paused' || this.#stage === 'handler';
      // What was held back from a slow reader of content need not wait for the handler's end.
      if (isAtWork && this.#parser.buffered <= MAX_WAITING_BYTES) this.#release();
      if (isAtWork && this.#peerHasEnded) this.#request?.leave();
    }
  }

  /** A client that takes no responses gets no more of them: reading waits for `onWrite`. */
  #isBehind(): boolean {
    if (this.pendingBytes < MAX_WAITING_BYTES) return false;
    this.flush();
    if (this.pendingBytes < MAX_WAITING_BYTES) return false;
    this.#holdBack();
    return true;
  }

  #begin(head: RequestHead): void {
    const { framing } = head;
    const request = new HTTPRequest(this, head, this.#mayStay(head));
    this.#head = head;
    this.#request = request;
    if (framing.kind === 'chunked' || framing.length > 0) {
      this.#content = this.#makeContent(head);
      this.#expectsContinue = head.expectsContinue;
      // An answer that comes before the content leaves it unread, and no request can follow it; unless it is here already.
      const isHere = framing.kind === 'length' && framing.length <= this.#parser.buffered;
      if (!isHere) request.response.refuseKeepAlive();
    }
    if (this.server.earlyHandler === null) this.#receive(request);
    else this.#handleEarly(request, this.server.earlyHandler);
  }

  #mayStay(head: RequestHead): boolean {
    return head.keepAlive && this.server.keepAlive && !this.#isLast;
  }

  #handleEarly(request: HTTPRequest, earlyHandler: RequestHandler): void {
    this.#stage = 'paused';
    const goOn = () => {
      const isOpen = this.#request === request && this.#stage === 'paused' && request.response.isUntouched;
      if (!isOpen || this.#content?.hasTaker) return;
      try {
        this.#receive(request);
      } catch (error) {
        this.#refuse(error);
      }
      this.#advance();
    };
    try {
      const result = earlyHandler(request);
      if (isThenable(result)) result.then(goOn, (error) => this.#fail(request, error));
      else goOn();
    } catch (error) {
      this.#fail(request, error);
    }
  }

  /** The content is wanted, for the request handler. */
  #receive(request: HTTPRequest): void {
    if (this.#content !== null) {
      const contentType = () => request.headers.get('content-type') ?? '';
      this.#content.collect(this.#head?.fields ?? '', contentType, request.maxUpload);
      this.#askForContent();
    }
    this.#stage = 'content';
  }

  /** For HTTPRequest: an early handler takes the content itself. */
  takeContent(request: HTTPRequest): ContentIterator {
    if (this.#request !== request || this.#head === null) {
      return ContentIterator.broken(httpTransportError('HTTP_CONTENT_UNREAD'));
    }
    if (this.#content?.hasTaker) throw httpUsageError('HTTP_CONTENT_AHEAD');
    this.#content ??= this.#makeContent(this.#head);
    return this.#content.take();
  }

  #makeContent(head: RequestHead): RequestContent {
    this.#contentHost ??= {
      onWanted: () => {
        this.#askForContent();
        this.#stage = 'content';
        this.#advance();
      },
      onLeft: () => {
        this.#stage = 'paused';
        this.#advance();
      },
      onRoom: () => this.#advance(),
      onContent: (body, form) => {
        this.#handle(body, form);
        this.#advance();
      },
      onContentError: (error) => this.#refuse(error),
    };
    return new RequestContent(head, this.server, this.#contentHost);
  }

  /** RFC 9110 §10.1.1: said when somebody is about to read, and not where content has come already. */
  #askForContent(): void {
    const isAsked = this.#expectsContinue && this.#parser.buffered === 0;
    this.#expectsContinue = false;
    if (isAsked && this.#request?.response.hasBegun === false) this.output.writeLatin1(CONTINUE);
  }

  #tellProgress(content: RequestContent): void {
    const request = this.#request;
    if (request === null || request.onProgress === null || !content.hasProgress) return;
    content.hasProgress = false;
    this.notify('request.onProgress', () => request.onProgress?.(content.received, content.total));
  }

  #endContent(): void {
    const content = this.#content;
    if (content === null) {
      this.#handle(EMPTY, null);
      return;
    }
    this.#stage = 'paused';
    this.#tellProgress(content);
    content.end();
    // A handler that took the content has the turn; the others get it with the content.
    if (!content.isTaken || this.#request === null) return;
    this.#contentIsRead();
    this.#request.complete(null, this.#parser.trailers, null);
  }

  #contentIsRead(): void {
    this.#stage = 'handler';
    if (this.#content === null) return;
    this.#content = null;
    if (this.#head !== null && this.#mayStay(this.#head)) this.#request?.response.allowKeepAlive();
  }

  /** The request is complete. */
  #handle(body: Buffer, form: Form | null): void {
    const request = this.#request;
    if (request === null) return;
    this.#contentIsRead();
    request.complete(body, this.#parser.trailers, form);
    try {
      const result = this.server.requestHandler(request);
      if (!isThenable(result)) {
        if (result !== undefined) this.#noteResult(request, result);
        request.release();
      } else if (form === null) {
        result.then(
          (value) => value !== undefined && this.#noteResult(request, value),
          (error) => this.#fail(request, error),
        );
      } else this.#releaseAfter(request, result);
    } catch (error) {
      this.#fail(request, error);
      request.release();
    }
  }

  /** Elsewhere a handler returns its answer; here nobody would send it, and the client would wait for ever. */
  #noteResult(request: HTTPRequest, result: unknown): void {
    const isContent = typeof result === 'string' || result instanceof Uint8Array || isPlainObject(result);
    if (!isContent || request !== this.#request || request.response.hasBegun) return;
    const what = `the handler of ${request.method} ${request.path}`;
    this.logger.warn(`${what} returned a value and has not answered; sendResponse and sendJSON do`);
  }

  /** Files are the handler's until it has settled, also when it has answered before that or the client has gone. */
  #releaseAfter(request: HTTPRequest, result: PromiseLike<unknown>): void {
    result.then(
      () => request.release(),
      (error) => {
        this.#fail(request, error);
        request.release();
      },
    );
  }

  /** For HTTPRequest: the response has been written, whole or, by the handler's mistake, short. */
  finishRequest(request: HTTPRequest, isWhole: boolean): void {
    if (this.#request !== request) return;
    const mayStay = isWhole && request.response.keepAlive && !this.#isLast;
    if (mayStay && this.#stage !== 'handler') this.#discardContent();
    this.#over(request);
    if (!mayStay) this.close();
    else if (!this.#isAdvancing && (this.#parser.buffered > 0 || this.#peerHasEnded || this.#isHeldBack))
      this.#advance();
    if (!isWhole) throw httpUsageError('HTTP_CONTENT_TOO_SHORT');
  }

  /** Passes over content that nobody read, if any is left; it is here. */
  #discardContent(): void {
    while (this.#parser.phase === 'content' && this.#parser.next() !== NEED_MORE);
  }

  /** The current request is over, however. */
  #over(request: HTTPRequest, reason: InseamError | null = null): void {
    const content = this.#content;
    this.#request = null;
    this.#head = null;
    this.#content = null;
    this.#expectsContinue = false;
    this.#stage = 'head';
    this.#handled++;
    content?.breakOff(reason ?? httpTransportError('HTTP_CONTENT_UNREAD'));
    request.task?.drop();
    request.release();
  }

  /** For HTTPRequest: calls the handler's `onClose`. */
  notifyLeft(onClose: (() => unknown) | null): void {
    if (onClose !== null) this.notify('request.onClose', onClose);
  }

  // Reading and waiting -------------------------------------------------------------------------------------------

  #holdBack(): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    this.holdReading();
  }

  #release(): void {
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    this.releaseReading();
  }

  #endOfInput(): void {
    if (this.#parser.phase === 'between') this.close();
    else this.#refuse(httpError('HTTP_INCOMPLETE'));
  }

  /** For the engine's sweep: ends the connection if it has waited too long for what it waits for. */
  override checkTimeouts(now: number): void {
    super.checkTimeouts(now);
    if (!this.hasConnected || this.closed) return;
    const phase = this.#phase();
    // Bytes taken by the client, not bytes left: a handler that keeps pace leaves the same amount time and again.
    const isReading = phase === 'head' || phase === 'body';
    const moved = isReading ? this.bytesRead : this.bytesWritten - this.pendingBytes;
    const verdict = this.#timeouts.check(phase, this.#handled, moved, now);
    if (verdict === 'close') this.abort();
    else if (verdict !== null) this.#refuse(httpError(verdict));
  }

  #phase(): ConnectionPhase {
    // What is sent and awaited after an upgrade is no response, and its owner's affair.
    if (this.#isUpgraded) return 'upgraded';
    if (this.pendingBytes > 0) return 'writing';
    if (this.#stage === 'content' && this.#wantsInput) return 'body';
    if (this.#request !== null) {
      if (this.#peerHasEnded) return 'left';
      return this.#isHeldBack && this.#stage === 'handler' ? 'held' : 'handler';
    }
    if (this.#parser.phase === 'head') return 'head';
    return this.#handled === 0 ? 'new' : 'idle';
  }

  // Failures ------------------------------------------------------------------------------------------------------

  /** The one place for what the peer did wrong: answer it, then close. Nothing more is parsed. */
  #refuse(error: unknown): void {
    const request = this.#request;
    if (this.#content?.isTaken && error instanceof Error) {
      // A handler is at work on it: what it makes of the error decides the answer.
      this.#stage = 'paused';
      this.#content.tell(error);
      return;
    }
    const refusal = error instanceof HTTPProtocolError ? error : null;
    const status = refusal?.status ?? 500;
    if (request === null || request.response.isUntouched) {
      const writer = new ResponseWriter(request?.method === 'HEAD', 1, false);
      writer.writeAll(
        this.output,
        statusContent(status, refusal?.message),
        status,
        undefined,
        this.dateLine(),
      );
    }
    if (request !== null) {
      request.leave();
      this.#over(request);
    }
    this.#closeBehind(request);
    if (refusal !== null) this.#logRefusal(refusal, request);
    else this.engine.report(error, 'reading a request failed', this);
  }

  #logRefusal(error: HTTPProtocolError, request: HTTPRequest | null): void {
    const what = request === null ? 'a request' : `${request.method} ${request.path}`;
    const why = typeof error.cause === 'string' ? ` (${error.cause})` : '';
    this.logger.warn(`refused ${what} from ${this.#peerName()} with ${error.status}${why}`, error);
  }

  /** A file of a response, for one: what follows it cannot be sent in its place. */
  override onWriteError(error: InseamError): unknown {
    const what = this.#request === null ? '' : ` of ${this.#request.method} ${this.#request.path}`;
    this.logger.warn(`the response${what} broke off`, error);
    this.giveUp(error);
    return undefined;
  }

  /** The one place for what a handler threw: a status if that can still be sent, else an end that the client notices. */
  #fail(request: HTTPRequest, error: unknown): void {
    // What a handler has said whole stays so, though it fails behind that.
    if (request.task?.isWhole !== true) request.task?.drop();
    // Once a response has begun, an HTTPError is a failure as any other.
    const isAnswer = isStatus(error) && request.response.isUntouched;
    const mayAnswer = request === this.#request && request.task === null && !this.closed;
    if (mayAnswer) this.#answerFailure(request, isAnswer ? error : null);
    if (isAnswer && error instanceof HTTPProtocolError) this.#logRefusal(error, request);
    if (isAnswer) return;
    // Work that was given the request's signal ends so when the client leaves; any other failure is one.
    const isAbort = request.hasLeft && error instanceof Error && error.name === 'AbortError';
    const message = `the handler of ${request.method} ${request.path} failed`;
    const isGone = request.hasLeft || this.#isUpgraded;
    if (isAbort || (isGone && error instanceof TransportError)) this.logger.debug(message, error);
    else this.engine.report(error ?? 'nothing was thrown', message, this);
  }

  /** For responses that take their time: one has failed. */
  failResponse(request: HTTPRequest, error: unknown): void {
    this.#fail(request, error);
  }

  #answerFailure(request: HTTPRequest, answer: HTTPError | HTTPProtocolError | null): void {
    const { response } = request;
    if (response.isUntouched) {
      const status = answer?.status ?? 500;
      if (answer === null) request.dropCookies();
      response.restart();
      const isOurs = answer instanceof HTTPError && answer.message !== '';
      const content = isOurs ? answer.message : statusContent(status, answer?.message);
      if (answer instanceof HTTPError && answer.headers !== undefined) {
        this.#answerWithHeaders(request, content, status, answer.headers);
      } else request.sendResponse(content, status);
      return;
    }
    this.#over(request);
    this.#closeBehind(request);
  }

  /** Headers that cannot be sent are a mistake of the handler's, as any other that it throws. */
  #answerWithHeaders(request: HTTPRequest, content: string, status: number, headers: HeadersInit): void {
    try {
      request.sendResponse(content, status, headers);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  /** A response that ends by closing would look complete if the connection were closed in good order. */
  #closeBehind(request: HTTPRequest | null): void {
    if (request?.response.endsByClosing) this.abort(httpTransportError('HTTP_RESPONSE_CUT'));
    else this.close();
  }

  #peerName(): string {
    const address = this.remoteAddress;
    return address !== null && 'host' in address ? address.host : 'a local client';
  }

  /** For HTTPRequest: the Date line. */
  dateLine(): string {
    if (!this.#isAdvancing) return dateLine(this.engine.clock.date());
    this.#dateLine ??= dateLine(this.engine.clock.date());
    return this.#dateLine;
  }
}

function isPlainObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isStatus(error: unknown): error is HTTPError | HTTPProtocolError {
  return error instanceof HTTPError || error instanceof HTTPProtocolError;
}
