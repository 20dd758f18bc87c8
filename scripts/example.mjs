// `pnpm example NAME`: builds, then runs one example. Without a name it lists them.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const folder = new URL('../examples/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => /^\d\d-.*\.ts$/.test(file))
  .map((file) => file.slice(0, -'.ts'.length));

const asked = process.argv[2];
const name = asked && names.find((candidate) => candidate === asked || candidate.startsWith(`${asked}-`));
if (name === undefined) {
  console.error(
    `${asked ? `no example "${asked}"; ` : ''}pnpm example NAME, where NAME is one of:\n  ${names.join('\n  ')}`,
  );
  process.exit(asked ? 1 : 0);
}

const build = spawnSync('tsc', ['-b', 'examples'], { stdio: 'inherit' });
if (build.status !== 0) process.exit(build.status ?? 1);
const { pathname } = new URL(`dist/${name}.js`, folder);
const example = spawn(process.execPath, [pathname, ...process.argv.slice(3)], { stdio: 'inherit' });
// Ctrl-C reaches the example as well; it decides when to end.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
example.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
