import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { SendFileOptions } from '@inseam/http';
import { expect } from 'chai';
import { FileRoot, isWithin } from '#http/files/file-root.js';
import { openFile, pathOfSameFile } from '#http/files/open-file.js';
import { fileWire, readAnswer } from '../support/file-wire.js';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.js';

/** A root with a file in it, and a file outside that nobody must see. */
function site(options: SendFileOptions = {}) {
  const folder = temporaryFolder();
  const root = join(folder.path, 'root');
  folder.add('root/a.txt', 'inside');
  folder.add('root/sub/b.txt', 'below');
  folder.add('secret.txt', 'secret');
  folder.add('root-beside/c.txt', 'secret');
  const ask = async (path: string) => {
    const { ask: one } = fileWire(path, options, { fileRoot: root });
    const { status, content } = readAnswer(await one());
    return status === 200 ? content : status;
  };
  return { folder, root, ask };
}

describe('api: sendFile, paths below fileRoot', () => {
  const cases: { path: string; expect: string | number }[] = [
    { path: 'a.txt', expect: 'inside' },
    { path: './a.txt', expect: 'inside' },
    { path: 'sub//b.txt', expect: 'below' },
    { path: 'sub/../a.txt', expect: 'inside' },
    { path: 'missing/../a.txt', expect: 'inside' },
    { path: '$ROOT/a.txt', expect: 'inside' },
    { path: '$ROOT/sub/../a.txt', expect: 'inside' },
    { path: '../root/a.txt', expect: 'inside' },
    { path: '../secret.txt', expect: 403 },
    { path: 'sub/../../secret.txt', expect: 403 },
    { path: '..', expect: 403 },
    { path: '../', expect: 403 },
    { path: '/etc/passwd', expect: 403 },
    { path: '/', expect: 403 },
    { path: '$ROOT/../secret.txt', expect: 403 },
    { path: '$ROOT-beside/c.txt', expect: 403 },
    { path: '../root-beside/c.txt', expect: 403 },
    { path: '%2e%2e/secret.txt', expect: 404 },
    { path: '..%2fsecret.txt', expect: 404 },
    { path: '..\\secret.txt', expect: 404 },
    { path: '%61.txt', expect: 404 },
    { path: '.../secret.txt', expect: 404 },
    { path: 'a.txt\0', expect: 404 },
    { path: '\0', expect: 404 },
    { path: '../secret.txt\0.txt', expect: 404 },
    { path: 'missing', expect: 404 },
    { path: 'missing/a.txt', expect: 404 },
    { path: 'a.txt/', expect: 404 },
    { path: 'a.txt/.', expect: 404 },
    { path: 'a.txt/b', expect: 404 },
    { path: 'x'.repeat(5_000), expect: 404 },
    { path: '', expect: 404 },
    { path: '.', expect: 404 },
    { path: 'sub', expect: 404 },
    { path: 'sub/', expect: 404 },
    { path: 'sub/..', expect: 404 },
    { path: '$ROOT', expect: 404 },
  ];
  for (const { path, expect: expected } of cases) {
    it(`${JSON.stringify(path.slice(0, 40))}: ${expected}`, async () => {
      const { root, ask } = site();
      const asked = path.replace('$ROOT', root);
      expect(await ask(asked)).to.equal(expected);
      expect(await ask(asked), 'again').to.equal(expected);
    });
  }

  it('outside, the disk is not touched', () => {
    const { root } = site();
    expect(new FileRoot(root).locate('/proc/self/mem')).to.equal(403);
    expect(new FileRoot(root).locate('..')).to.equal(403);
  });

  it('the whole file system can be the root', () => {
    expect(new FileRoot('/').locate('etc/passwd')).to.equal('/etc/passwd');
    expect(new FileRoot('/').locate('../etc/passwd')).to.equal('/etc/passwd');
    expect(isWithin('/', '/')).to.equal(true);
  });

  it('more paths than are remembered are located all the same', () => {
    const root = new FileRoot('/srv');
    for (let i = 0; i < 3_000; i++) expect(root.locate(`a${i}`)).to.equal(`/srv/a${i}`);
    expect(root.locate('a0')).to.equal('/srv/a0');
  });
});

describe('api: sendFile, paths without fileRoot', () => {
  const ask = async (path: string) => {
    const { ask: one } = fileWire(path);
    const { status, content } = readAnswer(await one());
    return status === 200 ? content : status;
  };

  it('are absolute, or relative to the working directory, and have no ".."', async () => {
    const { root, folder } = site();
    const before = process.cwd();
    process.chdir(root);
    try {
      expect(await ask('a.txt')).to.equal('inside');
      expect(await ask('../secret.txt')).to.equal(403);
      expect(await ask('sub/../a.txt')).to.equal(403);
      expect(await ask('..')).to.equal(403);
      expect(await ask(join(folder.path, 'secret.txt'))).to.equal('secret');
      expect(await ask(`${root}/../secret.txt`)).to.equal(403);
      expect(await ask('a..txt')).to.equal(404);
    } finally {
      process.chdir(before);
    }
  });

  it('may lead through links', async () => {
    const { root, folder } = site();
    symlinkSync(join(folder.path, 'secret.txt'), join(root, 'link'));
    expect(await ask(join(root, 'link'))).to.equal('secret');
  });
});

describe('api: sendFile, links', () => {
  function withLinks(folder: TemporaryFolder, root: string): void {
    symlinkSync(join(folder.path, 'secret.txt'), join(root, 'out.txt'));
    symlinkSync('../secret.txt', join(root, 'relative.txt'));
    symlinkSync(folder.path, join(root, 'up'));
    symlinkSync('a.txt', join(root, 'in.txt'));
    symlinkSync(join(root, 'sub'), join(root, 'down'));
    symlinkSync('out.txt', join(root, 'twice.txt'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('/proc/self/root/etc/passwd', join(root, 'magic'));
  }
  const cases: { path: string; expect: string | number; followed: string | number }[] = [
    { path: 'out.txt', expect: 403, followed: 'secret' },
    { path: 'relative.txt', expect: 403, followed: 'secret' },
    { path: 'twice.txt', expect: 403, followed: 'secret' },
    { path: 'up/secret.txt', expect: 403, followed: 'secret' },
    { path: 'up/root-beside/c.txt', expect: 403, followed: 'secret' },
    { path: 'up/root/a.txt', expect: 'inside', followed: 'inside' },
    { path: 'in.txt', expect: 'inside', followed: 'inside' },
    { path: 'down/b.txt', expect: 'below', followed: 'below' },
    { path: 'loop', expect: 404, followed: 404 },
    { path: 'dangling', expect: 404, followed: 404 },
    { path: 'up', expect: 404, followed: 404 },
  ];
  for (const { path, expect: expected, followed } of cases) {
    it(`${path}: ${expected}, with followSymlinks ${followed}`, async () => {
      const one = site();
      withLinks(one.folder, one.root);
      expect(await one.ask(path)).to.equal(expected);
      const other = site({ followSymlinks: true });
      withLinks(other.folder, other.root);
      expect(await other.ask(path)).to.equal(followed);
    });
  }

  it('a link of /proc is a link like any other', async () => {
    const { folder, root, ask } = site();
    withLinks(folder, root);
    expect(await ask('magic')).to.equal(403);
  });

  it('the root itself may be one', async () => {
    const { folder, root } = site();
    symlinkSync(root, join(folder.path, 'current'));
    const { ask } = fileWire('a.txt', {}, { fileRoot: join(folder.path, 'current') });
    expect(readAnswer(await ask()).content).to.equal('inside');
  });

  it('a file that becomes a link out of the root is not sent any more', async () => {
    const { folder, root } = site();
    const { ask } = fileWire('a.txt', {}, { fileRoot: root });
    expect(await ask()).to.match(/inside$/);
    rmSync(join(root, 'a.txt'));
    symlinkSync(join(folder.path, 'secret.txt'), join(root, 'a.txt'));
    expect(await ask()).to.match(/^HTTP\/1\.1 403 /);
  });

  it('what followSymlinks has sent is not sent without it', async () => {
    const { folder, root } = site();
    symlinkSync('/etc/passwd', join(root, 'old.txt'));
    folder.add('x', '');
    const options = [{ followSymlinks: true }, {}, { followSymlinks: true }];
    const { ask } = fileWire(
      (request) => request.sendFile('old.txt', options.shift()),
      {},
      { fileRoot: root },
    );
    expect(await ask()).to.match(/^HTTP\/1\.1 200 /);
    expect(await ask()).to.match(/^HTTP\/1\.1 403 /);
    expect(await ask()).to.match(/^HTTP\/1\.1 200 /);
  });

  it('no exchange of links during the look-up lets anything out', async () => {
    const { folder, root } = site();
    folder.add('root/real/f', 'inside');
    folder.add('out/f', 'secret');
    // A folder and a link out of the root change places as fast as they can, all the while.
    const script = `
      const { renameSync, symlinkSync } = require('node:fs');
      process.chdir(${JSON.stringify(root)});
      symlinkSync(${JSON.stringify(join(folder.path, 'out'))}, 'link');
      for (;;) {
        renameSync('real', 'spare'); renameSync('link', 'real');
        renameSync('real', 'link'); renameSync('spare', 'real');
      }`;
    const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' });
    try {
      const { ask } = fileWire('real/f', {}, { fileRoot: root });
      const seen = new Set<string | number>();
      for (let i = 0; i < 500 || (i < 5_000 && !(seen.has('inside') && seen.has(403))); i++) {
        const { status, content } = readAnswer(await ask());
        seen.add(status === 200 ? content : status);
      }
      expect([...seen])
        .to.include.members(['inside', 403])
        .and.not.include('secret');
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('where the system does not tell the path of an open file, a name that was exchanged counts for nothing', async () => {
    const { folder, root } = site();
    const path = join(root, 'a.txt');
    const { fd, stats } = await openFile(path, root);
    closeSync(fd);
    expect(await pathOfSameFile(path, stats)).to.equal(path);
    symlinkSync(path, join(root, 'link'));
    expect(await pathOfSameFile(join(root, 'link'), stats)).to.equal(path);
    renameSync(join(folder.path, 'secret.txt'), path);
    expect(await pathOfSameFile(path, stats)).to.equal(null);
  });
});

describe('api: sendFile, what is no file', () => {
  it('a device is not opened to anybody', async () => {
    const { root, ask } = site({ followSymlinks: true });
    symlinkSync('/dev/zero', join(root, 'zero'));
    symlinkSync('/dev/null', join(root, 'null'));
    symlinkSync('/dev/tty', join(root, 'tty'));
    expect(await ask('zero')).to.equal(403);
    expect(await ask('null')).to.equal(403);
    expect(await ask('tty')).to.equal(403);
  });

  it('a FIFO keeps nobody waiting', async () => {
    const { root, ask } = site();
    spawnSync('mkfifo', [join(root, 'fifo')]);
    expect(await ask('fifo')).to.equal(403);
  });

  it('a socket is none', async () => {
    const { root, ask } = site();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, 'socket'), resolve));
    try {
      expect(await ask('socket')).to.equal(403);
    } finally {
      server.close();
    }
  });

  it('a file of the kernel that has no length is not sent empty', async () => {
    const { log, ...far } = fileWire('/proc/self/status');
    expect(await far.ask()).to.match(/^HTTP\/1\.1 500 /);
    expect(log.codes).to.deep.equal(['HTTP_FILE_CHANGED']);
  });

  it('a file that may not be read is forbidden, and so is what is behind a folder that may not be entered', async () => {
    const { folder, root, ask } = site();
    chmodSync(folder.path, 0o755);
    chmodSync(folder.add('root/mine', 'x'), 0);
    mkdirSync(join(root, 'dir'), { mode: 0 });
    // The superuser may read everything.
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.('nobody');
    try {
      expect(await ask('a.txt')).to.equal('inside');
      expect(await ask('mine')).to.equal(403);
      expect(await ask('dir/x')).to.equal(403);
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });
});
