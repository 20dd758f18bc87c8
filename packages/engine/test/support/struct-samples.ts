/** Formats with values that fit them, for properties of Struct and NetStruct. */
import fc from 'fast-check';
import type { StructValue } from '#src/struct/struct-letters';

export interface Sample {
  readonly format: string;
  /** As they are unpacked again. */
  readonly values: StructValue[];
}

type Item = Sample;

const bytes = (constraints: fc.IntArrayConstraints) =>
  fc.uint8Array(constraints).map((array) => Buffer.from(array));

function integers(bits: number, isSigned: boolean): fc.Arbitrary<StructValue> {
  const min = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  const max = 2n ** BigInt(isSigned ? bits - 1 : bits) - 1n;
  const value = fc.oneof(fc.constantFrom(min, max), fc.bigInt({ min, max }));
  return bits === 64 ? value : value.map(Number);
}

const HALVES = [
  0,
  -0,
  1,
  -2,
  65_504,
  2 ** -24,
  2 ** -14,
  1 / 3 - ((1 / 3) % 2 ** -12),
  Number.NaN,
  -Number.POSITIVE_INFINITY,
];

function letters(isNative: boolean): Record<string, fc.Arbitrary<StructValue>> {
  const long = isNative ? 64 : 32;
  return {
    c: bytes({ minLength: 1, maxLength: 1 }),
    '?': fc.boolean(),
    b: integers(8, true),
    B: integers(8, false),
    h: integers(16, true),
    H: integers(16, false),
    i: integers(32, true),
    I: integers(32, false),
    l: integers(long, true),
    L: integers(long, false),
    q: integers(64, true),
    Q: integers(64, false),
    e: fc.constantFrom(...HALVES),
    f: fc.float(),
    d: fc.double(),
    ...(isNative && { n: integers(64, true), N: integers(64, false), P: integers(64, false) }),
  };
}

function repeated([letter, value]: [string, fc.Arbitrary<StructValue>]): fc.Arbitrary<Item> {
  const several = fc
    .array(value, { maxLength: 4 })
    .map((values) => ({ format: `${values.length}${letter}`, values }));
  const one = value.map((single) => ({ format: letter, values: [single] }));
  return fc.oneof(several, one);
}

/** Bytes in a field with room for them: NUL fills an `s`, so that it comes back full. */
const texts: fc.Arbitrary<Item> = fc.oneof(
  bytes({ maxLength: 6 }).map((value) => ({ format: `${value.length}s`, values: [value] })),
  fc.tuple(bytes({ maxLength: 300 }), fc.nat(3)).map(([value, more]) => ({
    format: `${Math.min(value.length, 255) + 1 + more}p`,
    values: [value.subarray(0, 255)],
  })),
);

const padding: fc.Arbitrary<Item> = fc
  .constantFrom('x', '3x', '0x')
  .map((format) => ({ format, values: [] }));

function items(isNative: boolean): fc.Arbitrary<Item> {
  return fc.oneof(...Object.entries(letters(isNative)).map(repeated), texts, padding);
}

/** Bytes after their length, which is no value of its own. */
function lengths(isNative: boolean): fc.Arbitrary<Item> {
  const letter = fc.constantFrom(...'bBhHiIlLqQ', ...(isNative ? ['P'] : []));
  return fc
    .tuple(letter, bytes({ maxLength: 127 }))
    .map(([name, value]) => ({ format: `${name}$`, values: [value] }));
}

function samples(orders: string[], item: (isNative: boolean) => fc.Arbitrary<Item>, nativeOrders: string[]) {
  return fc.constantFrom(...orders).chain((order) =>
    fc
      .tuple(fc.array(item(nativeOrders.includes(order)), { maxLength: 8 }), fc.constantFrom('', ' ', '\n\t'))
      .map(([all, gap]) => ({
        format: order + all.map(({ format }) => format).join(gap),
        values: all.flatMap(({ values }) => values),
      })),
  );
}

export const structSamples: fc.Arbitrary<Sample> = samples(['', '@', '=', '<', '>', '!'], items, ['', '@']);

export const netStructSamples: fc.Arbitrary<Sample> = samples(
  ['', '@', '=', '<', '>', '!'],
  (isNative) => fc.oneof(items(isNative), lengths(isNative)),
  ['@'],
);
