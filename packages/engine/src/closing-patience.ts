/**
 * How long a stream that is closing waits for its peer: to take what was written, then to shut its side. Without
 * it, a peer that does neither would keep the stream for ever.
 */
import type { Engine, TimerHandle } from './engine.js';
import { ENGINE_LIMITS } from './limits.js';

export class ClosingPatience {
  readonly #engine: Engine;
  readonly #giveUp: () => void;
  #timer: TimerHandle | null = null;
  #discarded = 0;

  constructor(engine: Engine, giveUp: () => void) {
    this.#engine = engine;
    this.#giveUp = giveUp;
  }

  /** While what was written is sent: each `closeTimeoutMs`, some of it must have gone. */
  whileSending(pendingBytes: () => number): void {
    const before = pendingBytes();
    this.#wait(ENGINE_LIMITS.closeTimeoutMs, () => {
      if (pendingBytes() < before) this.whileSending(pendingBytes);
      else this.#giveUp();
    });
  }

  /** While the peer's end is awaited. */
  whileLingering(): void {
    this.#wait(ENGINE_LIMITS.lingerTimeoutMs, this.#giveUp);
  }

  /** Counts input that nobody wants any more. */
  discard(bytes: number): void {
    this.#discarded += bytes;
    if (this.#discarded > ENGINE_LIMITS.lingerBytes) this.#giveUp();
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wait(ms: number, then: () => void): void {
    this.end();
    this.#timer = this.#engine.defer(ms, then);
  }
}
