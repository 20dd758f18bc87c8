/**
 * KeepAlive: when a ping is due, and when too long has passed since one. Asked from time to time, it keeps since when either direction has
 * been silent, so that nothing is noted for a message. Pure.
 */
import type { WebSocketLimits } from '../limits.js';

/** How many bytes have come and gone so far, and whether what comes is read at all. */
export interface Traffic {
  readonly received: number;
  readonly sent: number;
  readonly isReading: boolean;
}

export class KeepAlive {
  readonly #limits: WebSocketLimits;
  #received = 0;
  #receivedAt: number;
  #sent = 0;
  #sentAt: number;
  /** When a ping was sent that nothing has followed, or null. */
  #pingedAt: number | null = null;

  /** `now` is in milliseconds, here and below. */
  constructor(limits: WebSocketLimits, now: number) {
    this.#limits = limits;
    this.#receivedAt = this.#sentAt = now;
  }

  /** What is to be done. Silence in one direction is enough for a ping: what stands between may drop a connection for either. */
  check({ received, sent, isReading }: Traffic, now: number): 'ping' | 'timeout' | null {
    const { pingIntervalMs, pongTimeoutMs } = this.#limits;
    // Whatever the peer sends shows that it is there. While nothing is read, its pong may be here already.
    if (received !== this.#received || !isReading) {
      this.#received = received;
      this.#receivedAt = now;
      this.#pingedAt = null;
    }
    if (sent !== this.#sent) {
      this.#sent = sent;
      this.#sentAt = now;
    }
    if (this.#pingedAt !== null) return now - this.#pingedAt >= pongTimeoutMs ? 'timeout' : null;
    if (now - Math.min(this.#receivedAt, this.#sentAt) < pingIntervalMs) return null;
    this.#pingedAt = this.#receivedAt = this.#sentAt = now;
    return 'ping';
  }
}
