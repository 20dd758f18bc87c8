/** Installs the peers into bench/node_modules when that is missing or the lockfile has changed since. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CannotRun } from './machine.mjs';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const LOCKFILE = `${FOLDER}pnpm-lock.yaml`;
/** The lockfile as it was installed. */
const STAMP = `${FOLDER}node_modules/.installed-lock.yaml`;

export function installPeers() {
  if (isInstalled()) return;
  console.error('Installing the peers of bench/package.json');
  const [command = '', ...args] = pnpm();
  const install = ['--dir', FOLDER, '--ignore-workspace', 'install', '--frozen-lockfile'];
  // Standard output is for the tables.
  const { status, error } = spawnSync(command, [...args, ...install], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new CannotRun(`Installing bench/ failed: ${error?.message ?? `status ${status}`}`);
  copyFileSync(LOCKFILE, STAMP);
}

/**
 * The version of a peer that is measured.
 *
 * @param {string} name
 */
export function peerVersion(name) {
  const manifest = readFileSync(`${FOLDER}node_modules/${name}/package.json`, 'utf8');
  return String(JSON.parse(manifest).version);
}

function isInstalled() {
  try {
    return readFileSync(STAMP, 'utf8') === readFileSync(LOCKFILE, 'utf8');
  } catch {
    return false;
  }
}

/** The pnpm that runs this script, which may be a script itself; else one that npx fetches. */
function pnpm() {
  const runner = process.env.npm_execpath ?? '';
  if (!/^pnpm\b/.test(basename(runner))) return ['npx', '-y', 'pnpm'];
  return /\.[cm]?js$/.test(runner) ? [process.execPath, runner] : [runner];
}
