/** A TCP work is one message and its reply, sent by lib/tcp-client.mjs, which compares every reply. */
import { CONNECTIONS, loadWork } from './load-work.mjs';
import { exchange, tcpLoad } from './tcp-load.mjs';

/**
 * The client's p99 is the time from a batch to the last of its replies.
 *
 * @param {string} unit
 */
export const batchP99 = (unit) => `p99: of all ${unit}s of a segment together.`;

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
  const exchanges = [exchange(Buffer.from(message, 'latin1'), Buffer.from(reply, 'latin1'), batch)];
  return loadWork({
    name,
    title,
    unit,
    app,
    servers: ['inseam', 'node-net'],
    baseline: 'node-net',
    without: {},
    notes: batch > 1 ? [batchP99(unit)] : [],
    load: (options) => tcpLoad({ ...options, connections: CONNECTIONS, exchanges, batch }),
  });
}
