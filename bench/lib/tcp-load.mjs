/** Loads a server with messages over plain TCP, from one core. */
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

const CLIENT = fileURLToPath(new URL('tcp-client.mjs', import.meta.url));

/**
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.seconds
 * @param {number} options.core
 * @param {number} options.connections
 * @param {string} options.message latin1: one byte for each character.
 * @param {string} options.reply What comes back for one message, likewise.
 * @param {number} options.batch Messages that a connection sends at once before it waits for their replies.
 * @returns {Promise<import('./load-work.mjs').Load>}
 */
export async function tcpLoad({ core, ...options }) {
  const child = new Child('taskset', ['-c', String(core), process.execPath, CLIENT, JSON.stringify(options)]);
  await child.exited;
  const report = /^BENCH (.*)$/m.exec(child.output)?.[1];
  if (report === undefined) throw new Error(`the load generator failed: ${child.output}`);
  const { error, ...load } = JSON.parse(report);
  if (error !== undefined) throw new Error(`fails under load: ${error}`);
  if (load.requests === 0) throw new Error('answers nothing under load');
  return load;
}
