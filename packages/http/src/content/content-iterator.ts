/**
 * A request's content as a loop sees it: one piece for each turn, read from the connection when the loop asks for it. So a
 * slow loop makes the client wait, and no more than one piece is held.
 */
import type { ContentSink } from './content-sink.js';

interface Waiting {
  resolve(result: IteratorResult<Buffer, undefined>): void;
  reject(error: Error): void;
}

const DONE: IteratorResult<Buffer, undefined> = Object.freeze({ done: true, value: undefined });

export class ContentIterator implements AsyncIterableIterator<Buffer, undefined>, ContentSink {
  readonly #read: () => void;
  readonly #leave: () => void;
  #waiting: Waiting[] = [];
  #error: Error | null = null;
  #isOver = false;

  /** Of content that will never come. */
  static broken(error: Error): ContentIterator {
    const iterator = new ContentIterator(
      () => {},
      () => {},
    );
    iterator.fail(error);
    return iterator;
  }

  /** `read` is called when a piece is wanted, `leave` when no more are. */
  constructor(read: () => void, leave: () => void) {
    this.#read = read;
    this.#leave = leave;
  }

  // For the loop -----------------------------------------------------------------------------------------------

  /** The next piece, which is the caller's. Rejects with what broke the content off. */
  next(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.#isOver) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      if (this.#waiting.length === 1) this.#read();
    });
  }

  /** The loop was left: the rest of the content is not read. */
  return(): Promise<IteratorResult<Buffer, undefined>> {
    this.#error = null;
    if (!this.#isOver) {
      this.end();
      this.#leave();
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // For the intake ---------------------------------------------------------------------------------------------

  push(piece: Buffer): boolean {
    this.#waiting.shift()?.resolve({ done: false, value: Buffer.from(piece) });
    return this.#waiting.length > 0;
  }

  end(): void {
    this.#isOver = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE);
  }

  fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const [first, ...others] = this.#waiting.splice(0);
    if (first === undefined) this.#error = error;
    else first.reject(error);
    for (const { resolve } of others) resolve(DONE);
  }
}

/** Content that has been read already, for a loop. */
export async function* wholeContent(body: Buffer): AsyncGenerator<Buffer, undefined> {
  if (body.length > 0) yield body;
}
