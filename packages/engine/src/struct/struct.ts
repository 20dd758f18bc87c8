/**
 * Struct: values in bytes of a fixed layout, after Python's class `struct.Struct`. Pure.
 *
 * It goes another way than Python in what would lose data: text that is too long for `s` or `p` and a float that
 * is too large for `f` are refused whatever the byte order is.
 */
import { NEED_MORE } from '../byte-window.js';
import { usageError } from '../errors.js';
import { parseStruct } from './struct-format.js';
import { readFields, requireCount, type StructLayout, viewOf, writeFields } from './struct-layout.js';
import type { PackValue, StructValue } from './struct-letters.js';

/**
 * Struct is a parsed format that packs values into bytes and back, and cuts a stream as its `readDelimiter`. It
 * never changes: one serves any number of streams.
 *
 * The format is Python's: a byte order `@ = < > !` (without one `@`, native with alignment, as on a 64-bit Linux),
 * then letters of `x c b B ? h H i I l L q Q n N e f d s p P` with repeat counts. Throws UsageError
 * ENGINE_STRUCT_FORMAT.
 */
export class Struct {
  readonly format: string;
  /** Bytes. */
  readonly size: number;
  readonly #layout: StructLayout;

  constructor(format: string) {
    this.#layout = parseStruct(format);
    this.format = format;
    this.size = this.#layout.size;
  }

  /**
   * The bytes of `values`, the caller's to keep; text is packed as UTF-8. Throws UsageError ENGINE_STRUCT_VALUE for
   * a value that would not come back as it is: out of range, of another type, or longer than its `s` or `p` (a
   * shorter `s` is filled up with NUL). Integers of 8 bytes are a bigint or a safe integer. Positions count from 1.
   */
  pack(...values: PackValue[]): Buffer {
    requireCount(values, this.#layout.count);
    const bytes = Buffer.alloc(this.#layout.size);
    writeFields(this.#layout, bytes, 0, values, 0);
    return bytes;
  }

  /** The values in `bytes`, as copies. Throws UsageError ENGINE_STRUCT_SIZE unless they are exactly `size` long. */
  unpack(bytes: Uint8Array): StructValue[] {
    const view = viewOf(bytes);
    const { size } = this.#layout;
    if (view.length !== size) throw usageError('ENGINE_STRUCT_SIZE', `${size} bytes, not ${view.length}`);
    return this.#read(view);
  }

  /** The values at the start of `buffer`, as copies, or NEED_MORE. */
  cut(buffer: Buffer): { data: StructValue[]; consumed: number } | typeof NEED_MORE {
    const { size } = this.#layout;
    return buffer.length < size ? NEED_MORE : { data: this.#read(buffer), consumed: size };
  }

  #read(bytes: Buffer): StructValue[] {
    const values: StructValue[] = [];
    readFields(this.#layout, bytes, 0, values);
    return values;
  }
}
