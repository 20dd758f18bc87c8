/**
 * StreamedResponse: pulls pieces from a source, compresses them if that was chosen, and sends them at the client's pace. At
 * most one piece and what the connection keeps for a slow client is held. It is over when the source ends or fails, when the
 * client is gone, or when the handler fails, whichever comes first.
 */
import { httpUsageError } from '../errors.js';
import type { HTTPHeaders } from '../protocol/http-headers.js';
import { defaultType, requireContent } from '../protocol/response-writer.js';
import type { HTTPRequest } from '../server/http-request.js';
import { type Coding, ContentCoder } from './content-coder.js';
import type { PieceSource } from './piece-source.js';
import { ResponseTask, type TaskOwner } from './response-task.js';

/** Bytes that are sent before others get their turn, and what a piece costs beside its bytes. */
const TURN_BYTES = 65_536;
const PIECE_COST = 64;

export interface StreamedContent {
  readonly pieces: PieceSource;
  /** Chooses the coding, and changes the headers for it; called when they are complete, before they are sent. */
  readonly choose: (headers: HTTPHeaders) => Coding | null;
  /** Whether all of the content is there already: nobody waits for a part of it. */
  readonly isWhole: boolean;
}

export class StreamedResponse implements TaskOwner {
  readonly #request: HTTPRequest;
  readonly #content: StreamedContent;
  readonly #headers: HTTPHeaders;
  readonly #task: ResponseTask;
  /** Whether the source has come to its end by itself. */
  #isSpent = false;
  #hasBegun = false;
  /** What has been sent in this turn of the event loop. */
  #inTurn = 0;
  #coder: ContentCoder | null = null;
  #isBehind = false;
  /** What a Content-Length said that compression has removed, less what has come of it. */
  #missing: number | null = null;
  #isReleased = false;
  #settle: () => void = () => {};
  /** Resolves when it is over; never rejects. */
  readonly sent = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  /** Begins. Throws UsageError, with nothing sent, for a bad status or header, or out of order. */
  constructor(
    request: HTTPRequest,
    content: StreamedContent,
    status: number | undefined,
    headers: HTTPHeaders,
  ) {
    this.#request = request;
    this.#content = content;
    this.#headers = headers;
    this.#task = new ResponseTask(request, this, status, headers, content.isWhole);
    if (request.response.sendsContent && !this.#task.isOver) void this.#pump();
    else this.#sendHeadOnly();
  }

  onGone(): void {
    this.#release();
  }

  #sendHeadOnly(): void {
    this.#begin();
    this.#task.finish();
    this.#release();
  }

  async #pump(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#next();
        this.#isSpent = done === true;
        if (this.#task.isOver || done) break;
        await this.#put(value);
      }
      if (!this.#task.isOver) await this.#end();
    } catch (error) {
      this.#task.fail(error);
    }
    this.#release();
  }

  async #next(): ReturnType<PieceSource['next']> {
    const coder = this.#coder;
    if (coder === null) return this.#content.pieces.next();
    // What has been compressed so far would wait for more: a source that is silent in this turn may be so for long.
    const flush = this.#request.connection.engine.callback(() => {
      if (!this.#task.isOver) coder.flush();
    });
    try {
      return await this.#content.pieces.next();
    } finally {
      flush.cancel();
    }
  }

  async #put(piece: unknown): Promise<void> {
    requireContent(piece);
    if (!this.#hasBegun) this.#begin(piece);
    if (this.#coder === null) {
      if (!this.#task.send(piece)) await this.#request.drained();
      await this.#giveWay(piece.length);
      return;
    }
    this.#count(piece);
    await this.#coder.write(piece, () => this.#catchUp());
  }

  async #end(): Promise<void> {
    if (!this.#hasBegun) this.#beginEmpty();
    // Before the coder's end, which would make it look whole.
    if (this.#coder !== null && (this.#missing ?? 0) > 0) throw httpUsageError('HTTP_CONTENT_TOO_SHORT');
    await this.#coder?.end();
    this.#task.finish();
  }

  /** Sends the head; what the handler did not say of the type the first piece says. */
  #begin(first?: string | Uint8Array): void {
    this.#hasBegun = true;
    const headers = this.#headers;
    if (first !== undefined && !headers.has('content-type')) headers.set('Content-Type', defaultType(first));
    const announced = headers.get('content-length');
    const coding = this.#content.choose(headers);
    if (coding !== null && announced !== null) this.#missing = Number(announced);
    this.#task.begin(headers);
    if (coding === null || !this.#request.response.sendsContent) return;
    this.#coder = new ContentCoder(coding, (bytes) => {
      if (!this.#task.send(bytes)) this.#isBehind = true;
    });
  }

  /** Nothing has come: its length is known. */
  #beginEmpty(): void {
    this.#hasBegun = true;
    if (!this.#headers.has('content-length')) this.#headers.set('Content-Length', 0);
    this.#task.begin(this.#headers);
  }

  #count(piece: string | Uint8Array): void {
    if (this.#missing === null) return;
    this.#missing -= Buffer.byteLength(piece);
    if (this.#missing < 0) throw httpUsageError('HTTP_CONTENT_TOO_LONG');
  }

  /** A source that never waits and a system that takes all would have the event loop to themselves. */
  async #giveWay(length: number): Promise<void> {
    this.#inTurn += length + PIECE_COST;
    if (this.#inTurn < TURN_BYTES) return;
    this.#inTurn = 0;
    await new Promise<void>((resolve) => this.#request.connection.engine.callback(resolve));
  }

  async #catchUp(): Promise<void> {
    if (!this.#isBehind) return;
    this.#isBehind = false;
    await this.#request.drained();
  }

  /** It is over, however it came to that: nothing is kept, nothing waits. */
  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (!this.#isSpent) this.#content.pieces.cancel();
    this.#coder?.destroy();
    this.#settle();
  }
}
