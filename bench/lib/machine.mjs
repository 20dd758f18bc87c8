/** What the benchmark runs on, and whether it can. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

/**
 * @typedef {object} Cores
 * @property {number} server
 * @property {number} load
 */

/** An error whose message is all that its reader needs. */
export class CannotRun extends Error {}

/**
 * The first line of what a program says about itself, or null where it is not installed.
 *
 * @param {string} program
 * @param {string} flag
 */
export function versionOf(program, flag) {
  const { error, stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  return error ? null : (/^.*$/m.exec(`${stdout}${stderr}`)?.[0] ?? '');
}

/** Throws CannotRun where something is missing. */
export function requireTools() {
  if (process.platform !== 'linux') throw new CannotRun('The benchmark reads /proc and needs Linux.');
  const packages = { wrk: 'wrk', taskset: 'util-linux' };
  for (const [tool, name] of Object.entries(packages)) {
    if (versionOf(tool, '--version') !== null) continue;
    throw new CannotRun(`${tool} is missing. On Debian: apt-get install ${name}`);
  }
}

/**
 * Two cores that this process may use, not two threads of one core where that can be had.
 *
 * @returns {Cores}
 */
export function chooseCores() {
  const [server, ...others] = parseList(/^Cpus_allowed_list:\s*(.*)$/m.exec(read('/proc/self/status'))?.[1]);
  if (server === undefined || others[0] === undefined) {
    throw new CannotRun('Two cores are needed, one for the server and one for the load; there is one.');
  }
  const siblings = parseList(read(`/sys/devices/system/cpu/cpu${server}/topology/thread_siblings_list`));
  return { server, load: others.find((core) => !siblings.includes(core)) ?? others[0] };
}

/**
 * @param {Cores} cores
 * @param {readonly string[]} peers Names and versions.
 */
export function describeMachine(cores, peers) {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const wrk = versionOf('wrk', '--version')?.replace(/ \[.*/, '') ?? 'wrk';
  const busy = loadavg()[0] ?? 0;
  return [
    `${model}, ${cpus().length} cores: servers on core ${cores.server}, load on core ${cores.load}`,
    [`Linux ${release()}`, `Node ${process.version}`, ...peers, wrk].join(', '),
    ...(busy > 0.5
      ? [`Load average ${busy.toFixed(1)} at the start: other work runs, figures are noisy.`]
      : []),
  ].join('\n');
}

/** Files that a process opens besides its connections. */
export const OTHER_FILES = 100;

/**
 * Why a process cannot have so many files open, or null. Node raises its own limit to the hard one.
 *
 * @param {number} needed
 */
export function tooFewFiles(needed) {
  const hard = /^Max open files +\S+ +(\d+)/m.exec(read('/proc/self/limits'))?.[1];
  if (hard === undefined || Number(hard) >= needed) return null;
  return `${needed} open files are needed, ulimit -Hn allows ${hard}`;
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/**
 * A list as the kernel writes it: '0-3,8'.
 *
 * @param {string | undefined} list
 * @returns {number[]}
 */
function parseList(list = '') {
  return list
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
