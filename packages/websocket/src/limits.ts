/**
 * Every limit of a WebSocket: its default, its unit and its reason. Bytes and milliseconds; `docs/limits.md` says the same
 * in prose. Timeouts are looked at in the engine's sweep, so each may come up to a second late.
 */
export interface WebSocketLimits {
  /** One message, after inflating. 1 MiB: chat and telemetry send far less, and a peer can have as much held for it. 1009. */
  maxMessageBytes: number;
  /** Frames of one message. 4,096: a message of the full size in pieces of 256 bytes; each costs more than its bytes. 1008. */
  maxFragments: number;
  /** Pings and pongs that the peer sends in a second. 100: a ping every ten milliseconds has no use. 1008. */
  maxControlFramesPerSecond: number;
  /** Bytes that wait for a slow peer before `slowReader` decides. 16 MiB: sixteen of the largest messages. */
  maxBufferedBytes: number;
  /** A server: how long `onHandshake` may take. A client: from the connection to the server's answer. 10 s. */
  handshakeTimeoutMs: number;
  /** Silence in either direction before a ping. 30 s: half of nginx's proxy_read_timeout. Infinity for none. */
  pingIntervalMs: number;
  /** How long the peer may be silent after a ping. 20 s; a mobile client may be without its network for a while. 1008. */
  pongTimeoutMs: number;
  /** How long the peer may take to answer our Close. 5 s: it has nothing to do for it. */
  closeTimeoutMs: number;
}

export const WEBSOCKET_LIMITS: Readonly<WebSocketLimits> = Object.freeze({
  maxMessageBytes: 1_048_576,
  maxFragments: 4_096,
  maxControlFramesPerSecond: 100,
  maxBufferedBytes: 16_777_216,
  handshakeTimeoutMs: 10_000,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 20_000,
  closeTimeoutMs: 5_000,
});
