/**
 * HTTPConnection: the shell around the pure protocol. It feeds the parser, calls the handler, and decides when a
 * connection waits, goes on or ends. One request at a time: the next one is not looked at until the current
 * response is finished, which keeps pipelined responses in order.
 *
 * It is longer than 300 lines because reading, answering, upgrading, timeouts and failures all ask the same question:
 * whose turn is it on this connection? What could be decided without that is in files of its own.
 */

import { type InseamError, isThenable, Stream, type StreamOptions, type StreamOwner } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { HTTPError, HTTPProtocolError, httpError, httpTransportError, httpUsageError } from '../errors.js';
import { MAX_WAITING_BYTES } from '../limits.js';
import { END_OF_CONTENT } from '../protocol/chunked-decoder.js';
import { ContentBuffer } from '../protocol/content-buffer.js';
import { dateLine } from '../protocol/http-date.js';
import type { HeadersInit } from '../protocol/http-headers.js';
import type { RequestHead } from '../protocol/request-head.js';
import { RequestParser } from '../protocol/request-parser.js';
import { type ResponseSink, ResponseWriter } from '../protocol/response-writer.js';
import { statusName } from '../protocol/status.js';
import { type ConnectionPhase, ConnectionTimeouts } from './connection-timeouts.js';
import { HTTPRequest } from './http-request.js';
import type { HTTPServer } from './http-server.js';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

export class HTTPConnection extends Stream {
  declare readonly server: HTTPServer;
  /** For HTTPRequest: where response bytes go. Nothing is thrown when the client is gone. */
  readonly output: ResponseSink;
  readonly #parser: RequestParser;
  #request: HTTPRequest | null = null;
  /** The request whose content is being read. */
  #head: RequestHead | null = null;
  readonly #content = new ContentBuffer();
  #isAdvancing = false;
  #isUpgraded = false;
  /** No request is taken after the current one. */
  #isLast = false;
  #peerHasEnded = false;
  /** Reading is paused because too much waits: requests behind this one, or responses the client does not take. */
  #isHeldBack = false;
  #handled = 0;
  /** For HTTPRequest: when the latest chunk came, on the engine's clock. */
  receivedAt = 0;
  /** The Date line during one `#advance`, since asking for the time costs a tenth of a pipelined request. */
  #dateLine: string | null = null;
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
    if (!request.offers(protocol)) throw httpUsageError('HTTP_UPGRADE', 'a protocol that was not offered');
    request.sendCookies();
    request.response.writeUpgrade(this.output, protocol, headers, this.dateLine());
    this.#request = null;
    this.#isUpgraded = true;
    this.handOver(owner, this.#parser.takeRest());
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
    if (this.#request !== null && this.#parser.buffered > MAX_WAITING_BYTES) this.#holdBack();
  }

  override onWrite(): void {
    if (this.#isHeldBack && this.#request === null) this.#advance();
  }

  /** The client has shut its side. What it asked for is still answered, in order. */
  override onEnd(): void {
    this.#peerHasEnded = true;
    if (this.#request === null) this.#advance();
    else this.#request.leave();
  }

  override onClose(reason: InseamError | null): void {
    this.#content.clear();
    if (this.#request !== null && reason?.code === 'ENGINE_STOP_TIMEOUT') {
      this.logger.warn(`closed before ${this.#request.method} ${this.#request.path} was answered`, reason);
    }
    this.#request?.leave();
    this.#request = null;
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
    if (this.#request !== null) this.#request.response.refuseKeepAlive();
    else if (this.#parser.phase === 'between' && this.pendingBytes === 0) this.abort();
    else if (this.#parser.phase === 'between') this.close();
  }

  // Requests ----------------------------------------------------------------------------------------------------

  /** Reads on until more bytes are needed, a handler is at work, or the client is behind. */
  #advance(): void {
    if (this.#isAdvancing || this.#isUpgraded) return;
    this.#isAdvancing = true;
    try {
      while (this.#request === null && !this.closed && !this.#isUpgraded) {
        if (this.#isBehind()) return;
        const event = this.#parser.next();
        if (event === NEED_MORE) {
          this.#release();
          if (this.#peerHasEnded) this.#endOfInput();
          return;
        }
        if (event === END_OF_CONTENT) this.#handle();
        else if (Buffer.isBuffer(event)) this.#collect(event);
        else this.#begin(event);
      }
    } catch (error) {
      this.#refuse(error);
    } finally {
      this.#isAdvancing = false;
      this.#dateLine = null;
      // The chunk is ours until its call ends; nothing read means nothing kept.
      this.#parser.retain();
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
    this.#head = head;
    if (framing.kind === 'length' && framing.length > this.server.maxRequest)
      throw httpError('HTTP_BODY_TOO_LARGE');
    const hasContent = framing.kind === 'chunked' || framing.length > 0;
    // RFC 9110 §10.1.1: not needed where content has come already.
    if (head.expectsContinue && hasContent && this.#parser.buffered === 0) this.output.writeLatin1(CONTINUE);
  }

  #collect(piece: Buffer): void {
    const { maxRequest } = this.server;
    if (this.#content.length + piece.length > maxRequest) throw httpError('HTTP_BODY_TOO_LARGE');
    const framing = this.#head?.framing;
    this.#content.push(piece, framing?.kind === 'length' ? framing.length : maxRequest);
  }

  /** The request is complete. */
  #handle(): void {
    const head = this.#head;
    if (head === null) return;
    const body = this.#content.take();
    const keepAlive = head.keepAlive && this.server.keepAlive && !this.#isLast;
    const request = new HTTPRequest(this, head, body, this.#parser.trailers, keepAlive);
    this.#head = null;
    this.#request = request;
    this.#handled++;
    try {
      const result = this.server.requestHandler(request);
      if (isThenable(result)) result.then(undefined, (error) => this.#fail(request, error));
    } catch (error) {
      this.#fail(request, error);
    }
    if (this.#peerHasEnded) request.leave();
  }

  /** For HTTPRequest: the response has been written, whole or, by the handler's mistake, short. */
  finishRequest(request: HTTPRequest, isWhole: boolean): void {
    if (this.#request !== request) return;
    this.#request = null;
    if (!isWhole || !request.response.keepAlive || this.#isLast) this.close();
    else if (!this.#isAdvancing && (this.#parser.buffered > 0 || this.#peerHasEnded || this.#isHeldBack))
      this.#advance();
    if (!isWhole) throw httpUsageError('HTTP_CONTENT_TOO_SHORT');
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
    const moved = phase === 'writing' ? this.bytesWritten - this.pendingBytes : this.bytesRead;
    const verdict = this.#timeouts.check(phase, this.#handled, moved, now);
    if (verdict === 'close') this.abort();
    else if (verdict !== null) this.#refuse(httpError(verdict));
  }

  #phase(): ConnectionPhase {
    // What is sent and awaited after an upgrade is no response, and its owner's affair.
    if (this.#isUpgraded) return 'upgraded';
    if (this.pendingBytes > 0) return 'writing';
    if (this.#request !== null) return this.#peerHasEnded ? 'left' : this.#isHeldBack ? 'held' : 'handler';
    if (this.#parser.phase === 'content') return 'body';
    if (this.#parser.phase === 'head') return 'head';
    return this.#handled === 0 ? 'new' : 'idle';
  }

  // Failures ------------------------------------------------------------------------------------------------------

  /** The one place for what the peer did wrong: answer it, then close. Nothing more is parsed. */
  #refuse(error: unknown): void {
    this.#content.clear();
    if (!(error instanceof HTTPProtocolError)) {
      this.abort();
      this.logger.error('reading a request failed', error);
      return;
    }
    const writer = new ResponseWriter(this.#head?.method === 'HEAD', 1, false);
    const content = `${error.status} ${statusName(error.status)}: ${error.message}\n`;
    writer.writeAll(this.output, content, error.status, undefined, this.dateLine());
    this.close();
    this.logger.warn(`refused a request from ${this.#peerName()} with ${error.status}`, error);
  }

  /** The one place for what a handler threw: a status if that can still be sent, else an end that the client notices. */
  #fail(request: HTTPRequest, error: unknown): void {
    // Once a response has begun, an HTTPError is a failure as any other.
    const isAnswer = error instanceof HTTPError && request.response.isUntouched;
    if (request === this.#request && !this.closed) this.#answerFailure(request, isAnswer ? error : null);
    if (isAnswer) return;
    // Work that was given the request's signal ends so when the client leaves; any other failure is one.
    const isAbort = request.hasLeft && error instanceof Error && error.name === 'AbortError';
    const message = `the handler of ${request.method} ${request.path} failed`;
    if (isAbort) this.logger.debug(message, error);
    else this.engine.report(error ?? 'nothing was thrown', message, this);
  }

  #answerFailure(request: HTTPRequest, answer: HTTPError | null): void {
    const { response } = request;
    if (response.isUntouched) {
      const status = answer?.status ?? 500;
      if (answer === null) request.dropCookies();
      response.restart();
      request.sendResponse(answer?.message || `${status} ${statusName(status)}\n`, status);
      return;
    }
    this.#request = null;
    // A response that ends by closing would look complete if the connection were closed in good order.
    if (response.endsByClosing) this.abort(httpTransportError('HTTP_RESPONSE_CUT'));
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
