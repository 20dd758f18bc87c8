/**
 * UploadedFile: a file that came with a form. It is in memory or in a temporary file, and lasts as long as its request,
 * unless it is moved to a place of its own.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream, openSync, rmSync } from 'node:fs';
import { chmod, copyFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { httpUsageError } from '../errors.js';

/** What is known of a file when all of it has come. */
export interface UploadedFileInit {
  readonly field: string;
  readonly filename: string;
  readonly contentType: string;
  readonly size: number;
  /** The content, or the path of the temporary file that has it. */
  readonly content: Buffer | string;
}

export interface MoveOptions {
  /** Who may read and write it. Default 0o644. */
  mode?: number | undefined;
}

const READABLE_BY_ALL = 0o644;

export class UploadedFile {
  /** The name of the form's field. */
  readonly field: string;
  /** What the client calls the file, without any directories; '' if it does not say. A label, never a path to write to. */
  readonly filename: string;
  /** What the client says it is, in lower case; 'text/plain' if it does not (RFC 7578 §4.4). Not to be believed. */
  readonly contentType: string;
  /** Bytes. */
  readonly size: number;
  #content: Buffer | string;
  #state: 'held' | 'moving' | 'moved' | 'removed' = 'held';
  #isOver = false;

  /** For the form reader. */
  constructor({ field, filename, contentType, size, content }: UploadedFileInit) {
    this.field = field;
    this.filename = filename;
    this.contentType = contentType;
    this.size = size;
    this.#content = content;
  }

  /** Where the file is, temporary or moved; undefined while it is in memory. */
  get path(): string | undefined {
    return typeof this.#content === 'string' ? this.#content : undefined;
  }

  /** The whole content, in memory. Throws UsageError when the request is over and the file was not moved. */
  async bytes(): Promise<Buffer> {
    this.#requireContent();
    return typeof this.#content === 'string' ? readFile(this.#content) : this.#content;
  }

  /** The content piece by piece; it may be read on when the request is over. Throws as `bytes` does. */
  stream(): Readable {
    this.#requireContent();
    // Opened now: the request may be over, and the file removed, before the first piece is read.
    if (typeof this.#content === 'string') return createReadStream('', { fd: openSync(this.#content, 'r') });
    return Readable.from([this.#content], { objectMode: false });
  }

  /**
   * Gives the file a place of its own, where it stays. What is at `path` is replaced, all at once: nobody sees half a
   * file. Rejects with the system's error, after which the file is where it was; throws UsageError if it has been moved
   * already, or the request is over.
   */
  async moveTo(path: string, { mode = READABLE_BY_ALL }: MoveOptions = {}): Promise<void> {
    if (typeof path !== 'string' || path === '' || path.includes('\0')) throw httpUsageError('HTTP_FILE');
    if (this.#state !== 'held') throw httpUsageError('HTTP_UPLOADED_FILE', this.#state);
    // Relative to the directory that is the working one now.
    const target = resolve(path);
    this.#state = 'moving';
    try {
      await place(this.#content, target, mode);
    } catch (error) {
      this.#state = 'held';
      if (this.#isOver) this.remove();
      throw error;
    }
    this.#content = target;
    this.#state = 'moved';
  }

  /** For the connection: the request is over. A file that was not moved is gone when this returns. */
  remove(): void {
    this.#isOver = true;
    if (this.#state !== 'held') return;
    this.#state = 'removed';
    // At once, since the process may be about to exit; to unlink one file is a matter of microseconds.
    try {
      if (typeof this.#content === 'string') rmSync(this.#content, { force: true });
    } catch {
      // It goes with its directory when the process exits.
    }
    this.#content = Buffer.alloc(0);
  }

  #requireContent(): void {
    if (this.#state === 'removed') throw httpUsageError('HTTP_UPLOADED_FILE', this.#state);
  }
}

/** Puts content at `path`. What cannot be renamed is first brought beside it, under a name that nobody looks for. */
async function place(content: Buffer | string, path: string, mode: number): Promise<void> {
  if (typeof content === 'string') {
    await chmod(content, mode);
    try {
      await rename(content, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
  }
  const beside = join(dirname(path), `.inseam-${randomBytes(8).toString('hex')}`);
  try {
    if (typeof content === 'string') await copyFile(content, beside);
    else await writeFile(beside, content, { flag: 'wx', mode });
    await chmod(beside, mode);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  if (typeof content === 'string') await rm(content, { force: true });
}
