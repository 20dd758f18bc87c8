/** The gallery as a user runs it, with a directory of its own, on a port that stays the same when it is started again. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunningTool } from './running-tool.js';

const program = fileURLToPath(new URL('../../../dist/10-gallery.js', import.meta.url));
const pageFolder = fileURLToPath(new URL('../../../gallery', import.meta.url));

export class Gallery implements AsyncDisposable {
  /** A directory that is removed with it. */
  readonly #scratch: string;
  /** Where its page and its pictures are. */
  readonly root: string;
  #tool: RunningTool;
  #port: string;

  private constructor(scratch: string, tool: RunningTool, port: string) {
    this.#scratch = scratch;
    this.root = join(scratch, 'gallery');
    this.#tool = tool;
    this.#port = port;
  }

  static async start(): Promise<Gallery> {
    const scratch = mkdtempSync(join(tmpdir(), 'inseam-gallery-'));
    // Without the pictures of whoever has tried the example.
    const filter = (path: string) => !/pictures[/\\][^.]/.test(path);
    cpSync(pageFolder, join(scratch, 'gallery'), { recursive: true, filter });
    mkdirSync(join(scratch, 'tmp'));
    const tool = run(scratch, '0');
    const [, port = ''] = await tool.read(/localhost:(\d+)/);
    return new Gallery(scratch, tool, port);
  }

  get url(): string {
    return `http://localhost:${this.#port}`;
  }

  /** What it has kept, the latest first. */
  get pictures(): string[] {
    const names = readdirSync(join(this.root, 'pictures')).filter((name) => name !== '.gitignore');
    return names
      .sort()
      .reverse()
      .map((name) => `/pictures/${name}`);
  }

  /** Files that are on their way. */
  get temporary(): string[] {
    const all = readdirSync(join(this.#scratch, 'tmp'), { recursive: true, withFileTypes: true });
    return all.filter((entry) => entry.isFile()).map(({ name }) => name);
  }

  signal(name: NodeJS.Signals): void {
    this.#tool.signal(name);
  }

  /** As if the power had failed. */
  async kill(): Promise<void> {
    await this.#tool[Symbol.asyncDispose]();
  }

  async startAgain(): Promise<void> {
    this.#tool = run(this.#scratch, this.#port);
    await this.#tool.read(/localhost:\d+/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

function run(scratch: string, port: string): RunningTool {
  const env = { GALLERY: join(scratch, 'gallery'), PORT: port, TMPDIR: join(scratch, 'tmp') };
  return new RunningTool(process.execPath, [program], env);
}
