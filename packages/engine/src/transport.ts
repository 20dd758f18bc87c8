/**
 * Transport: the only door to the operating system. Streams and everything above them know this page and no
 * socket; whatever passes `transportContract` in `@inseam/engine/testing` can stand behind it.
 */

import type { TlsHandshake } from './tls/tls-handshake.js';
import type { TlsSession } from './tls/tls-options.js';

/** Where the other or this end of a connection is; null where there is no such address. */
export type StreamAddress =
  | { readonly host: string; readonly port: number; readonly family: 4 | 6 }
  | { readonly path: string };

/** What a transport tells its one owner. After `onClose` it says nothing more. */
export interface TransportSink {
  /** The connection stands. For an accepted one this is the first call, made during `open`. */
  onOpen(): void;
  /** Bytes have come. `chunk` is valid during this call only: copy what is to be kept. */
  onChunk(chunk: Buffer): void;
  /** Everything given to `write` has been handed to the system. */
  onDrain(): void;
  /** The handshake that `startTls` began has succeeded. */
  onSecure(): void;
  /** The peer has finished sending; it may still read. */
  onEnd(): void;
  /** All is over, exactly once; `error` is what ended it, null when both sides finished or we aborted. */
  onClose(error: Error | null): void;
}

export interface Transport {
  readonly remoteAddress: StreamAddress | null;
  readonly localAddress: StreamAddress | null;
  /** Bytes given to `write` that the system has not taken. */
  readonly pendingBytes: number;

  /** What TLS has agreed on, null without it. */
  readonly tls: TlsSession | null;

  /** Gives the transport its owner and lets bytes come. Called once. */
  open(sink: TransportSink): void;
  /**
   * Sends; a string has one byte per code unit (latin1). Always takes everything; `pendingBytes` says when to
   * hold back. The transport owns `data` until `onDrain`.
   */
  write(data: string | Uint8Array): void;
  /** Between `cork` and `uncork`, writes may be gathered into one. */
  cork(): void;
  uncork(): void;
  /**
   * Goes on in TLS, beginning with `leftover`, which was read already. Called when `pendingBytes` is 0; nothing is
   * written until `onSecure` has been told, and `onClose` says that the handshake failed. Throws UsageError
   * (`ENGINE_TLS_TRANSPORT`) where there is no TLS.
   */
  startTls(handshake: TlsHandshake, leftover: Buffer): void;
  /** Stops and restarts `onChunk`. A paused transport lets the peer feel it. */
  pause(): void;
  resume(): void;
  /** Finishes sending once everything is out; reading goes on. */
  end(): void;
  /**
   * Closes both directions now and drops what is unsent. `onClose` follows. With `isFailure` the peer is made to see
   * that this is no end in good order, where the system can say so: a reset, on TCP.
   */
  abort(isFailure?: boolean): void;
  /** Whether this connection holds the process; it does at first. */
  ref(): void;
  unref(): void;
}
