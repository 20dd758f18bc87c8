/**
 * What a Stream tells: the handlers that a protocol overrides, in the order in which they may come. Each may be
 * async.
 */
import { Channel } from '../channel.js';
import type { InseamError } from '../errors.js';

export abstract class StreamHandlers extends Channel {
  /** The connection stands, TLS included where `startTls` came first. */
  onConnect(): unknown {
    return undefined;
  }
  /** A TLS handshake has succeeded; before `onConnect` where `startTls` came first. */
  onTlsHandshake(): unknown {
    return undefined;
  }
  /**
   * A piece of input, cut by `readDelimiter`: a Buffer, yours to keep, unless the delimiter gives something else.
   * Declare what yours gives: `onRead(line: Buffer)`, `onRead([id, name]: [number, Buffer])`.
   */
  onRead(_data: unknown): unknown {
    return undefined;
  }
  /** Everything written has been handed to the system. */
  onWrite(): unknown {
    return undefined;
  }
  /**
   * The peer has finished sending; with `bufferedBytes` above 0, in the middle of a piece. The default answers by
   * closing.
   */
  abstract onEnd(): unknown;

  /**
   * The connection could not be made, for whatever reason and exactly once; `onClose` follows. Of an accepted one it
   * is what comes first that failed: its PROXY header or its TLS handshake. The default reports it.
   */
  onConnectError(error: InseamError): unknown {
    this.logger.warn(`${this.constructor.name} could not connect`, error);
    return undefined;
  }
  /** A handshake failed; `onClose` follows. The default is `onConnectError` before `onConnect`, `onError` after it. */
  onTlsHandshakeError(error: InseamError): unknown {
    return this.hasConnected ? this.onError(error) : this.onConnectError(error);
  }
  /**
   * A piece is longer than `bufferSize`. The default reports it and closes at once. A stream left open reads on once
   * `bufferSize` or `readDelimiter` has been set.
   */
  onOverflowError(error: InseamError): unknown {
    return this.onError(error);
  }
  /** A delimiter of your own, or a NetStruct, could not cut. The default reports it and closes at once. */
  onReadError(error: InseamError): unknown {
    return this.onError(error);
  }
  /**
   * A file could not be sent, or not to its end. The default reports it and closes at once; else the queue goes on
   * behind it.
   */
  onWriteError(error: InseamError): unknown {
    return this.onError(error);
  }
  /**
   * `idleTimeoutMs`, `readTimeoutMs` or `writeTimeoutMs` has passed: `error.code` says which. The default closes, at
   * once if the peer takes nothing.
   */
  abstract onTimeout(error: InseamError): unknown;

  /** Whether `onConnect` has been called. */
  protected abstract readonly hasConnected: boolean;
}
