/**
 * A temporary directory for the uploads of one test, used by every server that the test makes. Afterwards nothing may be
 * left in it: no file, and no descriptor of one.
 */
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { container } from '@inseam/engine';
import { TempStore } from '@inseam/http';

export interface UploadPlace {
  /** The directory in which the store makes its own. */
  readonly path: string;
  /** The files that uploads have made and that are there, by their paths. */
  files(): string[];
}

/** To be called in a `describe`. Its place is another one for each test. */
export function uploadPlace(): UploadPlace {
  let path = '';
  let standard: TempStore | null = null;
  beforeEach(() => {
    standard ??= container.resolve(TempStore);
    path = mkdtempSync(join(tmpdir(), 'inseam-test-'));
    container.register(TempStore, { useValue: new TempStore(path) });
  });
  afterEach('no upload is left', async () => {
    try {
      await eventually(() => filesBelow(path).length === 0 && openBelow(path).length === 0);
    } finally {
      rmSync(path, { recursive: true, force: true });
      if (standard !== null) container.register(TempStore, { useValue: standard });
    }
  });
  return {
    get path() {
      return path;
    },
    files: () => filesBelow(path),
  };
}

/** Resolves when `condition` holds; the test's own time limit is the only one. For files, which settle in their own time. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function filesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** This process's open files below `path`, where the system tells. */
function openBelow(path: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false; // the descriptor of the directory that has just been read
    }
  });
}
