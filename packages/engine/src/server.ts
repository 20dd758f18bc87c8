/** Server: accepts connections and makes a Stream of each. */
import { type Address, parseAddress } from './address.js';
import { Channel } from './channel.js';
import type { DependencyContainer } from './container.js';
import type { Engine } from './engine.js';
import { type InseamError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireOptions } from './options.js';
import { partsOf } from './parts.js';
import { Stream, type StreamOptions } from './stream.js';
import type { StreamAddress, Transport } from './transport.js';
import { SocketListener } from './transports/socket-listener.js';

/** What a Server makes of a connection: `Stream` or a subclass of it. */
export type ConnectionClass<S extends Stream = Stream> = new (options: StreamOptions) => S;

export interface ServerOptions<S extends Stream = Stream> {
  /** The class of the connections. Default: `Stream`, which ignores what it reads. */
  ConnectionClass?: ConnectionClass<S> | undefined;
  /** The engine that counts the server and its connections. Default: the process's own. */
  engine?: Engine | undefined;
  /** Where the parts come from: a child of the project's container replaces some for this server only. */
  container?: DependencyContainer | undefined;
  /** Connections served at once; further ones wait, unread. Default 65,536. */
  maxConnections?: number | undefined;
}

export interface ListenOptions {
  /** Connections that may wait to be accepted. Default 1024. */
  backlog?: number | undefined;
}

export class Server<S extends Stream = Stream> extends Channel {
  readonly ConnectionClass: ConnectionClass<S>;
  readonly maxConnections: number;
  readonly #channels = new Set<S>();
  /** Accepted above the limit: unread until a place is free. */
  #waiting: Transport[] = [];
  #listener: SocketListener | null = null;
  #state: 'idle' | 'listening' | 'closed' = 'idle';
  #backlog: number = ENGINE_LIMITS.backlog;

  constructor(options: ServerOptions<S> = {}) {
    requireOptions(options, ['ConnectionClass', 'engine', 'container', 'maxConnections']);
    const { engine, logger } = partsOf({ engine: options.engine, container: options.container });
    super(engine, logger);
    this.ConnectionClass =
      options.ConnectionClass ?? (Stream as ConnectionClass<Stream> as ConnectionClass<S>);
    this.maxConnections = options.maxConnections ?? ENGINE_LIMITS.maxConnections;
    if (!(Number.isInteger(this.maxConnections) && this.maxConnections > 0)) {
      throw usageError('ENGINE_OPTION', `maxConnections: ${this.maxConnections}`);
    }
    if (typeof this.ConnectionClass !== 'function') throw usageError('ENGINE_CONNECTION_CLASS');
  }

  /** The open connections. */
  get channels(): ReadonlySet<S> {
    return this.#channels;
  }

  get listening(): boolean {
    return this.#state === 'listening';
  }

  /** Where the server listens, with the port that the system chose for port 0; null when it does not listen. */
  get localAddress(): StreamAddress | null {
    return this.#listener?.address ?? null;
  }

  /** The TCP port, with what the system chose for port 0; null when the server does not listen on one. */
  get port(): number | null {
    const address = this.localAddress;
    return address !== null && 'port' in address ? address.port : null;
  }

  /** The server listens. */
  onListen(): unknown {
    return undefined;
  }

  /** A connection has come; answer false to refuse it. */
  onAccept(_transport: Transport): boolean {
    return true;
  }

  /**
   * Listens on `address` and resolves to the server. Rejects with UsageError for a bad address or a second call,
   * with TransportError (`ENGINE_LISTEN_FAILED`, the system's error as its cause) where that is not to be had.
   */
  async listen(address: Address, options: ListenOptions = {}): Promise<this> {
    const parsed = parseAddress(address);
    const backlog = checkBacklog(options);
    if (this.#state !== 'idle') throw usageError('ENGINE_SERVER_IN_USE');
    this.#state = 'listening';
    this.#backlog = backlog;
    this.engine.addChannel(this);
    try {
      const listener = await SocketListener.listen(parsed, backlog, {
        onTransport: (transport) => this.accept(transport),
        onError: (error) => this.logger.warn('a connection could not be accepted', error),
      });
      // close() may have come meanwhile.
      if (!this.listening) listener.close();
      else this.#listener = listener;
    } catch (error) {
      this.#state = 'idle';
      this.engine.removeChannel(this);
      throw transportError('ENGINE_LISTEN_FAILED', error as Error);
    }
    if (this.listening) this.notify('onListen', () => this.onListen());
    return this;
  }

  /** Takes a connection as if it had been accepted: how tests and other listeners bring their own. */
  accept(transport: Transport): S | null {
    if (this.#channels.size < this.maxConnections && this.#state !== 'closed')
      return this.#connect(transport);
    if (this.#waiting.length < this.#backlog && this.#state !== 'closed') this.#waiting.push(transport);
    else transport.abort();
    return null;
  }

  /** Stops listening. Open connections stay; the engine's `stop()` closes them too. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    const wasListening = this.#state === 'listening';
    this.#state = 'closed';
    for (const transport of this.#waiting) transport.abort();
    this.#waiting = [];
    this.#listener?.close();
    if (!wasListening) return;
    this.notify('onClose', () => this.onClose(null));
    this.engine.removeChannel(this);
  }

  /** Stops listening and closes every connection at once. */
  abort(reason?: InseamError): void {
    this.close();
    for (const stream of [...this.#channels]) stream.abort(reason);
  }

  /** Whether listening holds the process; it does at first. */
  ref(): void {
    this.#listener?.ref();
  }
  unref(): void {
    this.#listener?.unref();
  }

  /** For streams: `stream` is closed, and its place is free. */
  forget(stream: Stream): void {
    this.#channels.delete(stream as S);
    while (this.#channels.size < this.maxConnections) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#connect(next);
    }
  }

  #connect(transport: Transport): S | null {
    const stream = this.#makeStream(transport);
    if (stream === null) {
      transport.abort();
      return null;
    }
    this.#channels.add(stream);
    stream.attach(transport);
    return stream;
  }

  /** Both the question and the constructor are user code: neither may stop the server. */
  #makeStream(transport: Transport): S | null {
    try {
      if (!this.onAccept(transport)) return null;
      const stream = new this.ConnectionClass({ engine: this.engine, server: this as unknown as Server });
      // A stream that does not know its server would never give its place back.
      if (stream instanceof Stream && stream.server === (this as unknown)) return stream;
      throw usageError('ENGINE_CONNECTION_CLASS');
    } catch (error) {
      this.reportThrow('accept', error);
      return null;
    }
  }
}

function checkBacklog(options: ListenOptions): number {
  requireOptions(options, ['backlog']);
  const { backlog = ENGINE_LIMITS.backlog } = options;
  if (Number.isInteger(backlog) && backlog > 0) return backlog;
  throw usageError('ENGINE_OPTION', `backlog: ${backlog}`);
}
