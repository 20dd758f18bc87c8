import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileCache, MAX_BYTES, MAX_CONTENT, MAX_ENTRIES, SETTLED_MS } from '#http/files/file-cache.js';
import { type FileEntry, isCurrent, toEntry } from '#http/files/file-entry.js';
import { MODIFIED, temporaryFolder } from '../support/temporary-folder.js';

function entryOf(path: string, content: Buffer | null = Buffer.from('x')): FileEntry {
  return toEntry(path, statSync(path), true, 'text/plain', content);
}

/** When the files of this test are old enough. */
const LATER = Number.MAX_SAFE_INTEGER;

describe('files: the cache', () => {
  it('has what was put in, while the file is the same', () => {
    const folder = temporaryFolder();
    const path = folder.add('a', 'one');
    const cache = new FileCache();
    const entry = entryOf(path);
    expect(cache.get(path)).to.equal(null);
    cache.put(entry, LATER);
    expect(cache.get(path)).to.equal(entry);
    expect(cache.get(path)).to.equal(entry);
  });

  const changes: Record<string, (path: string) => void> = {
    'its size': (path) => writeFileSync(path, 'longer'),
    'its content and its times, put back': (path) => {
      writeFileSync(path, 'two');
      utimesSync(path, MODIFIED, MODIFIED);
    },
    'its being there': (path) => rmSync(path),
  };
  for (const [name, change] of Object.entries(changes)) {
    it(`forgets a file that has changed ${name}`, async () => {
      const path = temporaryFolder().add('a', 'one');
      const cache = new FileCache();
      cache.put(entryOf(path), LATER);
      // The clock of the file system may stand still for a moment.
      const { ctimeMs } = statSync(path);
      do {
        change(path);
        await new Promise((resolve) => setImmediate(resolve));
      } while (statSync(path, { throwIfNoEntry: false })?.ctimeMs === ctimeMs);
      expect(cache.get(path)).to.equal(null);
      expect(cache.get(path)).to.equal(null);
    });
  }

  it('takes no file that has changed just now: it could change again unseen', () => {
    const path = temporaryFolder().add('a', 'one');
    const cache = new FileCache();
    const entry = entryOf(path);
    cache.put(entry, entry.ctimeMs + SETTLED_MS - 1);
    expect(cache.get(path)).to.equal(null);
    cache.put(entry, entry.ctimeMs + SETTLED_MS);
    expect(cache.get(path)).to.equal(entry);
  });

  it('forgets what was used longest ago, by bytes', () => {
    const folder = temporaryFolder();
    const count = MAX_BYTES / MAX_CONTENT;
    const paths = Array.from({ length: count + 1 }, (_, i) => folder.add(`${i}`, ''));
    const [first = '', second = '', ...others] = paths;
    const last = others.pop() ?? '';
    const cache = new FileCache();
    for (const path of paths.slice(0, -1)) cache.put(entryOf(path, Buffer.alloc(MAX_CONTENT)), LATER);
    expect(cache.get(first), 'all have room').not.to.equal(null);
    cache.put(entryOf(last, Buffer.alloc(1)), LATER);
    expect(cache.get(first), 'used since').not.to.equal(null);
    expect(cache.get(second), 'used longest ago').to.equal(null);
    expect(cache.get(last)).not.to.equal(null);
    expect(others.every((path) => cache.get(path) !== null)).to.equal(true);
  });

  it('forgets what was used longest ago, by number', () => {
    const folder = temporaryFolder();
    const cache = new FileCache();
    const paths = Array.from({ length: MAX_ENTRIES + 1 }, (_, i) => folder.add(`${i}`, ''));
    for (const path of paths) cache.put(entryOf(path, null), LATER);
    expect(paths.filter((path) => cache.get(path) === null)).to.deep.equal([paths[0]]);
  });

  it('counts a file once that is put in twice, and not at all when it is forgotten', () => {
    const folder = temporaryFolder();
    const cache = new FileCache();
    const small = folder.add('small', '');
    // One byte, which is there three times: as bytes, as text and in the latest answer.
    cache.put(entryOf(small), LATER);
    const large = folder.add('large', '');
    for (let i = 0; i < 3; i++) cache.put(entryOf(large, Buffer.alloc(MAX_BYTES - 3)), LATER);
    expect(cache.get(small)).not.to.equal(null);
    for (let i = 0; i < 3; i++) {
      cache.put(entryOf(large, Buffer.alloc(MAX_BYTES - 3)), LATER);
      rmSync(large);
      expect(cache.get(large)).to.equal(null);
      folder.add('large', '');
    }
    expect(cache.get(small)).not.to.equal(null);
  });

  it('a file is another one when any of what tells files apart is', () => {
    const path = temporaryFolder().add('a', 'one');
    const entry = entryOf(path);
    const stats = statSync(path);
    expect(isCurrent(entry, stats)).to.equal(true);
    for (const name of ['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const) {
      const other = Object.assign(Object.create(stats), stats, { [name]: stats[name] + 1 });
      expect(isCurrent(entry, other), name).to.equal(false);
    }
  });

  it('a path in what is no folder any more is no error', () => {
    const folder = temporaryFolder();
    const path = folder.add('dir/a', 'one');
    const cache = new FileCache();
    cache.put(entryOf(path), LATER);
    rmSync(join(folder.path, 'dir'), { recursive: true });
    folder.add('dir', 'a file now');
    expect(cache.get(path)).to.equal(null);
  });
});
