/** `WebSocket.connect`: what a client may choose, and the way from a URL to an open WebSocket. */
import { randomBytes } from 'node:crypto';
import { type Engine, requireOptions, type TlsClientOptions } from '@inseam/engine';
import { OPTION_NAMES, refuse, settingsOf, type WebSocketOptions } from '../options.js';
import { type Endpoint, endpointOf } from './endpoint.js';
import { type HandshakeHeaders, handshakeRequest } from './handshake-request.js';
import { HandshakeStream, type Opener } from './handshake-stream.js';

export interface ConnectOptions extends WebSocketOptions, HandshakeHeaders {
  /** TLS for `wss:`; without that it has no effect. */
  tls?: TlsClientOptions | undefined;
  /** Gives up connecting, the handshake included, when it is aborted; afterwards it has no effect. */
  signal?: AbortSignal | undefined;
  /**
   * How long connecting may take, name, connection and TLS together. Default 30,000; `limits.handshakeTimeoutMs` comes on top
   * of it.
   */
  connectTimeoutMs?: number | undefined;
  /** The engine that counts the connection. Default: the process's own. */
  engine?: Engine | undefined;
}

const NAMES = ['origin', 'headers', 'cookies', 'tls', 'signal', 'connectTimeoutMs', 'engine'];

/**
 * Resolves behind `onConnect`, when the WebSocket that `open` opens stands. Throws UsageError at the call, as `Stream.connect` does. Rejects with
 * TransportError or WebSocketHandshakeError when nothing of the connection is left; then no handler has been called.
 */
export function connect(
  open: Opener,
  url: string | URL,
  options: ConnectOptions,
  args: unknown[],
): Promise<void> {
  const { stream, endpoint } = prepare(open, url, options, args);
  const { tls, connectTimeoutMs } = options;
  if (endpoint.isSecure) stream.startTls({ ...tls, ALPNProtocols: tls?.ALPNProtocols ?? ['http/1.1'] });
  stream.connect(endpoint.address, { connectTimeoutMs });
  stream.followSignal();
  return stream.outcome;
}

/** Everything that can be done without a connection. */
export function prepare(
  open: Opener,
  url: string | URL,
  options: ConnectOptions,
  args: unknown[],
): { readonly stream: HandshakeStream; readonly endpoint: Endpoint } {
  requireOptions(options, [...OPTION_NAMES, ...NAMES]);
  const { signal, engine } = options;
  if (!(signal === undefined || signal instanceof AbortSignal)) refuse('signal: not an AbortSignal');
  const settings = settingsOf(options);
  const endpoint = endpointOf(url);
  const key = randomBytes(16).toString('base64');
  const request = handshakeRequest(endpoint, key, settings, options);
  const stream = new HandshakeStream({ open, settings, request, key, args, signal }, engine);
  return { stream, endpoint };
}
