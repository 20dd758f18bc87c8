/**
 * RedisBus: groups that span processes, by Redis's PUBLISH and SUBSCRIBE. At most once: what is published while Redis
 * is away is lost, not kept. It loads no Redis client: it is given one of `redis` (node-redis), which it takes
 * by its shape, and knows nothing of WebSockets.
 */
import { container, type DependencyContainer, Logger, requireCount, requireOptions } from '@inseam/engine';
import { webSocketTransportError, webSocketUsageError } from '../errors.js';
import type { Bus } from './bus.js';

/** What a RedisBus publishes by: `createClient(…)` of `redis` makes one. */
export interface RedisClient {
  readonly isReady: boolean;
  publish(channel: string, message: Buffer): Promise<unknown>;
  duplicate(): RedisSubscriber;
}

/** What a RedisBus hears by: a client that is subscribed can do little else. */
export interface RedisSubscriber {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'ready', listener: () => void): unknown;
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
}

export interface RedisBusOptions {
  /** Stands before each topic, which makes the name of its Redis channel. Default 'inseam:'. */
  prefix?: string | undefined;
  /**
   * Bytes that may wait for Redis before further messages are dropped; a message counts as its bytes and 4 KiB.
   * Default 64 MiB: 16,000 short messages at once.
   */
  maxPendingBytes?: number | undefined;
  /** Where the Logger is looked up. */
  container?: DependencyContainer | undefined;
}

const DEFAULT_PREFIX = 'inseam:';
const DEFAULT_MAX_PENDING_BYTES = 64 * 1024 * 1024;
/** What a command in node-redis's queue takes beside the message: 2 to 4 KiB, measured with releases 5 and 6. */
const COMMAND_BYTES = 4_096;

/** A topic that is heard, or is about to be; Redis knows of one subscription, however many listeners there are. */
interface Topic {
  readonly channel: string;
  readonly listeners: Set<{ hear(message: Buffer): void }>;
  /** Whether Redis has confirmed it. */
  isHeard: boolean;
  /** Settles after everything that Redis has been asked for: one command at a time, so that none overtakes another. */
  settled: Promise<void>;
}

export class RedisBus implements Bus {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #maxPendingBytes: number;
  readonly #logger: Logger;
  readonly #topics = new Map<string, Topic>();
  #subscriber: RedisSubscriber | null = null;
  #connected: Promise<unknown> | null = null;
  #isClosed = false;
  /** Those who wait until the subscriber is connected again, or for good without a connection. */
  #waiting: (() => void)[] = [];
  #isSubscriberLost = false;
  #pendingBytes = 0;
  #dropped = 0;

  /**
   * Publishes by `client`, which stays its maker's: connect it, listen to its 'error' event, close it. Throws UsageError for a
   * wrong option.
   */
  constructor(client: RedisClient, options: RedisBusOptions = {}) {
    requireOptions(options, ['prefix', 'maxPendingBytes', 'container']);
    const { prefix = DEFAULT_PREFIX, maxPendingBytes = DEFAULT_MAX_PENDING_BYTES } = options;
    if (typeof prefix !== 'string') throw webSocketUsageError('WEBSOCKET_OPTION', `prefix: ${prefix}`);
    this.#client = client;
    this.#prefix = prefix;
    this.#maxPendingBytes = requireCount('maxPendingBytes', maxPendingBytes);
    this.#logger = (options.container ?? container).resolve(Logger);
  }

  /**
   * Sends `message` to every process that hears `topic`, this one included. Never throws or waits: without Redis, or with
   * `maxPendingBytes` on their way, the message is dropped, and the Logger is told once. The bytes must not change any more.
   */
  publish(topic: string, message: Buffer): void {
    if (!this.#client.isReady) this.#drop('Redis is not connected');
    else if (this.#pendingBytes >= this.#maxPendingBytes) this.#drop('maxPendingBytes wait for Redis');
    else this.#send(this.#prefix + topic, message);
  }

  #send(channel: string, message: Buffer): void {
    const bytes = message.length + COMMAND_BYTES;
    this.#pendingBytes += bytes;
    this.#client.publish(channel, message).then(
      () => {
        this.#pendingBytes -= bytes;
        if (this.#pendingBytes === 0) this.#recover();
      },
      (error: unknown) => {
        this.#pendingBytes -= bytes;
        this.#drop(error);
      },
    );
  }

  #drop(reason: unknown): void {
    this.#dropped++;
    if (this.#dropped === 1) this.#logger.warn('messages to other processes are lost', reason);
  }

  #recover(): void {
    if (this.#dropped > 0) this.#logger.info(`Redis takes messages again: ${this.#dropped} were lost`);
    this.#dropped = 0;
  }

  /**
   * Calls `listener` with each message to `topic`, whoever published it, until the function that this resolves to is called.
   * Resolves when Redis has confirmed, however long it is away. Rejects with TransportError when the bus is closed or the
   * client has given up connecting, and with Redis's own error when it refuses.
   */
  async subscribe(topic: string, listener: (message: Buffer) => void): Promise<() => Promise<void>> {
    const subscriber = await this.#connect();
    const heard = this.#topic(this.#prefix + topic);
    const subscription = { hear: listener };
    heard.listeners.add(subscription);
    try {
      await this.#settle(heard, subscriber);
    } catch (error) {
      heard.listeners.delete(subscription);
      this.#forget(heard);
      throw error;
    }
    return async () => {
      heard.listeners.delete(subscription);
      await this.#settle(heard, subscriber).catch((error: unknown) => {
        if (this.#isAlive(subscriber)) this.#logger.warn(`Redis goes on sending ${heard.channel}`, error);
      });
    };
  }

  #topic(channel: string): Topic {
    let topic = this.#topics.get(channel);
    if (topic === undefined) {
      topic = { channel, listeners: new Set(), isHeard: false, settled: Promise.resolve() };
      this.#topics.set(channel, topic);
    }
    return topic;
  }

  /** After Redis does not send it. Not with a listener: of two topics for a channel, one that leaves makes the other deaf. */
  #forget(topic: Topic): void {
    if (topic.listeners.size === 0) this.#topics.delete(topic.channel);
  }

  /** Asks Redis for what the listeners of `topic` need, after what it was asked for before. */
  #settle(topic: Topic, subscriber: RedisSubscriber): Promise<void> {
    const settled = topic.settled.then(() =>
      topic.listeners.size > 0 ? this.#join(topic, subscriber) : this.#leave(topic, subscriber),
    );
    topic.settled = settled.catch(() => {});
    return settled;
  }

  async #join(topic: Topic, subscriber: RedisSubscriber): Promise<void> {
    if (topic.isHeard) return;
    const deliver = (message: Buffer) => this.#deliver(topic, message);
    await this.#insist(subscriber, () => subscriber.subscribe(topic.channel, deliver, true));
    topic.isHeard = true;
  }

  async #leave(topic: Topic, subscriber: RedisSubscriber): Promise<void> {
    if (!topic.isHeard) return;
    await this.#insist(subscriber, () => subscriber.unsubscribe(topic.channel));
    topic.isHeard = false;
    this.#forget(topic);
  }

  /** Gives a command until Redis has answered it: one that a lost connection took along is given again. */
  async #insist(subscriber: RedisSubscriber, command: () => Promise<unknown>): Promise<void> {
    for (;;) {
      // The client would queue it, but forgets in RESP2 what the answers to it mean when an attempt to connect fails.
      while (this.#isAlive(subscriber) && !subscriber.isReady) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      this.#requireAlive(subscriber);
      try {
        await command();
        return;
      } catch (error) {
        if (subscriber.isReady) throw error;
      }
    }
  }

  #isAlive(subscriber: RedisSubscriber): boolean {
    return !this.#isClosed && subscriber.isOpen;
  }

  #requireAlive(subscriber: RedisSubscriber): void {
    if (!this.#isAlive(subscriber)) throw webSocketTransportError('WEBSOCKET_BUS_CLOSED');
  }

  /** A listener's throw would reach the client's parser, which would lose its place. */
  #deliver(topic: Topic, message: Buffer): void {
    for (const { hear } of topic.listeners) {
      try {
        hear(message);
      } catch (error) {
        this.#logger.error(`a listener to ${topic.channel} threw`, error);
      }
    }
  }

  async #connect(): Promise<RedisSubscriber> {
    if (this.#isClosed) throw webSocketTransportError('WEBSOCKET_BUS_CLOSED');
    if (this.#subscriber === null) {
      const subscriber = this.#client.duplicate();
      // Without a listener an 'error' event ends the process.
      subscriber.on('error', (error) => this.#onError(subscriber, error));
      subscriber.on('ready', () => this.#onReady(subscriber));
      this.#subscriber = subscriber;
      this.#connected = subscriber.connect();
    }
    const subscriber = this.#subscriber;
    try {
      await this.#connected;
    } catch (cause) {
      this.#subscriber = null; // the next one to subscribe tries anew
      throw webSocketTransportError('WEBSOCKET_BUS_CLOSED', cause as Error);
    }
    this.#requireAlive(subscriber);
    return subscriber;
  }

  /** One line for each time that Redis goes away, though each attempt to reach it fails with an error of its own. */
  #onError(subscriber: RedisSubscriber, error: Error): void {
    if (this.#isClosed) this.#end(subscriber);
    else if (!subscriber.isOpen) {
      this.#logger.error('nothing more is heard from other processes: the Redis client has given up', error);
      this.#wake();
    } else if (!this.#isSubscriberLost) {
      this.#isSubscriberLost = true;
      this.#logger.warn('nothing is heard from other processes until Redis is back', error);
    }
  }

  #onReady(subscriber: RedisSubscriber): void {
    if (this.#isClosed) {
      this.#end(subscriber);
      return;
    }
    if (this.#isSubscriberLost) this.#logger.info('other processes are heard again');
    this.#isSubscriberLost = false;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #end(subscriber: RedisSubscriber): void {
    if (subscriber.isOpen) subscriber.destroy();
  }

  /**
   * Ends the connection that hears: no listener is called any more, and `subscribe` rejects. The client that was given, and
   * publishing by it, are left as they are. Idempotent.
   */
  close(): void {
    this.#isClosed = true;
    for (const { listeners } of this.#topics.values()) listeners.clear();
    // One that is connecting would lose sight of the connection that it gets: it is ended when that attempt has.
    if (this.#subscriber?.isReady) this.#end(this.#subscriber);
    this.#wake();
  }
}
