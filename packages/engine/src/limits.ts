/**
 * Every limit of the engine: its default, its unit and its reason. Bytes and milliseconds.
 * `docs/limits.md` says the same in prose.
 */
export const ENGINE_LIMITS = Object.freeze({
  /** Bytes kept for a delimiter that has not come. 64 KiB, as in Pants; a number delimiter raises it to itself. */
  bufferSize: 65_536,
  /**
   * The same for a RegExp that can match text of any length, unless `bufferSize` is set: such a pattern is searched
   * from the start again with every chunk, and the time that a peer can cost grows with the square.
   */
  regExpBufferSize: 8_192,
  /**
   * Bytes queued for the peer at which `write` answers false, and the most handed to the system at once. The low
   * water mark, at which `drained()` resolves, is a quarter of it.
   */
  highWaterMark: 65_536,
  /** How long `connect` may take, name, connection and TLS handshake together, also of an accepted connection. 30 s. */
  connectTimeoutMs: 30_000,
  /** How long one address of a host is tried alone before the next one joins in (RFC 8305 §5). */
  attemptDelayMs: 250,
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
  /** How often timeouts are looked at, or four times in the shortest of them. */
  sweepMs: 1_000,
  /** How long the unfinished piece of a datagram's sender is kept when nothing more comes from it. */
  senderTimeoutMs: 60_000,
  /** Senders of datagrams with an unfinished piece; the one that was silent longest is dropped for a new one. */
  maxSenders: 1_024,
  /** How long `stop()` waits for work in flight; the patience of the usual process managers. */
  stopTimeoutMs: 10_000,
});
