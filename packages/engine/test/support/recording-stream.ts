/** A Stream that writes down what its handlers are told. */
import { type InseamError, Stream } from '@inseam/engine';
import { EventLog } from './event-log.js';

export class RecordingStream extends Stream {
  readonly log = new EventLog();

  override onConnect(): unknown {
    this.log.add('connect');
    return undefined;
  }
  override onRead(data: Buffer): unknown {
    this.log.add(`read ${data.toString('latin1')}`);
    return undefined;
  }
  override onWrite(): unknown {
    this.log.add('write');
    return undefined;
  }
  override onEnd(): unknown {
    this.log.add('end');
    return super.onEnd();
  }
  override onClose(reason: InseamError | null): void {
    this.log.add(reason === null ? 'close' : `close ${reason.code}`);
  }
  override onConnectError(error: InseamError): unknown {
    this.log.add(`connect error ${error.code}`);
    return undefined;
  }
  override onOverflowError(error: InseamError): unknown {
    this.log.add(`overflow ${error.code}`);
    return super.onOverflowError(error);
  }
}
