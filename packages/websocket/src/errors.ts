/**
 * The errors of this package. A peer's mistake is a WebSocketProtocolError, told to it with its close code where
 * that is still possible; a server that does not take the handshake is a WebSocketHandshakeError.
 */
import { type ErrorEntry, ProtocolError, TransportError, UsageError } from '@inseam/engine/errors';
import type { HTTPHeaders } from '@inseam/http';

/** A peer's mistake has a close code; what ends a connection has a phase; our caller's mistake has neither. */
export interface WebSocketErrorEntry extends ErrorEntry {
  readonly closeCode?: 1002 | 1003 | 1007 | 1008 | 1009;
}

export const WEBSOCKET_ERRORS = Object.freeze({
  WEBSOCKET_RESERVED_BITS: {
    closeCode: 1002,
    message: 'a frame has a reserved bit set that no extension gives a meaning',
    section: 'RFC 6455 §5.2',
  },
  WEBSOCKET_OPCODE: {
    closeCode: 1002,
    message: 'a frame has an unknown opcode, or one that cannot stand in its place',
    section: 'RFC 6455 §5.2',
  },
  WEBSOCKET_LENGTH: {
    closeCode: 1002,
    message: 'a payload length takes more bytes than it needs',
    section: 'RFC 6455 §5.2',
  },
  WEBSOCKET_MASK: {
    closeCode: 1002,
    message: 'a client’s frame is not masked, or a server’s is',
    section: 'RFC 6455 §5.1',
  },
  WEBSOCKET_CONTROL_FRAME: {
    closeCode: 1002,
    message: 'a control frame is fragmented or longer than 125 bytes',
    section: 'RFC 6455 §5.5',
  },
  WEBSOCKET_CLOSE_CODE: {
    closeCode: 1002,
    message: 'a Close frame has a code that is never sent',
    section: 'RFC 6455 §7.4',
  },
  WEBSOCKET_DATA_TYPE: {
    closeCode: 1003,
    message: 'a message is text where the reader takes bytes, or the other way round',
    section: 'RFC 6455 §7.4.1',
  },
  WEBSOCKET_UTF8: {
    closeCode: 1007,
    message: 'text is not valid UTF-8',
    section: 'RFC 6455 §8.1',
  },
  WEBSOCKET_DEFLATE: {
    closeCode: 1007,
    message: 'a compressed message cannot be inflated',
    section: 'RFC 7692 §7.2.2',
  },
  WEBSOCKET_TOO_MANY_FRAGMENTS: {
    closeCode: 1008,
    message: 'a message has more fragments than are taken',
    section: 'RFC 6455 §7.4.1',
  },
  WEBSOCKET_TOO_MANY_CONTROL_FRAMES: {
    closeCode: 1008,
    message: 'more control frames in a second than are taken',
    section: 'RFC 6455 §7.4.1',
  },
  WEBSOCKET_PONG_TIMEOUT: {
    closeCode: 1008,
    message: 'nothing came for pongTimeoutMs after a ping',
    section: 'RFC 6455 §5.5.2',
  },
  WEBSOCKET_MESSAGE_TOO_LARGE: {
    closeCode: 1009,
    message: 'a message is longer than maxMessageBytes',
    section: 'RFC 6455 §7.4.1',
  },

  WEBSOCKET_HANDSHAKE: { message: 'the server did not take the handshake', section: 'RFC 6455 §4.1' },

  WEBSOCKET_NO_CLOSE: { message: 'the peer has gone without a Close frame', phase: 'read' },
  WEBSOCKET_SLOW_READER: { message: 'the peer leaves more unread than maxBufferedBytes', phase: 'write' },
  WEBSOCKET_BUS_CLOSED: {
    message: 'the bus is closed, or its client has given up connecting',
    phase: 'connect',
  },
  WEBSOCKET_CLOSE_TIMEOUT: {
    message: 'the peer has not answered Close for closeTimeoutMs',
    phase: 'timeout',
  },
  WEBSOCKET_HANDSHAKE_TIMEOUT: {
    message: 'the handshake took longer than handshakeTimeoutMs',
    phase: 'timeout',
  },

  WEBSOCKET_CLASS: { message: 'a WebSocket class is WebSocket or a subclass of it' },
  WEBSOCKET_REQUEST: { message: 'the request has been answered already' },
  WEBSOCKET_PROTOCOL: { message: 'the client did not offer this subprotocol', section: 'RFC 6455 §4.2.2' },
  WEBSOCKET_OPTION: { message: 'an option is unknown or has a value that it does not take' },
  WEBSOCKET_URL: {
    message: 'a URL must be ws:, wss:, http:, https:, ws+unix: or wss+unix:, without a fragment',
  },
  WEBSOCKET_DATA: { message: 'a message is a string or a Uint8Array' },
  WEBSOCKET_PING: { message: 'a ping carries at most 125 bytes', section: 'RFC 6455 §5.5' },
  WEBSOCKET_CLOSE: {
    message: 'close() takes 1000 to 1003, 1007 to 1014 or 3000 to 4999, and a reason of at most 123 bytes',
    section: 'RFC 6455 §7.4',
  },
  WEBSOCKET_DELIMITER: {
    message: 'readDelimiter must be ENTIRE_MESSAGE or what a Stream takes',
  },
  WEBSOCKET_NOT_CONNECTED: { message: 'not connected yet: wait for onConnect' },
  WEBSOCKET_CLOSED: { message: 'this end has closed the WebSocket already' },
  WEBSOCKET_READ_IN_USE: { message: 'the WebSocket is read by another loop already' },
  WEBSOCKET_NO_REQUEST: { message: 'there is no request: only a server has one, from onHandshake on' },
  WEBSOCKET_GROUP: { message: 'a group over a bus has a topic, and takes WebSockets' },
} as const satisfies Record<string, WebSocketErrorEntry>);

export type WebSocketErrorCode = keyof typeof WEBSOCKET_ERRORS;

/** WebSocketProtocolError says that the peer broke a rule; `closeCode` is what its Close frame says (RFC 6455 §7.4.1). */
export class WebSocketProtocolError extends ProtocolError {
  readonly closeCode: number;

  constructor(code: string, message: string, closeCode: number, section?: string, options?: ErrorOptions) {
    super(code, message, section, options);
    this.closeCode = closeCode;
  }
}

/** What the server answered in place of 101, or beside it. */
export interface HandshakeAnswer {
  readonly status: number;
  readonly headers: HTTPHeaders;
  /** The beginning of its content. */
  readonly body: Buffer;
}

/**
 * WebSocketHandshakeError says that the server refused, with any status, or that its 101 was none: `answer` is null where there
 * was no answer that could be read.
 */
export class WebSocketHandshakeError extends ProtocolError {
  readonly answer: HandshakeAnswer | null;

  constructor(detail: string, answer: HandshakeAnswer | null, options?: ErrorOptions) {
    const { message, section } = WEBSOCKET_ERRORS.WEBSOCKET_HANDSHAKE;
    super('WEBSOCKET_HANDSHAKE', `${message} (${detail})`, section, options);
    this.answer = answer;
  }

  get status(): number | null {
    return this.answer?.status ?? null;
  }
}

function text(code: WebSocketErrorCode, detail: string | undefined): string {
  const { message } = WEBSOCKET_ERRORS[code];
  return detail === undefined ? message : `${message} (${detail})`;
}

/** The error for a peer's mistake. */
export function webSocketError(
  code: WebSocketErrorCode,
  detail?: string,
  cause?: Error,
): WebSocketProtocolError {
  const entry: WebSocketErrorEntry = WEBSOCKET_ERRORS[code];
  const options = cause === undefined ? undefined : { cause };
  return new WebSocketProtocolError(
    code,
    text(code, detail),
    entry.closeCode ?? 1002,
    entry.section,
    options,
  );
}

/** The error for a connection that cannot go on. */
export function webSocketTransportError(code: WebSocketErrorCode, cause?: Error): TransportError {
  const entry: WebSocketErrorEntry = WEBSOCKET_ERRORS[code];
  const options = cause === undefined ? undefined : { cause };
  return new TransportError(code, text(code, cause?.message), entry.phase ?? 'read', options);
}

/** The error for our caller's mistake. */
export function webSocketUsageError(code: WebSocketErrorCode, detail?: string): UsageError {
  return new UsageError(code, text(code, detail));
}
