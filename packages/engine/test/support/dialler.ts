/** What tests of connecting share: a stream that keeps its errors, a Resolver that is in the test's hands, ports. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { InseamError, Resolver } from '@inseam/engine';
import { RecordingStream } from './recording-stream.js';

/** What a stream has logged whose connection could not be made. */
export const FAILED = ['connect error ENGINE_CONNECT_FAILED', 'close ENGINE_CONNECT_FAILED'];

/** Keeps what its error handlers are given. */
export class Dialler extends RecordingStream {
  error: InseamError | null = null;
  reason: InseamError | null = null;
  override onConnectError(error: InseamError): unknown {
    this.error = error;
    return super.onConnectError(error);
  }
  override onClose(reason: InseamError | null): void {
    this.reason = reason;
    super.onClose(reason);
  }
}

/** A Resolver whose answers the test gives, or does not. */
export class HeldResolver implements Resolver {
  readonly asked: string[] = [];
  answer: (addresses: readonly string[]) => void = () => {};

  resolve(host: string) {
    this.asked.push(host);
    return new Promise<{ address: string; family: 4 | 6 }[]>((resolve) => {
      this.answer = (addresses) => resolve(addresses.map((address) => ({ address, family: 4 })));
    });
  }
}

/** The outcome of a promise: what it resolves to, or what it rejects with. */
export function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch((error: unknown) => error);
}

/** A server of the system's on this machine, which takes `connections` and is closed then. */
export async function listenFor(connections = 1): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer({ allowHalfOpen: false }, (socket) => {
    sockets.push(socket.on('error', () => {}).resume());
    if (sockets.length === connections) server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { port: (server.address() as AddressInfo).port, sockets };
}

/** A port that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await once(server.close(), 'close');
  return port;
}
