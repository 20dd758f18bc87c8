/**
 * FileFinder: finds a file, in the cache or on the disk, and with it whatever is needed to send it: small files come
 * with their content, large ones open.
 */
import { closeSync, fstatSync, read, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { httpTransportError } from '../errors.js';
import { FileCache, MAX_CONTENT, statsOf } from './file-cache.js';
import { type FileEntry, isCurrent, toEntry } from './file-entry.js';
import type { FileRoot } from './file-root.js';
import type { MimeTypes } from './mime-types.js';
import { openFile, reopenFile } from './open-file.js';
import type { Neighbour } from './precompressed.js';

export interface Found {
  readonly entry: FileEntry;
  /** Open where the entry has no content, null where it has; the caller's to close. */
  readonly fd: number | null;
}

const readDescriptor = promisify(read);

/** How often a small file that changes while it is read is read again. */
const ATTEMPTS = 3;

export class FileFinder {
  readonly #root: FileRoot;
  readonly #mimeTypes: MimeTypes;
  readonly #cache = new FileCache();

  constructor(root: FileRoot, mimeTypes: MimeTypes) {
    this.#root = root;
    this.#mimeTypes = mimeTypes;
  }

  /** The file at `path` as it is known, if that still holds. */
  findKnown(path: string, followSymlinks: boolean): Found | null {
    const entry = this.#cache.get(path);
    if (entry === null || !(entry.isInside || followSymlinks)) return null;
    if (entry.content !== null) return { entry, fd: null };
    // It was found inside before: what is left to see is that this very file is opened.
    const file = reopenFile(path);
    if (file === null) return null;
    if (isCurrent(entry, file.stats)) return { entry, fd: file.fd };
    closeSync(file.fd);
    return null;
  }

  /** Finds the file on the disk; `now` is milliseconds since 1970. Throws as `openFile` does, and TransportError for a small file that keeps changing. */
  async find(path: string, followSymlinks: boolean, now: number): Promise<Found> {
    const { fd, stats } = await openFile(path, followSymlinks ? null : this.#root.path);
    try {
      const isInside = !followSymlinks || this.#root.path === null;
      return await this.#load(path, fd, stats, isInside, now);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /**
   * The first of `neighbours` that is there and no older than the file itself, with its coding; null without one.
   * One that cannot be sent is passed over.
   */
  async findNeighbour(
    { path, stats }: FileEntry,
    neighbours: readonly Neighbour[],
    followSymlinks: boolean,
    now: number,
  ): Promise<(Found & { coding: string }) | null> {
    for (const { coding, extension } of neighbours) {
      const there = statsOf(path + extension);
      if (there === null || there.mtimeMs < stats.mtimeMs) continue;
      const found =
        this.findKnown(path + extension, followSymlinks) ??
        (await this.find(path + extension, followSymlinks, now).catch(() => null));
      if (found !== null) return { ...found, coding };
    }
    return null;
  }

  async #load(path: string, fd: number, first: Stats, isInside: boolean, time: number): Promise<Found> {
    const type = this.#mimeTypes.of(path);
    let stats = first;
    for (let attempt = 0; attempt < ATTEMPTS && stats.size <= MAX_CONTENT; attempt++) {
      const content = await readWhole(fd, stats.size);
      const now = fstatSync(fd);
      if (content !== null && isSameState(now, stats)) {
        const entry = this.#keep(toEntry(path, now, isInside, type, content), time);
        closeSync(fd);
        return { entry, fd: null };
      }
      stats = now;
    }
    if (stats.size <= MAX_CONTENT) throw httpTransportError('HTTP_FILE_CHANGED');
    return { entry: this.#keep(toEntry(path, stats, isInside, type, null), time), fd };
  }

  #keep(entry: FileEntry, now: number): FileEntry {
    this.#cache.put(entry, now);
    return entry;
  }
}

export function closeFound({ fd }: Found): void {
  if (fd !== null) closeSync(fd);
}

/** A time of modification can be put back, the other one cannot. */
function isSameState(one: Stats, other: Stats): boolean {
  return one.mtimeMs === other.mtimeMs && one.ctimeMs === other.ctimeMs;
}

/** All of a file that should have `size` bytes; null if it has more or fewer. */
async function readWhole(fd: number, size: number): Promise<Buffer | null> {
  // Of its own memory: a slice of Node's pool would keep the whole pool.
  const content = Buffer.allocUnsafeSlow(size + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await readDescriptor(fd, content, length, content.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
    if (length > size) return null;
  }
  return length === size ? content.subarray(0, size) : null;
}
