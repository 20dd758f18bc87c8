/** Loads a server with bytes over plain TCP, from one core. */
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

/** @typedef {'tcp-client' | 'broadcast-client'} Client Who sends and who is answered. */

/**
 * @param {object} options
 * @param {Client} [options.client]
 * @param {number} options.port
 * @param {readonly number[]} options.pids The server's processes.
 * @param {number} options.seconds
 * @param {number} options.core
 * @param {number} options.connections
 * @param {import('./load-connection.mjs').Opening} [options.opening]
 * @param {readonly import('./load-connection.mjs').Exchange[]} options.exchanges Dealt out to the connections in turn.
 * @param {number} [options.batch] Messages in a segment.
 * @returns {Promise<import('./load-work.mjs').Load>}
 */
export async function tcpLoad({ client = 'tcp-client', core, batch = 1, ...options }) {
  const script = fileURLToPath(new URL(`${client}.mjs`, import.meta.url));
  const orders = JSON.stringify({ batch, ...options });
  const child = new Child('taskset', ['-c', String(core), process.execPath, script, orders]);
  await child.exited;
  const report = /^BENCH (.*)$/m.exec(child.output)?.[1];
  if (report === undefined) throw new Error(`the load generator failed: ${child.output}`);
  const { error, ...load } = JSON.parse(report);
  if (error !== undefined) throw new Error(`fails under load: ${error}`);
  if (load.requests === 0) throw new Error('answers nothing under load');
  return load;
}

/**
 * @param {Buffer} message
 * @param {Buffer} reply What comes back for one message.
 * @param {number} [batch] Messages that are sent at once.
 * @returns {import('./load-connection.mjs').Exchange}
 */
export function exchange(message, reply, batch = 1) {
  const repeated = (/** @type {Buffer} */ bytes) =>
    Buffer.concat(Array(batch).fill(bytes)).toString('base64');
  return { segment: repeated(message), reply: repeated(reply) };
}
