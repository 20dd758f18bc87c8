/** The servers that take turns. A new one is a line here, and a file in the folders of what it can do. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';
import { FILES_FOLDER } from './files.mjs';

/**
 * @typedef {object} RunningServer
 * @property {number} port
 * @property {Child} child
 * @property {readonly number[]} pids The processes that do the work.
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} StartOptions
 * @property {number} core
 * @property {string} app A folder of servers/.
 * @property {readonly string[]} flags For Node.
 *
 * @typedef {object} ServerKind
 * @property {string} label As it is printed.
 * @property {(options: StartOptions) => Promise<RunningServer>} start
 */

/** @type {Readonly<Record<string, ServerKind>>} */
export const SERVERS = {
  inseam: { label: 'Inseam', start: (options) => startNode('inseam', options) },
  'node-http': { label: 'node:http', start: (options) => startNode('node-http', options) },
  fastify: { label: 'Fastify', start: (options) => startNode('fastify', options) },
  nginx: { label: 'nginx', start: startNginx },
  'node-net': { label: 'node:net', start: (options) => startNode('node-net', options) },
  ws: { label: 'ws', start: (options) => startNode('ws', options) },
};

/** @param {string} name */
export const labelOf = (name) => SERVERS[name]?.label ?? name;

/** nginx keeps its configuration and its pid here; like the rest of node_modules it is nobody's file. */
const NGINX_FOLDER = fileURLToPath(new URL('../node_modules/.nginx', import.meta.url));

/**
 * @param {string} app
 * @param {string} file
 */
const pathOf = (app, file) => fileURLToPath(new URL(`../servers/${app}/${file}`, import.meta.url));

/**
 * A server in a Node process says its address when it listens.
 *
 * @param {string} name
 * @param {StartOptions} options
 * @returns {Promise<RunningServer>}
 */
async function startNode(name, { core, app, flags }) {
  const command = [process.execPath, ...flags, pathOf(app, `${name}.mjs`)];
  const child = new Child('taskset', ['-c', String(core), ...command], { NODE_ENV: 'production' });
  const port = await child.waitFor(/127\.0\.0\.1:(\d+)/);
  return { port: Number(port), child, pids: [child.pid], stop: () => child.stop() };
}

/**
 * @param {StartOptions} options
 * @returns {Promise<RunningServer>}
 */
async function startNginx({ core, app }) {
  await mkdir(NGINX_FOLDER, { recursive: true });
  const port = await freePort();
  const template = await readFile(pathOf(app, 'nginx.conf'), 'utf8');
  const places = { '@PORT@': String(port), '@USER@': userInfo().username, '@FILES@': FILES_FOLDER };
  let configuration = template;
  for (const [place, value] of Object.entries(places)) configuration = configuration.replaceAll(place, value);
  await writeFile(join(NGINX_FOLDER, 'nginx.conf'), configuration);
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
