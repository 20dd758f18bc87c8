/** Streams that write down what becomes of TLS, and a server that remembers them. */
import {
  type Address,
  type InseamError,
  Server,
  type ServerOptions,
  type StreamOptions,
  type TlsClientOptions,
  type TlsServerOptions,
} from '@inseam/engine';
import { certificates } from './certificates.js';
import { EventLog } from './event-log.js';
import { RecordingStream } from './recording-stream.js';

/** Adds 'tls', 'tls error CODE' and 'error CODE' to what a RecordingStream writes down. */
export class TlsStream extends RecordingStream {
  /** What the last handler of errors was given, and what `onClose` was. */
  error: InseamError | null = null;
  reason: InseamError | null = null;
  readonly #pieces: string[] = [];
  #length = 0;
  #wake = () => {};

  constructor(options: StreamOptions = {}) {
    super(options);
    if (this.server instanceof RecordingServer) this.server.add(this);
  }

  override onTlsHandshake(): unknown {
    this.log.add('tls');
    return undefined;
  }
  override onTlsHandshakeError(error: InseamError): unknown {
    this.error = error;
    this.log.add(`tls error ${error.code}`);
    return undefined;
  }
  override onConnectError(error: InseamError): unknown {
    this.error = error;
    return super.onConnectError(error);
  }
  override onError(error: InseamError): void {
    this.error = error;
    this.log.add(`error ${error.code}`);
    this.abort(error);
  }
  override onClose(reason: InseamError | null): void {
    this.reason = reason;
    this.#wake();
    super.onClose(reason);
  }

  override onRead(data: Buffer): unknown {
    this.#pieces.push(data.toString('latin1'));
    this.#length += data.length;
    this.#wake();
    return super.onRead(data);
  }

  /** Everything read so far, one character a byte. */
  get heard(): string {
    return this.#pieces.join('');
  }

  /** Resolves to everything read, once that is so many bytes or the stream is closed. */
  async untilRead(bytes: number): Promise<string> {
    while (this.#length < bytes && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.heard;
  }

  /** What was logged, without what depends on how bytes were cut: 'read' and 'write'. */
  get story(): string[] {
    return this.log.events.filter((event) => !/^(read |write$)/.test(event));
  }
}

/** Keeps every connection it has made, in order. */
export class RecordingServer<S extends TlsStream = TlsStream> extends Server<S> {
  readonly accepted: S[] = [];
  readonly log = new EventLog();

  add(stream: TlsStream): void {
    this.accepted.push(stream as S);
    this.log.add(`accepted ${this.accepted.length}`);
  }

  /** The nth connection, from 1 on, once it has come. */
  async nth(n: number): Promise<S> {
    await this.log.until(`accepted ${n}`);
    return this.accepted[n - 1] as S;
  }
}

/** Listens on 127.0.0.1; in TLS unless `tls` is null. */
export function listen<S extends TlsStream = TlsStream>(
  tls: TlsServerOptions | null,
  options: ServerOptions<S>,
): Promise<RecordingServer<S>> {
  const server = new RecordingServer<S>({
    ...options,
    ConnectionClass: options.ConnectionClass ?? (TlsStream as unknown as new (options: StreamOptions) => S),
  });
  if (tls !== null) server.startTls(tls);
  return server.listen(['127.0.0.1', 0]);
}

/** Where `server` listens. */
export function addressOf(server: Server): Address {
  return ['127.0.0.1', server.port ?? 0];
}

/** What a server for localhost needs, and a client that trusts it. New objects each time. */
export function serverTls(more: TlsServerOptions = {}): TlsServerOptions {
  const { key, cert } = certificates().local;
  return { key, cert, ...more };
}
export function clientTls(more: TlsClientOptions = {}): TlsClientOptions {
  return { ca: certificates().ca.cert, ...more };
}
