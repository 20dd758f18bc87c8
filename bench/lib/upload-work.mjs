/** A work that uploads one file after another to the disk, and asks for CPU time and for memory. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';
import { cpuMicroseconds } from './cpu.mjs';
import { median, range, ratio } from './figures.mjs';
import { labelOf } from './servers.mjs';

const CLIENT = fileURLToPath(new URL('upload-client.mjs', import.meta.url));
const MIB = 1_048_576;

/**
 * @typedef {object} UploadSample
 * @property {number} perSecond
 * @property {number} cpuMs For each upload.
 * @property {number} grownMiB What the largest resident memory was above that before the first upload.
 * @property {number} busy
 */

/**
 * @param {Pick<import('./turn.mjs').Work<UploadSample>, 'name' | 'app' | 'servers' | 'baseline'> & { mebibytes: number }} parts
 * @returns {import('./turn.mjs').Work<UploadSample>}
 */
export function uploadWork({ mebibytes, ...parts }) {
  return {
    ...parts,
    title: `multipart upload of ${mebibytes} MiB to the disk, one at a time`,
    without: {},
    notes: [
      'RSS growth: the largest resident memory under load above that of the server that has served one small upload.',
    ],
    columns: columns(parts.baseline),
    async measure({ port, pids }, { seconds, warmUpSeconds, cores }) {
      const [pid = 0] = pids;
      await upload(port, 1, 0, cores.load);
      const resident = memoryOf(pid, 'VmRSS');
      // The largest size so far is forgotten: proc_pid_clear_refs(5).
      writeFileSync(`/proc/${pid}/clear_refs`, '5');
      await upload(port, mebibytes * MIB, warmUpSeconds, cores.load);
      const before = cpuMicroseconds(pids);
      const counted = await upload(port, mebibytes * MIB, seconds, cores.load);
      const spent = cpuMicroseconds(pids) - before;
      return {
        perSecond: counted.uploads / counted.seconds,
        cpuMs: spent / counted.uploads / 1_000,
        grownMiB: (memoryOf(pid, 'VmHWM') - resident) / MIB,
        busy: spent / (counted.seconds * 1e6),
      };
    },
  };
}

/**
 * @param {number} port
 * @param {number} bytes
 * @param {number} seconds
 * @param {number} core
 * @returns {Promise<{ uploads: number, seconds: number }>}
 */
async function upload(port, bytes, seconds, core) {
  const options = JSON.stringify({ port, bytes, seconds });
  const child = new Child('taskset', ['-c', String(core), process.execPath, CLIENT, options]);
  await child.exited;
  const report = /^BENCH (.*)$/m.exec(child.output)?.[1];
  if (report === undefined) throw new Error(`the upload failed: ${child.output}`);
  return JSON.parse(report);
}

/**
 * @param {number} pid
 * @param {'VmRSS' | 'VmHWM'} field
 */
function memoryOf(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1_024;
}

/**
 * @param {string} baseline
 * @returns {import('./table.mjs').Column<UploadSample>[]}
 */
function columns(baseline) {
  const cpu = (/** @type {UploadSample} */ sample) => sample.cpuMs;
  const grown = (/** @type {UploadSample} */ sample) => sample.grownMiB;
  return [
    { head: 'uploads/s', cell: (own) => median(own.map(({ perSecond }) => perSecond)).toFixed(1) },
    { head: 'CPU ms/upload', cell: (own) => median(own.map(cpu)).toFixed(1) },
    { head: 'min–max', cell: (own) => range(own.map(cpu)) },
    { head: `CPU ÷ ${labelOf(baseline)}`, cell: (own, base) => ratio(own.map(cpu), base.map(cpu)) },
    { head: 'RSS growth MiB', cell: (own) => median(own.map(grown)).toFixed(0) },
    { head: 'core busy', cell: (own) => `${Math.round(median(own.map(({ busy }) => busy)) * 100)} %` },
  ];
}
