/** From a request to a WebSocket: `upgrade` inside any handler, `webSocketHandler` as one. */
import { isThenable, requireOptions } from '@inseam/engine';
import { HTTPError, HTTPHeaders, type HTTPRequest, type RequestHandler } from '@inseam/http';
import { webSocketUsageError } from '../errors.js';
import { OPTION_NAMES, settingsOf, type WebSocketOptions, type WebSocketSettings } from '../options.js';
import { acceptKey } from '../protocol/accept-key.js';
import { acceptOffer } from '../protocol/deflate.js';
import { internals, WebSocket, type WebSocketClass } from '../websocket.js';
import { checkHandshake, offeredProtocols, UPGRADE_REQUIRED } from './handshake.js';
import { checkOrigins, type Origins } from './origin.js';

export interface ServerWebSocketOptions extends WebSocketOptions {
  /**
   * The origins whose pages may connect: `['https://example.org']`, or '*' for all. Default: pages of the host that the request names. A client
   * without an origin is no page, and may.
   */
  origins?: Origins;
}

interface ServerSettings extends WebSocketSettings {
  readonly origins: Origins;
}

/**
 * A request handler that makes a WebSocket of every request, and answers 426, 400 or 403 to one that is no handshake for it. `args` go
 * to `onConnect`. Throws UsageError for a class or option that cannot be.
 */
export function webSocketHandler<T extends WebSocket>(
  Class: WebSocketClass<T>,
  options: ServerWebSocketOptions = {},
  ...args: unknown[]
): RequestHandler {
  requireClass(Class);
  const settings = serverSettings(options);
  return (request) => begin(request, Class, settings, args);
}

/**
 * Makes a WebSocket of `request`, in any handler; `args` go to `onConnect`. Resolves to null when that was refused, which has been answered
 * then, or the client has gone; never rejects. An early handler must return the promise, or the request goes on to the next handler.
 * Throws UsageError for a class or option that cannot be, and for a request that was answered or upgraded before.
 */
export function upgrade<T extends WebSocket = WebSocket>(
  request: HTTPRequest,
  Class: WebSocketClass<T> = WebSocket as unknown as WebSocketClass<T>,
  options: ServerWebSocketOptions = {},
  ...args: unknown[]
): Promise<T | null> {
  requireClass(Class);
  return begin(request, Class, serverSettings(options), args);
}

function requireClass(Class: unknown): void {
  const isOne = Class === WebSocket || (typeof Class === 'function' && Class.prototype instanceof WebSocket);
  if (!isOne) throw webSocketUsageError('WEBSOCKET_CLASS');
}

function serverSettings(options: ServerWebSocketOptions): ServerSettings {
  requireOptions(options, [...OPTION_NAMES, 'origins']);
  return { ...settingsOf(options), origins: checkOrigins(options.origins) };
}

/** Those whose handshake has begun: it may take its time, and leaves no trace on them meanwhile. */
const taken = new WeakSet<HTTPRequest>();

function begin<T extends WebSocket>(
  request: HTTPRequest,
  Class: WebSocketClass<T>,
  settings: ServerSettings,
  args: unknown[],
): Promise<T | null> {
  if (request.connection.closed) return Promise.resolve(null);
  if (taken.has(request) || !request.response.isUntouched) throw webSocketUsageError('WEBSOCKET_REQUEST');
  taken.add(request);
  return take(request, Class, settings, args);
}

/** Never rejects: what goes wrong is answered, and reported where it is the handler's. */
async function take<T extends WebSocket>(
  request: HTTPRequest,
  Class: WebSocketClass<T>,
  settings: ServerSettings,
  args: unknown[],
): Promise<T | null> {
  const { connection } = request;
  try {
    const refusal = checkHandshake(request, settings.origins);
    if (refusal !== null) {
      const headers = refusal.status === 426 ? { ...UPGRADE_REQUIRED, Connection: 'Upgrade' } : undefined;
      request.sendResponse(refusal.text, refusal.status, headers);
      logRefusal(request, refusal.status, refusal.detail ?? refusal.text);
      return null;
    }
    const socket = new Class();
    internals.ask(socket, request);
    const headers = new HTTPHeaders();
    const verdict = socket.onHandshake(request, headers);
    const mayOpen = isThenable(verdict) ? await inTime(verdict, request, settings) : verdict;
    if (connection.closed || !request.response.isUntouched) return null;
    // Who has shut its side could not say Close.
    if (mayOpen === LEFT) connection.close();
    else if (mayOpen !== undefined && !mayOpen)
      request.sendResponse('This WebSocket was refused.', 403, headers);
    else return open(request, socket, settings, headers, args);
    return null;
  } catch (error) {
    connection.failResponse(request, error);
    return null;
  }
}

/** A browser tells its page nothing of it, and its user little. */
function logRefusal({ connection, path, remoteIp }: HTTPRequest, status: number, why: string): void {
  connection.logger.warn(
    `refused a WebSocket at ${path} from ${remoteIp || 'a local client'} with ${status}: ${why}`,
  );
}

/** Stands for the verdict when the client has not waited for it. */
const LEFT = Symbol('left');

/** What `verdict` resolves to, or LEFT; rejects with 503 when that takes too long. */
async function inTime(
  verdict: PromiseLike<unknown>,
  request: HTTPRequest,
  { limits }: ServerSettings,
): Promise<unknown> {
  const { connection, signal } = request;
  let stopWaiting = () => {};
  const given = new Promise<unknown>((resolve, reject) => {
    const leave = () => resolve(LEFT);
    const giveUp = () => {
      logRefusal(request, 503, 'onHandshake took longer than handshakeTimeoutMs');
      reject(new HTTPError(503, 'The WebSocket handshake took too long.'));
    };
    const { handshakeTimeoutMs: ms } = limits;
    const timer = ms === Number.POSITIVE_INFINITY ? null : connection.engine.defer(ms, giveUp);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave);
    stopWaiting = () => {
      timer?.cancel();
      signal.removeEventListener('abort', leave);
    };
  });
  try {
    return await Promise.race([verdict, given]);
  } finally {
    stopWaiting();
  }
}

/** RFC 6455 §4.2.2. */
function open<T extends WebSocket>(
  request: HTTPRequest,
  socket: T,
  settings: ServerSettings,
  headers: HTTPHeaders,
  args: unknown[],
): T {
  const protocol = chooseProtocol(request, settings.protocols, headers);
  const offers = request.headers.get('sec-websocket-extensions');
  const { deflate, limits } = settings;
  const agreement =
    offers === null || deflate === null ? null : acceptOffer(offers, deflate, limits.maxMessageBytes);
  headers.set('Sec-WebSocket-Accept', acceptKey(request.headers.get('sec-websocket-key') ?? ''));
  headers.delete('Sec-WebSocket-Extensions');
  if (agreement !== null) headers.set('Sec-WebSocket-Extensions', agreement.text);
  const { connection: stream } = request;
  const extensions = agreement?.text ?? '';
  const parts = { stream, settings, isServer: true, agreement };
  const session = internals.open(socket, { ...parts, protocol, extensions, request });
  stream.readDelimiter = null;
  stream.upgrade('websocket', session, headers);
  session.begin(args);
  // Kept as long as the socket is.
  request.headers.fold();
  return socket;
}

/** The first of ours that the client has; or what `onHandshake` has put into the headers, if the client has that. */
function chooseProtocol(request: HTTPRequest, ours: readonly string[], headers: HTTPHeaders): string {
  const offered = offeredProtocols(request) ?? [];
  const chosen = headers.get('sec-websocket-protocol') ?? ours.find((name) => offered.includes(name)) ?? '';
  headers.delete('Sec-WebSocket-Protocol');
  if (chosen === '') return '';
  if (!offered.includes(chosen)) throw webSocketUsageError('WEBSOCKET_PROTOCOL', chosen);
  headers.set('Sec-WebSocket-Protocol', chosen);
  return chosen;
}
