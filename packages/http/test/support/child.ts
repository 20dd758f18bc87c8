/** Runs a module in a process of its own, to see what it leaves behind when it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

export interface Child {
  readonly process: ChildProcess;
  readonly end: Promise<ChildEnd>;
  /** Resolves to the rest of the line that begins with `text`, once it is printed; rejects when the child ends without. */
  said(text: string): Promise<string>;
}

const started: ChildProcess[] = [];

const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

/** Starts `source`, an ES module that may import @inseam/http; behind `command`, if there is one. Killed after its test. */
export function startChild(source: string, command: readonly string[] = []): Child {
  const [program, ...args] = [...command, process.execPath, '--input-type=module', '-e', source];
  const child = spawn(program as string, args, {
    cwd: packageFolder,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  started.push(child);
  let output = '';
  const take = (text: string) => {
    output += text;
  };
  for (const stream of [child.stdout, child.stderr] as Readable[])
    stream.setEncoding('utf8').on('data', take);
  const end = new Promise<ChildEnd>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, output }));
  });
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const at = `\n${output}`.indexOf(`\n${text}`);
        const close = output.indexOf('\n', at);
        if (at !== -1 && close !== -1) resolve(output.slice(at + text.length, close).trim());
      };
      look();
      child.stdout?.on('data', look);
      void end.then(() => reject(new Error(`the child ended without saying "${text}": ${output}`)), reject);
    });
  return { process: child, end, said };
}

afterEach('children have ended', () => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});
