/**
 * An HTTPServer at the far end of a wire in memory: raw bytes in, raw bytes out, on a clock that stands still.
 *
 *     const { exchange } = wire((request) => request.sendResponse('hello'));
 *     expect(await exchange(get('/'))).to.equal(…);
 */
import { Clock, container, type Engine, Logger } from '@inseam/engine';
import {
  type FakeClock,
  fakeClock,
  type MemoryTransport,
  memoryPair,
  RecordingSink,
} from '@inseam/engine/testing';
import {
  type HTTPConnection,
  type HTTPRequest,
  HTTPServer,
  type HTTPServerOptions,
  type RequestHandler,
} from '@inseam/http';
import { expect } from 'chai';
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
  /** Lets everything come to rest. */
  settle(): Promise<void>;
  /** What has come since the last time; the date reads `now`. */
  take(): Promise<string>;
  /** `send` and `take`. */
  exchange(bytes: string | Uint8Array): Promise<string>;
  /** Whether the server has shut its side or the connection is gone. */
  readonly ended: boolean;
  /** Moves the time on in steps of 50 ms, as a running engine would see it. */
  pass(ms: number): Promise<void>;
  /** Another client of the same server. */
  another(): Wire;
}

/** Says what the server understood. */
export function echo(request: HTTPRequest): void {
  const content = request.body.length === 0 ? '' : ` ${request.body.toString('latin1')}`;
  request.sendResponse(`${request.method} ${request.url}${content}`);
}

const servers: { server: HTTPServer; clock: FakeClock; log: RecordingLogger }[] = [];

export function wire(handler: RequestHandler = echo, options: HTTPServerOptions = {}): Wire {
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
  const take = async () => {
    await rest();
    const text = sink.text.slice(taken);
    taken += text.length;
    return text.replace(/Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/g, 'Date: now\r\n');
  };
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
    take,
    exchange: (bytes) => {
      client.write(bytes);
      return take();
    },
    get ended() {
      return sink.events.some((event) => event === 'end' || event.startsWith('close'));
    },
    async pass(ms) {
      await rest();
      for (let passed = 0; passed < ms; passed += 50) clock.advance(Math.min(50, ms - passed));
      await rest();
    },
    another: () => connect(server, clock, log),
  };
}

afterEach('nothing is left open', async () => {
  for (const { server, clock } of servers.splice(0)) {
    server.abort();
    await settle(clock);
    expect(server.engine.channels.size, 'open channels').to.equal(0);
    expect(clock.pending, 'pending timers').to.equal(0);
  }
});
