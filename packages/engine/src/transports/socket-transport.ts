/**
 * TCP and Unix sockets, through Node's net.Socket.
 *
 * An accepted connection is read into one buffer that all sockets share, as net.Socket's `onread` option does for
 * dialled ones. Node has no public way to ask for that on an accepted socket, so its handle is moved into a new
 * Socket; where a handle cannot be read that way, the socket is used as it is. Measured with 64 keep-alive
 * connections on Node 20: 7.7 µs of CPU per 45-byte request and fixed answer without, 6.4 µs with it. That, and TLS,
 * which goes on over the same socket, make the file longer than 300 lines.
 */
import { isIP, Socket, type SocketConstructorOpts } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type HostAddress, mappedIPv4, type ParsedAddress } from '../address.js';
import type { Resolver } from '../resolver.js';
import { sessionOf, type TlsHandshake } from '../tls/tls-handshake.js';
import type { TlsSession } from '../tls/tls-options.js';
import type { StreamAddress, Transport, TransportSink } from '../transport.js';
import { type RaceOptions, raceToHost } from './happy-eyeballs.js';

/** The longest chunk. Handled and forgotten before the next read of any socket, so one serves them all. */
const sharedChunk = Buffer.allocUnsafeSlow(65_536);

/** The undocumented part of net.Socket that is moved; see above. */
interface SocketWithHandle {
  _handle: { useUserBuffer?: unknown } | null;
}

/** Whose socket it is: listeners that all sockets share find their transport by it. */
const TRANSPORT: unique symbol = Symbol('transport');

interface OwnedSocket extends Socket {
  [TRANSPORT]?: SocketTransport;
}

/** What dialling needs from the engine: who knows the addresses of a name, and who tells the time. */
export interface DialParts {
  readonly resolver: Resolver;
  readonly delay: RaceOptions['delay'];
}

export class SocketTransport implements Transport {
  /** Null until one of a name's addresses has answered. */
  #socket: Socket | null = null;
  /** Beneath TLS. */
  #rawSocket: Socket | null = null;
  /** Gives up what `#socket` is to come from. */
  #cancelDialling: (() => void) | null = null;
  #sink: TransportSink | null = null;
  #error: Error | null = null;
  #isPaused = false;
  #isAborted = false;
  /** During a handshake, which does the reading itself. */
  #isSecuring = false;
  #isHeldByProcess = true;
  #remote: StreamAddress | null = null;
  #local: StreamAddress | null = null;
  #tls: TlsSession | null = null;
  #written: (() => void) | null = null;
  readonly #path: string | null;

  private constructor(path: string | null) {
    this.#path = path;
  }

  /**
   * A connection that a paused `net.Server` has accepted; `path` is the server's, for a Unix socket. Null for one that
   * the peer has reset already: its bytes may still be there to read, but no longer whom they are from.
   */
  static accepted(socket: Socket, path: string | null): SocketTransport | null {
    const remote = addressOf(path, socket.remoteAddress, socket.remotePort, socket.remoteFamily);
    if (remote === null) {
      socket.destroy();
      return null;
    }
    const transport = new SocketTransport(path);
    transport.#remote = remote;
    const handle = (socket as unknown as SocketWithHandle)._handle;
    if (typeof handle?.useUserBuffer !== 'function') {
      transport.#socket = socket.on('data', (chunk) => transport.#sink?.onChunk(chunk)).pause();
      return transport;
    }
    (socket as unknown as SocketWithHandle)._handle = null;
    socket.destroy();
    const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: transport.#onread() };
    transport.#socket = new Socket(options);
    return transport;
  }

  /** A connection to `address`, being made: `onOpen` or `onClose` will tell. */
  static dial(address: ParsedAddress, parts: DialParts): SocketTransport {
    const transport = new SocketTransport('path' in address ? address.path : null);
    if ('path' in address) transport.#socket = transport.#unconnected().connect(address.path);
    else transport.#dial(address, parts);
    return transport;
  }

  get remoteAddress(): StreamAddress | null {
    return this.#remote;
  }

  get localAddress(): StreamAddress | null {
    if (this.#local === null && this.#socket !== null) {
      const { localAddress, localPort, localFamily } = this.#socket;
      this.#local = addressOf(this.#path, localAddress, localPort, localFamily);
    }
    return this.#local;
  }

  get pendingBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  get tls(): TlsSession | null {
    return this.#tls;
  }

  open(sink: TransportSink): void {
    this.#sink = sink;
    const socket = this.#socket;
    if (socket === null) return;
    this.#listen(socket);
    if (socket.connecting) socket.once('connect', () => this.#connected());
    else this.#connected();
  }

  write(data: string | Uint8Array): void {
    if (typeof data === 'string') this.#socket?.write(data, 'latin1', this.#onWritten);
    else this.#socket?.write(data, this.#onWritten);
  }

  cork(): void {
    this.#socket?.cork();
  }

  uncork(): void {
    this.#socket?.uncork();
  }

  startTls(handshake: TlsHandshake, leftover: Buffer): void {
    const raw = this.#socket;
    if (raw === null) return;
    this.localAddress;
    this.#isSecuring = true;
    raw.off('end', SocketTransport.#onEnd).pause();
    if (leftover.length > 0) raw.unshift(leftover);
    handshake(raw, (error, secure) => {
      if (!this.#isSecuring) return;
      if (secure !== null && !this.#isAborted) {
        this.#goOnIn(secure, raw);
        return;
      }
      this.#error ??= error;
      secure?.destroy();
      raw.destroy();
    });
  }

  pause(): void {
    this.#isPaused = true;
    if (!this.#isSecuring) this.#socket?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (!this.#isSecuring) this.#socket?.resume();
  }

  end(): void {
    this.localAddress;
    this.#socket?.end();
  }

  abort(isFailure = false): void {
    this.#isAborted = true;
    this.localAddress;
    if (this.#socket === null) {
      this.#cancelDialling?.();
      process.nextTick(() => this.#closed());
      return;
    }
    // A reset of what is not connected would wait for it.
    if (!isFailure || this.#path !== null || this.#socket.connecting) this.#socket.destroy();
    else (this.#rawSocket ?? this.#socket).resetAndDestroy();
  }

  ref(): void {
    this.#isHeldByProcess = true;
    this.#socket?.ref();
  }

  unref(): void {
    this.#isHeldByProcess = false;
    this.#socket?.unref();
  }

  /** A literal is dialled at once; the addresses of a name race. */
  #dial({ host, port }: HostAddress, { resolver, delay }: DialParts): void {
    const name = host ?? 'localhost';
    if (isIP(name) !== 0) {
      const target = { host: name, port, autoSelectFamily: false };
      this.#socket = this.#unconnected().setNoDelay().connect(target);
      return;
    }
    const makeSocket = () => {
      const socket = this.#unconnected().setNoDelay();
      return this.#isHeldByProcess ? socket : socket.unref();
    };
    const race = raceToHost(name, port, { resolver, makeSocket, delay }, (error, socket) => {
      this.#cancelDialling = null;
      this.#error = error;
      this.#socket = socket;
      if (socket === null) this.#closed();
      else this.#start(socket);
    });
    this.#cancelDialling = () => race.cancel();
  }

  /** The race is won. */
  #start(socket: Socket): void {
    // It was made as things were then.
    if (this.#isHeldByProcess) socket.ref();
    else socket.unref();
    if (this.#isPaused) socket.pause();
    this.#listen(socket);
    this.#connected();
  }

  #unconnected(): Socket {
    // The types know `onread` in `net.connect` only; the constructor is where both ways meet.
    const options = { allowHalfOpen: true, onread: this.#onread() };
    return new Socket(options as SocketConstructorOpts);
  }

  #onread() {
    return {
      buffer: sharedChunk,
      callback: (length: number, chunk: Uint8Array): boolean => {
        this.#sink?.onChunk((chunk as Buffer).subarray(0, length));
        return !this.#isPaused;
      },
    };
  }

  #listen(socket: OwnedSocket): void {
    socket[TRANSPORT] = this;
    socket.on('error', SocketTransport.#onError);
    socket.on('end', SocketTransport.#onEnd);
    socket.on('close', SocketTransport.#onClose);
  }

  /** The handshake has succeeded: everything goes through `secure` now. */
  #goOnIn(secure: TLSSocket, raw: Socket): void {
    raw.off('close', SocketTransport.#onClose);
    this.#isSecuring = false;
    this.#rawSocket = raw;
    this.#socket = secure;
    this.#tls = sessionOf(secure);
    this.#listen(secure);
    if (!this.#isHeldByProcess) secure.unref();
    secure.pause().on('data', (chunk) => this.#sink?.onChunk(chunk));
    this.#sink?.onSecure();
    if (!this.#isPaused) secure.resume();
  }

  #connected(): void {
    const socket = this.#socket;
    if (socket === null) return;
    const { remoteAddress, remotePort, remoteFamily } = socket;
    this.#remote ??= addressOf(this.#path, remoteAddress, remotePort, remoteFamily);
    this.#sink?.onOpen();
    if (!this.#isPaused && !this.#isSecuring) socket.resume();
  }

  #closed(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.onClose(this.#isAborted ? null : this.#error);
  }

  /** Made by the first write: many connections never see one. */
  get #onWritten(): () => void {
    this.#written ??= () => {
      const socket = this.#socket;
      if (socket !== null && socket.writableLength === 0 && !socket.destroyed) this.#sink?.onDrain();
    };
    return this.#written;
  }

  // One set of listeners for all sockets: five closures each would be a third of a kilobyte more.

  static readonly #onError = function (this: OwnedSocket, error: Error): void {
    const transport = this[TRANSPORT];
    if (transport === undefined) return;
    transport.#error ??= error;
    // Node leaves a TLS socket open whose peer sends what cannot be decrypted.
    transport.#rawSocket?.destroy();
  };

  static readonly #onEnd = function (this: OwnedSocket): void {
    const transport = this[TRANSPORT];
    if (transport !== undefined) transport.#sink?.onEnd();
  };

  static readonly #onClose = function (this: OwnedSocket): void {
    const transport = this[TRANSPORT];
    if (transport === undefined) return;
    // Why a handshake failed is told after its socket has closed.
    if (transport.#isSecuring) setImmediate(() => transport.#closed());
    else transport.#closed();
  };
}

function addressOf(
  path: string | null,
  host: string | undefined,
  port: number | undefined,
  family: string | undefined,
): StreamAddress | null {
  if (path !== null) return { path };
  if (host === undefined || port === undefined) return null;
  const mapped = mappedIPv4(host);
  if (mapped !== null) return { host: mapped, port, family: 4 };
  return { host, port, family: family === 'IPv6' ? 6 : 4 };
}
