/**
 * A Unix socket's file outlives a process that was killed; this tells such a leftover from a server at work.
 *
 * Several processes may want the same path at once, and the system cannot remove a file on the condition that it is
 * still the same. So it is moved aside first, which only one of them can do, and put back if it proves to be another.
 */
import { lstatSync, renameSync, type Stats, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** A server makes its file before it listens on it; where node:cluster shares it, a message to the worker lies between. */
const YOUNG_MS = 1_000;

/** Removes the socket file at `path` if nobody answers on it. Any other file stays. */
export async function removeStaleSocket(path: string): Promise<void> {
  const before = lstatSync(path, { throwIfNoEntry: false });
  if (!before?.isSocket() || (await isAnswered(path))) return;
  const age = Date.now() - before.mtimeMs;
  if (age < YOUNG_MS) {
    await setTimeout(YOUNG_MS - Math.max(0, age));
    if (await isAnswered(path)) return;
  }
  // From here on nothing is awaited: what others do meanwhile happens in another process.
  const aside = `${path}.${process.pid}`;
  try {
    if (isOther(before, lstatSync(path))) return;
    renameSync(path, aside);
    if (isOther(before, lstatSync(aside))) renameSync(aside, path);
    else unlinkSync(aside);
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** A number may be used again at once; the time is when the file was made. */
function isOther(before: Stats, after: Stats): boolean {
  return after.ino !== before.ino || after.mtimeMs !== before.mtimeMs;
}

/** Only a refusal says that nobody listens: a full backlog or a missing permission does not. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
