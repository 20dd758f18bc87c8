import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { basename, dirname } from 'node:path';
import { type Engine, Server } from '@inseam/engine';
import { expect } from 'chai';
import { removeStaleSocket } from '#src/transports/stale-socket';
import { itWith } from '../support/debian-tool.js';
import { ask, Echo, failure, LoggedServer, temporaryPaths } from '../support/echo-server.js';
import type { EventLog } from '../support/event-log.js';
import { startChild } from '../support/run-child.js';
import { systemEngine } from '../support/system-engine.js';

const TAKEN = 'ENGINE_LISTEN_FAILED EADDRINUSE';

describe('the file of a Unix socket', () => {
  let engine: Engine;
  let reports: EventLog;
  const newPath = temporaryPaths();

  beforeEach(() => {
    ({ engine, reports } = systemEngine());
  });
  afterEach(async () => {
    await engine.stop();
    expect(reports.take()).to.deep.equal([]);
  });

  const newServer = () => new LoggedServer({ engine, ConnectionClass: Echo });

  /** A socket's file that nobody listens on, as a killed process leaves it. */
  async function leftover(path = newPath()): Promise<string> {
    const server = createServer();
    await once(server.listen(`${path}.bound`), 'listening');
    renameSync(`${path}.bound`, path);
    utimesSync(path, 1, 1);
    await once(server.close(), 'close');
    return path;
  }

  it('that a killed process has left is replaced', async () => {
    const path = newPath();
    const child = startChild(`
      import { Server } from '@inseam/engine';
      await new Server().listen(${JSON.stringify(path)});
      console.log('ready');`);
    await child.printed('ready');
    child.process.kill('SIGKILL');
    await child.end;
    expect(lstatSync(path).isSocket()).to.equal(true);
    const server = await newServer().listen(path, { mode: 0o600 });
    expect(server.localAddress).to.deep.equal({ path });
    expect(lstatSync(path).mode & 0o777).to.equal(0o600);
    expect(await ask({ path }, 'hello')).to.equal('hello');
    expect(server.log.take(), 'the look at it is no connection').to.deep.equal(['listen', 'accept']);
    server.close();
    expect(existsSync(path)).to.equal(false);
  });

  it('of a server at work stays, and its server goes on', async () => {
    const path = newPath();
    const first = await newServer().listen(path);
    const second = newServer();
    expect(await failure(second.listen(path))).to.equal(TAKEN);
    expect([second.listening, engine.channels.has(second), second.log.events]).to.deep.equal([
      false,
      false,
      [],
    ]);
    expect(await ask({ path }, 'hello')).to.equal('hello');
    expect(first.listening).to.equal(true);
    first.close();
    await second.listen(path);
    expect(await ask({ path }, 'hello')).to.equal('hello');
  });

  it('that was left a moment ago is replaced, too', async () => {
    const path = await leftover();
    const now = new Date();
    utimesSync(path, now, now);
    await newServer().listen(path);
    expect(await ask({ path }, 'hello')).to.equal('hello');
  });

  itWith('python3', 'of a server that is about to listen stays', async () => {
    const path = newPath();
    const source = `
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
print('bound', flush=True)
sys.stdin.readline()
server.listen()
served = []
while True:
    served.append(server.accept()[0])
    try:
        served[-1].sendall(b'mine')
        served[-1].shutdown(socket.SHUT_WR)
    except OSError:
        pass # the look at it, which is over at once`;
    const child = spawn('python3', ['-c', source, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const listening = failure(newServer().listen(path));
      // By then it has been found that nobody answers.
      await failure(ask({ path }, ''));
      child.stdin.write('\n');
      expect(await listening).to.equal(TAKEN);
      expect(await ask({ path }, '')).to.equal('mine');
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });

  it('of a server that is too busy to answer stays', async () => {
    const path = newPath();
    const child = startChild(`
      import { createServer } from 'node:net';
      createServer().listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => {
        console.log('ready');
        // Accepts nothing until it is killed.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      });`);
    await child.printed('ready');
    // One more fits than the backlog says.
    const queued = [connect(path), connect(path)];
    await Promise.all(queued.map((socket) => once(socket, 'connect')));
    expect(await failure(newServer().listen(path))).to.equal(TAKEN);
    expect(lstatSync(path).isSocket()).to.equal(true);
    expect(await failure(ask({ path }, '')), 'no place was freed').to.equal('EAGAIN');
    for (const socket of queued) socket.on('error', () => {}).destroy();
    child.process.kill('SIGKILL');
    await child.end;
  });

  it('that this process may not connect to stays', async () => {
    if (process.getuid?.() === 0) {
      // Root may do everything: a child that is nobody tries.
      const path = await leftover();
      const child = startChild(`
        import { chmodSync } from 'node:fs';
        import { dirname } from 'node:path';
        import { Server } from '@inseam/engine';
        const path = ${JSON.stringify(path)};
        chmodSync(path, 0o700);
        chmodSync(dirname(path), 0o777);
        process.setuid(65534);
        await new Server().listen(path).catch((error) => console.log(error.code, error.cause.code));`);
      expect(await child.end).to.include({ stdout: `${TAKEN}\n`, stderr: '' });
      expect(lstatSync(path).isSocket()).to.equal(true);
    }
  });

  const others: Record<string, (path: string) => unknown> = {
    'a regular file': (path) => writeFileSync(path, 'precious'),
    'an empty file': (path) => writeFileSync(path, ''),
    'a directory': (path) => mkdirSync(path),
    'a link to a regular file': (path) => {
      writeFileSync(`${path}.target`, 'precious');
      symlinkSync(`${path}.target`, path);
    },
    'a link to nothing': (path) => symlinkSync(`${path}.target`, path),
    'a link to a leftover socket': async (path) => symlinkSync(await leftover(`${path}.target`), path),
  };
  for (const [name, make] of Object.entries(others)) {
    it(`is not made in the place of ${name}`, async () => {
      const path = newPath();
      await make(path);
      const before = lstatSync(path);
      expect(await failure(newServer().listen(path))).to.equal(TAKEN);
      const { ino, mode, size } = lstatSync(path);
      expect({ ino, mode, size }).to.deep.equal({ ino: before.ino, mode: before.mode, size: before.size });
      if (before.isSymbolicLink()) expect(readlinkSync(path)).to.equal(`${path}.target`);
      if (before.isFile()) expect(readFileSync(path, 'utf8')).to.equal(before.size === 0 ? '' : 'precious');
      if (name === 'a link to nothing') expect(existsSync(`${path}.target`)).to.equal(false);
      else if (before.isSymbolicLink()) expect(existsSync(`${path}.target`)).to.equal(true);
    });
  }

  it('that vanishes meanwhile needs no removal', async () => {
    await removeStaleSocket(newPath());
    const path = await leftover();
    await Promise.all([removeStaleSocket(path), removeStaleSocket(path)]);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).to.deep.equal([]);
  });

  it('is removed once, and only where it is a leftover', async () => {
    const path = await leftover();
    await removeStaleSocket(path);
    expect(existsSync(path)).to.equal(false);
    await newServer().listen(path);
    await removeStaleSocket(path);
    expect(await ask({ path }, 'hello')).to.equal('hello');
  });

  it('that somebody else has replaced while it was looked at stays theirs', async () => {
    const path = await leftover();
    const removing = removeStaleSocket(path);
    // Somebody is faster.
    renameSync(path, `${path}.old`);
    await newServer().listen(path);
    await removing;
    expect(await ask({ path }, 'hello')).to.equal('hello');
  });

  it('that two servers of one process want is one server’s', async () => {
    for (let round = 0; round < 50; round++) {
      const path = await leftover();
      const servers = [newServer(), newServer(), newServer()];
      const outcomes = await Promise.all(
        servers.map((server) =>
          server.listen(path).then(
            () => 'listens',
            (error) => error.cause.code,
          ),
        ),
      );
      expect(outcomes.toSorted()).to.deep.equal(['EADDRINUSE', 'EADDRINUSE', 'listens']);
      expect(await ask({ path }, 'hello'), 'whoever says that it listens is reached').to.equal('hello');
      for (const server of servers) server.close();
      expect(readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)))).to.deep.equal([]);
    }
  });

  it('is gone after close, also when the server closes before it listens', async () => {
    const path = await leftover();
    const server = newServer();
    const listening = server.listen(path);
    server.close();
    await listening;
    expect(existsSync(path)).to.equal(false);
  });

  it('is gone after engine.stop(), and can be made again', async () => {
    const path = newPath();
    for (let run = 0; run < 2; run++) {
      await new Server({ engine, ConnectionClass: Echo }).listen(path);
      expect(await ask({ path }, 'hello')).to.equal('hello');
      await engine.stop();
      expect(existsSync(path)).to.equal(false);
    }
  });
});
