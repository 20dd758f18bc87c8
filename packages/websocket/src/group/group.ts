/**
 * Group: WebSockets that get the same messages. A message is framed, and compressed, once for all of them; a member whose connection
 * ends leaves by itself. Over a Bus it spans processes.
 */
import { randomBytes } from 'node:crypto';
import {
  type DependencyContainer,
  container as defaultContainer,
  isThenable,
  Logger,
  requireOptions,
} from '@inseam/engine';
import { webSocketUsageError } from '../errors.js';
import { Message } from '../protocol/message.js';
import { BINARY, TEXT } from '../protocol/opcodes.js';
import { internals, WebSocket } from '../websocket.js';
import type { Bus } from './bus.js';

export interface GroupOptions {
  /** Carries messages to the same group in other processes. */
  bus?: Bus | undefined;
  /** The group's name on the bus. */
  topic?: string | undefined;
  /** Where the logger comes from that is told of a bus that fails. Default: the project's container. */
  container?: DependencyContainer | undefined;
}

export interface GroupWriteOptions {
  /** A member that does not get it: who said it, as a rule. */
  except?: WebSocket | undefined;
}

/** Before a message on the bus: who sent it, and a byte for text or binary, which is its opcode. */
const SENDER_BYTES = 16;

export class Group<T extends WebSocket = WebSocket> implements Iterable<T> {
  readonly #members = new Set<T>();
  readonly #sender = randomBytes(SENDER_BYTES);
  /** Null without one, and after `close`. */
  #bus: Bus | null;
  readonly #topic: string;
  readonly #logger: Logger;
  #subscription: Promise<() => unknown> | null = null;

  /** Throws UsageError for what is no bus, a bus without a topic, and the other way round. */
  constructor(options: GroupOptions = {}) {
    requireOptions(options, ['bus', 'topic', 'container']);
    const { bus, topic, container = defaultContainer } = options;
    if (bus === undefined ? topic !== undefined : !(isBus(bus) && typeof topic === 'string')) {
      throw webSocketUsageError('WEBSOCKET_GROUP', 'bus and topic');
    }
    this.#bus = bus ?? null;
    this.#topic = topic ?? '';
    this.#logger = container.resolve(Logger);
    if (bus !== undefined) this.#subscribe(bus);
  }

  /** Resolves when messages of other processes arrive; at once without a bus. Rejects when the bus could not subscribe. */
  async ready(): Promise<this> {
    await this.#subscription;
    return this;
  }

  /** How many members there are in this process. */
  get size(): number {
    return this.#members.size;
  }
  has(socket: T): boolean {
    return this.#members.has(socket);
  }
  [Symbol.iterator](): Iterator<T> {
    return this.#members.values();
  }

  /** `socket` gets what is written from now on, until it is closed; one that is closed already is not added. Throws UsageError before `onConnect`. */
  add(socket: T): this {
    if (!(socket instanceof WebSocket))
      throw webSocketUsageError('WEBSOCKET_GROUP', 'add() takes a WebSocket');
    if (internals.join(socket, this)) this.#members.add(socket);
    return this;
  }

  /** Whether it was a member. */
  delete(socket: T): boolean {
    internals.leave(socket, this);
    return this.#members.delete(socket);
  }

  /** For WebSocket: it closes. */
  forget(socket: WebSocket): void {
    this.#members.delete(socket as T);
  }

  /**
   * Sends a message to all members, those of other processes included. A member that reads too slowly is its own affair: see
   * `slowReader`. Returns how many members of this process it was sent to.
   */
  write(data: string | Uint8Array, options: GroupWriteOptions = {}): number {
    const message = new Message(data);
    if (this.#bus !== null) this.#publish(this.#bus, message);
    return this.#deliver(message, options.except);
  }

  /** Lets go of all members, which stay open, and leaves the bus; rejects where the bus cannot do that. Idempotent. */
  async close(): Promise<void> {
    for (const member of this.#members) internals.leave(member, this);
    this.#members.clear();
    this.#bus = null;
    const subscription = this.#subscription;
    this.#subscription = null;
    const unsubscribe = await subscription?.catch(() => undefined);
    await unsubscribe?.();
  }

  #deliver(message: Message, except?: WebSocket): number {
    let count = 0;
    for (const member of this.#members) {
      if (member !== except && internals.write(member, message)) count++;
    }
    return count;
  }

  #subscribe(bus: Bus): void {
    const subscribe = async () => bus.subscribe(this.#topic, (bytes) => this.#receive(bytes));
    this.#subscription = subscribe();
    this.#subscription.catch((error) => this.#logger.error(`could not subscribe to ${this.#topic}`, error));
  }

  #publish(bus: Bus, message: Message): void {
    const kind = Buffer.from([message.opcode]);
    const fail = (error: unknown) =>
      this.#logger.warn(`a message to ${this.#topic} was not published`, error);
    try {
      const result = bus.publish(this.#topic, Buffer.concat([this.#sender, kind, message.payload]));
      if (isThenable(result)) result.then(undefined, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Our own messages were delivered when they were written; what is no group's is passed over. */
  #receive(bytes: Buffer): void {
    const opcode = bytes[SENDER_BYTES];
    if (opcode !== TEXT && opcode !== BINARY) return;
    if (this.#sender.equals(bytes.subarray(0, SENDER_BYTES))) return;
    const payload = bytes.subarray(SENDER_BYTES + 1);
    this.#deliver(new Message(opcode === TEXT ? payload.toString() : payload));
  }
}

function isBus(bus: Partial<Bus> | null): boolean {
  return typeof bus?.publish === 'function' && typeof bus.subscribe === 'function';
}
