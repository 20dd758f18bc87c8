/** A TCP work is one message and its reply, sent by lib/tcp-client.mjs, which compares every reply. */
import { CONNECTIONS, loadWork } from './load-work.mjs';
import { tcpLoad } from './tcp-load.mjs';

/** The client's p99 is the time from a batch to the last of its replies. */
const BATCH_P99 = 'p99: of all lines of a segment together.';

/**
 * @param {object} parts
 * @param {string} parts.name
 * @param {string} parts.title
 * @param {string} parts.app
 * @param {string} parts.unit
 * @param {string} parts.message latin1: one byte for each character.
 * @param {string} parts.reply Likewise.
 * @param {number} [parts.batch] How many of them are sent at once.
 */
export function tcpWork({ name, title, app, unit, message, reply, batch = 1 }) {
  return loadWork({
    name,
    title,
    unit,
    app,
    servers: ['inseam', 'node-net'],
    baseline: 'node-net',
    without: {},
    notes: batch > 1 ? [BATCH_P99] : [],
    load: (port, seconds, core) =>
      tcpLoad({ port, seconds, core, connections: CONNECTIONS, message, reply, batch }),
  });
}
