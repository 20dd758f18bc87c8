/** Lets everything that is under way in memory come to rest: microtasks, ticks, and what `clock` was asked to do soon. */
import type { FakeClock } from '@inseam/engine/testing';

export async function settle(clock?: FakeClock): Promise<void> {
  for (let round = 0; round < 4; round++) {
    clock?.advance(0);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
