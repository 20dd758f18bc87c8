/**
 * ResponseTask: a response that is sent over some time by somebody else than its handler: a stream, events, compressed
 * content. It keeps everybody else from sending in between, and passes on what becomes of the connection. It must not
 * know what is sent.
 */
import type { HeadersInit } from '../protocol/http-headers.js';
import type { HTTPRequest } from '../server/http-request.js';

/** Whom the task tells. */
export interface TaskOwner {
  /** The response has ended without its owner: the connection is gone or the handler has failed. Called once at most. */
  onGone(): void;
  /** The client has shut its side; it may still read. */
  onLeave?(): void;
  /** The server is stopping. */
  onShutdown?(): void;
}

export class ResponseTask {
  readonly #request: HTTPRequest;
  readonly #owner: TaskOwner;
  /** Whether all of the content is given already: for the handler the response is finished then. */
  readonly isWhole: boolean;
  #isOver = false;

  /** Borrows the response. Throws UsageError when one has begun, and for a status or header that cannot be sent. */
  constructor(
    request: HTTPRequest,
    owner: TaskOwner,
    status: number | undefined,
    headers: HeadersInit,
    isWhole = false,
  ) {
    request.response.lend(status, headers);
    request.task = this;
    this.#request = request;
    this.#owner = owner;
    this.isWhole = isWhole;
  }

  /** Whether nothing can be sent any more. */
  get isOver(): boolean {
    return this.#isOver || this.#request.connection.closed;
  }

  /** Sends the head. */
  begin(headers: HeadersInit): void {
    this.#send(() => this.#request.sendHeaders(headers));
  }

  /** Sends content; answers false when the client is behind or gone. Throws UsageError as `HTTPRequest.send` does. */
  send(data: string | Uint8Array): boolean {
    return this.#send(() => this.#request.send(data)) ?? false;
  }

  /** Ends the response. One that is shorter than announced is reported. */
  finish(): void {
    if (!this.#end()) return;
    try {
      this.#request.finish();
    } catch (error) {
      this.#request.connection.failResponse(this.#request, error);
    }
  }

  /** Ends the response as a failed handler does. Once it is over, an error is no news: it comes of giving up. */
  fail(error: unknown): void {
    if (this.#end()) this.#request.connection.failResponse(this.#request, error);
  }

  /** For HTTPConnection: the response ends here. */
  drop(): void {
    if (this.#end()) this.#owner.onGone();
  }

  /** For HTTPConnection. */
  leave(): void {
    this.#owner.onLeave?.();
  }

  /** For HTTPConnection. */
  shutdown(): void {
    this.#owner.onShutdown?.();
  }

  #send<T>(send: () => T): T | undefined {
    if (this.#isOver) return undefined;
    const { response } = this.#request;
    response.giveBack();
    try {
      return send();
    } finally {
      response.lendAgain();
    }
  }

  /** Whether it was not over before. */
  #end(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#request.task = null;
    this.#request.response.giveBack();
    return true;
  }
}
