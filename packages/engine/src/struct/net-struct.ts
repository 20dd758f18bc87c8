/**
 * NetStruct: a struct with `$`, bytes whose length stands before them, after the Python package `netstruct`. Pure.
 *
 * One object may serve many streams, so it keeps nothing of a message that is incomplete. What it looks at then are
 * the lengths alone: a try costs time by the `$` in the format, never by the bytes.
 */
import { NEED_MORE } from '../byte-window.js';
import { protocolError, usageError } from '../errors.js';
import { type NetLayout, parseNetStruct } from './struct-format.js';
import {
  readFields,
  refuseValue,
  requireCount,
  type StructLayout,
  viewOf,
  writeFields,
} from './struct-layout.js';
import { bytesOf, type PackValue, type StructValue } from './struct-letters.js';

/**
 * NetStruct is a parsed format with `$` that packs values into bytes and back, and cuts a stream as its
 * `readDelimiter`. It never changes: one serves any number of streams.
 *
 * The format is that of Struct, but of network byte order without padding unless it says otherwise. A `$` follows
 * an integer, one of `bBhHiIlLqQP`, and the two are one value: bytes. With `@`, values after a `$` are aligned as
 * if it were the start. Throws UsageError ENGINE_STRUCT_FORMAT.
 */
export class NetStruct {
  readonly format: string;
  /** Bytes of a message whose `$` are all empty. */
  readonly minimumSize: number;
  /** Bytes up to the first `$`. */
  readonly initialSize: number;
  /** Values. */
  readonly count: number;
  readonly #layout: NetLayout;

  constructor(format: string) {
    const { heads, tail } = parseNetStruct(format);
    const layouts = [...heads, tail];
    this.#layout = { heads, tail };
    this.format = format;
    this.minimumSize = layouts.reduce((sum, { size }) => sum + size, 0);
    this.initialSize = (heads[0] ?? tail).size;
    this.count = layouts.reduce((sum, { count }) => sum + count, 0);
  }

  /**
   * The bytes of `values`, the caller's to keep, as `Struct.pack` makes them. Throws UsageError ENGINE_STRUCT_VALUE
   * also for bytes whose length does not fit the integer before them.
   */
  pack(...values: PackValue[]): Buffer {
    requireCount(values, this.count);
    const { heads, tail } = this.#layout;
    const data = takeData(heads, values);
    const bytes = Buffer.alloc(data.reduce((sum, { length }) => sum + length, this.minimumSize));
    let at = 0;
    let index = 0;
    for (const [i, head] of heads.entries()) {
      writeFields(head, bytes, at, values, index);
      at += head.size;
      index += head.count;
      const piece = data[i] as Uint8Array;
      bytes.set(piece, at);
      at += piece.length;
    }
    writeFields(tail, bytes, at, values, index);
    return bytes;
  }

  /**
   * The values in `bytes`, as copies. Throws UsageError ENGINE_STRUCT_SIZE unless they are one message exactly,
   * ProtocolError ENGINE_STRUCT_LENGTH for a length below 0.
   */
  unpack(bytes: Uint8Array): StructValue[] {
    const view = viewOf(bytes);
    const size = this.#measure(view);
    if (view.length > size) throw usageError('ENGINE_STRUCT_SIZE', `${size} bytes, not ${view.length}`);
    if (view.length < size)
      throw usageError('ENGINE_STRUCT_SIZE', `at least ${size} bytes, not ${view.length}`);
    return this.#read(view);
  }

  /** The values at the start of `buffer`, as copies, or NEED_MORE. Throws ProtocolError ENGINE_STRUCT_LENGTH. */
  cut(buffer: Buffer): { data: StructValue[]; consumed: number } | typeof NEED_MORE {
    const size = this.#measure(buffer);
    return buffer.length < size ? NEED_MORE : { data: this.#read(buffer), consumed: size };
  }

  /** The message's size as far as the lengths are there: exact if it is whole, else more than there is. */
  #measure(bytes: Buffer): number {
    const { heads, tail } = this.#layout;
    let size = 0;
    for (const head of heads) {
      size += head.size;
      if (size > bytes.length) return size;
      size += lengthAt(head, bytes, size - head.size);
    }
    return size + tail.size;
  }

  #read(bytes: Buffer): StructValue[] {
    const { heads, tail } = this.#layout;
    const values: StructValue[] = [];
    let at = 0;
    for (const head of heads) {
      readFields(head, bytes, at, values);
      at += head.size;
      const length = Number(values.pop());
      values.push(Buffer.from(bytes.subarray(at, at + length)));
      at += length;
    }
    readFields(tail, bytes, at, values);
    return values;
  }
}

/**
 * The length that ends the head at `start`. One above 2^53 loses its last digits, but not that it is more than any
 * buffer has.
 */
function lengthAt(head: StructLayout, bytes: Buffer, start: number): number {
  const field = head.fields.at(-1) as StructLayout['fields'][number];
  const length = Number(field.letter.read.call(bytes, start + field.offset, field.size));
  if (length < 0) throw protocolError('ENGINE_STRUCT_LENGTH', String(length));
  return length;
}

/** The bytes for each `$`; in `values` their lengths take their place. */
function takeData(heads: readonly StructLayout[], values: unknown[]): Uint8Array[] {
  let index = -1;
  return heads.map((head) => {
    index += head.count;
    const data = bytesOf(values[index]);
    if (data === undefined) refuseValue(index + 1, '$', values[index], 'is neither text nor bytes');
    values[index] = data.length;
    return data;
  });
}
