/**
 * @inseam/http: an HTTP/1.1 server on the Inseam engine. In reading order:
 *
 *     server/http-server.ts        the options, and the sweep over timeouts
 *     server/http-connection.ts    the shell: parser in, handler, connection reuse, failures
 *     server/http-request.ts       what a handler gets
 *     content/                     what a request brings: body, form, files, or a loop over it
 *     cookies/, proxy/             signed cookies; who the client is behind a proxy
 *     files/, responses/           files, streams, events, compression
 *     protocol/                    HTTP/1.1 itself, pure: request-parser.ts and response-writer.ts are its two doors
 */
export type { UploadedFiles } from './content/form.js';
export { TempStore } from './content/temp-store.js';
export { type MoveOptions, UploadedFile } from './content/uploaded-file.js';
export type { CookieSecret } from './cookies/cookie-signer.js';
export { type CookieOptions, CookiesOut } from './cookies/cookies-out.js';
export type { SecureCookieOptions, SecureCookieValue } from './cookies/secure-cookie.js';
export {
  HTTP_ERRORS,
  HTTPError,
  type HTTPErrorCode,
  type HTTPErrorEntry,
  type HTTPErrorOptions,
  HTTPProtocolError,
} from './errors.js';
export type { SendFileOptions } from './files/file-sender.js';
export { MimeTypes } from './files/mime-types.js';
export { HTTP_LIMITS, type HTTPLimits, MAX_REQUEST } from './limits.js';
export { type HeadersInit, HTTPHeaders } from './protocol/http-headers.js';
export { STATUS_NAMES } from './protocol/status.js';
export type { XHeadersOption } from './proxy/x-headers.js';
export type { CompressionOptions } from './responses/compression.js';
export { EventStream, type EventStreamOptions, type ServerEvent } from './responses/event-stream.js';
export type { ContentSource } from './responses/send-stream.js';
export { HTTPConnection } from './server/http-connection.js';
export { HTTPRequest } from './server/http-request.js';
export { HTTPServer, type HTTPServerOptions, type RequestHandler } from './server/http-server.js';
