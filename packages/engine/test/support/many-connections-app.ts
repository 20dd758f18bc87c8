/**
 * Thousands of connections that open, talk and die in one of many ways each, chosen by a seed; then what is left of
 * them. Run as a process of its own, so that its descriptors are its own; prints the Findings as JSON.
 *
 *     node many-connections-app.js SEED CONNECTIONS FOLDER
 *
 * FOLDER has key.pem and cert.pem for TLS, unless there is none. The file is longer than 300 lines for its table of
 * the ways to die.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import {
  type Address,
  container,
  Engine,
  type InseamError,
  Logger,
  Server,
  type ServerOptions,
  Stream,
  TransportError,
} from '@inseam/engine';

export interface Findings {
  /** How often each way of dying was chosen. */
  readonly ways: Record<string, number>;
  /** Streams made, streams that were connected, and calls of onClose; at both ends. */
  readonly streams: number;
  readonly connected: number;
  readonly closed: number;
  /** What should never happen. */
  readonly violations: readonly string[];
  readonly channels: number;
  readonly timers: number;
  readonly serverChannels: number;
  /** The handles that the program began with, what there was before the connections, and after them. */
  readonly atStart: readonly string[];
  readonly before: Resources;
  readonly after: Resources;
}

interface Resources {
  readonly descriptors: number;
  readonly active: readonly string[];
}

const [seed = '1', count = '100', folder = '.'] = process.argv.slice(2);
/** Clients at once; each has its other end in this process, too. */
const AT_ONCE = 400;
const TLS_SHARE = 0.03;

const resources = (): Resources => ({
  descriptors: readdirSync('/proc/self/fd').length,
  active: process.getActiveResourcesInfo().toSorted(),
});

// Node makes these when they are first used, and keeps them.
for (const output of [process.stdout, process.stderr]) output.write('');
/** Requests, as those of the module loader, are on their way out. */
const atStart = resources().active.filter((name) => !name.includes('Req'));

/** Handles and descriptors are closed some turns after their sockets. */
const TURNS_TO_CLOSE = 20_000;

/** Lets turns pass until nothing is active that was not at the start, and no more than `descriptors` are open. */
async function comeToRest(descriptors = Number.POSITIVE_INFINITY): Promise<Resources> {
  let now = resources();
  const isAtRest = () => now.active.join() === atStart.join() && now.descriptors <= descriptors;
  for (let turn = 0; turn < TURNS_TO_CLOSE && !isAtRest(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    now = resources();
  }
  return now;
}

const random = generator(Number(seed));
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

const violations: string[] = [];
const counts = { streams: 0, connected: 0, closed: 0 };
const reset = new TransportError('TEST', 'as it pleases', 'write');
const file = join(folder, 'file');
writeFileSync(file, Buffer.alloc(300_000));

/** Counts what its handlers are told, and minds the order. */
class Counted extends Stream {
  readonly #told: string[] = [];

  constructor(options: ConstructorParameters<typeof Stream>[0]) {
    super(options);
    counts.streams++;
  }

  #tell(what: string): void {
    this.#told.push(what);
    const order = this.#told.join();
    const isSound = /^(connect|connectError)?(,?close)?$/.test(order);
    if (!isSound) violations.push(`${this.constructor.name}: ${order}`);
  }

  override onConnect(): unknown {
    counts.connected++;
    this.#tell('connect');
    return undefined;
  }
  override onConnectError(): unknown {
    this.#tell('connectError');
    return undefined;
  }
  override onTlsHandshakeError(error: InseamError): unknown {
    return this.hasConnected ? this.onError(error) : this.onConnectError();
  }
  override onError(error: InseamError): void {
    this.abort(error);
  }
  override onClose(_reason: InseamError | null): void {
    counts.closed++;
    this.#tell('close');
  }
}

/** Does what the first line asks for. */
class Served extends Counted {
  constructor(options: ConstructorParameters<typeof Stream>[0]) {
    super(options);
    this.readDelimiter = '\n';
    this.bufferSize = 1000;
  }

  override onRead(line: Buffer): unknown {
    const asks: Record<string, () => unknown> = {
      close: () => {
        this.write('bye');
        this.close();
      },
      end: () => {
        this.write('half');
        this.end();
      },
      abort: () => this.abort(),
      reset: () => this.abort(reset),
      idle: () => {
        this.idleTimeoutMs = 10;
      },
      flood: () => this.write(Buffer.alloc(1 << 20)),
      file: () => this.writeFile(file).catch(() => {}),
      loop: () => this.#loop(),
    };
    const ask = asks[String(line)];
    return ask === undefined ? this.write(line) : ask();
  }

  async #loop(): Promise<void> {
    this.write('go');
    try {
      for await (const line of this) if (String(line) === 'last') break;
    } catch {
      // The connection went first.
    }
  }
}

/** Says one thing, and dies as its way has it. */
class Client extends Counted {
  readonly #way: Way;
  constructor(way: Way) {
    super({ engine });
    this.#way = way;
  }
  override onConnect(): unknown {
    super.onConnect();
    this.#way.onConnect?.(this);
    return undefined;
  }
  override onRead(data: Buffer): unknown {
    this.#way.onRead?.(this, data);
    return undefined;
  }
  override onClose(reason: InseamError | null): void {
    super.onClose(reason);
    gone();
  }
}

interface Way {
  onConnect?(client: Client): unknown;
  onRead?(client: Client, data: Buffer): unknown;
  /** Right after the call of connect(). */
  onDial?(client: Client): unknown;
}

const soon = (act: () => void): void => {
  engine.defer(1 + random() * 5, act);
};
const says =
  (text: string) =>
  (client: Client): unknown =>
    client.write(text);

const ways: Record<string, Way> = {
  'client closes': { onConnect: says('hello\n'), onRead: (client) => client.close() },
  'client closes unread': { onConnect: (client) => client.close() },
  'client aborts': { onConnect: says('hello\n'), onRead: (client) => client.abort() },
  'client resets': { onConnect: says('hello\n'), onRead: (client) => client.abort(reset) },
  'client resets at once': { onConnect: (client) => client.abort(reset) },
  'client half-closes': {
    onConnect: (client) => {
      client.write('one\ntwo\n');
      client.end();
    },
  },
  'server half-closes': { onConnect: says('end\n') },
  'server closes': { onConnect: says('close\n') },
  'server aborts': { onConnect: says('abort\n') },
  'server resets': { onConnect: says('reset\n') },
  'server times out': { onConnect: says('idle\n') },
  'in the middle of a line': {
    onConnect: (client) => {
      client.write('hello\nhal');
      client.flush();
      pick([() => client.close(), () => client.abort(reset), () => client.end()])();
    },
  },
  'a line too long': { onConnect: says('x'.repeat(5000)) },
  'during back-pressure': {
    onConnect: (client) => {
      client.write('flood\n');
      client.pause();
      soon(() => client.abort(pick([null, reset])));
    },
  },
  'in the middle of a file': {
    onConnect: says('file\n'),
    onRead: (client) => client.abort(pick([null, reset])),
  },
  'behind a file': {
    onConnect: says('file\nclose\n'),
  },
  'out of a loop': { onConnect: says('loop\n'), onRead: (client) => client.write('more\nlast\n') },
  'in a loop': { onConnect: says('loop\n'), onRead: (client) => client.abort(pick([null, reset])) },
  'while connecting': { onDial: (client) => pick([() => client.close(), () => client.abort(reset)])() },
  'soon after dialling': { onDial: (client) => setImmediate(() => client.abort(pick([null, reset]))) },
  'with a timeout of its own': {
    onConnect: (client) => {
      client.idleTimeoutMs = 10;
    },
  },
};

let left = Number(count);
let open = 0;
let finish = () => {};
const chosen: Record<string, number> = {};

/** A client is gone: the next one comes. */
function gone(): void {
  open--;
  engine.callback(dialOn);
}

function dialOn(): void {
  while (left > 0 && open < AT_ONCE) {
    left--;
    open++;
    if (random() < 0.05) dialPlain();
    else dial();
  }
  if (left === 0 && open === 0) finish();
}

function dial(): void {
  const name = pick(Object.keys(ways));
  const isSecure = tls !== null && random() < TLS_SHARE;
  chosen[name] = (chosen[name] ?? 0) + 1;
  const way = ways[name] as Way;
  const client = new Client(way);
  if (isSecure) {
    chosen.TLS = (chosen.TLS ?? 0) + 1;
    client.startTls({ rejectUnauthorized: false });
  }
  client.connect(isSecure ? tlsAddress : pick(addresses));
  way.onDial?.(client);
}

/** One that speaks no protocol, not even TLS where that is spoken, or comes where nobody is. */
function dialPlain(): void {
  const name = pick(['a plain socket', 'not TLS', 'nobody there']);
  chosen[name] = (chosen[name] ?? 0) + 1;
  if (name === 'nobody there') {
    new Client({}).connect(join(folder, 'nobody'));
    return;
  }
  const socket = new Socket()
    .on('error', () => {})
    .on('close', gone)
    .resume();
  socket.connect({ host: '127.0.0.1', port: name === 'not TLS' ? tlsPort : plainPort });
  socket.once('connect', () => {
    if (random() < 0.5) socket.write(pick(['hello\n', '\x16\x03\x01', 'GET / HTTP/1.1\r\n\r\n']));
    pick([() => socket.end(), () => socket.destroy(), () => socket.resetAndDestroy()])();
  });
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function generator(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// What is opened once and stays, as the thread pool, is not a connection's: a first round opens it.
container.register(Logger, {
  useValue: {
    debug() {},
    info() {},
    warn() {},
    error: (message, error) => violations.push(`${message}: ${error}`),
  },
});
const engine = new Engine();
const tls = existsSync(join(folder, 'cert.pem'))
  ? { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) }
  : null;

let addresses: Address[] = [];
let tlsAddress: Address = 0;
let plainPort = 0;
let tlsPort = 0;

async function run(): Promise<number> {
  const options: ServerOptions<Served> = { engine, ConnectionClass: Served };
  const servers = [
    new Server(options),
    new Server(options),
    new Server({ ...options, connectTimeoutMs: 1000 }),
  ];
  const [plain, unix, secure] = servers as [Server<Served>, Server<Served>, Server<Served>];
  let accepted = 0;
  plain.onAccept = () => ++accepted % 50 !== 0;
  if (tls !== null) secure.startTls(tls);
  await plain.listen(['127.0.0.1', 0]);
  await unix.listen(join(folder, 'socket'));
  await secure.listen(['127.0.0.1', 0]);
  plainPort = plain.port ?? 0;
  tlsPort = secure.port ?? 0;
  addresses = [
    ['127.0.0.1', plainPort],
    ['127.0.0.1', plainPort],
    join(folder, 'socket'),
    ['localhost', plainPort],
  ];
  tlsAddress = ['127.0.0.1', tlsPort];
  await new Promise<void>((resolve) => {
    finish = resolve;
    dialOn();
  });
  // The servers' ends have their last packets to read.
  while (servers.some((server) => server.channels.size > 0))
    await new Promise((resolve) => setImmediate(resolve));
  const serverChannels = servers.reduce((sum, server) => sum + server.channels.size, 0);
  await engine.stop();
  return serverChannels;
}

const total = left;
left = Math.min(200, total);
await run();
const before = await comeToRest();
left = total;
const serverChannels = await run();
const after = await comeToRest(before.descriptors);
const { channels, timers } = engine.stats();
const findings: Findings = {
  ways: chosen,
  ...counts,
  violations,
  channels,
  timers,
  serverChannels,
  atStart,
  before,
  after,
};
console.log(JSON.stringify(findings));
