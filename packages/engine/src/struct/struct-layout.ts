/**
 * Where the values of a struct lie, made from its format once and for all, and how a row of values is read and
 * written by it. Pure; an item that repeats is one field, however often it does.
 */
import { usageError } from '../errors.js';
import type { Letter, StructValue } from './struct-letters.js';

/** One item of a format: `count` values of `size` bytes each. */
export interface StructField {
  /** The item's letter, for messages. */
  readonly name: string;
  readonly letter: Letter;
  readonly offset: number;
  readonly count: number;
  readonly size: number;
}

export interface StructLayout {
  readonly fields: readonly StructField[];
  /** Bytes, with the gaps between the fields and without one at the end. */
  readonly size: number;
  /** Values. */
  readonly count: number;
}

/** Appends the values of the struct at `start` to `values`. The bytes must be there; the values are copies. */
export function readFields(layout: StructLayout, bytes: Buffer, start: number, values: StructValue[]): void {
  for (const { letter, offset, count, size } of layout.fields) {
    const { read } = letter;
    let at = start + offset;
    for (let left = count; left > 0; left--, at += size) values.push(read.call(bytes, at, size));
  }
}

/** Writes `values` from `first` on into zeroed bytes at `start`; throws UsageError for one that does not fit. */
export function writeFields(
  layout: StructLayout,
  bytes: Buffer,
  start: number,
  values: readonly unknown[],
  first: number,
): void {
  let index = first;
  for (const { name, letter, offset, count, size } of layout.fields) {
    let at = start + offset;
    for (let left = count; left > 0; left--, at += size) {
      const value = values[index++];
      const problem = letter.write(bytes, value, at, size);
      if (problem !== undefined) refuseValue(index, name, value, problem);
    }
  }
}

export function requireCount(values: readonly unknown[], count: number): void {
  if (values.length !== count) {
    throw usageError('ENGINE_STRUCT_VALUE', `${count} values are needed, not ${values.length}`);
  }
}

/** Throws. `position` counts from 1; of text and bytes only the type is told, since they may be secret and long. */
export function refuseValue(position: number, name: string, value: unknown, problem: string): never {
  const isLong = value !== null && ['string', 'object', 'function'].includes(typeof value);
  const shown = isLong ? typeof value : String(value).slice(0, 40);
  throw usageError('ENGINE_STRUCT_VALUE', `value ${position} for ${name}: ${shown} ${problem}`);
}

/** The same memory as a Buffer; throws UsageError for what is no bytes. */
export function viewOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  if (bytes instanceof Uint8Array) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  throw usageError('ENGINE_STRUCT_SIZE', `${typeof bytes}: no bytes at all`);
}
