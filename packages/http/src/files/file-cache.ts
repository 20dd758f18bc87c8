/**
 * FileCache: the files that were sent last, the small ones with their content. Every use asks the system whether the
 * file is still the same, by one `stat` of its path (2 µs): a handler may have changed it just now, in this very turn.
 */
import { type Stats, statSync } from 'node:fs';
import { type FileEntry, isCurrent } from './file-entry.js';

/**
 * Content of at most this length is kept. A file of 64 KiB read anew costs about as much for its opening and closing as
 * for its bytes; with longer ones that share falls, and fewer have room.
 */
export const MAX_CONTENT = 65_536;
/** Content kept altogether: 16 MiB, 256 of the largest files. */
export const MAX_BYTES = 16 * 1024 * 1024;
export const MAX_ENTRIES = 1_024;
/**
 * A file that changed so short a time ago is not kept, in milliseconds: it could change again without showing it. File
 * systems tell times as coarsely as that.
 */
export const SETTLED_MS = 2_000;

export class FileCache {
  /** In the order of their last use. */
  readonly #entries = new Map<string, FileEntry>();
  #bytes = 0;

  /** What is known of the file at `path`, if that is still true. */
  get(path: string): FileEntry | null {
    const entry = this.#entries.get(path);
    if (entry === undefined) return null;
    const now = statsOf(path);
    this.#entries.delete(path);
    if (now !== null && isCurrent(entry, now)) {
      this.#entries.set(path, entry);
      return entry;
    }
    this.#bytes -= bytesOf(entry);
    return null;
  }

  /** Keeps `entry`; `now` is the system's time, whose files' times are compared with it. */
  put(entry: FileEntry, now: number): void {
    if (entry.ctimeMs + SETTLED_MS > now) return;
    this.#drop(entry.path);
    this.#entries.set(entry.path, entry);
    this.#bytes += bytesOf(entry);
    for (const path of this.#entries.keys()) {
      if (this.#bytes <= MAX_BYTES && this.#entries.size <= MAX_ENTRIES) return;
      this.#drop(path);
    }
  }

  #drop(path: string): void {
    const entry = this.#entries.get(path);
    if (entry === undefined) return;
    this.#entries.delete(path);
    this.#bytes -= bytesOf(entry);
  }
}

/** The file's times as they are now; null where there is none to be seen. */
export function statsOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    return null;
  }
}

/** Text is there twice more: by itself, and in the latest answer. */
function bytesOf({ content, text }: FileEntry): number {
  return content === null ? 0 : content.length + 2 * (text?.length ?? 0);
}
