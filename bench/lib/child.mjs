/** A process that the benchmark starts. None outlives it, whichever way it ends. */
import { spawn } from 'node:child_process';

/** As much of what a process said as an error message should quote. */
const MAX_OUTPUT = 4_096;
const PATIENCE_MS = 10_000;

/** @type {Set<Child>} */
const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill();
});
for (const [signal, status] of /** @type {const} */ ([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
])) {
  process.on(signal, () => process.exit(status));
}

export class Child {
  /** The end of what it said, on either stream. */
  output = '';
  hasExited = false;
  /** Resolves when it has ended, or could not be started. */
  exited;
  #process;

  /**
   * @param {string} command
   * @param {readonly string[]} args
   * @param {Record<string, string>} [environment] Added to the benchmark's own.
   */
  constructor(command, args, environment = {}) {
    this.#process = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    running.add(this);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output = (this.output + text).slice(-MAX_OUTPUT);
      });
    }
    /** @type {Promise<void>} */
    this.exited = new Promise((resolve) => {
      const end = () => {
        this.hasExited = true;
        running.delete(this);
        resolve();
      };
      this.#process.on('error', (error) => {
        this.output += error.message;
        end();
      });
      // Unlike 'exit', it comes when everything said has been read.
      this.#process.on('close', end);
    });
  }

  /** Its process id; taskset runs the command in its own place, so it is the command's too. */
  get pid() {
    return this.#process.pid ?? 0;
  }

  /** @param {NodeJS.Signals} [signal] */
  kill(signal = 'SIGTERM') {
    this.#process.kill(signal);
  }

  async stop() {
    this.kill();
    await this.exited;
  }

  /**
   * Resolves when it has said something that matches; rejects when it ends or takes too long.
   *
   * @param {RegExp} pattern
   * @returns {Promise<string>} what the pattern's first group matched
   */
  waitFor(pattern) {
    return new Promise((resolve, reject) => {
      const { stdout, stderr } = this.#process;
      const look = () => {
        const found = pattern.exec(this.output)?.[1];
        if (found !== undefined) settle(() => resolve(found));
      };
      const fail = (/** @type {string} */ what) =>
        settle(() => reject(new Error(`does not answer: ${what}\n${this.output}`)));
      const patience = setTimeout(() => fail(`nothing after ${PATIENCE_MS / 1_000} s`), PATIENCE_MS);
      const settle = (/** @type {() => void} */ act) => {
        clearTimeout(patience);
        stdout.off('data', look);
        stderr.off('data', look);
        act();
      };
      stdout.on('data', look);
      stderr.on('data', look);
      this.exited.then(() => fail('it ended'));
    });
  }
}
