/**
 * The engine's errors: one class for each reaction, one code for each cause.
 *
 *     InseamError                what every error of ours is
 *     ├── UsageError             our caller is wrong: thrown at the call, nothing reaches the wire
 *     ├── TransportError         the stream is gone: close quietly
 *     └── ProtocolError          the peer is wrong: answer if possible, then close
 *
 * Throw sites name a code; text and section stand once, in ENGINE_ERRORS. `docs/errors.md` is made from it.
 */

/** What a code means. `section` names the document that the peer or the caller went against. */
export interface ErrorEntry {
  readonly message: string;
  readonly section?: string;
  readonly phase?: TransportPhase;
}

/** What a stream was doing when its transport failed. */
export type TransportPhase = 'listen' | 'connect' | 'tls' | 'read' | 'write' | 'timeout';

export const ENGINE_ERRORS = Object.freeze({
  ENGINE_ADDRESS: {
    message:
      'not an address: give a port, [host, port], { host, port }, a Unix socket path, { fd } or a listening net.Server',
  },
  ENGINE_BUFFER_SIZE: { message: 'bufferSize must be a whole number of bytes above 0' },
  ENGINE_CONNECTION_CLASS: {
    message: 'ConnectionClass must be Stream or a subclass that hands its options on to super()',
  },
  ENGINE_CUT: {
    message:
      "a delimiter's cut() must answer NEED_MORE or { data, consumed }, with consumed within the buffer",
  },
  ENGINE_DATA: { message: 'data must be a string or a Uint8Array' },
  ENGINE_FILE: {
    message: 'writeFile() takes a path, a FileHandle or a descriptor, and a range of whole bytes',
  },
  ENGINE_FUNCTION: { message: 'a timer needs a function to call' },
  ENGINE_NOT_CONNECTED: { message: 'not connected yet: wait for onConnect' },
  ENGINE_NO_REMOTE: { message: 'no address to send to: give one, or connect() first' },
  ENGINE_OPTION: { message: 'an option is unknown or has a value that it does not take' },
  ENGINE_PACK_FORMAT: {
    message: 'writePacked() needs a Struct or NetStruct, as its first argument or as readDelimiter',
  },
  ENGINE_READ_DELIMITER: {
    message:
      'readDelimiter must be null, a non-empty string or Buffer, a whole number of bytes above 0, ' +
      'a RegExp that matches no empty text, a Struct or NetStruct of some size, or an object with cut()',
  },
  ENGINE_READ_IN_USE: { message: 'the stream is read by another loop already' },
  ENGINE_SERVER_IN_USE: { message: 'listen() was called already: it is called once' },
  ENGINE_STREAM_CLOSED: { message: 'this end has closed the stream already' },
  ENGINE_STREAM_IN_USE: { message: 'connect() was called already: a stream connects once' },
  ENGINE_STRUCT_FORMAT: { message: 'not a struct format' },
  ENGINE_STRUCT_SIZE: { message: 'these bytes are not of the size that the struct has' },
  ENGINE_STRUCT_VALUE: { message: 'a value does not fit the struct' },
  ENGINE_TIMER_DELAY: { message: 'a delay must be a finite number of milliseconds above 0' },
  ENGINE_TLS_IN_USE: { message: 'startTls() was called already' },
  ENGINE_TLS_OPTION: { message: 'TLS cannot be set up with these options' },
  ENGINE_TLS_TRANSPORT: { message: 'this transport cannot speak TLS' },

  ENGINE_CONNECT_FAILED: { message: 'could not connect', phase: 'connect' },
  ENGINE_CONNECT_ABORTED: { message: 'connecting was aborted by its signal', phase: 'connect' },
  ENGINE_CONNECT_TIMEOUT: {
    message: 'no connection, or no TLS handshake, within connectTimeoutMs',
    phase: 'timeout',
  },
  ENGINE_LISTEN_FAILED: { message: 'could not listen', phase: 'listen' },
  ENGINE_CLOSE_TIMEOUT: { message: 'the peer took nothing of what was left to send', phase: 'timeout' },
  ENGINE_CONNECTION_LOST: { message: 'the connection was lost', phase: 'read' },
  ENGINE_ENDED: { message: 'the peer has finished, and nothing more will come', phase: 'read' },
  ENGINE_FILE_FAILED: { message: 'a file could not be sent', phase: 'write' },
  ENGINE_IDLE_TIMEOUT: { message: 'nothing came or went for idleTimeoutMs', phase: 'timeout' },
  ENGINE_READ_TIMEOUT: { message: 'nothing came for readTimeoutMs', phase: 'timeout' },
  ENGINE_WRITE_TIMEOUT: { message: 'the peer took nothing for writeTimeoutMs', phase: 'timeout' },
  ENGINE_RECEIVE_FAILED: { message: 'datagrams could not be received', phase: 'read' },
  ENGINE_SEND_FAILED: { message: 'a datagram could not be sent', phase: 'write' },
  ENGINE_STOP_TIMEOUT: { message: 'still open when stopTimeoutMs had passed', phase: 'timeout' },
  ENGINE_TLS_HANDSHAKE: { message: 'the TLS handshake failed', phase: 'tls' },

  ENGINE_BUFFER_OVERFLOW: { message: 'the peer sent a piece longer than bufferSize' },
  ENGINE_STRUCT_LENGTH: { message: 'the peer sent a length below 0' },
  ENGINE_PROXY_HEADER: { message: 'no valid PROXY protocol header', section: 'PROXY protocol §2' },
} as const satisfies Record<string, ErrorEntry>);

export type EngineErrorCode = keyof typeof ENGINE_ERRORS;

/** InseamError is what every error of this project is; `code` says the cause and never changes its meaning. */
export class InseamError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** UsageError says that the calling code is wrong. Nothing was sent and nothing has changed. */
export class UsageError extends InseamError {}

/** TransportError says that the stream cannot be used any more; `phase` says what failed. */
export class TransportError extends InseamError {
  readonly phase: TransportPhase;

  constructor(code: string, message: string, phase: TransportPhase, options?: ErrorOptions) {
    super(code, message, options);
    this.phase = phase;
  }

  /** The system's code for the cause, as 'ECONNREFUSED', where there is one. */
  get systemCode(): string | undefined {
    const { cause } = this;
    return cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
      ? cause.code
      : undefined;
  }
}

/** ProtocolError says that the peer broke a rule; `section` names the rule where a document has it. */
export class ProtocolError extends InseamError {
  readonly section: string | undefined;

  constructor(code: string, message: string, section?: string, options?: ErrorOptions) {
    super(code, message, options);
    this.section = section;
  }
}

function text(code: EngineErrorCode, detail: string | undefined): string {
  return detail === undefined ? ENGINE_ERRORS[code].message : `${ENGINE_ERRORS[code].message} (${detail})`;
}

/** A UsageError of this package; `detail` is appended in brackets. */
export function usageError(code: EngineErrorCode, detail?: string, cause?: unknown): UsageError {
  return new UsageError(code, text(code, detail), cause === undefined ? undefined : { cause });
}

/** A TransportError of this package; its detail is the cause's own message, unless that says too much. */
export function transportError(
  code: EngineErrorCode,
  cause?: Error,
  detail = cause?.message,
): TransportError {
  const entry: ErrorEntry = ENGINE_ERRORS[code];
  return new TransportError(
    code,
    text(code, detail),
    entry.phase ?? 'read',
    cause === undefined ? undefined : { cause },
  );
}

/** A ProtocolError of this package; `detail` is appended in brackets. */
export function protocolError(code: EngineErrorCode, detail?: string): ProtocolError {
  const entry: ErrorEntry = ENGINE_ERRORS[code];
  return new ProtocolError(code, text(code, detail), entry.section);
}

/** What user code has thrown, as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
