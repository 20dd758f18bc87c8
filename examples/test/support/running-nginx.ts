/**
 * nginx with exactly `examples/nginx/nginx.conf`, in a directory of its own that goes with it. The ports are the file's, so
 * one of these runs at a time. Where nginx is not installed the tests are pending, on CI they fail.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  watch,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunningTool } from './running-tool.js';

export const NGINX_CONF = fileURLToPath(new URL('../../../nginx/nginx.conf', import.meta.url));
export const APP_PORT = 8481;
/** nginx's two servers, by the way in which each reaches the application. */
export const FRONTS = [
  { over: 'TCP', port: 8480 },
  { over: 'a Unix socket', port: 8482 },
] as const;

export class RunningNginx implements AsyncDisposable {
  /** Its -p: has `files` and `run`. */
  readonly directory: string;
  readonly #tool: RunningTool;
  readonly #end = () => this.#tool.signal('SIGTERM');

  private constructor(directory: string, tool: RunningTool) {
    this.directory = directory;
    this.#tool = tool;
    process.once('exit', this.#end);
  }

  /** Starts it as `uid`, or as who we are, and resolves when it listens. Rejects with what nginx says, or whose port is taken. */
  static async start(uid?: number): Promise<RunningNginx> {
    for (const port of [APP_PORT, ...FRONTS.map((front) => front.port)]) await requireFree(port);
    const directory = mkdtempSync(join(tmpdir(), 'inseam-nginx-'));
    for (const path of [directory, join(directory, 'files'), join(directory, 'run')]) {
      if (path !== directory) mkdirSync(path);
      // If we are root, nginx's workers are somebody else and have to get in.
      chmodSync(path, 0o755);
      if (uid !== undefined) chownSync(path, uid, uid);
    }
    const hasStarted = untilFilled(join(directory, 'run'), 'nginx.pid');
    const args = ['nginx', '-p', directory, '-c', NGINX_CONF, '-e', 'stderr', '-g', 'daemon off;'];
    const nginx = new RunningNginx(directory, toolIn(directory, args, uid));
    const end = nginx.#tool.ended().then(() => 'ended' as const);
    if ((await Promise.race([hasStarted, end])) === 'ended') {
      await nginx[Symbol.asyncDispose]();
      throw new Error(`nginx did not start: ${nginx.#tool.output}`);
    }
    return nginx;
  }

  /** What it has logged: 'access' for each request that is over, 'error'. */
  log(name: 'access' | 'error'): string {
    return readFileSync(join(this.directory, `run/${name}.log`), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.off('exit', this.#end);
    // Not SIGKILL: its workers would stay.
    this.#end();
    await this.#tool.ended();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A repository in a directory of root's alone can be read by nobody else; this right, to read and no more, is lent then. */
const READING = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];

/** A program that runs in `directory`, as `uid`. */
export function toolIn(directory: string, [command = '', ...args]: string[], uid?: number): RunningTool {
  const as: string[] = [];
  if (uid !== undefined) {
    as.push('setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups');
    if (!canBeReached(NGINX_CONF)) as.push(...READING);
  }
  // Debian has nginx where only root looks.
  const path = `${process.env.PATH ?? ''}:/usr/sbin:/usr/local/sbin`;
  return new RunningTool('env', ['-C', directory, ...as, command, ...args], { PATH: path });
}

/** Whether everybody may enter all folders on the way to `path`. */
function canBeReached(path: string): boolean {
  const folder = dirname(path);
  return folder === path || ((statSync(folder).mode & 0o001) !== 0 && canBeReached(folder));
}

/** Describes what needs nginx. */
export function describeWithNginx(title: string, define: () => void): void {
  const isThere = spawnSync('env', ['PATH=/usr/sbin:/usr/bin:/usr/local/sbin', 'nginx', '-v']).status === 0;
  if (isThere || process.env.CI) describe(title, define);
  else describe(title, () => it('(pending: nginx is not installed)'));
}

async function requireFree(port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
  } catch {
    throw new Error(`port ${port} is taken; examples/nginx/nginx.conf needs it: end what listens there`);
  }
  await new Promise((resolve) => server.close(resolve));
}

/** Resolves when a file in `directory` has content. */
function untilFilled(directory: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const path = join(directory, name);
    const watcher = watch(directory, () => {
      if (!existsSync(path) || readFileSync(path, 'utf8') === '') return;
      watcher.close();
      resolve();
    });
    watcher.unref();
  });
}
