/** One turn: one server, alone on its core, does one work. */
import { cpuMicroseconds } from './cpu.mjs';
import { SERVERS } from './servers.mjs';

/**
 * @typedef {object} Sample
 * @property {number} perSecond
 * @property {number | null} p99Ms
 * @property {number} cpuUs Per request.
 * @property {number} busy The share of its core that the server used, 0 to 1.
 *
 * @typedef {object} TurnOptions
 * @property {number} seconds
 * @property {number} warmUpSeconds
 * @property {import('./machine.mjs').Cores} cores
 */

/**
 * @param {import('./http-work.mjs').Work} work
 * @param {string} name
 * @param {TurnOptions} options
 * @returns {Promise<Sample>}
 */
export async function takeTurn(work, name, { seconds, warmUpSeconds, cores }) {
  const kind = SERVERS[name];
  if (kind === undefined) throw new Error(`no server is called ${name}`);
  /** @type {import('./servers.mjs').RunningServer | null} */
  let server = null;
  try {
    server = await kind.start(cores.server);
    await work.check(server.port);
    await work.load(server.port, warmUpSeconds, cores.load);
    const before = cpuMicroseconds(server.pids);
    const load = await work.load(server.port, seconds, cores.load);
    const spent = cpuMicroseconds(server.pids) - before;
    return {
      perSecond: load.requests / load.seconds,
      p99Ms: load.p99Ms,
      cpuUs: spent / load.requests,
      busy: spent / (load.seconds * 1e6),
    };
  } catch (error) {
    const said = server === null ? '' : `\n${server.child.output}`;
    throw new Error(`${kind.label}, ${work.name}: ${/** @type {Error} */ (error).message}${said}`);
  } finally {
    await server?.stop();
  }
}
