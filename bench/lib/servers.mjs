/** The servers that take turns. A new one is a file in servers/ and a line here. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';

/**
 * @typedef {object} RunningServer
 * @property {number} port
 * @property {Child} child
 * @property {readonly number[]} pids The processes that do the work.
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} ServerKind
 * @property {string} label As it is printed.
 * @property {(core: number) => Promise<RunningServer>} start
 */

/** @type {Readonly<Record<string, ServerKind>>} */
export const SERVERS = {
  inseam: { label: 'Inseam', start: (core) => startNode('inseam.mjs', core) },
  'node-http': { label: 'node:http', start: (core) => startNode('node-http.mjs', core) },
  fastify: { label: 'Fastify', start: (core) => startNode('fastify.mjs', core) },
  nginx: { label: 'nginx', start: startNginx },
};

/** nginx keeps its configuration and its pid here; like the rest of node_modules it is nobody's file. */
const NGINX_FOLDER = fileURLToPath(new URL('../node_modules/.nginx', import.meta.url));

/** @param {string} file */
const pathOf = (file) => fileURLToPath(new URL(`../servers/${file}`, import.meta.url));

/**
 * A server in a Node process says its URL when it listens.
 *
 * @param {string} file
 * @param {number} core
 * @returns {Promise<RunningServer>}
 */
async function startNode(file, core) {
  const child = new Child('taskset', ['-c', String(core), process.execPath, pathOf(file)], {
    NODE_ENV: 'production',
  });
  const port = await child.waitFor(/http:\/\/127\.0\.0\.1:(\d+)/);
  return { port: Number(port), child, pids: [child.pid], stop: () => child.stop() };
}

/**
 * @param {number} core
 * @returns {Promise<RunningServer>}
 */
async function startNginx(core) {
  await mkdir(NGINX_FOLDER, { recursive: true });
  const port = await freePort();
  const template = await readFile(pathOf('nginx.conf'), 'utf8');
  await writeFile(join(NGINX_FOLDER, 'nginx.conf'), template.replaceAll('@PORT@', String(port)));
  const child = new Child('taskset', [
    ...['-c', String(core), 'nginx', '-p', NGINX_FOLDER, '-e', 'stderr', '-c', 'nginx.conf'],
  ]);
  const worker = await child.waitFor(/start worker process (\d+)/);
  return { port, child, pids: [Number(worker)], stop: () => child.stop() };
}

/** nginx takes no port 0, so the system is asked for a port that is then given back. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
      probe.close(() => resolve(port));
    });
  });
}
