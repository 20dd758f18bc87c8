/** Loops over a stream's pieces that write down what they get, in the stream's own log. */
import { InseamError } from '@inseam/engine';
import { RecordingStream } from './recording-stream.js';

/** Reads `stream` in a loop and logs it: 'piece …' for each, then 'over' or 'threw …'. */
export async function readAll(
  stream: RecordingStream,
  body: (piece: Buffer) => unknown = () => {},
): Promise<void> {
  try {
    for await (const piece of stream) {
      stream.log.add(`piece ${piece}`);
      await body(piece);
    }
    stream.log.add('over');
  } catch (error) {
    stream.log.add(`threw ${error instanceof InseamError ? error.code : error}`);
  }
}

/** Stays open at the peer's end. */
export class HalfOpen extends RecordingStream {
  override onEnd(): unknown {
    this.log.add(`end, ${this.bufferedBytes} left`);
    return undefined;
  }
}
