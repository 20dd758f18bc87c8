/** Counts what is done with bytes, so that a test can tell linear work from quadratic without a watch. */

export interface BufferWork {
  /** Bytes that were searched, turned into text, copied. */
  searched: number;
  decoded: number;
  copied: number;
  /** Numbers of 16 and 32 bits that were read. */
  numbers: number;
}

/** Runs `work`, which must be synchronous, and tells what it did by the methods of Buffer. */
export function bufferWork(work: () => void): BufferWork {
  const { indexOf, toString: decode, copy, readUInt32BE, readUInt16BE } = Buffer.prototype;
  const done: BufferWork = { searched: 0, decoded: 0, copied: 0, numbers: 0 };
  Object.assign(Buffer.prototype, {
    indexOf(this: Buffer, value: string | number | Uint8Array, from = 0) {
      const found = indexOf.call(this, value, from);
      done.searched += (found === -1 ? this.length : found + 1) - from;
      return found;
    },
    toString(this: Buffer, ...range: [BufferEncoding?, number?, number?]) {
      const text = decode.apply(this, range);
      done.decoded += text.length;
      return text;
    },
    copy(this: Buffer, ...range: [Uint8Array, number?, number?, number?]) {
      const copied = copy.apply(this, range);
      done.copied += copied;
      return copied;
    },
    readUInt32BE(this: Buffer, at?: number) {
      done.numbers++;
      return readUInt32BE.call(this, at);
    },
    readUInt16BE(this: Buffer, at?: number) {
      done.numbers++;
      return readUInt16BE.call(this, at);
    },
  });
  try {
    work();
  } finally {
    Object.assign(Buffer.prototype, { indexOf, toString: decode, copy, readUInt32BE, readUInt16BE });
  }
  return done;
}
