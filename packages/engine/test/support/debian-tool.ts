/** The real programs that the tests compare with, as Debian packages them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/**
 * Defines a test that runs `tool`. Where it is not installed the test is pending and its title says why; on CI,
 * which installs it, it fails instead.
 */
export function itWith(tool: string, title: string, run: () => Promise<void>): void {
  const isThere = spawnSync('which', [tool]).status === 0;
  if (isThere || process.env.CI) it(title, run);
  else it(`${title} (pending: ${tool} is not installed)`);
}

/** Runs a program to its end with `input`; resolves to what it wrote. Rejects unless it succeeds. */
export async function runTool(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
  child.stdin.on('error', () => {}); // it ended without reading: its status tells
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  const written = Buffer.concat(output).toString();
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${Buffer.concat(errors)}${written}`);
  return written;
}
