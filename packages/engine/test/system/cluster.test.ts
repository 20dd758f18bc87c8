import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ListenAddress } from '@inseam/engine';
import { expect } from 'chai';
import type { ClusterMessage } from '../support/cluster-app.js';
import { failure, temporaryPaths } from '../support/echo-server.js';

const APP = fileURLToPath(new URL('../support/cluster-app.js', import.meta.url));

/** The workers of one server, and clients for them. */
class Cluster {
  pids: readonly number[] = [];
  port: number | null = null;
  readonly end: Promise<unknown>;
  readonly #process: ChildProcess;
  /** By place in `pids`. */
  readonly #exits: string[] = [];
  #wake = () => {};

  constructor(policy: 'rr' | 'none', workers: number, address: ListenAddress) {
    this.#process = fork(APP, [policy, String(workers), JSON.stringify(address)], {
      timeout: 15_000,
      killSignal: 'SIGKILL',
    });
    this.end = once(this.#process, 'exit');
    this.#process.on('message', (message: ClusterMessage) => {
      if ('listening' in message) Object.assign(this, message.listening);
      else
        this.#exits.push(
          `${this.pids.indexOf(message.exited.pid)} ${message.exited.code ?? message.exited.signal}`,
        );
      this.#wake();
    });
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        void this.end.then(() => reject(new Error('the primary ended')));
      });
    }
  }

  /** Kills a worker and waits until the primary knows. */
  async kill(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    await this.until(() => this.#exits.includes(`${this.pids.indexOf(pid)} SIGKILL`));
  }

  /** Stops every engine; resolves to how its worker ended, for each, and then the primary. */
  async stop(): Promise<string[]> {
    this.#exits.splice(0);
    this.#process.send('stop');
    const [code, signal] = (await this.end) as [number | null, string | null];
    return [...this.#exits.toSorted(), `primary ${code ?? signal}`];
  }
}

/** A client of the server, and which worker it has. */
async function come(address: NetConnectOpts): Promise<{ socket: Socket; pid: number }> {
  const socket = connect(address);
  const [pid] = await once(socket.setEncoding('latin1'), 'data');
  return { socket, pid: Number(pid) };
}

async function roundTrip(socket: Socket): Promise<void> {
  socket.write('hello');
  const [answer] = await once(socket, 'data');
  expect(answer).to.equal('hello');
}

describe('a server in the workers of node:cluster', () => {
  const newPath = temporaryPaths();

  for (const kind of [
    'a port',
    'the system’s choice of a port',
    'a Unix path',
    'a leftover Unix path',
  ] as const) {
    it(`on ${kind}: every worker serves, one may die, and all stop cleanly`, async () => {
      const path = newPath();
      if (kind === 'a leftover Unix path') {
        const server = createServer();
        await once(server.listen(`${path}.bound`), 'listening');
        renameSync(`${path}.bound`, path);
        await once(server.close(), 'close');
      }
      const isUnix = kind.endsWith('path');
      const count = kind === 'a port' ? 3 : 2;
      const workers = new Cluster(
        'rr',
        count,
        isUnix ? { path } : ['127.0.0.1', kind === 'a port' ? await freePort() : 0],
      );
      await workers.until(() => workers.pids.length === count);
      const address = isUnix ? { path } : { host: '127.0.0.1', port: workers.port ?? 0 };

      const clients: Awaited<ReturnType<typeof come>>[] = [];
      for (let i = 0; i < 9; i++) clients.push(await come(address));
      expect(new Set(clients.map(({ pid }) => pid))).to.deep.equal(new Set(workers.pids));
      for (const { socket } of clients) await roundTrip(socket);

      const [first, ...others] = workers.pids;
      const bereft = clients.filter(({ pid }) => pid === first);
      const lost = bereft.map(({ socket }) =>
        once(
          socket.on('error', () => {}),
          'close',
        ),
      );
      await workers.kill(first ?? 0);
      await Promise.all(lost);
      const rest = clients.filter(({ pid }) => pid !== first);
      for (const { socket } of rest) await roundTrip(socket);
      const late: typeof clients = [];
      for (let i = 0; i < 6; i++) late.push(await come(address));
      expect(new Set(late.map(({ pid }) => pid))).to.deep.equal(new Set(others));

      const ended = [...rest, ...late].map(({ socket }) => once(socket, 'end'));
      expect(await workers.stop()).to.deep.equal([...others.map((_, i) => `${i + 1} 0`), 'primary 0']);
      await Promise.all(ended);
      expect(await failure(come(address))).to.equal(isUnix ? 'ENOENT' : 'ECONNREFUSED');
      if (isUnix) expect(existsSync(path)).to.equal(false);
    });
  }

  for (const kind of ['a port', 'a Unix path'] as const) {
    it(`on ${kind} that the system shares out: whoever is free serves, one may die, and all stop cleanly`, async () => {
      const path = newPath();
      const isUnix = kind === 'a Unix path';
      const workers = new Cluster('none', 2, isUnix ? { path } : ['127.0.0.1', 0]);
      await workers.until(() => workers.pids.length === 2);
      const address = isUnix ? { path } : { host: '127.0.0.1', port: workers.port ?? 0 };
      const first = await come(address);
      // While one stands still, the other takes what comes.
      process.kill(first.pid, 'SIGSTOP');
      const second = await come(address);
      expect(workers.pids.toSorted()).to.deep.equal([first.pid, second.pid].toSorted());
      await roundTrip(second.socket);
      process.kill(first.pid, 'SIGCONT');
      await roundTrip(first.socket);

      const lost = once(
        first.socket.on('error', () => {}),
        'close',
      );
      await workers.kill(first.pid);
      await lost;
      const third = await come(address);
      expect(third.pid).to.equal(second.pid);
      const ended = [second, third].map(({ socket }) => once(socket, 'end'));
      const survivor = workers.pids.indexOf(second.pid);
      expect(await workers.stop()).to.deep.equal([`${survivor} 0`, 'primary 0']);
      await Promise.all(ended);
      expect(await failure(come(address))).to.equal(isUnix ? 'ENOENT' : 'ECONNREFUSED');
    });
  }

  async function freePort(): Promise<number> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    await once(server.close(), 'close');
    return address !== null && typeof address === 'object' ? address.port : 0;
  }
});
