/** A program that is talked to while it runs: what it writes is waited for, and it is told what to do next. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

export class RunningTool implements AsyncDisposable {
  readonly #process: ChildProcessWithoutNullStreams;
  #isOver = false;
  #waiting: (() => void)[] = [];
  /** Everything written so far, errors included. */
  output = '';

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const child = spawn(command, args, { env: { ...process.env, ...env } });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
        this.#wake();
      });
    }
    child.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
    // A program that has ended hears no more.
    child.stdin.on('error', () => {});
  }

  /** Types `text`. */
  write(text: string): void {
    this.#process.stdin.write(text);
  }

  /** Ends its input. */
  end(): void {
    this.#process.stdin.end();
  }

  /** Resolves to the first match once it has been written; rejects when the program ends without it. */
  async read(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (this.#isOver) throw new Error(`ended without ${pattern}: ${this.output}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Resolves to the exit code once the program has ended. */
  async ended(): Promise<number | null> {
    if (!this.#isOver) await once(this.#process, 'close');
    return this.#process.exitCode;
  }

  /** After a test: nothing is left behind, whatever happened. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
