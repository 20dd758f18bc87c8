/**
 * The intake of one request's content: counts it against its limit and hands it to the one sink that wants it. It reads
 * nothing itself; the connection asks `isOpen` before it brings more.
 */
import { httpError } from '../errors.js';
import type { RequestFraming } from '../protocol/framing.js';
import type { ContentSink } from './content-sink.js';

export class Intake {
  /** What Content-Length announced; null for chunks. */
  readonly total: number | null;
  #received = 0;
  #limit = Number.POSITIVE_INFINITY;
  #sink: ContentSink | null = null;
  #isFull = false;
  /** Set by each piece, for whoever tells of it. */
  hasProgress = false;

  constructor(framing: RequestFraming) {
    this.total = framing.kind === 'length' ? framing.length : null;
  }

  /** Bytes that have come. */
  get received(): number {
    return this.#received;
  }

  /** Whether somebody has been chosen to take the content. */
  get hasSink(): boolean {
    return this.#sink !== null;
  }

  /** Whether more content can be taken now. */
  get isOpen(): boolean {
    return this.#sink !== null && !this.#isFull;
  }

  /** Chooses who takes the content. Throws HTTPProtocolError (413) for an announced length above `limit`, which is in bytes. */
  open(sink: ContentSink, limit: number): void {
    if (this.total !== null && this.total > limit) throw httpError('HTTP_BODY_TOO_LARGE');
    this.#limit = limit;
    this.#sink = sink;
  }

  /** Hands on a piece. Throws HTTPProtocolError (413) beyond the limit. */
  push(piece: Buffer): void {
    this.#received += piece.length;
    this.hasProgress = true;
    if (this.#received > this.#limit) throw httpError('HTTP_BODY_TOO_LARGE');
    if (this.#sink?.push(piece) === false) this.#isFull = true;
  }

  /** The sink can take more. */
  reopen(): void {
    this.#isFull = false;
  }

  end(): void {
    this.#sink?.end();
  }

  fail(error: Error): void {
    this.#sink?.fail(error);
  }
}
