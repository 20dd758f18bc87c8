/**
 * A file on its way through a stream's write queue: opened when its turn comes, read piece by piece, and closed if it was
 * named by a path. A FileHandle or descriptor stays its owner's.
 */
import { close, fstat, open, read } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { usageError } from '../errors.js';
import type { Waypoint } from './write-queue.js';

/** A path, or a file that is open for reading. */
export type FileInput = string | number | FileHandle;

export interface FileRange {
  /** The first byte. Default 0. */
  offset?: number | undefined;
  /** How many bytes; fewer in the file is an error. Default: to its end. */
  length?: number | undefined;
}

/** Bytes of a file in memory at once. */
const PIECE = 65_536;

type Done = (error: Error | null) => void;

export class FileSource implements Waypoint {
  readonly kind = 'file';
  readonly #file: FileInput;
  readonly #settle: Done;
  #fd: number | null = null;
  /** Where the next piece is; null where the file has no places, as a pipe has none. */
  #position: number | null;
  #left: number | null;

  /** `settle` is called once, when the file has been read or is given up. Throws UsageError for anything but a file and a range. */
  constructor(file: FileInput, { offset = 0, length }: FileRange, settle: Done) {
    const isFile =
      (typeof file === 'string' && file !== '' && !file.includes('\0')) ||
      (typeof file === 'number' && Number.isInteger(file) && file >= 0) ||
      (typeof file === 'object' && file !== null && typeof file.fd === 'number' && file.fd >= 0);
    if (!isFile)
      throw usageError('ENGINE_FILE', typeof file === 'object' ? 'a closed handle?' : String(file));
    for (const bytes of [offset, length ?? 0]) {
      if (!(Number.isSafeInteger(bytes) && bytes >= 0))
        throw usageError('ENGINE_FILE', `offset ${offset}, length ${length}`);
    }
    this.#file = file;
    this.#position = offset;
    this.#left = length ?? null;
    this.#settle = settle;
  }

  /** Bytes to come, as far as that is known. */
  get pendingBytes(): number {
    return this.#left ?? 0;
  }

  /** Reads on. `next` gets an error, or a piece that is its to keep, or null after the last one. */
  read(next: (error: Error | null, piece: Buffer | null) => void): void {
    if (this.#fd === null) this.#open((error) => (error === null ? this.read(next) : next(error, null)));
    else if (this.#left === 0) next(null, null);
    else this.#read(this.#fd, next);
  }

  /** The end of it, good or not. */
  settle(error: Error | null): void {
    if (this.#fd !== null && typeof this.#file === 'string') close(this.#fd, () => {});
    this.#settle(error);
  }

  #open(done: Done): void {
    const file = this.#file;
    if (typeof file === 'string')
      open(file, 'r', (error, fd) => (error ? done(error) : this.#measure(fd, done)));
    else this.#measure(typeof file === 'number' ? file : file.fd, done);
  }

  #measure(fd: number, done: Done): void {
    this.#fd = fd;
    fstat(fd, (error, stats) => {
      if (error) return done(error);
      if (!stats.isFile()) this.#position = null;
      else this.#left ??= Math.max(0, stats.size - (this.#position ?? 0));
      done(null);
    });
  }

  #read(fd: number, next: (error: Error | null, piece: Buffer | null) => void): void {
    const piece = Buffer.allocUnsafeSlow(Math.min(this.#left ?? PIECE, PIECE));
    read(fd, piece, 0, piece.length, this.#position, (error, bytes) => {
      if (error) return next(error, null);
      if (bytes === 0) return next(this.#left === null ? null : new Error('the file is too short'), null);
      if (this.#position !== null) this.#position += bytes;
      if (this.#left !== null) this.#left -= bytes;
      next(null, piece.subarray(0, bytes));
    });
  }
}
