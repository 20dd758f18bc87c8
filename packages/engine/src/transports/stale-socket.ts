/** A Unix socket's file outlives a process that was killed; this tells such a leftover from a server at work. */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/** Removes the socket file at `path` if nobody answers on it; resolves to whether it did. Any other file stays. */
export async function removeStaleSocket(path: string): Promise<boolean> {
  const before = await lstat(path).catch(() => null);
  if (before === null || !before.isSocket() || (await isAnswered(path))) return false;
  // Somebody else may have put a socket of theirs there meanwhile.
  const after = await lstat(path).catch(() => null);
  if (after === null) return true;
  if (after.ino !== before.ino || after.ctimeMs !== before.ctimeMs) return false;
  await unlink(path);
  return true;
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
