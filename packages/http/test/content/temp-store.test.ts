import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type HTTPServer, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { startChild } from '../support/child.js';

type Made = Awaited<ReturnType<HTTPServer['tempStore']['create']>>;

describe('content: TempStore', () => {
  let parent = '';
  let store: TempStore;
  const open: Made[] = [];

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'inseam-test-'));
    store = new TempStore(parent);
  });
  afterEach(async () => {
    for (const { handle } of open.splice(0)) await handle.close();
    rmSync(parent, { recursive: true, force: true });
  });

  async function create(): Promise<Made> {
    const made = await store.create();
    open.push(made);
    return made;
  }

  it('makes nothing before it is asked', () => {
    expect(readdirSync(parent)).to.deep.equal([]);
  });

  it('makes files that only this user can read, in a directory that only this user can enter', async () => {
    const before = process.umask(0);
    try {
      const { path } = await create();
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      expect(statSync(dirname(path)).mode & 0o777).to.equal(0o700);
      expect(dirname(dirname(path))).to.equal(parent);
    } finally {
      process.umask(before);
    }
  });

  it('gives each a name that nobody can guess, in one directory, also for many at once', async () => {
    const made = await Promise.all(Array.from({ length: 50 }, create));
    expect(new Set(made.map(({ path }) => basename(path))).size).to.equal(50);
    expect(new Set(made.map(({ path }) => dirname(path))).size).to.equal(1);
    for (const { path } of made) expect(basename(path)).to.match(/^[0-9a-f]{32}$/);
    expect(readdirSync(parent)).to.have.length(1);
  });

  it('makes its directory again, once, when it was cleared away', async () => {
    const first = await create();
    rmSync(dirname(first.path), { recursive: true });
    const made = await Promise.all(Array.from({ length: 10 }, create));
    expect(new Set(made.map(({ path }) => dirname(path))).size).to.equal(1);
    expect(readdirSync(parent)).to.have.length(1);
  });

  it('rejects with the system’s error while its place is missing or no directory, and goes on when it is there', async () => {
    const elsewhere = `${parent}-moved`;
    const codeOf = async () => {
      const error = await create().then(
        () => null,
        (cause: NodeJS.ErrnoException) => cause.code,
      );
      return error;
    };
    renameSync(parent, elsewhere);
    expect(await codeOf()).to.equal('ENOENT');
    writeFileSync(parent, '');
    expect(await codeOf()).to.equal('ENOTDIR');
    rmSync(parent);
    renameSync(elsewhere, parent);
    expect(await codeOf()).to.equal(null);
  });

  it('does not make another directory for another failure', async () => {
    const { path } = await create();
    const directory = dirname(path);
    renameSync(directory, `${directory}-moved`);
    writeFileSync(directory, '');
    const failed = await create().then(
      () => '',
      (error: NodeJS.ErrnoException) => error.code,
    );
    expect(failed).to.equal('ENOTDIR');
    expect(readdirSync(parent)).to.have.length(2);
  });

  it('takes a relative place from where the process is when it is made', async () => {
    const before = process.cwd();
    try {
      process.chdir(parent);
      store = new TempStore('.');
    } finally {
      process.chdir(before);
    }
    expect(dirname(dirname((await create()).path))).to.equal(parent);
  });

  it('many of them, and many directories, are one listener to the end of the process', async () => {
    await create();
    const before = process.listenerCount('exit');
    for (let i = 0; i < 12; i++) {
      mkdirSync(join(parent, String(i)));
      store = new TempStore(join(parent, String(i)));
      await create();
    }
    expect(process.listenerCount('exit')).to.equal(before);
  });

  for (const [how, end] of [
    ['runs out of work', 'await handle.close();'],
    ['calls process.exit', 'process.exit(0);'],
    ['fails', 'process.on("uncaughtException", () => process.exit(0)); throw new Error("x");'],
  ] as const) {
    it(`what is left when the process ${how} is removed`, async () => {
      const { code, output } = await startChild(`
        import { readdirSync } from 'node:fs';
        import { TempStore } from '@inseam/http';
        const stores = [new TempStore(${JSON.stringify(parent)}), new TempStore(${JSON.stringify(parent)})];
        for (const store of stores) for (let i = 0; i < 3; i++) await store.create();
        const { handle } = await stores[0].create();
        console.log('made', readdirSync(${JSON.stringify(parent)}).length);
        ${end}
      `).end;
      expect({ code, output: output.split('\n')[0] }).to.deep.equal({ code: 0, output: 'made 2' });
      expect(readdirSync(parent)).to.deep.equal([]);
    });
  }
});
