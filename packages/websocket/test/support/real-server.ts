/** WebSockets of a server on a real socket: what each was told, in order. Everything is stopped after the test. */
import { Clock, container, type InseamError, Logger } from '@inseam/engine';
import { HTTPServer, type HTTPServerOptions, type RequestHandler } from '@inseam/http';
import { WebSocket } from '@inseam/websocket';
import { RecordingLogger } from './recording-logger.js';

export interface RealServer {
  readonly server: HTTPServer;
  readonly log: RecordingLogger;
  readonly port: number;
  /** `ws:` and `http:` of its root. */
  readonly url: string;
  readonly page: string;
}

const running: HTTPServer[] = [];

export async function realServer(
  handler: RequestHandler,
  options: HTTPServerOptions = {},
): Promise<RealServer> {
  const parts = container.createChildContainer();
  const log = new RecordingLogger();
  parts.register(Clock, { useValue: container.resolve(Clock) });
  parts.register(Logger, { useValue: log });
  const server = await new HTTPServer(handler, { container: parts, ...options }).listen(['127.0.0.1', 0]);
  running.push(server);
  const { port } = server;
  if (port === null) throw new Error('no port');
  return { server, log, port, url: `ws://127.0.0.1:${port}/`, page: `http://127.0.0.1:${port}/` };
}

/** Says back what it is told; `all` has every one since the test began. */
export class Echo extends WebSocket {
  static all: Echo[] = [];
  readonly pongs: (number | Buffer)[] = [];
  /** `CODE REASON (ERROR)`, or '' before `onClose`. */
  end = '';
  #tell: (end: string) => void = () => {};
  /** Resolves to `end`. */
  readonly ended = new Promise<string>((resolve) => {
    this.#tell = resolve;
  });

  override onConnect(): unknown {
    Echo.all.push(this);
    return undefined;
  }
  override async onRead(message: unknown): Promise<void> {
    if (!this.write(message as string | Buffer)) await this.drained();
  }
  override onPong(pong: number | Buffer): unknown {
    this.pongs.push(pong);
    return undefined;
  }
  override onClose(code: number, reason: string, error: InseamError | null): unknown {
    this.end = `${code} ${reason}${error === null ? '' : `(${error.code})`}`.trimEnd();
    this.#tell(this.end);
    return undefined;
  }
}

/** Resolves once `condition` holds; what makes it hold happens without us. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

afterEach('servers are stopped', async () => {
  for (const server of running.splice(0)) await server.engine.stop({ stopTimeoutMs: 1_000 });
  Echo.all = [];
});
