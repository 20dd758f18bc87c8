/** Loaded into a server with --import, so that the server's own file stays as users write it. SIGUSR2 asks. */
import { setTimeout as delay } from 'node:timers/promises';

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
  console.log(`MEMORY ${++reports} ${JSON.stringify({ rss, heapUsed })}`);
});
