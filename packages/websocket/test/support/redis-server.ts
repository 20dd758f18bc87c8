/** Debian's redis-server, one for each test: on a Unix socket in a folder of its own, without a port or a file. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class RedisServer {
  readonly #folder = mkdtempSync(join(tmpdir(), 'inseam-redis-'));
  readonly path = join(this.#folder, 'redis.sock');
  #process: ChildProcess | null = null;

  /** Resolves when it takes connections; after `stop`, on the same path. */
  async start(): Promise<void> {
    const settings = ['--port', '0', '--unixsocket', this.path, '--dir', this.#folder, '--save', ''];
    const redis = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#process = redis;
    let said = '';
    for await (const text of redis.stdout.setEncoding('utf8')) {
      said += text;
      if (/ready to accept connections/i.test(said)) return;
    }
    throw new Error(`redis-server ended: ${said}`);
  }

  /** Ends it at once, as a crash would. */
  async stop(): Promise<void> {
    const redis = this.#process;
    if (redis === null) return;
    this.#process = null;
    redis.kill('SIGKILL');
    if (redis.exitCode === null && redis.signalCode === null) await once(redis, 'exit');
  }

  /** It stays connected, and reads and answers nothing until `resume`. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const started: RedisServer[] = [];

const isInstalled = spawnSync('redis-server', ['--version']).status === 0;

/**
 * Defines a test with a server that runs. Where it is not installed the test is pending and its title says why; on CI,
 * which installs it, it fails instead.
 */
export function itWithRedis(title: string, check: (redis: RedisServer) => Promise<void>): void {
  if (!isInstalled && !process.env.CI) {
    it(`${title} (pending: redis-server is not installed)`);
    return;
  }
  it(title, async () => {
    const redis = new RedisServer();
    started.push(redis);
    await redis.start();
    await check(redis);
  });
}

afterEach('Redis is ended', async () => {
  for (const redis of started.splice(0)) await redis.remove();
});
