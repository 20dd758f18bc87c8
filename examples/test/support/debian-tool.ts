/** The real clients that the system tests use, as Debian packages them. */
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

/** Runs a program to its end; resolves to what it wrote. Rejects unless it succeeds. */
export async function runTool(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  const errors: string[] = [];
  child.stdout.on('data', (text) => output.push(String(text)));
  child.stderr.on('data', (text) => errors.push(String(text)));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${errors.join('')}${output.join('')}`);
  return output.join('');
}
