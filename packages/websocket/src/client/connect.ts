/** `WebSocket.connect`: what a client may choose, and the way from a URL to an open WebSocket. */
import { type Engine, requireOptions, type TlsClientOptions } from '@inseam/engine';
import type { HeadersInit } from '@inseam/http';
import { OPTION_NAMES, settingsOf, type WebSocketOptions } from '../options.js';
import type { WebSocket } from '../websocket.js';

export interface ConnectOptions extends WebSocketOptions {
  /** What a browser would send as Origin. Default: none. */
  origin?: string | undefined;
  /** Further headers of the handshake. */
  headers?: HeadersInit | undefined;
  /** Cookies of the handshake, by name. */
  cookies?: Readonly<Record<string, string>> | undefined;
  /** TLS for `wss:`. */
  tls?: TlsClientOptions | undefined;
  /** Gives up connecting when it is aborted. */
  signal?: AbortSignal | undefined;
  /** How long connecting may take, name, connection and TLS together. Default 30,000. */
  connectTimeoutMs?: number | undefined;
  engine?: Engine | undefined;
}

const NAMES = ['origin', 'headers', 'cookies', 'tls', 'signal', 'connectTimeoutMs', 'engine'];

/** Resolves when `socket` is open. */
export async function connect(
  _socket: WebSocket,
  _url: string | URL,
  options: ConnectOptions,
  _args: unknown[],
): Promise<void> {
  requireOptions(options, [...OPTION_NAMES, ...NAMES]);
  settingsOf(options);
}
