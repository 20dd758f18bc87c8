/** A message to be sent, and the frames that it makes: each made once, however many get it. */
import { Sender } from 'ws';
import { webSocketUsageError } from '../errors.js';
import type { Compressor } from './deflate.js';
import { BINARY, TEXT } from './opcodes.js';

/** Up to here, joining header and payload costs less than sending two pieces. */
const JOIN_AT_MOST = 16_384;

/** Node writes a string of 16 KiB without memory of its own. */
const ASCII_AT_MOST = JOIN_AT_MOST - 4;

/** Frame: one frame on its way to one peer or to many. The bytes must not change until they are sent. */
export class Frame {
  readonly opcode: number;
  /** Bytes of the payload. */
  readonly size: number;
  readonly isCompressed: boolean;
  readonly #text: string;
  #payload: Buffer | null;
  #unmasked: readonly (string | Buffer)[] | null = null;

  constructor(opcode: number, payload: string | Buffer, isCompressed: boolean) {
    const isText = typeof payload === 'string';
    this.opcode = opcode;
    this.size = isText ? Buffer.byteLength(payload) : payload.length;
    this.isCompressed = isCompressed;
    this.#text = isText ? payload : '';
    this.#payload = isText ? null : payload;
  }

  get payload(): Buffer {
    this.#payload ??= Buffer.from(this.#text);
    return this.#payload;
  }

  /** As a server sends it, made once for all who get it. Short ones are one piece; a string has a byte for each code unit. */
  get unmasked(): readonly (string | Buffer)[] {
    this.#unmasked ??= this.#isAscii ? [head(this.opcode, this.size) + this.#text] : this.#encode();
    return this.#unmasked;
  }

  /** Whether it is short text in ASCII: that need not become bytes here. */
  get #isAscii(): boolean {
    return this.#payload === null && this.size === this.#text.length && this.size <= ASCII_AT_MOST;
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
    super(typeof data === 'string' ? TEXT : BINARY, payloadOf(data), false);
  }

  /** The frame as `compressor` makes it, once for all who share it; null where it could not. */
  compress(compressor: Compressor, isWanted: () => boolean, done: Waiting['done']): void {
    if (!compressor.isShared) {
      compressor.compress(this.payload, isWanted, (compressed) => done(this.#compressed(compressed)));
      return;
    }
    this.#compressions ??= new Map();
    const compression = this.#compressions.get(compressor);
    if (compression?.result !== undefined) done(compression.result);
    else if (compression !== undefined) compression.waiting.push({ isWanted, done });
    else {
      const begun: Compression = { waiting: [{ isWanted, done }], result: undefined };
      this.#compressions.set(compressor, begun);
      const isWantedByAny = () => begun.waiting.some((one) => one.isWanted());
      compressor.compress(this.payload, isWantedByAny, (compressed) => {
        const result = this.#compressed(compressed);
        begun.result = result;
        for (const one of begun.waiting) one.done(result);
        begun.waiting = [];
      });
    }
  }

  #compressed(payload: Buffer | null): Frame | null {
    return payload === null ? null : new Frame(this.opcode, payload, true);
  }
}

/** RFC 6455 §5.2: FIN, the opcode, no mask, and a length below 64 KiB. */
function head(opcode: number, size: number): string {
  if (size < 126) return String.fromCharCode(0x80 | opcode, size);
  return String.fromCharCode(0x80 | opcode, 126, size >> 8, size & 0xff);
}

function payloadOf(data: string | Uint8Array): string | Buffer {
  if (typeof data === 'string' || Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  throw webSocketUsageError('WEBSOCKET_DATA', typeof data);
}

interface Waiting {
  isWanted(): boolean;
  done(compressed: Frame | null): void;
}

/** A compression that several wait for; `result` is undefined until it is there. */
interface Compression {
  waiting: Waiting[];
  result: Frame | null | undefined;
}
