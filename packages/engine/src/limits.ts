/**
 * Every limit of the engine: its default, its unit and its reason. Bytes and milliseconds.
 * `docs/limits.md` says the same in prose.
 */
export const ENGINE_LIMITS = Object.freeze({
  /** Bytes kept for a delimiter that has not come. 64 KiB, as in Pants; a number delimiter raises it to itself. */
  bufferSize: 65_536,
  /** Bytes queued for the peer at which `write` answers false, and the most handed to the system at once. */
  highWaterMark: 65_536,
  /** Connections of one server that are served at once; further ones wait unread. Far above a default `ulimit -n`. */
  maxConnections: 65_536,
  /** Connections that wait in the kernel, and again in a full server. 1024, as in Pants; further ones are refused. */
  backlog: 1024,
  /** How long `close()` waits while the peer takes nothing of what was written. 60 s, as nginx's send_timeout. */
  closeTimeoutMs: 60_000,
  /** How long `close()` reads and discards so that a reset cannot overtake the last bytes (RFC 9112 §9.6). */
  lingerTimeoutMs: 2_000,
  /** Bytes discarded meanwhile: a client in the middle of a usual upload gets to read its answer. */
  lingerBytes: 16 * 1024 * 1024,
  /** How long `stop()` waits for work in flight; the patience of the usual process managers. */
  stopTimeoutMs: 10_000,
});
