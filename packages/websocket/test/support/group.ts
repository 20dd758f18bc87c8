/** Sockets for groups: several on one server, what each is given to send, and a Bus in memory. */
import { container, type DependencyContainer, Logger } from '@inseam/engine';
import { type Bus, Group, type GroupOptions, WebSocket } from '@inseam/websocket';
import { RecordingLogger } from './recording-logger.js';
import { type SocketWire, type SocketWireOptions, socketWire } from './wire.js';

/** `count` sockets of one server. */
export async function sockets(count: number, options: SocketWireOptions = {}): Promise<SocketWire[]> {
  const first = await socketWire(WebSocket, options);
  const all = [first];
  while (all.length < count) all.push(await first.anotherSocket());
  return all;
}

export function groupOf(wires: readonly SocketWire[], options: GroupOptions = {}): Group {
  const group = new Group(options);
  for (const { socket } of wires) group.add(socket);
  return group;
}

/** The pieces of memory that the socket's stream is given from now on: whether two get the same is told by `===`. */
export function written(far: SocketWire): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const { connection } = far;
  const write = connection.write.bind(connection);
  connection.write = (data) => {
    if (typeof data !== 'string') pieces.push(data);
    return write(data);
  };
  return pieces;
}

/** Carries messages within the process: to all that have subscribed, the sender's own listener among them, in a later microtask. */
export class MemoryBus implements Bus {
  readonly topics = new Map<string, Set<(message: Buffer) => void>>();
  /** Everything that was published. */
  readonly published: Buffer[] = [];

  publish(topic: string, message: Buffer): void {
    this.published.push(message);
    for (const listener of this.topics.get(topic) ?? []) queueMicrotask(() => listener(message));
  }

  async subscribe(topic: string, listener: (message: Buffer) => void): Promise<() => unknown> {
    const listeners = this.topics.get(topic) ?? new Set();
    this.topics.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }
}

/** A logger of its own for a group. */
export function logging(): { log: RecordingLogger; container: DependencyContainer } {
  const log = new RecordingLogger();
  const parts = container.createChildContainer();
  parts.register(Logger, { useValue: log });
  return { log, container: parts };
}
