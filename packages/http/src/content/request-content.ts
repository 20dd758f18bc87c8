/**
 * The content of one request, and the one who takes it: a buffer, a form, or a handler's own loop, chosen when somebody
 * wants it. It counts what comes against a limit and says when it has room; it reads nothing itself.
 */
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import type { RequestHead } from '../protocol/request-head.js';
import { BodySink } from './body-sink.js';
import { ContentIterator } from './content-iterator.js';
import type { ContentSink } from './content-sink.js';
import { type Form, mayBeMultipart } from './form.js';
import { FormReader } from './form-reader.js';
import type { TempStore } from './temp-store.js';

const EMPTY = Buffer.alloc(0);

/** Whom the content tells; the connection. Nothing is told once the request is over. */
export interface ContentHost {
  /** A handler's loop wants a piece. */
  onWanted(): void;
  /** It wants no more. */
  onLeft(): void;
  /** More can be pushed again. */
  onRoom(): void;
  /** All of it is there: a body, or an empty one and a form. */
  onContent(body: Buffer, form: Form | null): void;
  /** It is no form, or could not be kept. */
  onContentError(error: Error): void;
}

export interface ContentOptions {
  readonly limits: HTTPLimits;
  readonly maxRequest: number;
  readonly tempStore: TempStore;
}

export class RequestContent {
  /** What Content-Length announced; null for chunks. */
  readonly total: number | null;
  readonly #options: ContentOptions;
  #host: ContentHost | null;
  #received = 0;
  #limit = Number.POSITIVE_INFINITY;
  #sink: ContentSink | null = null;
  #isFull = false;
  #isTaken = false;
  /** Set by each piece, for whoever tells of it. */
  hasProgress = false;

  constructor({ framing }: RequestHead, options: ContentOptions, host: ContentHost) {
    this.total = framing.kind === 'length' ? framing.length : null;
    this.#options = options;
    this.#host = host;
  }

  /** Bytes that have come. */
  get received(): number {
    return this.#received;
  }

  /** Whether somebody has been chosen to take the content. */
  get hasTaker(): boolean {
    return this.#sink !== null;
  }

  /** Whether that is a handler's loop. */
  get isTaken(): boolean {
    return this.#isTaken;
  }

  /** Whether more can be pushed now. */
  get isOpen(): boolean {
    return this.#sink !== null && !this.#isFull;
  }

  // Who takes it -------------------------------------------------------------------------------------------------

  /**
   * For the request handler, as a body or, if the header section `fields` says so, a form of at most `maxUpload` bytes. Throws
   * HTTPProtocolError for an announced length above its limit and for a form without a boundary.
   */
  collect(fields: string, contentType: () => string, maxUpload: number): void {
    const isForm = mayBeMultipart(fields);
    this.#limit = isForm ? maxUpload : this.#options.maxRequest;
    if (this.total !== null && this.total > this.#limit) throw httpError('HTTP_BODY_TOO_LARGE');
    this.#sink = isForm ? this.#formReader(contentType()) : this.#body();
  }

  /** For a handler's loop, which has no limit but its own. */
  take(): ContentIterator {
    const iterator = new ContentIterator(
      () => {
        this.#isFull = false;
        this.#host?.onWanted();
      },
      () => this.#host?.onLeft(),
    );
    this.#sink = iterator;
    this.#isTaken = true;
    return iterator;
  }

  #body(): ContentSink {
    return new BodySink(this.total ?? this.#limit, (body) => this.#host?.onContent(body, null));
  }

  #formReader(contentType: string): ContentSink {
    const { limits, maxRequest, tempStore } = this.#options;
    return new FormReader(
      { contentType, limits, maxFieldBytes: maxRequest, store: tempStore },
      {
        onForm: (form) => this.#host?.onContent(EMPTY, form),
        onFormError: (error) => this.#host?.onContentError(error),
        onRoom: () => {
          this.#isFull = false;
          this.#host?.onRoom();
        },
      },
    );
  }

  // What comes ---------------------------------------------------------------------------------------------------

  /** Hands on a piece. Throws HTTPProtocolError (413) beyond the limit. */
  push(piece: Buffer): void {
    this.#received += piece.length;
    this.hasProgress = true;
    if (this.#received > this.#limit) throw httpError('HTTP_BODY_TOO_LARGE');
    if (this.#sink?.push(piece) === false) this.#isFull = true;
  }

  /** All of it has come. */
  end(): void {
    this.#sink?.end();
  }

  /** Nothing can be read any more: the loop that has taken it is told why, and is to answer. */
  tell(error: Error): void {
    this.#sink?.fail(error);
  }

  /** The request is over, and nobody is told of its content any more but the taker. */
  breakOff(error: Error): void {
    this.#host = null;
    this.#sink?.fail(error);
  }
}
