/**
 * A file on its way through a stream's write queue: opened when its turn comes, read piece by piece, and closed if it
 * was named by a path. A FileHandle or descriptor stays its owner's.
 */
import { constants, fstat, fstatSync, read, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { usageError } from '../errors.js';
import { PiecePool } from './piece-pool.js';
import type { Waypoint } from './write-queue.js';

/** A path, or a file that is open for reading. */
export type FileInput = string | number | FileHandle;

export interface FileRange {
  /** The first byte. Default 0. */
  offset?: number | undefined;
  /** How many bytes; fewer in the file is an error. Default: to its end. */
  length?: number | undefined;
  /**
   * The file as it was when the range was chosen. If another one is found, or it has been changed, sending fails: before
   * the first byte or, at the latest, before the last one. Regular files only.
   */
  stats?: FileState | undefined;
}

/** What changes when a file does. */
export type FileState = Pick<Stats, 'dev' | 'ino' | 'size' | 'mtimeMs'>;

/** Bytes of a file in memory at once, for a peer that has to be waited for. */
const PIECE = 65_536;
/**
 * The same for one that takes every piece at once: each costs a turn and a system call or two. Measured with 1 MiB over
 * loopback: 909 µs of CPU for each file in pieces of 64 KiB, 663 of 128, 545 of 256, 480 to 550 of 512.
 */
const LARGE_PIECE = 262_144;
/** 4 MiB each at the most. When they are lent, further pieces are small, and new. */
const pieces = new PiecePool(PIECE, 64);
const largePieces = new PiecePool(LARGE_PIECE, 16);

/** What can be read, however it was given. */
interface Source {
  stat(): Promise<Stats>;
  /** `stat` without a thread: the system has the answer in memory for a regular file that is open. */
  statNow(): Stats;
  /** Bytes read into `piece`; 0 at the end. */
  read(piece: Buffer, position: number | null): Promise<number>;
  close(): Promise<void>;
}

export class FileSource implements Waypoint {
  readonly kind = 'file';
  readonly #file: FileInput;
  readonly #settle: (error: Error | null) => void;
  #source: Source | null = null;
  /** Where the next piece is; null where the file has no places, as a pipe has none. */
  #position: number | null;
  /** Bytes to come; null where only the end will tell. */
  #left: number | null;
  readonly #stats: FileState | null;
  /** What the pools have lent for pieces. */
  #memory: Buffer | null = null;

  /**
   * `settle` is called once, when the file has been read or is given up. Throws UsageError for anything but a file
   * and a range.
   */
  constructor(
    file: FileInput,
    { offset = 0, length, stats }: FileRange,
    settle: (error: Error | null) => void,
  ) {
    const isFile =
      (typeof file === 'string' && file !== '' && !file.includes('\0')) ||
      (typeof file === 'number' && Number.isInteger(file) && file >= 0) ||
      (isHandle(file) && file.fd >= 0);
    if (!isFile) throw usageError('ENGINE_FILE', isHandle(file) ? 'a closed handle' : typeof file);
    for (const bytes of [offset, length ?? 0]) {
      if (Number.isSafeInteger(bytes) && bytes >= 0) continue;
      throw usageError('ENGINE_FILE', `offset ${offset}, length ${length}`);
    }
    this.#file = file;
    this.#position = offset;
    this.#stats = stats ?? null;
    this.#left = length ?? (stats === undefined ? null : Math.max(0, stats.size - offset));
    this.#settle = settle;
  }

  /** Bytes to come, as far as that is known. */
  get pendingBytes(): number {
    return this.#left ?? 0;
  }

  /**
   * Reads on: the next piece, or null after the last one. Valid until the next call, or until `settle`, that says it
   * `isFree` again. `isFast` says that the peer took the last one at once. Rejects when there is no going on.
   */
  async read(isFree = false, isFast = false): Promise<Buffer | null> {
    this.#source ??= await this.#open();
    if (this.#left === 0) return null;
    const memory = this.#takeMemory(isFree, isFast);
    const piece = memory.subarray(0, Math.min(this.#left ?? memory.length, memory.length));
    const bytes = await this.#source.read(piece, this.#position);
    if (bytes === 0 && this.#left === null) return null;
    if (bytes === 0) throw new Error('the file is too short');
    if (this.#position !== null) this.#position += bytes;
    if (this.#left !== null) this.#left -= bytes;
    if (this.#left === 0) this.#requireUnchanged(this.#source);
    return piece.subarray(0, bytes);
  }

  /** The end of it, good or not; see `read` for `isFree`. */
  settle(error: Error | null, isFree = false): void {
    this.#giveMemory(isFree);
    this.#source?.close().catch(() => {});
    this.#settle(error);
  }

  async #open(): Promise<Source> {
    const source = await toSource(this.#file);
    try {
      if (this.#stats !== null) {
        this.#requireUnchanged(source);
        return source;
      }
      const stats = await source.stat();
      if (stats.isFile()) {
        // The files of /proc have a size of 0, and content.
        if (stats.size > 0) this.#left ??= Math.max(0, stats.size - (this.#position ?? 0));
      } else if (typeof this.#file === 'string' && !stats.isDirectory()) {
        throw new Error('not a regular file');
      } else {
        if (this.#position !== 0) throw new Error('not a file that has an offset');
        this.#position = null;
      }
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  #takeMemory(isFree: boolean, isFast: boolean): Buffer {
    const isLarge = isFast && (this.#left ?? PIECE) > PIECE;
    if (isFree && this.#memory !== null && this.#memory.length > PIECE === isLarge) return this.#memory;
    this.#giveMemory(isFree);
    this.#memory = (isLarge ? largePieces.take() : null) ?? pieces.take();
    return this.#memory ?? Buffer.allocUnsafeSlow(PIECE);
  }

  #giveMemory(isFree: boolean): void {
    if (this.#memory === null) return;
    (this.#memory.length > PIECE ? largePieces : pieces).give(this.#memory, isFree);
    this.#memory = null;
  }

  #requireUnchanged(source: Source): void {
    if (this.#stats === null) return;
    const { dev, ino, size, mtimeMs } = this.#stats;
    const now = source.statNow();
    const isSame = now.dev === dev && now.ino === ino && now.size === size && now.mtimeMs === mtimeMs;
    if (!isSame) throw new Error('the file has changed');
  }
}

function isHandle(file: unknown): file is FileHandle {
  return typeof file === 'object' && file !== null && 'fd' in file && typeof file.fd === 'number';
}

const readDescriptor = promisify(read);
const statDescriptor = promisify(fstat);

async function toSource(file: FileInput): Promise<Source> {
  if (typeof file === 'number') {
    return {
      stat: () => statDescriptor(file),
      statNow: () => fstatSync(file),
      read: async (piece, position) =>
        (await readDescriptor(file, piece, 0, piece.length, position)).bytesRead,
      close: async () => {},
    };
  }
  // A FIFO without a writer would keep one of Node's few threads waiting in `open`.
  const handle =
    typeof file === 'string' ? await open(file, constants.O_RDONLY | constants.O_NONBLOCK) : file;
  return {
    // Through the handle, not its number: once it is closed, that may be another file's.
    stat: () => handle.stat(),
    statNow: () => fstatSync(handle.fd),
    read: async (piece, position) => (await handle.read(piece, 0, piece.length, position)).bytesRead,
    close: async () => {
      if (typeof file === 'string') await handle.close();
    },
  };
}
