/**
 * @inseam/http: an HTTP/1.1 server on the Inseam engine. In reading order:
 *
 *     server/http-server.ts        the options, and the sweep over timeouts
 *     server/http-connection.ts    the shell: parser in, handler, connection reuse, failures
 *     server/http-request.ts       what a handler gets
 *     protocol/                    HTTP/1.1 itself, pure: request-parser.ts and response-writer.ts are its two doors
 */
export {
  HTTP_ERRORS,
  HTTPError,
  type HTTPErrorCode,
  type HTTPErrorEntry,
  HTTPProtocolError,
} from './errors.js';
export { HTTP_LIMITS, type HTTPLimits, MAX_REQUEST } from './limits.js';
export { type HeadersInit, HTTPHeaders } from './protocol/http-headers.js';
export { STATUS_NAMES } from './protocol/status.js';
export { type CookieOptions, CookiesOut } from './server/cookies-out.js';
export { HTTPConnection } from './server/http-connection.js';
export { HTTPRequest } from './server/http-request.js';
export { HTTPServer, type HTTPServerOptions, type RequestHandler } from './server/http-server.js';
