/** An HTTP work is one request, sent by wrk. */
import { checkAnswer } from './http-check.mjs';
import { CONNECTIONS, loadWork } from './load-work.mjs';
import { wrk } from './wrk.mjs';

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
 * @param {string} [parts.app] A folder of servers/.
 * @param {readonly string[]} [parts.servers]
 * @param {() => Promise<void>} [parts.prepare] What is needed before the first request.
 */
export function httpWork({
  name,
  title,
  request,
  answer,
  batch = 1,
  without = {},
  app = 'http',
  servers = ['inseam', 'node-http', 'fastify', 'nginx'],
  prepare,
}) {
  return loadWork({
    name,
    title,
    unit: 'request',
    app,
    servers,
    baseline: 'node-http',
    without,
    notes: batch > 1 ? [NO_P99] : [],
    async check(port) {
      await prepare?.();
      await checkAnswer(port, request, answer);
    },
    async load({ port, seconds, core }) {
      const load = await wrk({ port, seconds, core, connections: CONNECTIONS, bytes: request.repeat(batch) });
      return batch > 1 ? { ...load, p99Ms: null } : load;
    },
  });
}
