/** A message to be sent, and the frames that it makes: each made once, however many get it. */
import { Sender } from 'ws';
import { webSocketUsageError } from '../errors.js';
import type { Compressor } from './deflate.js';
import { BINARY, TEXT } from './opcodes.js';

/** Up to here, joining header and payload costs less than sending two pieces. */
const JOIN_AT_MOST = 16_384;

/** Frame: one frame on its way to one peer or to many. The bytes must not change until they are sent. */
export class Frame {
  readonly opcode: number;
  readonly payload: Buffer;
  readonly isCompressed: boolean;
  #unmasked: readonly Buffer[] | null = null;

  constructor(opcode: number, payload: Buffer, isCompressed: boolean) {
    this.opcode = opcode;
    this.payload = payload;
    this.isCompressed = isCompressed;
  }

  /** As a server sends it, made once for all who get it; `ws` knows its form. Short ones are one piece. */
  get unmasked(): readonly Buffer[] {
    this.#unmasked ??= this.#encode();
    return this.#unmasked;
  }

  #encode(): Buffer[] {
    const { opcode, payload, isCompressed } = this;
    const options = { fin: true, opcode, rsv1: isCompressed, mask: false, readOnly: true };
    const parts = Sender.frame(payload, options);
    return parts.length > 1 && payload.length <= JOIN_AT_MOST ? [Buffer.concat(parts)] : parts;
  }
}

/** Message: text or bytes, as they are; `compress` makes another frame of it. */
export class Message extends Frame {
  #compressions: Map<Compressor, Compression> | null = null;

  /** Throws UsageError for anything but text or bytes. */
  constructor(data: string | Uint8Array) {
    super(typeof data === 'string' ? TEXT : BINARY, bytesOf(data), false);
  }

  /** The frame as `compressor` makes it, once for all who share it; null where it could not. */
  compress(compressor: Compressor, done: (compressed: Frame | null) => void): void {
    if (!compressor.isShared) {
      compressor.compress(this.payload, (compressed) => done(this.#compressed(compressed)));
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
        const result = this.#compressed(compressed);
        begun.result = result;
        for (const tell of begun.waiting) tell(result);
        begun.waiting = [];
      });
    }
  }

  #compressed(payload: Buffer | null): Frame | null {
    return payload === null ? null : new Frame(this.opcode, payload, true);
  }
}

function bytesOf(data: string | Uint8Array): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw webSocketUsageError('WEBSOCKET_DATA', typeof data);
}

/** A compression that several wait for; `result` is undefined until it is there. */
interface Compression {
  waiting: ((compressed: Frame | null) => void)[];
  result: Frame | null | undefined;
}
