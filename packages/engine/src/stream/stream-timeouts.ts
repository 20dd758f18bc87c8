/**
 * Decides when a stream has waited too long. It is asked from time to time and keeps since when things have stood
 * still, so that nothing is noted for a chunk or a write, and no stream has a timer. No clock.
 */
import type { EngineErrorCode } from '../errors.js';
import { ENGINE_LIMITS } from '../limits.js';

/**
 * What a stream is at: a connection or handshake being made, open, sending its last bytes, or awaiting the peer's
 * end.
 */
export type WaitingPhase = 'connecting' | 'open' | 'sending' | 'lingering';

/** What has moved so far, in bytes, and what the stream is at. */
export interface Progress {
  readonly phase: WaitingPhase;
  readonly received: number;
  readonly sent: number;
  readonly pending: number;
  /** False while reading is paused: then it is not the peer that keeps us waiting. */
  readonly isReading: boolean;
}

export class StreamTimeouts {
  /** In milliseconds; Infinity for none. */
  connectMs: number = ENGINE_LIMITS.connectTimeoutMs;
  idleMs = Number.POSITIVE_INFINITY;
  readMs = Number.POSITIVE_INFINITY;
  writeMs = Number.POSITIVE_INFINITY;
  #phase: WaitingPhase | null = null;
  #phaseSince = 0;
  #received = 0;
  #receivedAt = 0;
  #sent = 0;
  #sentAt = 0;
  #movedAt = 0;

  /** The shortest of those that count while the stream is open. */
  get shortestMs(): number {
    return Math.min(this.idleMs, this.readMs, this.writeMs);
  }

  /** The code of what has passed, or null; `now` is in milliseconds. */
  check({ phase, received, sent, pending, isReading }: Progress, now: number): EngineErrorCode | null {
    const isNew = phase !== this.#phase;
    if (isNew) this.#phaseSince = now;
    if (isNew || received !== this.#received || !isReading) this.#receivedAt = now;
    // While the last bytes are sent, something is awaited even when nothing is pending: a file, a handshake.
    if (isNew || sent !== this.#sent || (pending === 0 && phase === 'open')) this.#sentAt = now;
    if (isNew || received !== this.#received || sent !== this.#sent) this.#movedAt = now;
    this.#phase = phase;
    this.#received = received;
    this.#sent = sent;
    if (phase === 'connecting')
      return now - this.#phaseSince >= this.connectMs ? 'ENGINE_CONNECT_TIMEOUT' : null;
    if (phase === 'open') {
      const code = this.#checkOpen(now);
      // A stream that is left open is told again when as long has passed again.
      if (code !== null) this.#receivedAt = this.#sentAt = this.#movedAt = now;
      return code;
    }
    const [since, limitMs] =
      phase === 'sending'
        ? [this.#sentAt, ENGINE_LIMITS.closeTimeoutMs]
        : [this.#phaseSince, ENGINE_LIMITS.lingerTimeoutMs];
    return now - since >= limitMs ? 'ENGINE_CLOSE_TIMEOUT' : null;
  }

  #checkOpen(now: number): EngineErrorCode | null {
    if (now - this.#sentAt >= this.writeMs) return 'ENGINE_WRITE_TIMEOUT';
    if (now - this.#receivedAt >= this.readMs) return 'ENGINE_READ_TIMEOUT';
    return now - this.#movedAt >= this.idleMs ? 'ENGINE_IDLE_TIMEOUT' : null;
  }
}
