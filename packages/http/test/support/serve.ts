/** An HTTPServer on a real socket, with an engine of its own that is stopped after the test. */
import { connect, type Socket } from 'node:net';
import { Clock, container, Logger } from '@inseam/engine';
import { HTTPServer, type HTTPServerOptions, type RequestHandler } from '@inseam/http';
import { RecordingLogger } from './recording-logger.js';

export interface Served {
  readonly server: HTTPServer;
  readonly log: RecordingLogger;
  readonly port: number;
  /** Of the server's root, without the slash. */
  readonly url: string;
}

const served: HTTPServer[] = [];

export async function serve(handler: RequestHandler, options: HTTPServerOptions = {}): Promise<Served> {
  const parts = container.createChildContainer();
  const log = new RecordingLogger();
  parts.register(Clock, { useValue: container.resolve(Clock) });
  parts.register(Logger, { useValue: log });
  const server = await new HTTPServer(handler, { container: parts, ...options }).listen(['127.0.0.1', 0]);
  served.push(server);
  const address = server.localAddress;
  if (address === null || !('port' in address)) throw new Error('no port');
  return { server, log, port: address.port, url: `http://127.0.0.1:${address.port}` };
}

/** A raw client: what it reads, and its end. */
export interface RawClient {
  readonly socket: Socket;
  readonly text: () => string;
  /** Resolves when `condition` holds for what has been read. */
  until(condition: (text: string) => boolean): Promise<string>;
  /** Resolves when the connection is over, to the system's code if it was an error. */
  readonly over: Promise<string | null>;
}

export function dial(port: number): RawClient {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let error: string | null = null;
  socket.setEncoding('latin1');
  socket.on('data', (data: string) => {
    text += data;
  });
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  const over = new Promise<string | null>((resolve) => socket.on('close', () => resolve(error)));
  return {
    socket,
    text: () => text,
    over,
    until: (condition) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (condition(text)) resolve(text);
        };
        socket.on('data', look);
        socket.on('close', () => reject(new Error(`the connection ended after: ${text.slice(-200)}`)));
        look();
      }),
  };
}

afterEach('servers are stopped', async () => {
  for (const server of served.splice(0)) await server.engine.stop({ stopTimeoutMs: 1_000 });
});
