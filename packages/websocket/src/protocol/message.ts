/** A message to be sent, and the frame that it makes: made once, however many get it. */
import { Sender } from 'ws';
import { webSocketUsageError } from '../errors.js';
import type { Compressor } from './deflate.js';
import { BINARY, TEXT } from './opcodes.js';

/** One unmasked frame; `ws` knows its form. Small ones are one piece of memory. */
export function frame(opcode: number, payload: Buffer, isCompressed: boolean): Buffer[] {
  return Sender.frame(payload, {
    fin: true,
    opcode,
    rsv1: isCompressed,
    mask: false,
    readOnly: true,
  });
}

/** Message: text or bytes on their way to one peer or to many. The bytes must not change until they are sent. */
export class Message {
  readonly isText: boolean;
  readonly payload: Buffer;
  #compressions: Map<Compressor, Compression> | null = null;

  /** Throws UsageError for anything but text or bytes. */
  constructor(data: string | Uint8Array) {
    this.isText = typeof data === 'string';
    if (typeof data === 'string') this.payload = Buffer.from(data);
    else if (Buffer.isBuffer(data)) this.payload = data;
    else if (data instanceof Uint8Array) {
      this.payload = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    } else throw webSocketUsageError('WEBSOCKET_DATA', typeof data);
  }

  get opcode(): number {
    return this.isText ? TEXT : BINARY;
  }

  /** The payload as `compressor` makes it, once for all who share it; null where it could not. */
  compress(compressor: Compressor, done: (compressed: Buffer | null) => void): void {
    if (!compressor.isShared) {
      compressor.compress(this.payload, done);
      return;
    }
    this.#compressions ??= new Map();
    const compression = this.#compressions.get(compressor);
    if (compression?.result !== undefined) done(compression.result);
    else if (compression !== undefined) compression.waiting.push(done);
    else {
      const begun: Compression = { waiting: [done], result: undefined };
      this.#compressions.set(compressor, begun);
      compressor.compress(this.payload, (compressed) => {
        begun.result = compressed;
        for (const tell of begun.waiting) tell(compressed);
        begun.waiting = [];
      });
    }
  }
}

/** A compression that several wait for; `result` is undefined until it is there. */
interface Compression {
  waiting: ((compressed: Buffer | null) => void)[];
  result: Buffer | null | undefined;
}
