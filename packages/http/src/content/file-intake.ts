/**
 * Takes in one file of a form: up to a threshold in memory, beyond it in a temporary file, written in large pieces while the
 * next ones come. It counts what waits to be written, and nothing else; whoever fills it holds back by that.
 */
import type { FileHandle } from 'node:fs/promises';
import { rm } from 'node:fs/promises';
import type { TempFile, TempStore } from './temp-store.js';

/** Bytes written at once, by one call to the system instead of four. */
const BATCH = 262_144;

export class FileIntake {
  readonly #store: TempStore;
  readonly #memoryBytes: number;
  /** Told of pieces that are needed no more, and of a failure. */
  readonly #onWritten: (pieces: readonly Buffer[], error: Error | null) => void;
  #pieces: Buffer[] = [];
  #waiting = 0;
  #size = 0;
  #file: TempFile | null = null;
  #work: Promise<void> | null = null;
  #isAborted = false;

  /** Above `memoryBytes` the file goes to `store`. */
  constructor(
    store: TempStore,
    memoryBytes: number,
    onWritten: (pieces: readonly Buffer[], error: Error | null) => void,
  ) {
    this.#store = store;
    this.#memoryBytes = memoryBytes;
    this.#onWritten = onWritten;
  }

  /** Bytes that have come. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that wait to be written; none of a file that may stay in memory. */
  get waiting(): number {
    return this.#isForDisk ? this.#waiting : 0;
  }

  /** Takes a piece, which must not change until it is written or the file complete. */
  push(piece: Buffer): void {
    if (this.#isAborted || piece.length === 0) return;
    this.#pieces.push(piece);
    this.#size += piece.length;
    this.#waiting += piece.length;
    if (this.#isForDisk && this.#waiting >= BATCH) this.#write();
  }

  /** The file is complete: resolves to its content, or to the path of the file that has it. */
  async finish(): Promise<Buffer | string> {
    if (!this.#isForDisk) {
      const pieces = this.#pieces;
      const content = Buffer.concat(pieces);
      this.#pieces = [];
      this.#waiting = 0;
      this.#onWritten(pieces, null);
      return content;
    }
    while (this.#work !== null || this.#waiting > 0) {
      this.#write();
      await this.#work;
    }
    const file = this.#file as TempFile;
    await file.handle.close();
    return file.path;
  }

  /** Gives the file up; what was written is removed. */
  async abort(): Promise<void> {
    this.#isAborted = true;
    this.#pieces = [];
    this.#waiting = 0;
    await this.#work?.catch(() => {});
    const file = this.#file;
    if (file === null) return;
    await file.handle.close().catch(() => {});
    await rm(file.path, { force: true });
  }

  get #isForDisk(): boolean {
    return this.#size > this.#memoryBytes;
  }

  #write(): void {
    if (this.#work !== null) return;
    const work = this.#writeOut();
    this.#work = work;
    work.then(
      () => {
        this.#work = null;
        if (!this.#isAborted && this.#waiting >= BATCH) this.#write();
      },
      (error) => this.#onWritten([], error),
    );
  }

  async #writeOut(): Promise<void> {
    this.#file ??= await this.#store.create();
    const pieces = this.#pieces;
    this.#pieces = [];
    let bytes = 0;
    for (const piece of pieces) bytes += piece.length;
    await writeAll(this.#file.handle, pieces, bytes);
    if (this.#isAborted) return;
    this.#waiting -= bytes;
    this.#onWritten(pieces, null);
  }
}

/** The system may take less than it is given, on a disk that is nearly full for one. */
async function writeAll(handle: FileHandle, pieces: Buffer[], bytes: number): Promise<void> {
  if (pieces.length === 0) return;
  const { bytesWritten } = await handle.writev(pieces);
  if (bytesWritten === bytes) return;
  let rest = Buffer.concat(pieces).subarray(bytesWritten);
  while (rest.length > 0) rest = rest.subarray((await handle.write(rest)).bytesWritten);
}
