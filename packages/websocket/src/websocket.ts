/**
 * WebSocket: the class that users subclass, on either side of a connection. This page is what they see; the work is done by
 * Session.
 */
import { Engine, type InseamError, type StreamAddress } from '@inseam/engine';
import { toDelimiter } from '@inseam/engine/pieces';
import type { HTTPHeaders, HTTPRequest } from '@inseam/http';
import { type ConnectOptions, connect } from './client/connect.js';
import { webSocketUsageError } from './errors.js';
import { LONGEST_REASON, maySend, NORMAL } from './protocol/close-code.js';
import { Message } from './protocol/message.js';
import { ENTIRE_MESSAGE, type MessageDelimiter } from './protocol/message-cutter.js';
import { type Opening, Session } from './session.js';

/** A class of WebSockets: WebSocket or a subclass whose constructor needs nothing. */
export type WebSocketClass<T extends WebSocket = WebSocket> = new () => T;

/** What a group wants to know of its members. */
interface Membership {
  /** It is closing: nothing can be written to it any more. */
  forget(socket: WebSocket): void;
}

/**
 * What this package needs of a WebSocket beside what users see. No methods: a subclass may well have a `join` or an `open` of its own.
 */
export interface Internals {
  /** For servers: `request` asks for `socket`, which may refuse. */
  ask(socket: WebSocket, request: HTTPRequest): void;
  /** The handshake is done: the session, which has to get the stream's events from now on. */
  open(socket: WebSocket, opening: Opening): Session;
  /** A message that others get, too; whether it was sent. */
  write(socket: WebSocket, message: Message): boolean;
  /** `group` is told when the socket closes. False where it does already; throws UsageError before `onConnect`. */
  join(socket: WebSocket, group: Membership): boolean;
  leave(socket: WebSocket, group: Membership): void;
}

export let internals: Internals;

export class WebSocket implements AsyncIterable<string | Buffer> {
  #session: Session | null = null;
  #request: HTTPRequest | null = null;
  #protocol = '';
  #extensions = '';
  #readDelimiter: MessageDelimiter = ENTIRE_MESSAGE;
  #hasClosed = false;
  #groups: Set<Membership> | null = null;

  /**
   * Connects to `url`: `ws:`, `wss:`, or `ws+unix:/path/of.sock:/target` for a Unix socket. Resolves when the WebSocket is open, after
   * `onConnect(...args)`; rejects with TransportError when there is no connection, WebSocketHandshakeError when the server does not
   * take it. Throws UsageError for a URL or option that cannot be.
   */
  static connect<T extends WebSocket>(
    this: WebSocketClass<T>,
    url: string | URL,
    options: ConnectOptions = {},
    ...args: unknown[]
  ): Promise<T> {
    const socket = new this();
    const open = (opening: Opening) => internals.open(socket, opening);
    return connect(open, url, options, args).then(() => socket);
  }

  // Handlers, each of which may be async -----------------------------------------------------------------------

  /**
   * A server's first: the request can be taken or refused. Entries of `headers` are added to the answer, cookies by
   * `request.cookiesOut`. What is false, as null and '' are, refuses with 403, but nothing (undefined) does not; an HTTPError that is
   * thrown, or an answer that is sent, refuses with anything else. By then the request is known to be a handshake, from an
   * origin that may.
   */
  onHandshake(_request: HTTPRequest, _headers: HTTPHeaders): unknown {
    return true;
  }
  /**
   * The WebSocket is open; `args` are those given to `webSocketHandler`, `upgrade` or `connect`. A promise of it is not waited for:
   * `onRead` may come meanwhile.
   */
  onConnect(..._args: unknown[]): unknown {
    return undefined;
  }
  /**
   * A message: text is a string, bytes are a Buffer, yours to keep. With a `readDelimiter`, a piece of what messages contain. While
   * a promise of it is pending, nothing more is read and the peer waits.
   */
  onRead(_message: unknown): unknown {
    return undefined;
  }
  /** Everything written has been handed to the system. */
  onWrite(): unknown {
    return undefined;
  }
  /** The answer to `ping()`: how long it took, in milliseconds; or to `ping(data)`, and to nothing: the data. */
  onPong(_rttMsOrData: number | Buffer): unknown {
    return undefined;
  }
  /**
   * The end, exactly once for each `onConnect`: code and reason of the peer's Close, 1005 for one without a code, 1006 where none came.
   * `error` says why it was no end in good order: what the peer did wrong, or what became of the connection.
   */
  onClose(_code: number, _reason: string, _error: InseamError | null): unknown {
    return undefined;
  }

  // State -------------------------------------------------------------------------------------------------------

  /** From `onConnect` until either side has said Close, or the connection is gone. */
  get connected(): boolean {
    return this.#session?.isOpen ?? false;
  }
  /** From `onClose` on. */
  get closed(): boolean {
    return this.#hasClosed;
  }
  /** The request that is the handshake, from `onHandshake` on. Throws UsageError on a client, and in a constructor. */
  get request(): HTTPRequest {
    if (this.#request === null) throw webSocketUsageError('WEBSOCKET_NO_REQUEST');
    return this.#request;
  }
  /** The subprotocol that was chosen, or ''. */
  get protocol(): string {
    return this.#protocol;
  }
  /** The extension that was agreed on, with its parameters, or ''. */
  get extensions(): string {
    return this.#extensions;
  }
  /** The peer's address; still there in `onClose`. Behind a proxy, `request.remoteIp` knows better. */
  get remoteAddress(): StreamAddress | null {
    return this.#session?.stream.remoteAddress ?? null;
  }
  get localAddress(): StreamAddress | null {
    return this.#session?.stream.localAddress ?? null;
  }
  /** The engine that counts the connection. */
  get engine(): Engine {
    return this.#session?.stream.engine ?? Engine.instance();
  }
  /** Bytes written that the system has not taken. */
  get bufferedAmount(): number {
    return this.#session?.bufferedAmount ?? 0;
  }
  /** Messages that were not sent because too much waited: see `slowReader`. */
  get dropped(): number {
    return this.#session?.dropped ?? 0;
  }

  /**
   * How messages are cut into `onRead` calls: ENTIRE_MESSAGE, at first, not at all; else what messages contain is one sequence, cut as a
   * Stream's input is. Text is cut as text. Read anew for every cut. Throws UsageError for a value that could not cut.
   */
  get readDelimiter(): MessageDelimiter {
    return this.#session?.readDelimiter ?? this.#readDelimiter;
  }
  set readDelimiter(delimiter: MessageDelimiter) {
    if (this.#session !== null) this.#session.readDelimiter = delimiter;
    else if (delimiter !== ENTIRE_MESSAGE) toDelimiter(delimiter);
    this.#readDelimiter = delimiter;
  }

  // Writing and reading -----------------------------------------------------------------------------------------

  /**
   * Sends a message, a string as text, bytes as binary; they must not change until they are sent. Answers false when so much waits
   * that it is better to hold back until `onWrite` or `drained()`, or when the peer has gone. Throws UsageError before
   * `onConnect` and after `close()` or `abort()`.
   */
  write(data: string | Uint8Array): boolean {
    return this.#opened().write(new Message(data));
  }

  /** Sends a ping of at most 125 bytes; without data, `onPong` gets the round-trip time. Throws UsageError as `write` does. */
  ping(data?: string | Uint8Array): void {
    const payload = data === undefined ? null : new Message(data).payload;
    if (payload !== null && payload.length > 125) throw webSocketUsageError('WEBSOCKET_PING');
    this.#opened().ping(payload);
  }

  /** Resolves when little enough waits to be sent, or the WebSocket is closed. */
  drained(): Promise<void> {
    return this.#opened().drained();
  }

  /** Holds `onRead` back, and with it the peer. */
  pause(): void {
    this.#opened().isPaused = true;
  }
  resume(): void {
    this.#opened().isPaused = false;
  }

  /**
   * The messages, or what `readDelimiter` makes of them, in place of `onRead`: `for await (const message of socket)`. The peer waits for a slow
   * loop. The loop ends with the WebSocket, and throws the error of an end that was not in good order. Leaving it early closes
   * the WebSocket. What has come before, while there was no `onRead`, is not lost: up to 64 KiB wait for it.
   */
  pieces<T = string | Buffer>(): AsyncIterableIterator<T, undefined> {
    return this.#opened().iterate() as AsyncIterableIterator<T, undefined>;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<string | Buffer, undefined> {
    return this.pieces();
  }

  // Closing -----------------------------------------------------------------------------------------------------

  /**
   * Closes in good order: what is written is sent, then Close with `code` and `reason`; `onClose` follows when the peer has answered, or has
   * not for `closeTimeoutMs`. What comes meanwhile is passed over. Throws UsageError for a code that no Close has. Idempotent.
   */
  close(code = NORMAL, reason = ''): void {
    if (!maySend(code)) throw webSocketUsageError('WEBSOCKET_CLOSE', `code ${code}`);
    if (typeof reason !== 'string' || Buffer.byteLength(reason) > LONGEST_REASON) {
      throw webSocketUsageError('WEBSOCKET_CLOSE', 'the reason is too long');
    }
    this.#opened().close(code, reason);
  }

  /** Closes at once, without a word: `onClose` gets 1006. Idempotent. */
  abort(): void {
    this.#opened().abort();
  }

  #opened(): Session {
    if (this.#session === null) throw webSocketUsageError('WEBSOCKET_NOT_CONNECTED');
    return this.#session;
  }

  static {
    internals = {
      ask(socket, request) {
        socket.#request = request;
      },
      open(socket, opening) {
        const inner = new WebSocket.#Inner(socket, opening);
        inner.session = new Session(inner, opening);
        inner.session.readDelimiter = socket.#readDelimiter;
        return inner.session;
      },
      write: (socket, message) => socket.#session?.writeShared(message) ?? false,
      join(socket, group) {
        if (!socket.#opened().isOpen) return false;
        socket.#groups ??= new Set();
        socket.#groups.add(group);
        return true;
      },
      leave: (socket, group) => void socket.#groups?.delete(group),
    };
  }

  static readonly #Inner = class {
    readonly #socket: WebSocket;
    readonly #opening: Opening;
    session: Session | null = null;

    constructor(socket: WebSocket, opening: Opening) {
      this.#socket = socket;
      this.#opening = opening;
    }
    get name(): string {
      return this.#socket.constructor.name;
    }
    get peer(): string {
      const { request } = this.#opening;
      const { remoteAddress } = this.#opening.stream;
      const host = remoteAddress !== null && 'host' in remoteAddress ? remoteAddress.host : '';
      if (request === null) return host || 'a local server';
      return `${request.remoteIp || 'a local client'} at ${request.path}`;
    }
    get isHeard(): boolean {
      return this.#socket.onRead !== WebSocket.prototype.onRead;
    }
    get isPlain(): boolean {
      return this.#socket.constructor === WebSocket;
    }
    /** Not before: a 101 that could not be sent leaves the connection to HTTP. */
    onConnect(args: unknown[]): unknown {
      const socket = this.#socket;
      socket.#session = this.session;
      socket.#request = this.#opening.request;
      socket.#protocol = this.#opening.protocol;
      socket.#extensions = this.#opening.extensions;
      return socket.onConnect(...args);
    }
    onRead(piece: unknown): unknown {
      return this.#socket.onRead(piece);
    }
    onWrite(): unknown {
      return this.#socket.onWrite();
    }
    onPong(pong: number | Buffer): unknown {
      return this.#socket.onPong(pong);
    }
    onLeaving(): void {
      const groups = this.#socket.#groups ?? [];
      this.#socket.#groups = null;
      for (const group of groups) group.forget(this.#socket);
    }
    onClose(code: number, reason: string, error: InseamError | null): unknown {
      this.#socket.#hasClosed = true;
      return this.#socket.onClose(code, reason, error);
    }
  };
}
