/** Collects content in memory: the body of a request. */
import { ContentBuffer } from '../protocol/content-buffer.js';
import type { ContentSink } from './content-sink.js';

export class BodySink implements ContentSink {
  readonly #content = new ContentBuffer();
  readonly #most: number;
  readonly #done: (body: Buffer) => void;

  /** `most` is what the content can grow to, in bytes. */
  constructor(most: number, done: (body: Buffer) => void) {
    this.#most = most;
    this.#done = done;
  }

  push(piece: Buffer): boolean {
    this.#content.push(piece, this.#most);
    return true;
  }

  end(): void {
    this.#done(this.#content.take());
  }

  fail(): void {
    this.#content.clear();
  }
}
