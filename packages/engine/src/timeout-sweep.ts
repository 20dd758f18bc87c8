/**
 * TimeoutSweep: one timer for the timeouts of all channels, which looks at those that have any from time to time, so
 * that a timeout costs no timer. What has waited too long, and what comes of that, is each channel's own to say.
 */
import type { Channel } from './channel.js';
import type { Engine, TimerHandle } from './engine.js';
import { ENGINE_LIMITS } from './limits.js';

/** The shortest interval in milliseconds: shorter timeouts must not keep a core busy. */
const SHORTEST_MS = 1;

export class TimeoutSweep {
  readonly #engine: Engine;
  readonly #watched = new Set<Channel>();
  #timer: TimerHandle | null = null;
  #everyMs = Number.POSITIVE_INFINITY;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Calls `channel.checkTimeouts` at least four times in `shortestMs`, until `unwatch`. */
  watch(channel: Channel, shortestMs: number): void {
    this.#watched.add(channel);
    const everyMs = Math.max(SHORTEST_MS, Math.min(ENGINE_LIMITS.sweepMs, shortestMs / 4));
    if (everyMs >= this.#everyMs) return;
    this.#timer?.cancel();
    this.#everyMs = everyMs;
    this.#timer = this.#engine.cycle(everyMs, this.#checkTimeouts);
  }

  /** Ends `watch`; with nobody left to watch there is no timer. */
  unwatch(channel: Channel): void {
    if (!this.#watched.delete(channel) || this.#watched.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#everyMs = Number.POSITIVE_INFINITY;
  }

  readonly #checkTimeouts = (): void => {
    for (const channel of this.#watched) {
      try {
        channel.checkTimeouts(this.#engine.latestPollTime);
      } catch (error) {
        this.#engine.report(error, `${channel.constructor.name}.checkTimeouts threw`, channel);
      }
    }
  };
}
