/** One turn: one server, alone on its core, does one work. */
import { SERVERS } from './servers.mjs';

/**
 * @typedef {object} TurnOptions
 * @property {number} seconds
 * @property {number} warmUpSeconds
 * @property {import('./machine.mjs').Cores} cores
 */

/**
 * A work: what is asked of every server, and what is measured meanwhile.
 *
 * @template S What one turn measures.
 * @typedef {object} Work
 * @property {string} name As given to `--work`.
 * @property {string} title
 * @property {string} app The folder under servers/ that holds its servers.
 * @property {readonly string[]} [flags] For the servers that are Node processes.
 * @property {readonly string[]} servers Names from servers.mjs, in the order of their turns.
 * @property {string} baseline The server that the others are compared with.
 * @property {Readonly<Record<string, string>>} without Servers that cannot do it, and why.
 * @property {readonly string[]} notes Printed below the table.
 * @property {(server: import('./servers.mjs').RunningServer, options: TurnOptions) => Promise<S>} measure
 *   Rejects unless the server answers as it should.
 * @property {readonly import('./table.mjs').Column<S>[]} columns
 */

/**
 * @template S
 * @param {Work<S>} work
 * @param {string} name
 * @param {TurnOptions} options
 * @returns {Promise<S>}
 */
export async function takeTurn(work, name, options) {
  const kind = SERVERS[name];
  if (kind === undefined) throw new Error(`no server is called ${name}`);
  /** @type {import('./servers.mjs').RunningServer | null} */
  let server = null;
  try {
    server = await kind.start({ core: options.cores.server, app: work.app, flags: work.flags ?? [] });
    return await work.measure(server, options);
  } catch (error) {
    const said = server === null ? '' : `\n${server.child.output}`;
    throw new Error(`${kind.label}, ${work.name}: ${/** @type {Error} */ (error).message}${said}`);
  } finally {
    await server?.stop();
  }
}
