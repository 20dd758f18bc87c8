/**
 * Decides when a connection has waited too long. It is asked from time to time what the connection waits for, and
 * keeps since when that has stood still; so nothing is noted for a request, and no connection has a timer. No clock.
 */
import type { HTTPErrorCode } from '../errors.js';
import type { HTTPLimits } from '../limits.js';

/**
 * What a connection waits for: a first request, a next one, the rest of a head or of a body, the handler (also of a
 * client that has left, or with too much waiting behind it), the client to take its response; or nothing of ours.
 */
export type ConnectionPhase =
  | 'new'
  | 'idle'
  | 'head'
  | 'body'
  | 'handler'
  | 'left'
  | 'held'
  | 'writing'
  | 'upgraded';

/** What is to be done: nothing, close without an answer, or refuse with an error. */
export type TimeoutVerdict = null | 'close' | HTTPErrorCode;

export class ConnectionTimeouts {
  readonly #limits: Readonly<HTTPLimits>;
  #phase: ConnectionPhase = 'new';
  #handled = 0;
  #moved = 0;
  /** Since when phase and request are the same, and since when no byte has moved either. */
  #phaseSince = Number.NaN;
  #stillSince = Number.NaN;
  #checkedAt = Number.NaN;
  /** For how long a request has been read, head and body together, less what its bytes grant. */
  #readingMs = 0;

  constructor(limits: Readonly<HTTPLimits>) {
    this.#limits = limits;
  }

  /** `handled` counts requests that are over, `moved` the bytes read while reading, else those taken; `now` is in milliseconds. */
  check(phase: ConnectionPhase, handled: number, moved: number, now: number): TimeoutVerdict {
    const isNewRequest = handled !== this.#handled || Number.isNaN(this.#phaseSince);
    const isNewPhase = isNewRequest || phase !== this.#phase;
    if (isNewRequest) this.#readingMs = 0;
    // Only between two looks at reading: in other phases other bytes are counted, and the time is not the client's.
    else if (isReading(phase) && isReading(this.#phase)) {
      const granted = (1000 * (moved - this.#moved)) / this.#limits.minBytesPerSecond;
      this.#readingMs = Math.max(0, this.#readingMs + now - this.#checkedAt - granted);
    }
    if (isNewPhase) this.#phaseSince = now;
    if (isNewPhase || moved !== this.#moved) this.#stillSince = now;
    this.#phase = phase;
    this.#handled = handled;
    this.#moved = moved;
    this.#checkedAt = now;
    return this.#verdict(now - this.#phaseSince, now - this.#stillSince);
  }

  #verdict(inPhase: number, still: number): TimeoutVerdict {
    const limits = this.#limits;
    switch (this.#phase) {
      case 'new':
        return inPhase >= limits.headTimeoutMs ? 'close' : null;
      case 'idle':
        return inPhase >= limits.keepAliveTimeoutMs ? 'close' : null;
      case 'head':
        return inPhase >= limits.headTimeoutMs ? 'HTTP_HEAD_TIMEOUT' : null;
      case 'body':
        return still >= limits.bodyTimeoutMs || this.#readingMs >= limits.requestTimeoutMs
          ? 'HTTP_BODY_TIMEOUT'
          : null;
      case 'held':
        return still >= limits.bodyTimeoutMs ? 'close' : null;
      // A response may take its time while there is some of it to take.
      case 'left':
      case 'writing':
        return still >= limits.writeTimeoutMs ? 'close' : null;
      case 'handler':
      case 'upgraded':
        return null;
    }
  }
}

function isReading(phase: ConnectionPhase): boolean {
  return phase === 'head' || phase === 'body';
}
