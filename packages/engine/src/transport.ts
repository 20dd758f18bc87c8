/**
 * Transport: the only door to the operating system. Streams and everything above them know this page and no
 * socket; whatever passes `transportContract` in `@inseam/engine/testing` can stand behind it.
 */

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
