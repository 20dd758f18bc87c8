/**
 * A work that loads its server with requests, and asks what each of them costs. Which requests, and what sends
 * them, is for the work's protocol to say: http-work.mjs, tcp-work.mjs.
 *
 * @typedef {object} Load What a load generator counted.
 * @property {number} requests
 * @property {number} seconds
 * @property {number | null} p99Ms null where the load generator cannot tell.
 * @property {number} [spentUs] CPU time of the server meanwhile, where the load generator read it itself.
 *
 * @typedef {object} LoadSample
 * @property {number} perSecond
 * @property {number | null} p99Ms
 * @property {number} cpuUs Per request.
 * @property {number} busy The share of its core that the server used, 0 to 1.
 */
import { cpuMicroseconds } from './cpu.mjs';
import { median, NONE, range, ratio } from './figures.mjs';
import { labelOf } from './servers.mjs';

/** As many with every protocol, so that their works can be compared. */
export const CONNECTIONS = 64;

/**
 * @param {Omit<import('./turn.mjs').Work<LoadSample>, 'measure' | 'columns'> & {
 *   unit: string,
 *   check?: (port: number) => Promise<void>,
 *   load: (options: { port: number, pids: readonly number[], seconds: number, core: number }) => Promise<Load>,
 *   connections?: number,
 * }} parts `unit` is what a request is called; `check` rejects unless the server answers as it should;
 *   it is needed where the load generator does not compare what it gets.
 * @returns {import('./turn.mjs').Work<LoadSample>}
 */
export function loadWork({ unit, check, load, connections = CONNECTIONS, ...work }) {
  return {
    ...work,
    title: `${work.title}, ${connections.toLocaleString('en')} connections`,
    columns: columns(unit, work.baseline),
    async measure({ port, pids }, { seconds, warmUpSeconds, cores }) {
      await check?.(port);
      await load({ port, pids, seconds: warmUpSeconds, core: cores.load });
      const before = cpuMicroseconds(pids);
      const counted = await load({ port, pids, seconds, core: cores.load });
      const spent = counted.spentUs ?? cpuMicroseconds(pids) - before;
      return {
        perSecond: counted.requests / counted.seconds,
        p99Ms: counted.p99Ms,
        cpuUs: spent / counted.requests,
        busy: spent / (counted.seconds * 1e6),
      };
    },
  };
}

/**
 * @param {string} unit
 * @param {string} baseline
 * @returns {import('./table.mjs').Column<LoadSample>[]}
 */
function columns(unit, baseline) {
  return [
    {
      head: `${plural(unit)}/s`,
      cell: (own) => Math.round(median(own.map(({ perSecond }) => perSecond))).toLocaleString('en'),
    },
    { head: 'p99 ms', cell: p99 },
    { head: `CPU µs/${unit}`, cell: (own) => median(own.map(cpu)).toFixed(2) },
    { head: 'min–max', cell: (own) => range(own.map(cpu)) },
    { head: `CPU ÷ ${labelOf(baseline)}`, cell: (own, base) => ratio(own.map(cpu), base.map(cpu)) },
    { head: 'core busy', cell: (own) => `${Math.round(median(own.map(({ busy }) => busy)) * 100)} %` },
  ];
}

/** @param {string} unit */
const plural = (unit) => (unit.endsWith('y') ? `${unit.slice(0, -1)}ies` : `${unit}s`);

/** @param {LoadSample} sample */
const cpu = ({ cpuUs }) => cpuUs;

/** @param {LoadSample[]} own */
function p99(own) {
  const known = own.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
  return known.length === 0 ? NONE : median(known).toFixed(2);
}
