/**
 * A transport behind a proxy: reads the PROXY header that comes first, tells its owner of the connection only then,
 * and shows the addresses that the header has. Everything else is the inner transport's. It trusts whoever sends: the
 * server wraps the connections of trusted proxies and no others, since a client could claim any address (§2).
 */
import { ByteWindow, NEED_MORE } from '../byte-window.js';
import { protocolError } from '../errors.js';
import type { TlsHandshake } from '../tls/tls-handshake.js';
import type { TlsSession } from '../tls/tls-options.js';
import type { StreamAddress, Transport, TransportSink } from '../transport.js';
import { type ProxyHeader, parseProxyHeader } from './proxy-header.js';

/**
 * Wraps an accepted, unopened transport. A bad header, or an end before it is complete, resets the connection;
 * `onClose` then has the ProtocolError (`ENGINE_PROXY_HEADER`). Waiting has no end here: the owner aborts.
 */
export class ProxiedTransport implements Transport, TransportSink {
  readonly #inner: Transport;
  #sink: TransportSink | null = null;
  #header: ProxyHeader | null = null;
  /** What has been read and not been handed on; null once chunks are handed on as they come. */
  #unread: ByteWindow | null = new ByteWindow();
  #isPaused = false;
  /** The peer has ended, and bytes are still to be handed on before that is told. */
  #owesEnd = false;
  /** Aborted or closed: only `onClose` may follow. */
  #isOver = false;
  #failure: Error | null = null;

  constructor(inner: Transport) {
    this.#inner = inner;
  }

  /** The client's address. Null until the header is there: until then it is not known. */
  get remoteAddress(): StreamAddress | null {
    if (this.#header === null && !this.#isOver) return null;
    return this.#header?.remote ?? this.#inner.remoteAddress;
  }
  /** Where the client connected to. Null until the header is there. */
  get localAddress(): StreamAddress | null {
    if (this.#header === null && !this.#isOver) return null;
    return this.#header?.local ?? this.#inner.localAddress;
  }
  get pendingBytes(): number {
    return this.#inner.pendingBytes;
  }
  get tls(): TlsSession | null {
    return this.#inner.tls;
  }

  open(sink: TransportSink): void {
    this.#sink = sink;
    this.#inner.open(this);
  }

  write(data: string | Uint8Array): void {
    this.#inner.write(data);
  }
  cork(): void {
    this.#inner.cork();
  }
  uncork(): void {
    this.#inner.uncork();
  }

  /** What came behind the header and was not handed on yet is the beginning of the handshake. */
  startTls(handshake: TlsHandshake, leftover: Buffer): void {
    const unread = this.#unread?.takeAll();
    this.#unread = null;
    this.#inner.startTls(handshake, unread === undefined ? leftover : Buffer.concat([leftover, unread]));
  }

  /** The header is read all the same: without it there would be no `onOpen`. */
  pause(): void {
    this.#isPaused = true;
    if (this.#header !== null) this.#inner.pause();
  }
  resume(): void {
    this.#isPaused = false;
    if (this.#header === null) return;
    if (this.#unread === null) this.#inner.resume();
    // Like any chunk, what is kept comes in a turn of its own, and before newer ones.
    else queueMicrotask(() => this.#goOn());
  }

  end(): void {
    this.#inner.end();
  }
  abort(isFailure = false): void {
    this.#isOver = true;
    this.#inner.abort(isFailure);
  }
  ref(): void {
    this.#inner.ref();
  }
  unref(): void {
    this.#inner.unref();
  }

  // What the inner transport says -----------------------------------------------------------------------------

  /** Not told yet: a connection begins with its header. */
  onOpen(): void {}

  onChunk(chunk: Buffer): void {
    const unread = this.#unread;
    if (unread === null) {
      this.#sink?.onChunk(chunk);
      return;
    }
    if (this.#isOver) return;
    unread.push(chunk);
    if (this.#header === null) this.#readHeader(unread);
    this.#unread?.retain();
  }

  onDrain(): void {
    if (this.#header !== null) this.#sink?.onDrain();
  }

  onSecure(): void {
    this.#sink?.onSecure();
  }

  onEnd(): void {
    if (this.#unread === null) this.#sink?.onEnd();
    else if (this.#header !== null) this.#owesEnd = true;
    else if (!this.#isOver) this.#refuse(protocolError('ENGINE_PROXY_HEADER', 'ended early'));
  }

  onClose(error: Error | null): void {
    this.#isOver = true;
    this.#sink?.onClose(this.#failure ?? error);
  }

  #readHeader(unread: ByteWindow): void {
    try {
      const header = parseProxyHeader(unread.bytes.subarray(unread.start, unread.end));
      if (header === NEED_MORE) return;
      unread.start += header.length;
      this.#header = header;
    } catch (error) {
      this.#refuse(error as Error);
      return;
    }
    if (this.#isPaused) this.#inner.pause();
    this.#sink?.onOpen();
    this.#handOn();
  }

  #refuse(failure: Error): void {
    this.#failure = failure;
    this.abort(true);
  }

  /** Hands on what is kept; from then on chunks pass as they come. */
  #handOn(): void {
    const unread = this.#unread;
    if (unread === null || this.#isPaused || this.#isOver) return;
    this.#unread = null;
    const rest = unread.bytes.subarray(unread.start, unread.end);
    if (rest.length > 0) this.#sink?.onChunk(rest);
    if (this.#owesEnd) this.#sink?.onEnd();
  }

  #goOn(): void {
    this.#handOn();
    if (!this.#isPaused) this.#inner.resume();
  }
}
