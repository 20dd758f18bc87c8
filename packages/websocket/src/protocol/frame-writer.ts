/**
 * FrameWriter: messages in, frames out, in the order in which they were written, also where some of them have to be
 * compressed first.
 */
import { randomFillSync } from 'node:crypto';
import { Sender } from 'ws';
import { closePayload } from './close-code.js';
import type { Agreement } from './deflate.js';
import { applyMask } from './masking.js';
import { Frame, type Message } from './message.js';
import { CLOSE } from './opcodes.js';

/** Where frames go: a stream, as a rule. */
export interface FrameOutput {
  /** Whether it takes nothing any more, and may throw: the connection can have ended while zlib was at work. */
  readonly closed?: boolean;
  /** Takes everything; false says to hold back. */
  write(bytes: Uint8Array): boolean;
  /** The same for a byte of each code unit. */
  writeLatin1(text: string): boolean;
}

/** What is on its way to being a frame. */
interface Pending {
  /** Of the payload, before it was compressed. */
  readonly size: number;
  frame: Frame;
  isReady: boolean;
}

export class FrameWriter {
  readonly #output: FrameOutput;
  readonly #isMasking: boolean;
  readonly #agreement: Agreement | null;
  /** Frames behind one that is being compressed. */
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #isClosed = false;
  /** Called when everything is out that waited for compression. */
  onIdle: (() => void) | null = null;

  constructor(output: FrameOutput, isServer: boolean, agreement: Agreement | null) {
    this.#output = output;
    this.#isMasking = !isServer;
    this.#agreement = agreement;
  }

  /** Bytes that wait to be compressed, or behind such. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isIdle(): boolean {
    return this.#pending.length === 0;
  }

  /** A message, compressed where that was agreed on and it is long enough. */
  message(message: Message): boolean {
    const agreement = this.#agreement;
    if (!agreement?.compressor || message.size < agreement.threshold) return this.#send(message);
    const pending = this.#wait(message, false);
    const isWanted = () => !this.#isClosed && !this.#output.closed;
    message.compress(agreement.compressor, isWanted, (compressed) => {
      if (this.#isClosed) return;
      pending.isReady = true;
      if (compressed !== null) pending.frame = compressed;
      this.#release();
    });
    return true;
  }

  /** A frame as it is. */
  send(opcode: number, payload: Buffer): boolean {
    return this.#send(new Frame(opcode, payload, false));
  }

  sendClose(code: number, reason: string): void {
    this.send(CLOSE, closePayload(code, reason));
  }

  /** Drops what waits. */
  close(): void {
    this.#isClosed = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    const { compressor } = this.#agreement ?? {};
    if (compressor && !compressor.isShared) compressor.close();
  }

  #send(frame: Frame): boolean {
    if (this.#pending.length === 0) return this.#write(frame);
    this.#wait(frame, true);
    return true;
  }

  #wait(frame: Frame, isReady: boolean): Pending {
    const { size } = frame;
    const pending: Pending = { size, frame, isReady };
    this.#pending.push(pending);
    this.#pendingBytes += size;
    return pending;
  }

  #release(): void {
    for (let first = this.#pending[0]; first?.isReady; first = this.#pending[0]) {
      this.#pending.shift();
      this.#pendingBytes -= first.size;
      this.#write(first.frame);
    }
    if (this.#pending.length === 0) this.onIdle?.();
  }

  #write(frame: Frame): boolean {
    if (this.#output.closed) return false;
    if (this.#isMasking) return this.#output.write(masked(frame));
    let mayGoOn = true;
    for (const part of frame.unmasked) {
      mayGoOn = typeof part === 'string' ? this.#output.writeLatin1(part) : this.#output.write(part);
    }
    return mayGoOn;
  }
}

const NO_MASK = (mask: Buffer): void => void mask.fill(0);
const keys = Buffer.alloc(8_192);
let nextKey = keys.length;

/** RFC 6455 §5.3: every frame of a client has a key of its own that cannot be foreseen. The payload is copied. */
function masked({ opcode, payload, isCompressed }: Frame): Buffer {
  if (nextKey === keys.length) {
    randomFillSync(keys);
    nextKey = 0;
  }
  // `ws` masks byte by byte: it is given a key of zeros, which it need not apply.
  const options = {
    fin: true,
    opcode,
    rsv1: isCompressed,
    mask: true,
    readOnly: true,
    generateMask: NO_MASK,
  };
  const bytes = Buffer.concat(Sender.frame(payload, options));
  const start = bytes.length - payload.length;
  const key = keys.readInt32LE(nextKey);
  nextKey += 4;
  bytes.writeInt32LE(key, start - 4);
  applyMask(bytes, start, bytes.length, key);
  return bytes;
}
