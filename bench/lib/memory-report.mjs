/** Loaded into a server with --import, so that the server's own file stays as users write it. SIGUSR2 asks. */
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';

/** A collection frees in its own time, and what finalizers let go of is for the next one. */
const COLLECTIONS = 4;
const PAUSE_MS = 50;

let reports = 0;

process.on('SIGUSR2', async () => {
  for (let count = 0; count < COLLECTIONS; count++) {
    globalThis.gc?.();
    await delay(PAUSE_MS);
  }
  const { rss, heapUsed } = process.memoryUsage();
  console.log(`MEMORY ${++reports} ${JSON.stringify({ resident: rss - nursery(), heapUsed })}`);
});

/**
 * V8's space for new objects grows with what is allocated, up to a size of its own, whether anything is kept or not.
 * It would be a third of what is measured.
 */
function nursery() {
  const space = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return space?.physical_space_size ?? 0;
}
