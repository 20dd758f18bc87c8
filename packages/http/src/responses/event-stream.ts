/**
 * EventStream: Server-Sent Events, WHATWG HTML §9.2: one response that lasts, on which events go to the client. What an
 * event looks like on the wire is event-text.ts's affair.
 */
import { requireOptions, type TimerHandle } from '@inseam/engine';
import { httpUsageError } from '../errors.js';
import { eventText, retryLine } from '../protocol/event-text.js';
import { type HeadersInit, HTTPHeaders } from '../protocol/http-headers.js';
import type { HTTPRequest } from '../server/http-request.js';
import { jsonText } from './json-text.js';
import { ResponseTask, type TaskOwner } from './response-task.js';

export interface ServerEvent {
  /** Text goes out as it is, anything else as JSON. */
  data: unknown;
  /** Its type; without one it is a 'message'. No line break or NUL. */
  event?: string | undefined;
  /** What the client tells as `lastEventId` when it connects again. No line break or NUL. */
  id?: string | undefined;
  /** Milliseconds until the client connects again, from now on. */
  retry?: number | undefined;
}

export interface EventStreamOptions {
  /** Milliseconds until a client that was cut off connects again. Default: the client's own, about 3 s. */
  retry?: number | undefined;
  /** Further headers. */
  headers?: HeadersInit | undefined;
}

/**
 * Between two signs of life on an idle stream. Proxies end a response that says nothing for a while (60 s in nginx, 30 s
 * elsewhere), and a client that is gone without a word is noticed only by sending: 15 s, as the WHATWG advises.
 */
const HEARTBEAT_MS = 15_000;
/** A comment, which clients pass over. */
const HEARTBEAT = ':\n\n';
const EVENT_FIELDS = ['data', 'event', 'id', 'retry'];

export class EventStream {
  /** What the client saw last before it was cut off, '' when it comes for the first time. */
  readonly lastEventId: string;
  readonly #request: HTTPRequest;
  readonly #task: ResponseTask;
  readonly #heartbeat: TimerHandle | null;
  #isClosed = false;
  #onClose: (() => unknown) | null = null;

  /** For `HTTPRequest.sendEvents`: sends the head. */
  constructor(request: HTTPRequest, options: EventStreamOptions = {}) {
    requireOptions(options, ['retry', 'headers']);
    const retry = options.retry === undefined ? '' : `${retryLine(options.retry)}\n`;
    this.#request = request;
    // Header values are read byte by byte; this one is UTF-8.
    this.lastEventId = Buffer.from(request.headers.get('last-event-id') ?? '', 'latin1').toString();
    const headers = headersOf(options.headers);
    this.#task = new ResponseTask(request, this.#owner(), 200, headers);
    this.#task.begin(headers);
    if (retry !== '') this.#task.send(retry);
    // Neither will be told again: a client that has shut its side already, and an engine that is stopping.
    const isTooLate = request.hasLeft || request.connection.engine.stopping;
    const isOpen = request.response.sendsContent && !this.#task.isOver && !isTooLate;
    this.#heartbeat = isOpen ? request.connection.engine.cycle(HEARTBEAT_MS, () => this.#beat()) : null;
    if (!isOpen) this.close();
  }

  /** Whether nothing is sent any more: the client has left, or `close` was called. */
  get closed(): boolean {
    return this.#isClosed;
  }

  /** Called once when the stream is closed, by either side; at once if it is closed already. */
  get onClose(): (() => unknown) | null {
    return this.#onClose;
  }
  set onClose(listener: (() => unknown) | null) {
    this.#onClose = listener;
    if (this.#isClosed) this.#request.connection.notifyLeft(listener);
  }

  /**
   * Sends an event: a text, or its data with a type, an id or a retry. Answers false when the client is behind: leave some
   * out, or wait for `drained()`. Sends nothing, and answers false, once the stream is closed. Throws UsageError for a
   * text that would break out of its field, and for what JSON cannot say.
   */
  send(event: string | ServerEvent): boolean {
    return this.#task.send(textOf(event));
  }

  /** Resolves when the client has caught up (less than 64 KiB wait) or is gone. */
  drained(): Promise<void> {
    return this.#request.drained();
  }

  /** Ends the stream in good order. The client connects again, unless it is told otherwise or answered 204. Idempotent. */
  close(): void {
    this.#task.finish();
    this.#closed();
  }

  #beat(): void {
    const { connection } = this.#request;
    // One who takes nothing need not be told more; the write timeout looks after him.
    if (connection.pendingBytes < connection.highWaterMark) this.#task.send(HEARTBEAT);
  }

  #owner(): TaskOwner {
    return {
      onGone: () => this.#closed(),
      // No client of this kind reads on after it has shut its side.
      onLeave: () => this.close(),
      onShutdown: () => this.close(),
    };
  }

  #closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#heartbeat?.cancel();
    this.#request.connection.notifyLeft(this.#onClose);
  }
}

function headersOf(given: HeadersInit = {}): HTTPHeaders {
  const headers = new HTTPHeaders(given);
  if (headers.has('content-length')) throw httpUsageError('HTTP_HEADER_FRAMING', 'events have no length');
  headers.set('Content-Type', 'text/event-stream');
  if (!headers.has('cache-control')) headers.set('Cache-Control', 'no-store');
  // nginx would keep events back until it has a buffer full of them.
  if (!headers.has('x-accel-buffering')) headers.set('X-Accel-Buffering', 'no');
  return headers;
}

function textOf(event: string | ServerEvent): string {
  if (typeof event === 'string') return eventText({ data: event });
  if (typeof event !== 'object' || event === null) throw httpUsageError('HTTP_EVENT', typeof event);
  const unknown = Object.keys(event).find((name) => !EVENT_FIELDS.includes(name));
  if (unknown !== undefined) throw httpUsageError('HTTP_EVENT', `"${unknown}" is no part of an event`);
  const { data } = event;
  return eventText({ ...event, data: typeof data === 'string' ? data : jsonText(data) });
}
