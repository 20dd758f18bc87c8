/** Server: accepts connections and makes a Stream of each. */
import { isIP } from 'node:net';
import { type ListenAddress, type ParsedListenAddress, parseListenAddress } from './address.js';
import { Channel, isThenable } from './channel.js';
import type { DependencyContainer } from './container.js';
import { diagnostics } from './diagnostics.js';
import type { Engine } from './engine.js';
import { type InseamError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireCount, requireMilliseconds, requireOptions } from './options.js';
import { partsOf } from './parts.js';
import { ProxiedTransport } from './proxy/proxied-transport.js';
import { TrustedAddresses } from './proxy/trusted-addresses.js';
import { Stream, type StreamOptions } from './stream.js';
import { acceptorOf } from './tls/tls-acceptor.js';
import type { TlsServerOptions } from './tls/tls-options.js';
import type { StreamAddress, Transport } from './transport.js';
import {
  type ListenerOptions,
  type ListenerSink,
  listenOnHosts,
  SocketListener,
} from './transports/socket-listener.js';

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
  /** How long a PROXY header and a TLS handshake may take before `onConnect`. Default 30,000; Infinity for no limit. */
  connectTimeoutMs?: number | undefined;
  /**
   * The proxies that say whose connection it is by a PROXY protocol header, version 1 or 2: addresses, CIDR ranges,
   * 'loopback', 'linklocal', 'uniquelocal', 'unix'. A header is demanded from them, and read from nobody else.
   * Default: none.
   */
  proxyProtocol?: readonly string[] | undefined;
}

export interface ListenOptions {
  /** Connections that may wait to be accepted. Default 1024. */
  backlog?: number | undefined;
  /** The permissions of a Unix socket's file, as 0o660. Default: what the umask leaves. */
  mode?: number | undefined;
  /** Whether every IPv6 address ('::') leaves out the IPv4 ones. Default false. */
  ipv6Only?: boolean | undefined;
}

const OPTIONS = [
  'ConnectionClass',
  'engine',
  'container',
  'maxConnections',
  'connectTimeoutMs',
  'proxyProtocol',
];

export class Server<S extends Stream = Stream> extends Channel {
  readonly ConnectionClass: ConnectionClass<S>;
  readonly maxConnections: number;
  readonly connectTimeoutMs: number;
  readonly #channels = new Set<S>();
  /** Accepted above the limit: unread until a place is free. */
  #waiting: Transport[] = [];
  /** One, or one for each address of a host name. */
  #listeners: SocketListener[] = [];
  #state: 'idle' | 'listening' | 'closed' = 'idle';
  #backlog: number = ENGINE_LIMITS.backlog;
  readonly #proxies: TrustedAddresses | null;
  #tls: TlsServerOptions | null = null;
  #isHeldByProcess = true;

  constructor(options: ServerOptions<S> = {}) {
    requireOptions(options, OPTIONS);
    const { engine, logger } = partsOf({ engine: options.engine, container: options.container });
    super(engine, logger);
    const { maxConnections, connectTimeoutMs, proxyProtocol } = options;
    this.ConnectionClass =
      options.ConnectionClass ?? (Stream as ConnectionClass<Stream> as ConnectionClass<S>);
    const { prototype } = this.ConnectionClass as { prototype?: unknown };
    if (!(prototype === Stream.prototype || prototype instanceof Stream))
      throw usageError('ENGINE_CONNECTION_CLASS');
    this.maxConnections = requireCount('maxConnections', maxConnections ?? ENGINE_LIMITS.maxConnections);
    this.connectTimeoutMs = requireMilliseconds(
      'connectTimeoutMs',
      connectTimeoutMs ?? ENGINE_LIMITS.connectTimeoutMs,
    );
    this.#proxies = proxyProtocol === undefined ? null : new TrustedAddresses(proxyProtocol);
  }

  /** The open connections. */
  get channels(): ReadonlySet<S> {
    return this.#channels;
  }

  get listening(): boolean {
    return this.#state === 'listening';
  }

  /** Whether connections that come now speak TLS. */
  get tlsEnabled(): boolean {
    return this.#tls !== null;
  }

  /**
   * Where the server listens, with the port that the system chose for port 0; null when it does not listen. Of
   * several addresses, the first.
   */
  get localAddress(): StreamAddress | null {
    return this.#listeners[0]?.address ?? null;
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

  /** A connection has come; answer false to refuse it. Its `remoteAddress` is the system's, not a PROXY header's. */
  onAccept(_transport: Transport): boolean {
    return true;
  }

  /**
   * Speaks TLS on every connection that comes from now on: `onConnect` waits for the handshake. Called again, before
   * or while the server listens, it sets new certificates; connections that stand keep theirs. Throws UsageError for
   * options that cannot work.
   */
  startTls(options: TlsServerOptions): this {
    acceptorOf(options);
    this.#tls = options;
    return this;
  }

  /**
   * Listens on `address` and resolves to the server: a port on every address of both families, a host name on each of
   * its addresses, a path, where a leftover file that nobody answers on is replaced. Rejects with UsageError for a
   * bad address or a second call, with TransportError (`ENGINE_LISTEN_FAILED`, the system's error as its cause) where
   * that is not to be had.
   */
  async listen(address: ListenAddress, options: ListenOptions = {}): Promise<this> {
    const parsed = parseListenAddress(address);
    const checked = checkOptions(options);
    if (this.#state !== 'idle') throw usageError('ENGINE_SERVER_IN_USE');
    this.#state = 'listening';
    this.#backlog = checked.backlog;
    this.engine.addChannel(this);
    try {
      const listeners = await this.#listenOnAll(parsed, checked);
      // close() may have come meanwhile.
      if (this.listening) this.#listeners = listeners;
      else for (const listener of listeners) listener.close();
      if (!this.#isHeldByProcess) this.unref();
    } catch (error) {
      if (this.listening) {
        this.#state = 'idle';
        this.engine.removeChannel(this, null);
      }
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
    for (const listener of this.#listeners) listener.close();
    this.#listeners = [];
    if (!wasListening) return;
    this.notify('onClose', () => this.onClose(null));
    this.engine.removeChannel(this, null);
  }

  /** Stops listening and closes every connection at once. */
  abort(reason?: InseamError): void {
    this.close();
    for (const stream of [...this.#channels]) stream.abort(reason);
  }

  /** Whether listening holds the process; it does at first. */
  ref(): void {
    this.#isHeldByProcess = true;
    for (const listener of this.#listeners) listener.ref();
  }
  unref(): void {
    this.#isHeldByProcess = false;
    for (const listener of this.#listeners) listener.unref();
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

  /** The question and the constructor are user code: neither may stop the server, or keep a place for nobody. */
  #connect(transport: Transport): S | null {
    let stream: S | null = null;
    try {
      const isWelcome = this.onAccept(transport);
      if (isThenable(isWelcome)) {
        this.observeResult('onAccept', isWelcome);
        throw usageError('ENGINE_OPTION', 'onAccept has to answer at once');
      }
      if (isWelcome) {
        stream = this.#makeStream();
        this.#open(stream, transport);
        return stream;
      }
    } catch (error) {
      if (stream !== null) this.#channels.delete(stream);
      this.reportThrow('accept', error);
    }
    transport.abort();
    return null;
  }

  #makeStream(): S {
    const stream = new this.ConnectionClass({ engine: this.engine, server: this as unknown as Server });
    // A stream that does not know its server would never give its place back.
    if (stream instanceof Stream && stream.server === (this as unknown)) return stream;
    throw usageError('ENGINE_CONNECTION_CLASS');
  }

  #open(stream: S, transport: Transport): void {
    if (this.#tls !== null) stream.startTls(this.#tls);
    const isProxied = this.#proxies?.includes(transport.remoteAddress) ?? false;
    this.#channels.add(stream);
    this.engine.counters.accepted++;
    if (diagnostics.accept.hasSubscribers) diagnostics.accept.publish({ stream, server: this });
    stream.attach(isProxied ? new ProxiedTransport(transport) : transport);
  }

  async #listenOnAll(address: ParsedListenAddress, options: ListenerOptions): Promise<SocketListener[]> {
    const sink: ListenerSink = {
      onTransport: (transport) => this.accept(transport),
      onError: (error) => this.logger.warn('a connection could not be accepted', error),
    };
    if (!('host' in address) || address.host === null || isIP(address.host) !== 0) {
      return [await SocketListener.listen(address, options, sink)];
    }
    const resolved = await this.engine.dialParts.resolver.resolve(address.host);
    const hosts = new Set(resolved.map((one) => one.address));
    return listenOnHosts([...hosts], address.port, options, sink);
  }
}

function checkOptions(options: ListenOptions): ListenerOptions {
  requireOptions(options, ['backlog', 'mode', 'ipv6Only']);
  const { backlog = ENGINE_LIMITS.backlog, mode = null, ipv6Only = false } = options;
  if (mode !== null && !(Number.isInteger(mode) && mode >= 0 && mode <= 0o777)) {
    throw usageError('ENGINE_OPTION', `mode: ${mode}`);
  }
  if (typeof ipv6Only !== 'boolean') throw usageError('ENGINE_OPTION', `ipv6Only: ${ipv6Only}`);
  return { backlog: requireCount('backlog', backlog), mode, ipv6Only };
}
