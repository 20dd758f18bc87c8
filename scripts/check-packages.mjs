// Checks each package as npm would pack it: publint for its manifest, attw for how its types resolve.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const packed = mkdtempSync(join(tmpdir(), 'inseam-pack-'));
let failures = 0;

for (const name of readdirSync(join(root, 'packages'))) {
  const folder = join(root, 'packages', name);
  run(folder, 'publint', ['--strict', '--pack', 'npm']);
  run(folder, 'npm', ['pack', '--silent', '--pack-destination', packed]);
}
for (const tarball of readdirSync(packed)) {
  // ESM only, by decision: a CommonJS caller gets Node's own clear error, or `require(esm)` where Node has it.
  run(root, 'attw', [join(packed, tarball), '--profile', 'esm-only', '--no-emoji', '--format', 'ascii']);
}
rmSync(packed, { recursive: true });
if (failures === 0) console.log('packages: publint and attw found nothing');
process.exit(failures === 0 ? 0 : 1);

/** Runs a check; says what it said only where it fails. */
function run(cwd, command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  console.error(`${command} failed for ${cwd}\n${error ? error.message : `${stdout}\n${stderr}`}`);
  failures++;
}
