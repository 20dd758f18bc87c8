/**
 * The letters of a struct format: how many bytes each takes, how they are read and how they are written. Pure, and
 * without a word about formats or about positions in them. After the documents of Python's module `struct`.
 */
import { fromHalf, toHalf } from './half-float.js';

/** What a struct unpacks to: bigint for integers of 8 bytes, Buffer for `c`, `s`, `p` and `$`. */
export type StructValue = number | bigint | boolean | Buffer;

/** What can be packed; text stands for its UTF-8. */
export type PackValue = StructValue | string | Uint8Array;

/** One letter in one byte order. `this` is the buffer, so that Buffer's own methods are readers as they are. */
export interface Letter {
  readonly size: number;
  readonly read: (this: Buffer, at: number, size: number) => StructValue;
  /** Writes into zeroed bytes; answers what is wrong with `value` instead when it does not fit. */
  readonly write: (bytes: Buffer, value: unknown, at: number, size: number) => string | undefined;
}

export type Letters = ReadonlyMap<string, Letter>;

/** Bytes of `value`, which may be the caller's own; `undefined` for what has none. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value === 'string') return Buffer.from(value);
  return value instanceof Uint8Array ? value : undefined;
}

/** The letters in their standard sizes. `x` is not among them: it has no value. */
export function standardLetters(little: boolean): Letters {
  const b = Buffer.prototype;
  const order = <T>(littleEndian: T, bigEndian: T): T => (little ? littleEndian : bigEndian);
  const int32 = signed(4, order(b.readInt32LE, b.readInt32BE), order(b.writeInt32LE, b.writeInt32BE));
  const uint32 = unsigned(4, order(b.readUInt32LE, b.readUInt32BE), order(b.writeUInt32LE, b.writeUInt32BE));
  const readUint16 = order(b.readUInt16LE, b.readUInt16BE);
  const writeUint16 = order(b.writeUInt16LE, b.writeUInt16BE);
  return new Map([
    ['c', CHARACTER],
    ['?', BOOLEAN],
    ['b', signed(1, b.readInt8, b.writeInt8)],
    ['B', unsigned(1, b.readUInt8, b.writeUInt8)],
    ['h', signed(2, order(b.readInt16LE, b.readInt16BE), order(b.writeInt16LE, b.writeInt16BE))],
    ['H', unsigned(2, readUint16, writeUint16)],
    ['i', int32],
    ['I', uint32],
    ['l', int32],
    ['L', uint32],
    ['q', long(order(b.readBigInt64LE, b.readBigInt64BE), little, MIN_INT64, MAX_INT64)],
    ['Q', long(order(b.readBigUInt64LE, b.readBigUInt64BE), little, 0n, MAX_UINT64)],
    ['e', half(readUint16, writeUint16)],
    ['f', float(order(b.readFloatLE, b.readFloatBE), order(b.writeFloatLE, b.writeFloatBE))],
    ['d', double(order(b.readDoubleLE, b.readDoubleBE), order(b.writeDoubleLE, b.writeDoubleBE))],
    ['s', BYTES],
    ['p', PASCAL],
  ]);
}

/** The letters as C has them on a 64-bit Linux, where each is aligned to its size. */
export function nativeLetters(little: boolean): Letters {
  const b = Buffer.prototype;
  const readUnsigned = little ? b.readBigUInt64LE : b.readBigUInt64BE;
  const int64 = long(little ? b.readBigInt64LE : b.readBigInt64BE, little, MIN_INT64, MAX_INT64);
  const uint64 = long(readUnsigned, little, 0n, MAX_UINT64);
  return new Map([
    ...standardLetters(little),
    ['l', int64],
    ['L', uint64],
    ['n', int64],
    ['N', uint64],
    // A pointer may be packed as a signed number; it is unpacked unsigned.
    ['P', long(readUnsigned, little, MIN_INT64, MAX_UINT64)],
  ]);
}

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

type ReadNumber = (this: Buffer, at: number) => number;
type WriteNumber = (this: Buffer, value: number, at: number) => number;

const BYTES: Letter = {
  size: 1,
  read(at, size) {
    return Buffer.from(this.subarray(at, at + size));
  },
  write(bytes, value, at, size) {
    const data = bytesOf(value);
    if (data === undefined) return 'is neither text nor bytes';
    if (data.length > size) return `is longer than ${size} bytes`;
    bytes.set(data, at);
    return undefined;
  },
};

/** A Pascal string: the first of its bytes tells how many of the others count. */
const PASCAL: Letter = {
  size: 1,
  read(at, size) {
    const length = size === 0 ? 0 : Math.min(this.readUInt8(at), size - 1);
    return Buffer.from(this.subarray(at + 1, at + 1 + length));
  },
  write(bytes, value, at, size) {
    const data = bytesOf(value);
    if (data === undefined) return 'is neither text nor bytes';
    const room = Math.max(0, Math.min(size - 1, 255));
    if (data.length > room) return `is longer than ${room} bytes`;
    if (size === 0) return undefined;
    bytes.writeUInt8(data.length, at);
    bytes.set(data, at + 1);
    return undefined;
  },
};

const CHARACTER: Letter = {
  size: 1,
  read: BYTES.read,
  write: (bytes, value, at) =>
    bytesOf(value)?.length === 1 ? BYTES.write(bytes, value, at, 1) : 'is not one byte',
};

const BOOLEAN: Letter = {
  size: 1,
  read(at) {
    return this.readUInt8(at) !== 0;
  },
  write(bytes, value, at) {
    if (typeof value !== 'boolean' && typeof value !== 'number') return 'is neither a boolean nor a number';
    // NaN counts as true, as in Python.
    bytes.writeUInt8(value === false || value === 0 ? 0 : 1, at);
    return undefined;
  },
};

function signed(size: number, read: ReadNumber, write: WriteNumber): Letter {
  const half = 2 ** (8 * size - 1);
  return integer(size, read, write, -half, half - 1);
}

function unsigned(size: number, read: ReadNumber, write: WriteNumber): Letter {
  return integer(size, read, write, 0, 2 ** (8 * size) - 1);
}

function integer(size: number, read: ReadNumber, write: WriteNumber, min: number, max: number): Letter {
  return {
    size,
    read,
    write(bytes, value, at) {
      if (typeof value !== 'bigint' && !Number.isInteger(value)) return 'is not a whole number';
      const number = Number(value);
      if (number < min || number > max) return `is not from ${min} to ${max}`;
      write.call(bytes, number, at);
      return undefined;
    },
  };
}

function long(read: (this: Buffer, at: number) => bigint, little: boolean, min: bigint, max: bigint): Letter {
  const { writeBigUInt64LE, writeBigUInt64BE } = Buffer.prototype;
  const write = little ? writeBigUInt64LE : writeBigUInt64BE;
  return {
    size: 8,
    read,
    write(bytes, value, at) {
      if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
        return 'is neither a bigint nor a safe integer';
      const number = BigInt(value as bigint | number);
      if (number < min || number > max) return `is not from ${min} to ${max}`;
      write.call(bytes, BigInt.asUintN(64, number), at);
      return undefined;
    },
  };
}

function half(read: ReadNumber, write: WriteNumber): Letter {
  return {
    size: 2,
    read(at) {
      return fromHalf(read.call(this, at));
    },
    write(bytes, value, at) {
      if (typeof value !== 'number') return 'is not a number';
      const bits = toHalf(value);
      if (bits === undefined) return 'is too large for a half float';
      write.call(bytes, bits, at);
      return undefined;
    },
  };
}

function float(read: ReadNumber, write: WriteNumber): Letter {
  return {
    size: 4,
    read,
    write(bytes, value, at) {
      if (typeof value !== 'number') return 'is not a number';
      if (Number.isFinite(value) && !Number.isFinite(Math.fround(value))) return 'is too large for a float';
      write.call(bytes, value, at);
      return undefined;
    },
  };
}

function double(read: ReadNumber, write: WriteNumber): Letter {
  return {
    size: 8,
    read,
    write(bytes, value, at) {
      if (typeof value !== 'number') return 'is not a number';
      write.call(bytes, value, at);
      return undefined;
    },
  };
}
