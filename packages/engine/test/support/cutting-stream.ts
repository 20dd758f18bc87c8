/** A Stream that keeps its pieces as they are, of whatever kind, and the errors that cutting them made. */
import type { InseamError } from '@inseam/engine';
import { RecordingStream } from './recording-stream.js';

export class CuttingStream extends RecordingStream {
  readonly got: unknown[] = [];
  readonly errors: InseamError[] = [];

  override onRead(data: unknown): unknown {
    this.got.push(data);
    this.log.add('read');
    return undefined;
  }
  override onReadError(error: InseamError): unknown {
    this.errors.push(error);
    this.log.add(`read error ${error.code}`);
    return super.onReadError(error);
  }
  override onOverflowError(error: InseamError): unknown {
    this.errors.push(error);
    return super.onOverflowError(error);
  }
}
