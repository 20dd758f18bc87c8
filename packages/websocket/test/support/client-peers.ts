/** Servers that clients are tested against, on real sockets, each stopped after its test: ours, that of `ws`, and a raw one. */
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Engine } from '@inseam/engine';
import { HTTPServer } from '@inseam/http';
import {
  type ServerWebSocketOptions,
  WebSocket,
  type WebSocketClass,
  webSocketHandler,
} from '@inseam/websocket';
import { expect } from 'chai';
import { type CodeLog, engineWith } from './client-parts.js';
import { keyIn, switching } from './client-wire.js';

/** The part of `ws` that these tests use. */
export interface WsPeer extends NodeJS.EventEmitter {
  readonly protocol: string;
  readonly extensions: string;
  readonly _socket: Duplex & { readonly bytesRead: number };
  send(data: string | Uint8Array, options?: { binary?: boolean }): void;
  ping(data?: string): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}
interface WsServer extends NodeJS.EventEmitter {
  address(): AddressInfo;
  close(): void;
  readonly clients: Set<WsPeer>;
}
const { WebSocketServer } = createRequire(import.meta.url)('ws') as {
  WebSocketServer: new (options: object) => WsServer;
};

const disposals: (() => unknown)[] = [];

/** The engine of the test's clients. */
export function clientEngine(): { engine: Engine; log: CodeLog } {
  const made = engineWith();
  disposals.push(async () => {
    await made.engine.stop({ stopTimeoutMs: 1_000 });
    expect(made.engine.stats()).to.include({ channels: 0, timers: 0 });
  });
  return made;
}

export class Echo extends WebSocket {
  override onRead(message: string | Buffer): void {
    this.write(message);
  }
}

/** Our own server; the address may be a path. */
export async function serveOurs(
  options: ServerWebSocketOptions = {},
  Class: WebSocketClass = Echo,
  at: readonly [string, number] | string = ['127.0.0.1', 0],
  tls?: { key: string; cert: string },
) {
  const { engine, log } = engineWith();
  const server = new HTTPServer(webSocketHandler(Class, options), { engine });
  if (tls !== undefined) server.startTls(tls);
  await server.listen(at);
  disposals.push(() => engine.stop({ stopTimeoutMs: 1_000 }));
  const address = server.localAddress;
  return { server, log, port: address !== null && 'port' in address ? address.port : 0 };
}

/** The server of `ws`; `onPeer` gets each connection. */
export async function serveWs(
  options: object,
  onPeer: (peer: WsPeer, request: { url: string; headers: Record<string, string> }) => void,
  tls?: { key: string; cert: string },
) {
  const https = tls === undefined ? null : createHttpsServer(tls);
  https?.listen(0, '127.0.0.1');
  const place = https === null ? { port: 0, host: '127.0.0.1' } : { server: https };
  const server = new WebSocketServer({ ...place, ...options });
  server.on('connection', onPeer);
  await once(https ?? server, 'listening');
  disposals.push(() => {
    for (const peer of server.clients) peer.terminate();
    server.close();
    https?.close();
  });
  const { port } = (https?.address() ?? server.address()) as AddressInfo;
  return { server, port };
}

/** A server that the test plays itself: `onSocket` gets each connection as it is accepted. */
export async function serveRaw(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  disposals.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, port: (server.address() as AddressInfo).port };
}

/** A raw server that answers each handshake by what `answer` makes of its 101. */
export function serveAnswer(answer: (accepted: string, socket: Socket) => void): Promise<{ port: number }> {
  return serveRaw((socket) => {
    let text = '';
    const onData = (data: Buffer) => {
      text += data.toString('latin1');
      if (!text.endsWith('\r\n\r\n')) return;
      socket.off('data', onData);
      answer(switching(keyIn(text)), socket);
    };
    socket.on('data', onData);
  });
}

afterEach('clients and servers are stopped', async () => {
  // The servers first: a client waits for them to shut the connection.
  for (const dispose of disposals.splice(0).reverse()) await dispose();
});
