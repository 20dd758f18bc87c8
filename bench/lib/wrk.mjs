/** Loads an HTTP server with wrk, from one core. */
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

const SCRIPT = fileURLToPath(new URL('../work/send.lua', import.meta.url));

/**
 * @param {object} options
 * @param {number} options.port
 * @param {number} options.seconds
 * @param {number} options.core
 * @param {number} options.connections
 * @param {string} options.bytes What a connection sends before it waits for the answers.
 * @returns {Promise<import('./load-work.mjs').Load>}
 */
export async function wrk({ port, seconds, core, connections, bytes }) {
  const url = `http://127.0.0.1:${port}/`;
  const child = new Child(
    'taskset',
    ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', SCRIPT, url],
    { BENCH_REQUEST: bytes },
  );
  await child.exited;
  const report = /^BENCH (.*)$/m.exec(child.output)?.[1];
  if (report === undefined) throw new Error(`wrk failed: ${child.output}`);
  const { refused, lost, ...load } = JSON.parse(report);
  if (load.requests === 0) throw new Error('answers no request under load');
  if (refused + lost > 0) {
    throw new Error(`fails under load: ${refused} answers were errors, ${lost} connections broke`);
  }
  return load;
}
