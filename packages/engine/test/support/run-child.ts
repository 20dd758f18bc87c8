/** Runs a module in a process of its own, to see what holds it and how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface ChildEnd {
  /** null when it was killed: by a signal of the test's, or because it did not end by itself. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly end: Promise<ChildEnd>;
  /** Resolves when the child has printed `text`, rejects when it ends without. */
  printed(text: string): Promise<void>;
}

export interface ChildOptions {
  /** Descriptors that the child has as 3 and so on. */
  descriptors?: readonly number[];
  /** Whether messages and servers can be sent to it, with `process.send`. */
  ipc?: boolean;
}

const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

/** Starts `source`, an ES module that may import @inseam/engine. It is killed after ten seconds. */
export function startChild(source: string, { descriptors = [], ipc = false }: ChildOptions = {}): Child {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    cwd: packageFolder,
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors, ...(ipc ? (['ipc'] as const) : [])],
    timeout: 10_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  // Both are pipes, see above; the types cannot know.
  const out = child.stdout as Readable;
  out.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const end = new Promise<ChildEnd>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const printed = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (stdout.includes(text)) resolve();
      };
      look();
      out.on('data', look);
      void end.then(() =>
        reject(new Error(`the child ended without printing "${text}": ${stdout}${stderr}`)),
      );
    });
  return { process: child, end, printed };
}

/** Runs `source` to its end. */
export function runChild(source: string): Promise<ChildEnd> {
  return startChild(source).end;
}
