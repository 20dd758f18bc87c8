/**
 * Opens a regular file inside the root. Everything is asked of the open file, not of its name, which may mean another
 * file a moment later.
 */
import { closeSync, constants, fstatSync, open, openSync, type Stats } from 'node:fs';
import { readlink, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { HTTPError } from '../errors.js';
import { isWithin } from './file-root.js';

export interface OpenFile {
  /** The caller's to close. */
  readonly fd: number;
  readonly stats: Stats;
}

const openDescriptor = promisify(open);
/** A FIFO must not keep a thread waiting for its writer, and a terminal not become the process's own. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** What cannot be found, and what there is but not for us. Other failures are the server's own. */
const STATUS_OF: Readonly<Record<string, 403 | 404>> = {
  ENOENT: 404,
  ENOTDIR: 404,
  EISDIR: 404,
  ENAMETOOLONG: 404,
  ELOOP: 404,
  EACCES: 403,
  EPERM: 403,
  // A socket, and a device without a driver.
  ENXIO: 403,
  ENODEV: 403,
};

/**
 * Opens `path`; with `root`, only where the file is within it once all symbolic links are followed. Throws HTTPError
 * and the system's errors: `statusOfFailure` has their meaning.
 */
export async function openFile(path: string, root: string | null): Promise<OpenFile> {
  const fd = await openDescriptor(path, FLAGS);
  try {
    const stats = fstatSync(fd);
    if (stats.isDirectory()) throw new HTTPError(404);
    if (!stats.isFile()) throw new HTTPError(403);
    if (root !== null && !(await isInside(root, path, fd, stats))) throw new HTTPError(403);
    return { fd, stats };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Opens what was a regular file a moment ago, without a thread: whatever makes up its path is in the system's memory. Null
 * if it cannot be opened.
 */
export function reopenFile(path: string): OpenFile | null {
  try {
    const fd = openSync(path, FLAGS);
    return { fd, stats: fstatSync(fd) };
  } catch {
    return null;
  }
}

/** The status that tells of a file that could not be opened; null for a failure that is the server's own. */
export function statusOfFailure(error: unknown): number | null {
  if (error instanceof HTTPError) return error.status;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return STATUS_OF[code] ?? null;
}

async function isInside(root: string, path: string, fd: number, stats: Stats): Promise<boolean> {
  const real = (await pathOfDescriptor(fd)) ?? (await pathOfSameFile(path, stats));
  return real !== null && isWithin(await realpath(root), real);
}

/** Linux knows by what path the file was opened, links followed: no exchange of links comes between. Null elsewhere. */
export function pathOfDescriptor(fd: number): Promise<string | null> {
  return readlink(`/proc/self/fd/${fd}`).catch(() => null);
}

/** The path behind all links, null if it is not that of the file of `stats`: it was exchanged meanwhile. */
export async function pathOfSameFile(path: string, { dev, ino }: Stats): Promise<string | null> {
  const real = await realpath(path);
  const named = await stat(real);
  return named.dev === dev && named.ino === ino ? real : null;
}
