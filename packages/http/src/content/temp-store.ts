/**
 * Where uploaded files are kept while their request lasts: a private directory of this process, in the system's one for
 * temporary files or another. A part of the container: `container.register(TempStore, { useValue: new TempStore('/data/tmp') })`.
 *
 * Names are random and never a client's; the directory is for this user alone (0700), and so are the files (0600). What
 * is left when the process exits is removed; a process that is killed leaves its directory, `inseam-…`, behind.
 */
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const PREFIX = 'inseam-';
const NAME_BYTES = 16;
const ONLY_OURS = 0o600;

/** The directories of all stores of this process. */
const made = new Set<string>();

/** A new file, open for writing. */
export interface TempFile {
  readonly path: string;
  readonly handle: FileHandle;
}

export class TempStore {
  readonly #parent: string;
  #directory: Promise<string> | null = null;

  /** `parent` is the directory in which the store makes its own; a file system with room for what is uploaded. */
  constructor(parent: string = tmpdir()) {
    this.#parent = resolve(parent);
  }

  /** Makes an empty file; whoever asked for it closes and removes it. Rejects with the system's error. */
  async create(): Promise<TempFile> {
    const directory = this.#own();
    try {
      return await openIn(await directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      // Systems clear old things out of their temporary directory, ours among them.
      if (this.#directory === directory) this.#directory = null;
      return openIn(await this.#own());
    }
  }

  #own(): Promise<string> {
    this.#directory ??= this.#makeDirectory();
    return this.#directory;
  }

  async #makeDirectory(): Promise<string> {
    try {
      const directory = await mkdtemp(join(this.#parent, PREFIX));
      if (made.size === 0) process.once('exit', removeAll);
      made.add(directory);
      return directory;
    } catch (error) {
      // What cannot be made now may be the next time.
      this.#directory = null;
      throw error;
    }
  }
}

async function openIn(directory: string): Promise<TempFile> {
  const path = join(directory, randomBytes(NAME_BYTES).toString('hex'));
  return { path, handle: await open(path, 'wx', ONLY_OURS) };
}

function removeAll(): void {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
}
