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
    message: 'not an address: give a port, [host, port], { host, port } or a Unix socket path',
  },
  ENGINE_BUFFER_SIZE: { message: 'bufferSize must be a whole number of bytes above 0' },
  ENGINE_DATA: { message: 'data must be a string or a Uint8Array' },
  ENGINE_FUNCTION: { message: 'a timer needs a function to call' },
  ENGINE_NOT_CONNECTED: { message: 'write() needs a connected stream: wait for onConnect' },
  ENGINE_CONNECTION_CLASS: {
    message: 'ConnectionClass must be Stream or a subclass that hands its options on to super()',
  },
  ENGINE_OPTION: { message: 'an option is unknown or has a value that it does not take' },
  ENGINE_READ_DELIMITER: {
    message: 'readDelimiter must be null, a non-empty string or Buffer, or a whole number of bytes above 0',
  },
  ENGINE_SERVER_IN_USE: { message: 'listen() was called already: a server listens once' },
  ENGINE_STREAM_CLOSED: { message: 'this end has closed the stream already' },
  ENGINE_STREAM_IN_USE: { message: 'connect() was called already: a stream connects once' },
  ENGINE_TIMER_DELAY: { message: 'a delay must be a finite number of milliseconds above 0' },

  ENGINE_CONNECT_FAILED: { message: 'could not connect', phase: 'connect' },
  ENGINE_LISTEN_FAILED: { message: 'could not listen', phase: 'listen' },
  ENGINE_CONNECTION_LOST: { message: 'the connection was lost', phase: 'read' },
  ENGINE_STOP_TIMEOUT: { message: 'still open when stopTimeoutMs had passed', phase: 'timeout' },

  ENGINE_BUFFER_OVERFLOW: { message: 'the peer sent more than bufferSize without a delimiter' },
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
export function usageError(code: EngineErrorCode, detail?: string): UsageError {
  return new UsageError(code, text(code, detail));
}

/** A TransportError of this package whose detail is the operating system's own message. */
export function transportError(code: EngineErrorCode, cause?: Error): TransportError {
  const entry: ErrorEntry = ENGINE_ERRORS[code];
  return new TransportError(
    code,
    text(code, cause?.message),
    entry.phase ?? 'read',
    cause === undefined ? undefined : { cause },
  );
}

/** A ProtocolError of this package. */
export function protocolError(code: EngineErrorCode): ProtocolError {
  const entry: ErrorEntry = ENGINE_ERRORS[code];
  return new ProtocolError(code, entry.message, entry.section);
}
