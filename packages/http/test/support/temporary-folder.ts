/** A folder for the files of one test, which is gone after it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** When files were modified unless a test says otherwise: in seconds since 1970. */
export const MODIFIED = Date.UTC(2020, 1, 3, 4, 5, 6) / 1000;

export interface TemporaryFolder {
  readonly path: string;
  /** Makes a file, and the folders that it needs; answers its path. */
  add(name: string, content: string | Uint8Array, modified?: number): string;
}

const folders: string[] = [];

export function temporaryFolder(): TemporaryFolder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'inseam-files-')));
  folders.push(path);
  return {
    path,
    add(name, content, modified = MODIFIED) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      utimesSync(file, modified, modified);
      return file;
    },
  };
}

afterEach('temporary folders are removed', () => {
  for (const path of folders.splice(0)) rmSync(path, { recursive: true, force: true });
});
