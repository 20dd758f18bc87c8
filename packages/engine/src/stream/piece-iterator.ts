/**
 * A stream's pieces as an async iterable: one is cut for each `next()`, so that a delimiter set between two of them
 * governs the second, and a slow loop makes the peer wait.
 */
import type { InseamError } from '../errors.js';

/** What the iterator asks of its stream. */
export interface PieceSource {
  /** Hands over one piece by `onPiece` when there is one, now or later. */
  demandPiece(): void;
  /** The loop was left before its end. */
  leave(): void;
}

type Result<T> = IteratorResult<T, undefined>;

interface Waiting<T> {
  resolve(result: Result<T>): void;
  reject(error: unknown): void;
}

const DONE = Object.freeze({ done: true, value: undefined });

export class PieceIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: PieceSource;
  /** Calls of `next` that have not been answered, oldest first. */
  #waiting: Waiting<T>[] = [];
  #isOver = false;
  /** Why it is over, until the first who asks has been told. */
  #reason: InseamError | null = null;

  constructor(source: PieceSource) {
    this.#source = source;
  }

  next(): Promise<Result<T>> {
    return new Promise((resolve, reject) => {
      if (this.#isOver) {
        const reason = this.#reason;
        this.#reason = null;
        if (reason === null) resolve(DONE);
        else reject(reason);
        return;
      }
      if (this.#waiting.push({ resolve, reject }) === 1) this.#source.demandPiece();
    });
  }

  /** Called when a loop is left early: closes the stream, as leaving a loop over a Node stream does. */
  return(): Promise<Result<T>> {
    if (!this.#isOver) {
      this.end(null);
      this.#source.leave();
    }
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** For the stream: a piece that was asked for. */
  onPiece(piece: unknown): void {
    this.#waiting.shift()?.resolve({ done: false, value: piece as T });
    if (this.#waiting.length > 0) this.#source.demandPiece();
  }

  /** For the stream: no piece will follow; a `reason` is thrown into the loop. */
  end(reason: InseamError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reason = reason;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve, reject } of waiting) {
      if (this.#reason === null) resolve(DONE);
      else reject(this.#reason);
      this.#reason = null;
    }
  }
}
