/** A Clock that stands still until a test moves it. */
import type { Clock } from '../clock.js';

export interface FakeClock extends Clock {
  /** Moves time on by `ms`, waking whoever is due, in order. What `soon` was asked for comes first. */
  advance(ms: number): void;
  /** Wake-ups still to come; a test ends with none. */
  readonly pending: number;
}

/** Makes a clock that starts at 0 on the monotonic side and at `date` (milliseconds since 1970) on the other. */
export function fakeClock(date = Date.UTC(2026, 0, 1)): FakeClock {
  let now = 0;
  let wakeups: { at: number; wake: () => void }[] = [];
  const wakeAt = (at: number, wake: () => void) => {
    const wakeup = { at, wake };
    wakeups.push(wakeup);
    return () => {
      wakeups = wakeups.filter((other) => other !== wakeup);
    };
  };
  return {
    now: () => now,
    date: () => date + now,
    after: (ms, wake) => wakeAt(now + ms, wake),
    soon: (wake) => wakeAt(now, wake),
    get pending() {
      return wakeups.length;
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = wakeups.reduce<(typeof wakeups)[number] | null>(
          (first, other) => (other.at <= end && (first === null || other.at < first.at) ? other : first),
          null,
        );
        if (next === null) break;
        wakeups = wakeups.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.wake();
      }
      now = end;
    },
  };
}
