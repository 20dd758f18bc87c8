/**
 * A work that opens connections, sends nothing, and asks what memory each of them takes. Two thousand come first:
 * what they make the process fetch for good, compiled code and room to allocate in, is not charged to the rest.
 */
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';
import { median, range, ratio } from './figures.mjs';
import { OTHER_FILES, tooFewFiles } from './machine.mjs';
import { labelOf } from './servers.mjs';

const CLIENT = fileURLToPath(new URL('idle-client.mjs', import.meta.url));
const REPORT = new URL('memory-report.mjs', import.meta.url).href;

const FIRST = 2_000;
const MEASURED = 10_000;

/**
 * @typedef {object} MemorySample KiB for each connection.
 * @property {number} resident
 * @property {number} heap The part of it that JavaScript's heap holds.
 */

/**
 * @param {Pick<import('./turn.mjs').Work<MemorySample>, 'name' | 'app' | 'servers' | 'baseline' | 'notes'> & {
 *   title: string,
 *   opening?: import('./load-connection.mjs').Opening,
 * }} parts `title` says what a connection is.
 * @returns {import('./turn.mjs').Work<MemorySample>}
 */
export function idleWork({ title, opening, ...parts }) {
  const reason = tooFewFiles(FIRST + MEASURED + OTHER_FILES);
  return {
    ...parts,
    title: `memory of ${title}, the mean of ${MEASURED.toLocaleString('en')}`,
    flags: ['--expose-gc', '--import', REPORT],
    without: reason === null ? {} : Object.fromEntries(parts.servers.map((name) => [name, reason])),
    columns: columns(parts.baseline),
    async measure({ port, child }, { cores }) {
      const clients = [await openConnections({ port, opening, connections: FIRST }, cores.load)];
      const before = await memoryOf(child, 1);
      clients.push(await openConnections({ port, opening, connections: MEASURED }, cores.load));
      const after = await memoryOf(child, 2);
      const isWhole = clients.every((client) => !client.hasExited);
      await Promise.all(clients.map((client) => client.stop()));
      if (!isWhole) throw new Error(`loses connections: ${clients.map(({ output }) => output).join('')}`);
      const perConnection = (/** @type {number} */ bytes) => bytes / MEASURED / 1_024;
      return {
        resident: perConnection(after.resident - before.resident),
        heap: perConnection(after.heapUsed - before.heapUsed),
      };
    },
  };
}

/**
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.connections
 * @param {import('./load-connection.mjs').Opening | undefined} options.opening
 * @param {number} core
 */
async function openConnections(options, core) {
  const orders = JSON.stringify(options);
  const client = new Child('taskset', ['-c', String(core), process.execPath, CLIENT, orders]);
  await client.waitFor(/^OPEN (\d+)$/m);
  return client;
}

/**
 * @param {Child} server
 * @param {number} nth Which of its reports this is.
 * @returns {Promise<{ resident: number, heapUsed: number }>}
 */
async function memoryOf(server, nth) {
  server.kill('SIGUSR2');
  return JSON.parse(await server.waitFor(new RegExp(`^MEMORY ${nth} (.*)$`, 'm')));
}

/**
 * @param {string} baseline
 * @returns {import('./table.mjs').Column<MemorySample>[]}
 */
function columns(baseline) {
  const resident = (/** @type {MemorySample} */ sample) => sample.resident;
  return [
    { head: 'RSS KiB/connection', cell: (own) => median(own.map(resident)).toFixed(2) },
    { head: 'min–max', cell: (own) => range(own.map(resident)) },
    { head: `RSS ÷ ${labelOf(baseline)}`, cell: (own, base) => ratio(own.map(resident), base.map(resident)) },
    { head: 'JS heap KiB/connection', cell: (own) => median(own.map(({ heap }) => heap)).toFixed(2) },
  ];
}
