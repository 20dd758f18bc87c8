/**
 * A WebSocket at the far end of a wire in memory: frames in, frames out, on a clock that stands still.
 *
 *     const far = await socketWire(Echo);
 *     far.send(text('Hello'));
 *     expect(await far.take()).to.deep.equal(['text Hello']);
 *
 * `wire` is the same before the handshake, for any request handler.
 */
import { Clock, container, type Engine, InseamError, Logger } from '@inseam/engine';
import {
  type FakeClock,
  fakeClock,
  type MemoryTransport,
  memoryPair,
  RecordingSink,
} from '@inseam/engine/testing';
import {
  type HTTPConnection,
  type HTTPHeaders,
  type HTTPRequest,
  HTTPServer,
  type HTTPServerOptions,
  type RequestHandler,
} from '@inseam/http';
import {
  type ServerWebSocketOptions,
  WebSocket,
  type WebSocketClass,
  webSocketHandler,
} from '@inseam/websocket';
import { expect } from 'chai';
import { type Frame, framesIn, say } from './frames.js';
import { RecordingLogger } from './recording-logger.js';
import { settle } from './settle.js';

export interface Wire {
  readonly server: HTTPServer;
  readonly engine: Engine;
  readonly clock: FakeClock;
  readonly log: RecordingLogger;
  /** The server's side. */
  readonly connection: HTTPConnection;
  /** The client's side. */
  readonly client: MemoryTransport;
  /** What the client has been told. */
  readonly sink: RecordingSink;
  /** Sends as it is, one chunk a call. */
  send(bytes: string | Uint8Array): void;
  /** Lets everything in memory come to rest; threads of zlib are waited for with `until`. */
  settle(): Promise<void>;
  /** The bytes that have come since the last time. */
  takeBytes(): Promise<Buffer>;
  /** The head of an HTTP response, its date as `now`; what is behind it is left for the next time. */
  takeHead(): Promise<string>;
  /** The frames that have come since the last time; what is left of one is an error. */
  takeFrames(): Promise<Frame[]>;
  /** The same in words: see `say`. */
  take(): Promise<string[]>;
  /** `send` and `take`. */
  exchange(bytes: string | Uint8Array): Promise<string[]>;
  /** Waits, through threads of zlib, for `condition`. */
  until(condition: () => boolean): Promise<void>;
  /** Whether the server has shut its side or the connection is gone. */
  readonly ended: boolean;
  /** Moves the time on in steps of 50 ms, as a running engine would see it. */
  pass(ms: number): Promise<void>;
  /** Another client of the same server. */
  another(): Wire;
}

export interface SocketWire<T extends WebSocket = WebSocket> extends Wire {
  /** The server's WebSocket. */
  readonly socket: T;
  /** The head of the 101. */
  readonly answer: string;
  /**
   * What the handlers were called with, in order: `connect`, `text Hello`, `binary 00ff`, `pong 50`, `pong data`, `close 1000 why`,
   * `close 1006 (CODE)`. Text of more than 64 characters is counted. onWrite is left out: see `writes`.
   */
  readonly calls: string[];
  /** What came by onRead, as it came. */
  readonly messages: unknown[];
  /** How often onWrite was called. */
  readonly writes: number;
  /** What onClose was told as its error. */
  readonly error: InseamError | null;
  /** Another WebSocket of the same server. */
  anotherSocket(): Promise<SocketWire<T>>;
}

export interface SocketWireOptions extends ServerWebSocketOptions {
  /** For `onConnect`. */
  args?: unknown[];
  /** Sec-WebSocket-Extensions of the handshake. */
  offer?: string;
  /** Further lines of the handshake. */
  lines?: string[];
  /** What comes in the same segment as the handshake. */
  behind?: Uint8Array;
  /** Whether the client keeps its side open when the server has ended. Default false: it ends, too, as clients do. */
  lingers?: boolean;
  /** Options of the HTTP server. */
  http?: HTTPServerOptions;
}

/** Says back what it is told. */
export class Echo extends WebSocket {
  override onRead(message: unknown): unknown {
    this.write(message as string | Buffer);
    return undefined;
  }
}

/** The key of the example in RFC 6455 §1.3, and its answer. */
export const EXAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const EXAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** A handshake with these further lines; a line replaces one of the same name, `Name:` alone leaves it out. */
export function handshake(...lines: string[]): string {
  const usual = [
    'Host: example.com',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${EXAMPLE_KEY}`,
    'Sec-WebSocket-Version: 13',
  ];
  const nameOf = (line: string) => line.slice(0, line.indexOf(':')).toLowerCase();
  const kept = usual.filter((line) => !lines.some((other) => nameOf(other) === nameOf(line)));
  const further = lines.filter((line) => !/^[\w-]+:$/.test(line));
  return ['GET /chat HTTP/1.1', ...kept, ...further, '', ''].join('\r\n');
}

const servers: { server: HTTPServer; clock: FakeClock; log: RecordingLogger }[] = [];

export function wire(handler: RequestHandler, options: HTTPServerOptions = {}): Wire {
  const clock = fakeClock();
  const log = new RecordingLogger();
  const parts = container.createChildContainer();
  parts.register(Clock, { useValue: clock });
  parts.register(Logger, { useValue: log });
  const server = new HTTPServer(handler, { container: parts, ...options });
  servers.push({ server, clock, log });
  return connect(server, clock, log);
}

function connect(server: HTTPServer, clock: FakeClock, log: RecordingLogger): Wire {
  const [far, client] = memoryPair({ remoteAddress: { host: '192.0.2.7', port: 4711, family: 4 } });
  const sink = new RecordingSink();
  client.open(sink);
  const connection = server.accept(far);
  if (connection === null) throw new Error('the server refused the connection');
  let taken = 0;
  const rest = () => settle(clock);
  const come = async () => {
    await rest();
    return sink.bytes.subarray(taken);
  };
  const takeFrames = async () => {
    const bytes = await come();
    const { frames, rest: left } = framesIn(bytes);
    expect(left.toString('hex'), 'the rest of a frame').to.equal('');
    taken += bytes.length;
    return frames;
  };
  const take = async () => (await takeFrames()).map(say);
  const ended = () => sink.events.some((event) => event === 'end' || event.startsWith('close'));
  return {
    server,
    engine: server.engine,
    clock,
    log,
    connection,
    client,
    sink,
    send: (bytes) => client.write(bytes),
    settle: rest,
    async takeBytes() {
      const bytes = await come();
      taken += bytes.length;
      return bytes;
    },
    async takeHead() {
      const bytes = await come();
      const end = bytes.indexOf('\r\n\r\n');
      const length = end === -1 ? bytes.length : end + 4;
      taken += length;
      const head = bytes.toString('latin1', 0, length);
      return head.replace(/Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/, 'Date: now\r\n');
    },
    takeFrames,
    take,
    exchange: (bytes) => {
      client.write(bytes);
      return take();
    },
    async until(condition) {
      while (!condition()) await rest();
    },
    get ended() {
      return ended();
    },
    async pass(ms) {
      await rest();
      for (let passed = 0; passed < ms; passed += 50) clock.advance(Math.min(50, ms - passed));
      await rest();
    },
    another: () => connect(server, clock, log),
  };
}

/** What one WebSocket was told. */
class Diary<T extends WebSocket> {
  socket: T | null = null;
  readonly calls: string[] = [];
  readonly messages: unknown[] = [];
  writes = 0;
  error: InseamError | null = null;
}

/** `Class` with every call of its handlers written down. */
function logged<T extends WebSocket>(
  Class: WebSocketClass<T>,
  diaryOf: (request: HTTPRequest, socket: T) => Diary<T>,
): WebSocketClass<T> {
  const Base = Class as unknown as WebSocketClass;
  class Logged extends Base {
    #diary: Diary<T> = new Diary();
    override onHandshake(request: HTTPRequest, headers: HTTPHeaders): unknown {
      this.#diary = diaryOf(request, this as unknown as T);
      return super.onHandshake(request, headers);
    }
    override onConnect(...args: unknown[]): unknown {
      this.#diary.calls.push('connect');
      return super.onConnect(...args);
    }
    override onRead(message: unknown): unknown {
      this.#diary.calls.push(brief(message));
      this.#diary.messages.push(message);
      return super.onRead(message);
    }
    override onWrite(): unknown {
      this.#diary.writes++;
      return super.onWrite();
    }
    override onPong(rttMsOrData: number | Buffer): unknown {
      this.#diary.calls.push(`pong ${rttMsOrData.toString()}`);
      return super.onPong(rttMsOrData);
    }
    override onClose(code: number, reason: string, error: InseamError | null): unknown {
      const why = error === null ? '' : ` (${error instanceof InseamError ? error.code : String(error)})`;
      this.#diary.calls.push(`close ${code}${reason === '' ? '' : ` ${reason}`}${why}`);
      this.#diary.error = error;
      return super.onClose(code, reason, error);
    }
  }
  Object.defineProperty(Logged, 'name', { value: Class.name });
  return Logged as unknown as WebSocketClass<T>;
}

function brief(message: unknown): string {
  if (typeof message === 'string') {
    return message.length > 64 ? `text of ${message.length}` : `text ${message}`.trimEnd();
  }
  if (!Buffer.isBuffer(message)) return `piece ${JSON.stringify(message)}`;
  return message.length > 64 ? `binary of ${message.length}` : `binary ${message.toString('hex')}`.trimEnd();
}

/** A server of `Class`, and a client whose handshake it has taken. */
export async function socketWire<T extends WebSocket = WebSocket>(
  Class: WebSocketClass<T> = WebSocket as unknown as WebSocketClass<T>,
  options: SocketWireOptions = {},
): Promise<SocketWire<T>> {
  const { args = [], offer, lines = [], behind, lingers = false, http, ...rest } = options;
  const diaries = new Map<HTTPConnection, Diary<T>>();
  const Logged = logged(Class, (request, socket) => {
    const diary = diaries.get(request.connection) ?? new Diary<T>();
    diary.socket = socket;
    return diary;
  });
  const extension = offer === undefined ? [] : [`Sec-WebSocket-Extensions: ${offer}`];
  const open = async (far: Wire): Promise<SocketWire<T>> => {
    const diary = new Diary<T>();
    diaries.set(far.connection, diary);
    if (!lingers) void far.sink.until(() => far.sink.events.includes('end')).then(() => far.client.end());
    far.send(Buffer.concat([Buffer.from(handshake(...extension, ...lines)), behind ?? Buffer.alloc(0)]));
    const answer = await far.takeHead();
    const { socket } = diary;
    if (socket === null || !answer.startsWith('HTTP/1.1 101 ')) throw new Error(`no handshake: ${answer}`);
    const { calls, messages } = diary;
    const more = { socket, answer, calls, messages, anotherSocket: () => open(far.another()) };
    return Object.defineProperties({ ...more } as SocketWire<T>, {
      ...Object.getOwnPropertyDescriptors(far),
      writes: { get: () => diary.writes },
      error: { get: () => diary.error },
    });
  };
  return open(wire(webSocketHandler(Logged, rest, ...args), http));
}

afterEach('nothing is left open', async () => {
  for (const { server, clock } of servers.splice(0)) {
    server.abort();
    await settle(clock);
    expect(server.engine.channels.size, 'open channels').to.equal(0);
    expect(clock.pending, 'pending timers').to.equal(0);
  }
});
