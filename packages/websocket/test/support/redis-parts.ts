/** Redis clients and buses for one test, and a listener to them; all are closed after it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { container, InseamError, Logger } from '@inseam/engine';
import { RedisBus, type RedisBusOptions } from '@inseam/websocket/redis';
import { createClient } from 'redis';
import { RecordingLogger } from './recording-logger.js';
import type { RedisServer } from './redis-server.js';

export type Client = ReturnType<typeof createClient>;

/** What a client may be set up with; unless it is said otherwise, its attempts to connect come 5 ms apart. */
export interface ClientSettings {
  readonly RESP?: 2 | 3;
  readonly disableOfflineQueue?: boolean;
  readonly reconnectStrategy?: false | ((retries: number) => number | false);
}

const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

const processes: ChildProcess[] = [];
const clients: Client[] = [];
const buses: RedisBus[] = [];

/** A client that is not connected yet. */
export function newClient(
  path: string,
  { reconnectStrategy = () => 5, ...rest }: ClientSettings = {},
): Client {
  const client: Client = createClient({ ...rest, socket: { path, reconnectStrategy } });
  return client.on('error', () => {});
}

export interface LoggedBus {
  readonly bus: RedisBus;
  readonly log: RecordingLogger;
}

export function busOver(client: Client, options: RedisBusOptions = {}): LoggedBus {
  const parts = container.createChildContainer();
  const log = new RecordingLogger();
  parts.register(Logger, { useValue: log });
  const bus = new RedisBus(client, { container: parts, ...options });
  buses.push(bus);
  return { bus, log };
}

/** A bus with a connected client of its own, and the client. */
export async function open(
  redis: RedisServer,
  options: RedisBusOptions = {},
  settings?: ClientSettings,
): Promise<LoggedBus & { client: Client }> {
  const client = newClient(redis.path, settings);
  clients.push(client);
  await client.connect();
  return { client, ...busOver(client, options) };
}

/** How many connections hear `channel`. */
export async function hearers(client: Client, channel = 'inseam:lobby'): Promise<number> {
  return Number((await client.pubSubNumSub([channel]))[channel]);
}

/** Resolves when Redis has ended and `client` has noticed. */
export async function stopped(redis: RedisServer, client: Client): Promise<void> {
  await redis.stop();
  await until(() => !client.isReady);
}

export async function startedAgain(redis: RedisServer, client: Client): Promise<void> {
  await redis.start();
  await until(() => client.isReady);
}

/** What a log was told, without the errors. */
export function lines(log: RecordingLogger): string[] {
  return log.entries.map(({ level, message }) => `${level}: ${message}`);
}

/** The code that `promise` rejects with, or the error itself where that is not ours. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => 'no error').catch((cause: unknown) => cause);
  return error instanceof InseamError ? error.code : String(error);
}

/** Asks again until the answer is yes. Each question goes to Redis and back, or lets the process go on. */
export async function until(question: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await question())) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets a command that was given be written to its socket. */
export async function written(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What a process of its own says that runs `source`, once it has ended by itself. */
export async function runToEnd(source: string): Promise<string> {
  const imports = `
    import { RedisBus } from '@inseam/websocket/redis';
    import { createClient } from 'redis';
  `;
  const args = ['--input-type=module', '-e', imports + source];
  const child = spawn(process.execPath, args, { cwd: packageFolder, stdio: ['ignore', 'pipe', 'ignore'] });
  processes.push(child);
  let output = '';
  for await (const text of child.stdout.setEncoding('utf8')) output += text;
  return output;
}

/** A listener that writes down what it hears. */
export class Ear {
  readonly messages: Buffer[] = [];
  #look = () => {};

  readonly hear = (message: Buffer): void => {
    this.messages.push(message);
    this.#look();
  };

  get texts(): string[] {
    return this.messages.map(String);
  }

  /** Resolves when the last message is `text`: all that was published before it has been heard, or never will be. */
  until(text: string): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (this.messages.at(-1)?.toString() === text) resolve();
      };
      this.#look();
    });
  }
}

afterEach('buses and their clients are closed', () => {
  for (const child of processes.splice(0)) child.kill('SIGKILL');
  for (const bus of buses.splice(0)) bus.close();
  for (const client of clients.splice(0)) if (client.isOpen) client.destroy();
});
