/**
 * The errors of this package. A peer's mistake is an HTTPProtocolError, answered with its status where that is
 * still possible; a handler's own way to answer with a status is HTTPError.
 */
import { type ErrorEntry, ProtocolError, TransportError, UsageError } from '@inseam/engine/errors';
import type { HeadersInit } from './protocol/http-headers.js';

/** A peer's mistake has a status; our caller's has none. */
export interface HTTPErrorEntry extends ErrorEntry {
  readonly status?: 400 | 408 | 413 | 414 | 417 | 431 | 501 | 505;
}

export const HTTP_ERRORS = Object.freeze({
  HTTP_REQUEST_LINE: { status: 400, message: 'the request line is malformed', section: 'RFC 9112 §3' },
  HTTP_STATUS_LINE: { status: 400, message: 'the status line is malformed', section: 'RFC 9112 §4' },
  HTTP_METHOD: { status: 400, message: 'the method is not a token', section: 'RFC 9110 §9.1' },
  HTTP_TARGET: { status: 400, message: 'the request target is malformed', section: 'RFC 9112 §3.2' },
  HTTP_BARE_LF: { status: 400, message: 'a line ends without a carriage return', section: 'RFC 9112 §2.2' },
  HTTP_BARE_CR: {
    status: 400,
    message: 'a carriage return stands without a line feed',
    section: 'RFC 9112 §2.2',
  },
  HTTP_FIELD_NAME: { status: 400, message: 'a field name is not a token', section: 'RFC 9110 §5.1' },
  HTTP_FIELD_NAME_SPACE: {
    status: 400,
    message: 'whitespace stands between a field name and its colon',
    section: 'RFC 9112 §5.1',
  },
  HTTP_FIELD_VALUE: {
    status: 400,
    message: 'a field value contains a control character',
    section: 'RFC 9110 §5.5',
  },
  HTTP_FIELD_FOLDED: {
    status: 400,
    message: 'a line of the header section begins with whitespace',
    section: 'RFC 9112 §5.2',
  },
  HTTP_HOST: {
    status: 400,
    message: 'the Host header field is missing, repeated or malformed',
    section: 'RFC 9112 §3.2',
  },
  HTTP_CONTENT_LENGTH: {
    status: 400,
    message: 'Content-Length is repeated or not a plain number',
    section: 'RFC 9112 §6.3',
  },
  HTTP_TWO_FRAMINGS: {
    status: 400,
    message: 'Content-Length and Transfer-Encoding are both present',
    section: 'RFC 9112 §6.1',
  },
  HTTP_TRANSFER_ENCODING: {
    status: 400,
    message: 'Transfer-Encoding does not end in one chunked, or is used before HTTP/1.1',
    section: 'RFC 9112 §6.1',
  },
  HTTP_CHUNK_SIZE: { status: 400, message: 'a chunk size is malformed', section: 'RFC 9112 §7.1' },
  HTTP_CHUNK_EXTENSION: {
    status: 400,
    message: 'a chunk extension is malformed or too long',
    section: 'RFC 9112 §7.1.1',
  },
  HTTP_CHUNK_END: {
    status: 400,
    message: 'chunk data is longer or shorter than its size',
    section: 'RFC 9112 §7.1',
  },
  HTTP_TRAILER: {
    status: 400,
    message: 'a trailer field takes part in framing or routing',
    section: 'RFC 9110 §6.5.1',
  },
  HTTP_INCOMPLETE: {
    status: 400,
    message: 'the connection was shut in the middle of a request',
    section: 'RFC 9112 §8',
  },
  HTTP_HEAD_TIMEOUT: {
    status: 408,
    message: 'the request head took too long to arrive',
    section: 'RFC 9110 §15.5.9',
  },
  HTTP_BODY_TIMEOUT: {
    status: 408,
    message: 'the request body stopped arriving',
    section: 'RFC 9110 §15.5.9',
  },
  HTTP_BODY_TOO_LARGE: {
    status: 413,
    message: 'the request body is larger than this server takes',
    section: 'RFC 9110 §15.5.14',
  },
  HTTP_TARGET_TOO_LONG: {
    status: 414,
    message: 'the request target is longer than this server takes',
    section: 'RFC 9110 §15.5.15',
  },
  HTTP_FORM: { status: 400, message: 'the form in the content is malformed', section: 'RFC 7578 §4' },
  HTTP_FORM_TOO_LARGE: {
    status: 413,
    message: 'the form has more fields, more files or longer ones than this server takes',
    section: 'RFC 9110 §15.5.14',
  },
  HTTP_EXPECTATION: {
    status: 417,
    message: 'the only expectation that can be met is 100-continue',
    section: 'RFC 9110 §10.1.1',
  },
  HTTP_HEAD_TOO_LARGE: {
    status: 431,
    message: 'the header section is larger than this server takes',
    section: 'RFC 6585 §5',
  },
  HTTP_TOO_MANY_FIELDS: {
    status: 431,
    message: 'the header section has more fields than this server takes',
    section: 'RFC 6585 §5',
  },
  HTTP_CODING: {
    status: 501,
    message: 'the only transfer coding known here is chunked',
    section: 'RFC 9112 §6.1',
  },
  HTTP_CONNECT: { status: 501, message: 'this server is not a tunnel', section: 'RFC 9110 §9.3.6' },
  HTTP_VERSION: { status: 505, message: 'the major version is not 1', section: 'RFC 9110 §15.6.6' },

  HTTP_FILE_CHANGED: { message: 'the file was changed while it was sent', phase: 'write' },
  HTTP_CONTENT_UNREAD: {
    message: 'the request was over before its content had been read',
    phase: 'read',
  },
  HTTP_RESPONSE_CUT: { message: 'the handler failed in the middle of its response', phase: 'write' },

  HTTP_HANDLER: { message: 'HTTPServer needs a request handler: a function that takes the request' },
  HTTP_OPTION: { message: 'an option is unknown or has a value that it does not take' },
  HTTP_STATUS: {
    message: 'a status is a whole number from 200 to 599; 101 is sent by upgrade()',
    section: 'RFC 9110 §15',
  },
  HTTP_HEADER_NAME: { message: 'a header name must be a token', section: 'RFC 9110 §5.1' },
  HTTP_HEADER_VALUE: {
    message: 'a header value must be text without CR, LF, NUL, other controls or characters above U+00FF',
    section: 'RFC 9110 §5.5',
  },
  HTTP_HEADER_FRAMING: {
    message: 'Content-Length must be one plain number and Transfer-Encoding is the server’s to choose',
    section: 'RFC 9112 §6',
  },
  HTTP_COOKIE: {
    message: 'a cookie has a name, value or attribute that no cookie can have',
    section: 'RFC 6265 §4.1',
  },
  HTTP_ORDER: { message: 'a response is sent in order: status, headers, content, finish' },
  HTTP_FINISHED: { message: 'this response is finished' },
  HTTP_CONTENT: { message: 'content must be a string or a Uint8Array' },
  HTTP_CONTENT_TOO_LONG: { message: 'more content than Content-Length announced', section: 'RFC 9110 §8.6' },
  HTTP_CONTENT_TOO_SHORT: { message: 'less content than Content-Length announced', section: 'RFC 9110 §8.6' },
  HTTP_CONTENT_AHEAD: {
    message: 'the content has not been read yet; wait for the request handler, or take it with for await',
  },
  HTTP_CONTENT_TAKEN: { message: 'the content was taken piece by piece, and is gone' },
  HTTP_COOKIE_SECRET: {
    message:
      'signed cookies need a secret: new HTTPServer(handler, { cookieSecret: "32 random bytes or more" })',
  },
  HTTP_SECURE_COOKIE: { message: 'a signed cookie holds text, or what JSON can say but null' },
  HTTP_JSON: { message: 'the value cannot be said in JSON', section: 'RFC 8259' },
  HTTP_REDIRECT: {
    message: 'a redirection is 301, 302, 303, 307 or 308, and goes to a URL',
    section: 'RFC 9110 §15.4',
  },
  HTTP_FILE: { message: 'a file is named by its path: text without NUL' },
  HTTP_SENDFILE: { message: 'the path cannot be told to the proxy: it is not under fileRoot' },
  HTTP_UPLOADED_FILE: { message: 'the uploaded file has been moved or its request is over' },
  HTTP_STREAM: { message: 'a stream is a Readable, a ReadableStream or an async iterable of text or bytes' },
  HTTP_EVENT: {
    message:
      'an event has text without a line break or NUL for its name and id, and a whole number for retry',
  },
  HTTP_UPGRADE: { message: 'only a current request without a response can be upgraded' },
} as const satisfies Record<string, HTTPErrorEntry>);

export type HTTPErrorCode = keyof typeof HTTP_ERRORS;

/** HTTPProtocolError says that the peer broke a rule of HTTP; `status` is the answer that it gets. */
export class HTTPProtocolError extends ProtocolError {
  readonly status: number;

  constructor(code: string, message: string, status: number, section?: string, options?: ErrorOptions) {
    super(code, message, section, options);
    this.status = status;
  }
}

export interface HTTPErrorOptions extends ErrorOptions {
  /** Headers of the answer: a 401 needs WWW-Authenticate (RFC 9110 §15.5.2), a 405 Allow. */
  headers?: HeadersInit | undefined;
}

/**
 * HTTPError answers a request with a status: `throw new HTTPError(404)`. The message, if there is one, is sent as
 * the content, so it is for the client's eyes; without one the status's own name is. Throws UsageError for a status outside
 * 400 to 599.
 */
export class HTTPError extends Error {
  readonly status: number;
  readonly headers: HeadersInit | undefined;

  constructor(status: number, message = '', options: HTTPErrorOptions = {}) {
    if (!(Number.isInteger(status) && status >= 400 && status <= 599)) {
      throw httpUsageError('HTTP_STATUS', `HTTPError takes 400 to 599, not ${status}`);
    }
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.status = status;
    this.headers = options.headers;
  }

  override get name(): string {
    return 'HTTPError';
  }
}

/** The error for a peer's mistake; `detail`, its cause, is for the log. */
export function httpError(code: HTTPErrorCode, detail?: string): HTTPProtocolError {
  const entry: HTTPErrorEntry = HTTP_ERRORS[code];
  const options = detail === undefined ? undefined : { cause: detail };
  return new HTTPProtocolError(code, entry.message, entry.status ?? 400, entry.section, options);
}

/** The error for a connection that cannot go on. */
export function httpTransportError(code: HTTPErrorCode): TransportError {
  const entry: HTTPErrorEntry = HTTP_ERRORS[code];
  return new TransportError(code, entry.message, entry.phase ?? 'write');
}

/** The error for our caller's mistake. */
export function httpUsageError(code: HTTPErrorCode, detail?: string): UsageError {
  const { message } = HTTP_ERRORS[code];
  return new UsageError(code, detail === undefined ? message : `${message} (${detail})`);
}
