/**
 * Every limit of the server: its default, its unit and its reason. Bytes and milliseconds; `docs/limits.md` says
 * the same in prose. Timeouts are looked at in one sweep over all connections, so each may come up to a
 * quarter of the shortest of them (one second at most) late.
 */
export interface HTTPLimits {
  /** Request line and header section together. 16 KiB, as node:http and Bandit; more is answered 431. */
  maxHeadBytes: number;
  /** The request target. 8 KiB: RFC 9112 §3 asks for at least 8,000 for the request line; more is answered 414. */
  maxTargetBytes: number;
  /** Header fields. 100, as Bandit's 50 doubled: browsers send about 20, proxies add some; more is answered 431. */
  maxHeaders: number;
  /** From a request's first byte to the end of its head. 10 s: heads fit one packet; slower ones are attacks. 408. */
  headTimeoutMs: number;
  /** The longest gap inside a request body. 30 s: a mobile client may lose its network for a while. 408. */
  bodyTimeoutMs: number;
  /**
   * From a request's first byte to its last, not counting the time that `minBytesPerSecond` grants. 300 s, as node:http: a
   * body that trickles in is held in memory meanwhile. 408.
   */
  requestTimeoutMs: number;
  /**
   * What a body must bring to be given more time: a second more for so many bytes. 1,024: a large upload may take as long as
   * it takes, and a byte now and then gains nothing. Kestrel asks for 240.
   */
  minBytesPerSecond: number;
  /** Idle time between requests. 75 s: longer than nginx keeps idle upstream connections (60 s), so that it is nginx that closes. */
  keepAliveTimeoutMs: number;
  /** The longest time in which a client takes nothing of its response, or leaves one unawaited. 60 s, as nginx's send_timeout. */
  writeTimeoutMs: number;
  /** Fields of a form. 1,000, as PHP: each costs far more memory than its bytes. 413. */
  maxFields: number;
  /** The name of a form field. 256 bytes; names are chosen by whoever wrote the form. 413. */
  maxFieldNameBytes: number;
  /** The value of a form field. 1 MiB, as busboy: a long text still is one, more is a file. 413. */
  maxFieldBytes: number;
  /** Files of a form. 100: PHP's 20 are too few for a page of photographs. 413. */
  maxFiles: number;
  /** One file of a form. No limit but the request's own (`maxUpload`). 413. */
  maxFileBytes: number;
  /** A file up to this many bytes is kept in memory while its request lasts. 64 KiB: a temporary file costs more than so much memory for a moment. */
  fileMemoryBytes: number;
}

export const HTTP_LIMITS: Readonly<HTTPLimits> = Object.freeze({
  maxHeadBytes: 16_384,
  maxTargetBytes: 8_192,
  maxHeaders: 100,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  requestTimeoutMs: 300_000,
  minBytesPerSecond: 1_024,
  keepAliveTimeoutMs: 75_000,
  writeTimeoutMs: 60_000,
  maxFields: 1_000,
  maxFieldNameBytes: 256,
  maxFieldBytes: 1_048_576,
  maxFiles: 100,
  maxFileBytes: Number.POSITIVE_INFINITY,
  fileMemoryBytes: 65_536,
});

/** The largest request body, in bytes. 10 MiB, as in Pants: bodies are held in memory. Forms with files may have a limit of their own, `maxUpload`. */
export const MAX_REQUEST = 10 * 1024 * 1024;
/** Bytes of pipelined requests that wait behind an unfinished response before reading stops: one full chunk. */
export const MAX_WAITING_BYTES = 65_536;
/** One chunk-size line, in bytes; the extensions that exist in practice are far shorter. */
export const MAX_CHUNK_LINE_BYTES = 1_024;
/** Chunk extensions of one body together, in bytes, so that they cannot outgrow the content unseen. */
export const MAX_CHUNK_EXTENSION_BYTES = 16_384;
