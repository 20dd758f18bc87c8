/** An example as a user runs it: a process of its own, on a port that the system chooses. */
import { fileURLToPath } from 'node:url';
import { RunningTool } from './running-tool.js';

export class RunningExample {
  readonly port: number;
  readonly #tool: RunningTool;

  private constructor(tool: RunningTool, port: number) {
    this.#tool = tool;
    this.port = port;
  }

  /** Starts `examples/NAME.ts`, with `env` in its environment, and resolves when it has said where it listens. */
  static async start(name: string, env: Readonly<Record<string, string>> = {}): Promise<RunningExample> {
    const file = fileURLToPath(new URL(`../../../dist/${name}.js`, import.meta.url));
    const tool = new RunningTool(process.execPath, [file], { ...env, PORT: '0' });
    const [, port] = await tool.read(/(?:localhost:|port )(\d+)/);
    return new RunningExample(tool, Number(port));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get output(): string {
    return this.#tool.output;
  }

  /** Resolves once it has printed `pattern`. */
  async printed(pattern: RegExp): Promise<void> {
    await this.#tool.read(pattern);
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#tool.signal('SIGINT');
  }

  /** Resolves to the exit code once the process has ended. */
  ended(): Promise<number | null> {
    return this.#tool.ended();
  }

  /** After a test: nothing is left behind, whatever happened. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#tool[Symbol.asyncDispose]();
  }
}
