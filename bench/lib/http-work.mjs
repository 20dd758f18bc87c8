/**
 * A work: what is asked of every server, and how it is loaded. An HTTP work is one request, sent by wrk; a work
 * with another protocol brings a `check` and a `load` of its own.
 *
 * @typedef {object} Load What a load generator counted.
 * @property {number} requests
 * @property {number} seconds
 * @property {number | null} p99Ms null where the load generator cannot tell.
 *
 * @typedef {object} Work
 * @property {string} name As given to `--work`.
 * @property {string} title
 * @property {readonly string[]} servers Names from servers.mjs, in the order of their turns.
 * @property {string} baseline The server that the others are compared with.
 * @property {Readonly<Record<string, string>>} without Servers that cannot do it, and why.
 * @property {readonly string[]} notes Printed below the table.
 * @property {(port: number) => Promise<void>} check Rejects unless the server answers as it should.
 * @property {(port: number, seconds: number, core: number) => Promise<Load>} load
 */
import { checkAnswer } from './http-check.mjs';
import { wrk } from './wrk.mjs';

const CONNECTIONS = 64;
/** wrk 4 adds what requests sent at a steady pace would have waited, counting each pipelined one as sent alone. */
const NO_P99 = "p99 –: wrk's percentiles are wrong for pipelined requests.";

/** @type {import('./http-check.mjs').Answer} */
export const HELLO = { status: 200, type: 'text/plain; charset=utf-8', body: 'Hello, World!\n' };

/**
 * The same bytes are checked once and then loaded.
 *
 * @param {object} parts
 * @param {string} parts.name
 * @param {string} parts.title
 * @param {string} parts.request The bytes of one request; ASCII.
 * @param {import('./http-check.mjs').Answer} parts.answer
 * @param {number} [parts.batch] How many of them are sent at once.
 * @param {Record<string, string>} [parts.without]
 * @returns {Work}
 */
export function httpWork({ name, title, request, answer, batch = 1, without = {} }) {
  return {
    name,
    title: `${title}, ${CONNECTIONS} connections`,
    servers: ['inseam', 'node-http', 'fastify', 'nginx'],
    baseline: 'node-http',
    without,
    notes: batch > 1 ? [NO_P99] : [],
    check: (port) => checkAnswer(port, request, answer),
    async load(port, seconds, core) {
      const load = await wrk({ port, seconds, core, connections: CONNECTIONS, bytes: request.repeat(batch) });
      return batch > 1 ? { ...load, p99Ms: null } : load;
    },
  };
}
