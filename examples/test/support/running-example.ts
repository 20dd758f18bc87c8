/** An example as a user runs it: a process of its own, on a port that the system chooses. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export class RunningExample {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #output: string[];

  private constructor(process: ChildProcess, output: string[], port: number) {
    this.#process = process;
    this.#output = output;
    this.port = port;
  }

  /** Starts `examples/NAME.ts` and resolves when it has said where it listens. */
  static async start(name: string): Promise<RunningExample> {
    const file = fileURLToPath(new URL(`../../../dist/${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [file], { env: { ...process.env, PORT: '0' } });
    const output: string[] = [];
    child.stdout.on('data', (text) => output.push(String(text)));
    child.stderr.on('data', (text) => output.push(String(text)));
    while (!/\d{4,5}/.test(output.join(''))) {
      const [event] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      if (typeof event === 'number' || event === null) throw new Error(`${name} ended: ${output.join('')}`);
    }
    return new RunningExample(child, output, Number(/(?:localhost:|port )(\d+)/.exec(output.join(''))?.[1]));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get output(): string {
    return this.#output.join('');
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#process.kill('SIGINT');
  }

  /** Resolves to the exit code once the process has ended. */
  async ended(): Promise<number | null> {
    if (this.#process.exitCode === null && this.#process.signalCode === null)
      await once(this.#process, 'close');
    return this.#process.exitCode;
  }

  /** After a test: nothing is left behind, whatever happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.ended();
  }
}
