/** Tests with a program that may not be there. */
import { spawnSync } from 'node:child_process';

/** Without the tool: pending on somebody's own machine, a failure where everything is to be tested. */
export function itWith(tool: string, title: string, check: () => Promise<void>): void {
  const isThere = spawnSync(tool, ['--version']).status === 0;
  if (isThere || process.env.CI) it(title, check);
  else it(`${title} (pending: ${tool} is not installed)`);
}
