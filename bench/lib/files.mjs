/** The files that the servers of `servers/files` send: bytes without a pattern, the same in every run. */
import { createHash } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Like nginx's folder nobody's own: gone with node_modules. */
export const FILES_FOLDER = fileURLToPath(new URL('../node_modules/.files', import.meta.url));

/** @type {Readonly<Record<string, number>>} */
const SIZES = { '4k.bin': 4_096, '1m.bin': 1_048_576 };

/** A server may take a file that has just been written for one that still changes. */
const SETTLE_MS = 3_000;

/** @param {string} name */
export function contentOf(name) {
  const blocks = Array.from({ length: (SIZES[name] ?? 0) / 32 }, (_, i) =>
    createHash('sha256').update(`${name} ${i}`).digest(),
  );
  return Buffer.concat(blocks);
}

/** Writes the files unless they are there. */
export async function makeFiles() {
  mkdirSync(FILES_FOLDER, { recursive: true });
  let isNew = false;
  for (const name of Object.keys(SIZES)) {
    const path = join(FILES_FOLDER, name);
    if (statSync(path, { throwIfNoEntry: false })?.size === SIZES[name]) continue;
    writeFileSync(path, contentOf(name));
    isNew = true;
  }
  if (isNew) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
