/** What a Datagram tells: the handlers to override. Each may be async. */
import { Channel } from '../channel.js';
import type { InseamError } from '../errors.js';
import type { DatagramAddress } from '../transports/datagram-socket.js';

export abstract class DatagramHandlers extends Channel {
  /** `connect` has succeeded. */
  onConnect(): unknown {
    return undefined;
  }
  /** A packet, yours to keep, and who has sent it. */
  onRead(_data: Buffer, _remote: DatagramAddress): unknown {
    return undefined;
  }
  /** Everything written is with the system, but for what `onWriteError` was told of. */
  onWrite(): unknown {
    return undefined;
  }
  /** `connect` failed, exactly once; `onClose` follows. The default reports it. */
  onConnectError(error: InseamError): unknown {
    this.logger.warn(`${this.constructor.name} could not connect`, error);
    return undefined;
  }
  /**
   * Receiving has failed once (`ENGINE_RECEIVE_FAILED`), as it does after a peer has refused a packet; `remote` is
   * known where a sender's input could not be cut. The default reports it; the socket stays open.
   */
  onReadError(error: InseamError, _remote: DatagramAddress | null): unknown {
    this.logger.warn(`${this.constructor.name} could not read`, error);
    return undefined;
  }
  /**
   * One packet was not sent (`ENGINE_SEND_FAILED`); `remote` is null for the peer of `connect` and for a name without
   * an address. The default reports it; the socket stays open.
   */
  onWriteError(error: InseamError, _remote: DatagramAddress | null): unknown {
    this.logger.warn(`${this.constructor.name} could not send`, error);
    return undefined;
  }
  /** `idleTimeoutMs` or `readTimeoutMs` has passed: `error.code` says which. The default closes at once. */
  abstract onTimeout(error: InseamError): unknown;
}
