/** Time as the engine sees it. Nothing else in the project asks the system for the time or for a timer. */
import type { InjectionToken } from 'tsyringe';

/** A Clock tells the time and wakes the engine. Replace it with `container.register(Clock, …)`. */
export interface Clock {
  /** Monotonic milliseconds: never steps back, unrelated to the date. */
  now(): number;
  /** The date as milliseconds since 1970, for what is shown to people and peers. */
  date(): number;
  /** Calls `wake` once after `ms` milliseconds, without holding the process. Returns what cancels it. */
  after(ms: number, wake: () => void): () => void;
  /** Calls `wake` once in the next turn of the event loop, holding the process until then. Returns what cancels it. */
  soon(wake: () => void): () => void;
}

export const Clock: InjectionToken<Clock> = Symbol('Clock');

/** The longest wait that the system's timers take; the engine simply looks again after it. */
export const LONGEST_WAIT_MS = 0x7fffffff;

/** The system's clock and timers. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  date: () => Date.now(),
  after(ms: number, wake: () => void) {
    const timer = setTimeout(wake, Math.min(Math.ceil(ms), LONGEST_WAIT_MS));
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon(wake: () => void) {
    const immediate = setImmediate(wake);
    return () => clearImmediate(immediate);
  },
});
