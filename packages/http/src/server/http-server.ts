/** HTTPServer: a Server whose connections speak HTTP and hand each request to one handler. */
import {
  type DependencyContainer,
  type Engine,
  type ListenAddress,
  type ListenOptions,
  requireOptions,
  Server,
} from '@inseam/engine';
import { httpUsageError } from '../errors.js';
import { HTTP_LIMITS, type HTTPLimits, MAX_REQUEST } from '../limits.js';
import { HTTPConnection } from './http-connection.js';
import type { HTTPRequest } from './http-request.js';

/** Called once for each request. It need not finish the response before it returns. */
export type RequestHandler = (request: HTTPRequest) => unknown;

export interface HTTPServerOptions {
  /** The largest request body in bytes; a larger one is answered 413 and not read. Default 10 MiB. */
  maxRequest?: number | undefined;
  /** Whether a connection may carry several requests. Default true. */
  keepAlive?: boolean | undefined;
  /** Limits to change; the rest keep their defaults. */
  limits?: { [K in keyof HTTPLimits]?: HTTPLimits[K] | undefined } | undefined;
  /** Connections served at once; further ones wait, unread. Default 65,536. */
  maxConnections?: number | undefined;
  /** How long a PROXY header and a TLS handshake may take. Default 30,000. */
  connectTimeoutMs?: number | undefined;
  /** The proxies that say by a PROXY protocol header whose connection it is; see `Server`. */
  proxyProtocol?: readonly string[] | undefined;
  /** The engine that counts the server and its connections. Default: the process's own. */
  engine?: Engine | undefined;
  /** Where the parts come from: a child of the project's container replaces some for this server only. */
  container?: DependencyContainer | undefined;
}

const OPTIONS = [
  'maxRequest',
  'keepAlive',
  'limits',
  'maxConnections',
  'connectTimeoutMs',
  'proxyProtocol',
  'engine',
  'container',
];

export class HTTPServer extends Server<HTTPConnection> {
  /** The handler; it may be replaced while the server runs. */
  requestHandler: RequestHandler;
  readonly maxRequest: number;
  readonly keepAlive: boolean;
  readonly limits: Readonly<HTTPLimits>;
  /** For connections: how closely the engine has to look at them. */
  readonly shortestTimeoutMs: number;

  /** Throws UsageError for a handler that is no function and for limits that are not numbers above 0. */
  constructor(requestHandler: RequestHandler, options: HTTPServerOptions = {}) {
    requireOptions(options, OPTIONS);
    const { maxRequest = MAX_REQUEST, keepAlive = true, limits = {}, ...parts } = options;
    super({ ...parts, ConnectionClass: HTTPConnection });
    if (typeof requestHandler !== 'function') throw httpUsageError('HTTP_HANDLER', typeof requestHandler);
    if (!(Number.isSafeInteger(maxRequest) && maxRequest >= 0))
      throw httpUsageError('HTTP_OPTION', `maxRequest: ${maxRequest}`);
    if (typeof keepAlive !== 'boolean') throw httpUsageError('HTTP_OPTION', `keepAlive: ${keepAlive}`);
    this.requestHandler = requestHandler;
    this.maxRequest = maxRequest;
    this.keepAlive = keepAlive;
    this.limits = checkLimits(limits);
    const { headTimeoutMs, bodyTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs, writeTimeoutMs } =
      this.limits;
    this.shortestTimeoutMs = Math.min(
      headTimeoutMs,
      bodyTimeoutMs,
      requestTimeoutMs,
      keepAliveTimeoutMs,
      writeTimeoutMs,
    );
  }

  /** Listens, on port 80, or 443 with TLS, unless told otherwise. See `Server.listen`. */
  override listen(address?: ListenAddress, options: ListenOptions = {}): Promise<this> {
    return super.listen(address ?? (this.tlsEnabled ? 443 : 80), options);
  }
}

function checkLimits(changes: NonNullable<HTTPServerOptions['limits']>): Readonly<HTTPLimits> {
  requireOptions(changes, Object.keys(HTTP_LIMITS));
  const limits = { ...HTTP_LIMITS };
  for (const name of Object.keys(HTTP_LIMITS) as (keyof HTTPLimits)[]) {
    const value = changes[name] ?? HTTP_LIMITS[name];
    if (!(typeof value === 'number' && value > 0))
      throw httpUsageError('HTTP_OPTION', `limits.${name}: ${value}`);
    limits[name] = value;
  }
  return Object.freeze(limits);
}
