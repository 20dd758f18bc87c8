/** HTTPServer: a Server whose connections speak HTTP and hand each request to one handler. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type DependencyContainer,
  container as defaultContainer,
  type Engine,
  type ListenAddress,
  type ListenOptions,
  requireOptions,
  Server,
} from '@inseam/engine';
import '../container.js';
import { TempStore } from '../content/temp-store.js';
import { type CookieSecret, CookieSigner } from '../cookies/cookie-signer.js';
import { httpUsageError } from '../errors.js';
import { FileSender } from '../files/file-sender.js';
import { MimeTypes } from '../files/mime-types.js';
import { HTTP_LIMITS, type HTTPLimits, MAX_REQUEST } from '../limits.js';
import { XHeaders, type XHeadersOption } from '../proxy/x-headers.js';
import { Compression, type CompressionOptions } from '../responses/compression.js';
import { HTTPConnection } from './http-connection.js';
import type { HTTPRequest } from './http-request.js';

/** Called once for each request. It need not finish the response before it returns. */
export type RequestHandler = (request: HTTPRequest) => unknown;

export interface HTTPServerOptions {
  /** The largest request body in bytes; a larger one is answered 413 and not read. Default 10 MiB. */
  maxRequest?: number | undefined;
  /** The largest multipart form in bytes, files included; they are on the disk while the request lasts. Default: `maxRequest`. */
  maxUpload?: number | undefined;
  /**
   * Called with each request when its head is in, before its content: it may answer (nothing is read then), take the
   * content piece by piece (`for await (const piece of request)`), or set `maxUpload` and `onProgress`. If it does neither of
   * the former, the content is read and the request handler called once it has returned, or its promise resolved.
   */
  earlyHandler?: RequestHandler | undefined;
  /** Whether a connection may carry several requests. Default true. */
  keepAlive?: boolean | undefined;
  /** Signs cookies; of several secrets the first signs and all verify. Without one signed cookies are a UsageError. */
  cookieSecret?: CookieSecret | undefined;
  /** Whose X-Forwarded-For, X-Real-IP, X-Forwarded-Proto, X-Forwarded-Host and Forwarded are believed. Default false: nobody's. */
  xheaders?: XHeadersOption | undefined;
  /** Lets the proxy send the files of `sendFile`: true for the header X-Sendfile, or its name, 'X-Accel-Redirect' for nginx. Default false. */
  sendfile?: boolean | string | undefined;
  /** What the proxy calls `fileRoot`: '/_static/', say. */
  sendfilePrefix?: string | undefined;
  /** The directory that `sendFile` sends from, and never leaves. Default: the working directory, for relative paths. */
  fileRoot?: string | undefined;
  /**
   * Whether whole responses and streams are compressed for clients that take it. Default false: beside TLS a page that shows a
   * secret next to what the client has sent can be made to give it away (BREACH); see CompressionOptions.
   */
  compress?: boolean | CompressionOptions | undefined;
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
  'maxUpload',
  'earlyHandler',
  'keepAlive',
  'cookieSecret',
  'xheaders',
  'sendfile',
  'sendfilePrefix',
  'fileRoot',
  'compress',
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
  /** The early handler, null without one; it may be replaced too. */
  earlyHandler: RequestHandler | null;
  readonly maxRequest: number;
  readonly maxUpload: number;
  readonly keepAlive: boolean;
  readonly limits: Readonly<HTTPLimits>;
  /** For requests: what signs cookies, null without a secret. */
  readonly cookieSigner: CookieSigner | null;
  /** For requests: whose X-headers are believed, null for nobody's. */
  readonly xheaders: XHeaders | null;
  /** For requests: what sends files. */
  readonly files: FileSender;
  /** For requests: what compresses, null where nothing does. */
  readonly compression: Compression | null;
  /** For connections: where uploaded files are kept. */
  readonly tempStore: TempStore;
  /** For connections: how closely the engine has to look at them. */
  readonly shortestTimeoutMs: number;

  /** Throws UsageError for a handler that is no function and for limits that are not numbers above 0. */
  constructor(requestHandler: RequestHandler, options: HTTPServerOptions = {}) {
    requireOptions(options, OPTIONS);
    const {
      maxRequest = MAX_REQUEST,
      maxUpload = maxRequest,
      earlyHandler,
      keepAlive = true,
      cookieSecret,
      xheaders = false,
      sendfile = false,
      sendfilePrefix,
      fileRoot,
      compress = false,
      limits = {},
      ...parts
    } = options;
    super({ ...parts, ConnectionClass: HTTPConnection });
    if (typeof requestHandler !== 'function') throw httpUsageError('HTTP_HANDLER', typeof requestHandler);
    if (earlyHandler !== undefined && typeof earlyHandler !== 'function') {
      throw httpUsageError('HTTP_HANDLER', `earlyHandler: ${typeof earlyHandler}`);
    }
    for (const [name, bytes] of Object.entries({ maxRequest, maxUpload })) {
      if (!(Number.isSafeInteger(bytes) && bytes >= 0)) {
        throw httpUsageError('HTTP_OPTION', `${name}: ${bytes}; a whole number of bytes is expected`);
      }
    }
    if (typeof keepAlive !== 'boolean') throw httpUsageError('HTTP_OPTION', `keepAlive: ${keepAlive}`);
    this.requestHandler = requestHandler;
    this.earlyHandler = earlyHandler ?? null;
    this.maxRequest = maxRequest;
    this.maxUpload = maxUpload;
    this.keepAlive = keepAlive;
    this.cookieSigner = cookieSecret === undefined ? null : new CookieSigner(cookieSecret);
    this.xheaders = xheaders === false ? null : new XHeaders(xheaders);
    const container = options.container ?? defaultContainer;
    const mimeTypes = container.resolve(MimeTypes);
    this.tempStore = container.resolve(TempStore);
    this.files = new FileSender({ fileRoot, sendfile, sendfilePrefix, mimeTypes });
    // Behind a proxy that sends the files, they need not be on this machine.
    if (fileRoot !== undefined && sendfile === false && !isDirectory(fileRoot)) {
      this.logger.warn(`fileRoot is no directory, so sendFile will find nothing: ${resolve(fileRoot)}`);
    }
    this.compression = compress === false ? null : new Compression(compress === true ? {} : compress);
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

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
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
