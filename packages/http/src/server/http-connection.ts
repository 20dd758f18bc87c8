/**
 * HTTPConnection: the shell around the pure protocol. It feeds the parser, calls the handler, and decides when a
 * connection waits, goes on or ends. One request at a time: the next one is not looked at until the current
 * response is finished, which keeps pipelined responses in order.
 */

import type { StreamOptions } from '@inseam/engine';
import { InseamError, Stream, type StreamOwner } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { HTTPError, HTTPProtocolError, httpError, httpUsageError } from '../errors.js';
import { MAX_WAITING_BYTES } from '../limits.js';
import { END_OF_CONTENT } from '../protocol/chunked-decoder.js';
import { dateLine } from '../protocol/http-date.js';
import type { HeadersInit } from '../protocol/http-headers.js';
import { eachHeader, requireHeader } from '../protocol/http-headers.js';
import type { RequestHead } from '../protocol/request-head.js';
import { RequestParser } from '../protocol/request-parser.js';
import { type ResponseSink, ResponseWriter } from '../protocol/response-writer.js';
import { statusLine, statusName } from '../protocol/status.js';
import { HTTPRequest } from './http-request.js';
import type { HTTPServer } from './http-server.js';

const NO_BODY = Buffer.alloc(0);
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

/** What a connection is waiting for; each has a timeout of its own. */
export type ConnectionPhase = 'new' | 'idle' | 'head' | 'body' | 'handler' | 'writing';

export class HTTPConnection extends Stream {
  declare readonly server: HTTPServer;
  /** For HTTPRequest: where response bytes go. Nothing is thrown when the client is gone. */
  readonly output: ResponseSink;
  readonly #parser: RequestParser;
  #request: HTTPRequest | null = null;
  /** The request whose content is being read. */
  #head: RequestHead | null = null;
  #pieces: Buffer[] = [];
  #bodyBytes = 0;
  #isAdvancing = false;
  #isUpgraded = false;
  /** No request is taken after the current one. */
  #isLast = false;
  #peerHasEnded = false;
  /** Reading is paused because too much waits: requests behind this one, or responses the client does not take. */
  #isHeldBack = false;
  #handled = 0;
  #received = 0;
  /** For HTTPRequest: when the latest chunk came, on the engine's clock. */
  receivedAt = 0;
  /** The Date line while one chunk is worked on, since asking for the time costs a tenth of a pipelined request. */
  #chunkDateLine: string | null = null;
  #progress = '';
  #progressAt = 0;

  constructor(options: StreamOptions) {
    super(options);
    this.#parser = new RequestParser(this.server.limits);
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
   * nothing sent, without a current request or after a response to it has begun.
   */
  upgrade(protocol: string, owner: StreamOwner, headers: HeadersInit = {}): void {
    const request = this.#request;
    if (request === null || !request.response.isUntouched || this.closed)
      throw httpUsageError('HTTP_UPGRADE');
    let head = `${statusLine(101)}Upgrade: ${protocol}\r\nConnection: Upgrade\r\n`;
    requireHeader('Upgrade', protocol);
    eachHeader(headers, (name, value) => {
      requireHeader(name, value);
      head += `${name}: ${value}\r\n`;
    });
    this.output.writeLatin1(`${head + this.dateLine()}\r\n`);
    this.#request = null;
    this.#isUpgraded = true;
    this.handOver(owner, this.#parser.takeRest());
    this.#release();
  }

  // What the stream says --------------------------------------------------------------------------------------

  override onConnect(): void {
    this.server.watch();
  }

  protected override onChunk(chunk: Buffer): void {
    if (this.#isUpgraded) {
      super.onChunk(chunk);
      return;
    }
    this.#received += chunk.length;
    this.receivedAt = this.engine.clock.now();
    this.#parser.push(chunk);
    this.#advance();
    this.#chunkDateLine = null;
    if (this.#isUpgraded) return;
    this.#parser.retain();
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

  override onClose(): void {
    this.#pieces = [];
    this.#request?.leave();
    this.#request = null;
  }

  /** The engine is stopping: a request that has begun is answered, an idle connection is closed. */
  override shutdown(): void {
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
    this.#bodyBytes = 0;
    if (framing.kind === 'length' && framing.length > this.server.maxRequest)
      throw httpError('HTTP_BODY_TOO_LARGE');
    const hasContent = framing.kind === 'chunked' || framing.length > 0;
    // RFC 9110 §10.1.1: not needed where content has come already.
    if (head.expectsContinue && hasContent && this.#parser.buffered === 0) this.output.writeLatin1(CONTINUE);
  }

  #collect(piece: Buffer): void {
    this.#bodyBytes += piece.length;
    if (this.#bodyBytes > this.server.maxRequest) throw httpError('HTTP_BODY_TOO_LARGE');
    // The piece is part of a chunk that is not ours.
    this.#pieces.push(Buffer.from(piece));
  }

  /** The request is complete. */
  #handle(): void {
    const head = this.#head;
    if (head === null) return;
    const body = this.#takeBody();
    const keepAlive = head.keepAlive && this.server.keepAlive && !this.#isLast;
    const request = new HTTPRequest(this, head, body, this.#parser.trailers, keepAlive);
    this.#head = null;
    this.#request = request;
    this.#handled++;
    try {
      const result = this.server.requestHandler(request);
      if (result instanceof Promise) result.catch((error) => this.#fail(request, error));
    } catch (error) {
      this.#fail(request, error);
    }
    if (this.#peerHasEnded) request.leave();
  }

  #takeBody(): Buffer {
    const pieces = this.#pieces;
    if (pieces.length === 0) return NO_BODY;
    this.#pieces = [];
    return pieces.length === 1 ? (pieces[0] ?? NO_BODY) : Buffer.concat(pieces, this.#bodyBytes);
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
    this.pause();
  }

  #release(): void {
    if (!this.#isHeldBack) return;
    this.#isHeldBack = false;
    this.resume();
  }

  #endOfInput(): void {
    if (this.#parser.phase === 'between') this.close();
    else this.#refuse(httpError('HTTP_INCOMPLETE'));
  }

  /**
   * For HTTPServer's sweep: closes the connection if it has waited too long. What it waits for is named by a phase and
   * a count; as long as those change, there is progress.
   */
  checkTimeouts(now: number): void {
    const { phase, count } = this.#waitingFor();
    const progress = `${phase} ${count}`;
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#progressAt = now;
      return;
    }
    const { limits } = this.server;
    const waited = now - this.#progressAt;
    if (phase === 'idle' && waited >= limits.keepAliveTimeoutMs) this.abort();
    else if (phase === 'new' && waited >= limits.headTimeoutMs) this.abort();
    else if (phase === 'head' && waited >= limits.headTimeoutMs) this.#refuse(httpError('HTTP_HEAD_TIMEOUT'));
    else if (phase === 'body' && waited >= limits.bodyTimeoutMs) this.#refuse(httpError('HTTP_BODY_TIMEOUT'));
    else if (phase === 'writing' && waited >= limits.writeTimeoutMs) this.abort();
  }

  #waitingFor(): { phase: ConnectionPhase; count: number } {
    if (this.pendingBytes > 0) return { phase: 'writing', count: this.pendingBytes };
    if (this.#isUpgraded || this.#request !== null) return { phase: 'handler', count: 0 };
    if (this.#parser.phase === 'content') return { phase: 'body', count: this.#received };
    if (this.#parser.phase === 'head') return { phase: 'head', count: this.#handled };
    return { phase: this.#handled === 0 ? 'new' : 'idle', count: this.#handled };
  }

  // Failures ------------------------------------------------------------------------------------------------------

  /** The one place for what the peer did wrong: answer it, then close. Nothing more is parsed. */
  #refuse(error: unknown): void {
    if (!(error instanceof HTTPProtocolError)) {
      this.logger.error('reading a request failed', error);
      this.abort();
      return;
    }
    this.logger.warn(`refused a request from ${this.#peerName()} with ${error.status}`, error);
    this.#isLast = true;
    this.#pieces = [];
    const isHead = this.#head?.method === 'HEAD';
    const writer = new ResponseWriter(isHead, 1, false);
    const content = `${error.status} ${statusName(error.status)}: ${error.message}\n`;
    writer.writeAll(this.output, content, error.status, undefined, this.dateLine());
    this.close();
  }

  /** The one place for what a handler threw: a status if that can still be sent, else an end that the client notices. */
  #fail(request: HTTPRequest, error: unknown): void {
    const isAnswer = error instanceof HTTPError;
    if (!isAnswer) this.logger.error(`the request handler failed (${request.method} request)`, error);
    if (request !== this.#request || this.closed) return;
    const { response } = request;
    if (response.isUntouched) {
      const status = isAnswer ? error.status : 500;
      response.restart();
      request.sendResponse(
        isAnswer && error.message !== '' ? error.message : `${status} ${statusName(status)}\n`,
        status,
      );
      return;
    }
    this.#request = null;
    // A response that ends by closing would look complete if the connection were closed in good order.
    if (response.endsByClosing) this.abort(new InseamError('HTTP_HANDLER', 'the handler failed'));
    else this.close();
  }

  #peerName(): string {
    const address = this.remoteAddress;
    return address !== null && 'host' in address ? address.host : 'a local client';
  }

  /** For HTTPRequest: the Date line. */
  dateLine(): string {
    if (!this.#isAdvancing) return dateLine(this.engine.clock.date());
    this.#chunkDateLine ??= dateLine(this.engine.clock.date());
    return this.#chunkDateLine;
  }
}
