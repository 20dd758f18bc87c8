/** RateLimit: how many of something come in a second. Pure. */

const SECOND_MS = 1_000;

export class RateLimit {
  readonly #most: number;
  #count = 0;
  #since = Number.NEGATIVE_INFINITY;

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more at `now`, in milliseconds; whether it is within the limit. */
  take(now: number): boolean {
    if (now - this.#since >= SECOND_MS) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count <= this.#most;
  }
}
