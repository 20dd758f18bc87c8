/**
 * The other side of permessage-deflate, by zlib alone: RFC 7692 §7.2. What was said before is zlib's dictionary, which is what the window
 * of a context that is taken over holds.
 */
import zlib from 'node:zlib';
import { type FrameParts, frame, hex, RSV1 } from './frames.js';

const FLUSHED = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const TAIL = hex('00 00 ff ff');

export interface Window {
  /** Default 15. */
  bits?: number;
  /** What has been said before. Default nothing. */
  before?: Buffer;
}

/** §7.2.1. */
export function compress(data: string | Uint8Array, { bits = 15, before }: Window = {}): Buffer {
  const dictionary = before === undefined || before.length === 0 ? {} : { dictionary: before };
  const bytes = zlib.deflateRawSync(data, { ...FLUSHED, ...dictionary, windowBits: bits });
  if (!bytes.subarray(-4).equals(TAIL)) throw new Error('zlib has not flushed');
  return bytes.length === 4 ? Buffer.from([0]) : bytes.subarray(0, -4);
}

/** §7.2.2. Throws where `data` refers to what lies farther back than the window. */
export function inflate(data: Uint8Array, { bits = 15, before }: Window = {}): Buffer {
  const dictionary = before === undefined || before.length === 0 ? {} : { dictionary: before };
  return zlib.inflateRawSync(Buffer.concat([data, TAIL]), { ...FLUSHED, ...dictionary, windowBits: bits });
}

/** A frame of what is compressed. */
export const packed = (payload: Uint8Array, rest: Omit<FrameParts, 'payload'> = {}) =>
  frame({ rsv: RSV1, ...rest, payload });

/** `size` bytes of zeros in the fewest bytes; a multiple of 16 MiB. */
export function zeros(size: number): Buffer {
  const block = 16 << 20;
  const whole = compress(Buffer.alloc(2 * block));
  const first = compress(Buffer.alloc(block));
  // The second block refers to zeros before it, and so can any number of them.
  const next = Buffer.concat([compress(Buffer.alloc(block), { before: Buffer.alloc(32_768) }), TAIL]);
  if (whole.length === 0) throw new Error('zlib has made nothing of it');
  return Buffer.concat([first, TAIL, ...Array.from({ length: size / block - 1 }, () => next)]).subarray(
    0,
    -4,
  );
}
