import { inspect } from 'node:util';
import { UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { Struct } from '#src/struct/struct';
import type { PackValue, StructValue } from '#src/struct/struct-letters';
import { structSamples } from '../support/struct-samples.js';

const text = (value: string) => Buffer.from(value, 'latin1');

/** `values` are packed to `hex` and unpacked from it; `unpacked` is given where it differs from them. */
const cases: { format: string; hex: string; values: PackValue[]; unpacked?: StructValue[] }[] = [
  { format: '', hex: '', values: [] },
  { format: '!', hex: '', values: [] },
  { format: '<h', hex: '0201', values: [0x102] },
  { format: '>h', hex: '0102', values: [0x102] },
  { format: '!h', hex: '0102', values: [0x102] },
  { format: '!bB', hex: '80ff', values: [-128, 255] },
  { format: '!hH', hex: '8000ffff', values: [-32_768, 65_535] },
  { format: '!iI', hex: '80000000ffffffff', values: [-(2 ** 31), 2 ** 32 - 1] },
  { format: '!lL', hex: '80000000ffffffff', values: [-(2 ** 31), 2 ** 32 - 1] },
  { format: '!q', hex: '8000000000000000', values: [-(2n ** 63n)] },
  { format: '<q', hex: 'feffffffffffffff', values: [-2n] },
  { format: '!Q', hex: 'ffffffffffffffff', values: [2n ** 64n - 1n] },
  { format: '<Q', hex: '0100000000000000', values: [1n] },
  {
    format: '!qQ',
    hex: 'fff80000000000010020000000000000',
    values: [-(2 ** 51) + 1, 2n ** 53n],
    unpacked: [-(2n ** 51n) + 1n, 2n ** 53n],
  },
  { format: '!hi', hex: '000500000006', values: [5n, 6n], unpacked: [5, 6] },
  { format: '!e', hex: '3c00', values: [1] },
  { format: '<f', hex: '0000c0bf', values: [-1.5] },
  { format: '!f', hex: '7f7fffff', values: [3.4028234663852886e38] },
  { format: '!f', hex: '7f800000', values: [Number.POSITIVE_INFINITY] },
  { format: '!f', hex: '3dcccccd', values: [0.1], unpacked: [Math.fround(0.1)] },
  { format: '!d', hex: '3fb999999999999a', values: [0.1] },
  { format: '<d', hex: '000000000000f07f', values: [Number.POSITIVE_INFINITY] },
  { format: '3?', hex: '010001', values: [true, false, true] },
  { format: '4?', hex: '01000001', values: [2.5, 0, -0, Number.NaN], unpacked: [true, false, false, true] },
  { format: '2c', hex: '61ff', values: ['a', text('\xff')], unpacked: [text('a'), text('\xff')] },
  { format: '5s', hex: '6162630000', values: ['abc'], unpacked: [text('abc\0\0')] },
  { format: '2s', hex: 'c3a4', values: ['ä'], unpacked: [text('\xc3\xa4')] },
  { format: '2s', hex: '0102', values: [new Uint8Array([1, 2])], unpacked: [text('\x01\x02')] },
  { format: '0s', hex: '', values: [''], unpacked: [text('')] },
  { format: 's', hex: '61', values: ['a'], unpacked: [text('a')] },
  { format: '5p', hex: '0361626300', values: ['abc'], unpacked: [text('abc')] },
  { format: '1p', hex: '00', values: [''], unpacked: [text('')] },
  { format: '0p', hex: '', values: [''], unpacked: [text('')] },
  {
    format: '257p',
    hex: `ff${'78'.repeat(255)}00`,
    values: ['x'.repeat(255)],
    unpacked: [text('x'.repeat(255))],
  },
  { format: '!bxb2xb', hex: '010002000003', values: [1, 2, 3] },
  { format: '!3h', hex: '000100020003', values: [1, 2, 3] },
  { format: '!03h', hex: '000100020003', values: [1, 2, 3] },
  { format: '!0h', hex: '', values: [] },
  { format: '! 2b\t\n\v\f\rb ', hex: '010203', values: [1, 2, 3] },
];

/** Sizes with the gaps of a 64-bit Linux, in any byte order. */
const sizes: [format: string, size: number][] = [
  ['@cbB?', 4],
  ['hH', 4],
  ['iIf', 12],
  ['lLqQnNdP', 64],
  ['e', 2],
  ['bi', 8],
  ['ib', 5],
  ['ib0i', 8],
  ['bh', 4],
  ['be', 4],
  ['bf', 8],
  ['bd', 16],
  ['bl', 16],
  ['bP', 16],
  ['b0q', 8],
  ['b0s', 1],
  ['b0x0c', 1],
  ['b3s2p', 6],
  ['2s0ih', 6],
  ['b 0q 0h', 8],
  ['0q', 0],
  ['=bibqlL', 22],
  ['<bd', 9],
  ['2147483647x', 2 ** 31 - 1],
];

const refusedFormats: { format: unknown; detail: string }[] = [
  { format: 'F', detail: "'F' at character 1: no such letter" },
  { format: 'hF', detail: "'F' at character 2: no such letter" },
  { format: '@h 2y', detail: "'y' at character 5: no such letter" },
  { format: ' <h', detail: "'<' at character 2: no such letter" },
  { format: '<>h', detail: "'>' at character 2: no such letter" },
  { format: 'h\0', detail: "'\0' at character 2: no such letter" },
  { format: 'h\u00a0h', detail: "'\u00a0' at character 2: no such letter" },
  { format: 'h€', detail: "'€' at character 2: no such letter" },
  { format: 'h😀', detail: "'😀' at character 2: no such letter" },
  { format: '-1h', detail: "'-' at character 1: no such letter" },
  { format: 'B$', detail: "'$' at character 2: no such letter" },
  { format: '3', detail: "'3' at character 1: a repeat count without a letter" },
  { format: '<h12', detail: "'12' at character 3: a repeat count without a letter" },
  { format: '3 h', detail: "'3' at character 1: a repeat count without a letter" },
  { format: '<n', detail: "'n' at character 2: only with the byte order @" },
  { format: '=N', detail: "'N' at character 2: only with the byte order @" },
  { format: '!iP', detail: "'P' at character 3: only with the byte order @" },
  { format: '2147483648x', detail: "'x' at character 11: more than 2147483647 bytes in all" },
  { format: '2147483647xb', detail: "'b' at character 12: more than 2147483647 bytes in all" },
  { format: '2147483645x0i', detail: "'i' at character 13: more than 2147483647 bytes in all" },
  { format: '268435456Q', detail: "'Q' at character 10: more than 2147483647 bytes in all" },
  { format: `${'9'.repeat(400)}s`, detail: "'s' at character 401: more than 2147483647 bytes in all" },
  { format: '9'.repeat(400), detail: `'${'9'.repeat(20)}…' at character 1: a repeat count without a letter` },
  { format: undefined, detail: 'undefined' },
  { format: 5, detail: 'number' },
  { format: text('h'), detail: 'object' },
];

const refusedValues: { format: string; values: unknown[]; detail: string }[] = [
  { format: 'hh', values: [1], detail: '2 values are needed, not 1' },
  { format: 'h', values: [1, 2], detail: '1 values are needed, not 2' },
  { format: '3x', values: [0], detail: '0 values are needed, not 1' },
  { format: 's', values: [], detail: '1 values are needed, not 0' },
  { format: '2b', values: [1, 128], detail: 'value 2 for b: 128 is not from -128 to 127' },
  { format: 'cb', values: ['a', -129], detail: 'value 2 for b: -129 is not from -128 to 127' },
  { format: 'B', values: [-1], detail: 'value 1 for B: -1 is not from 0 to 255' },
  { format: 'B', values: [256], detail: 'value 1 for B: 256 is not from 0 to 255' },
  { format: 'h', values: [32_768], detail: 'value 1 for h: 32768 is not from -32768 to 32767' },
  { format: 'H', values: [65_536], detail: 'value 1 for H: 65536 is not from 0 to 65535' },
  {
    format: 'i',
    values: [2 ** 31],
    detail: 'value 1 for i: 2147483648 is not from -2147483648 to 2147483647',
  },
  { format: 'I', values: [2n ** 32n], detail: 'value 1 for I: 4294967296 is not from 0 to 4294967295' },
  {
    format: '<l',
    values: [2 ** 31],
    detail: 'value 1 for l: 2147483648 is not from -2147483648 to 2147483647',
  },
  { format: '<L', values: [-1], detail: 'value 1 for L: -1 is not from 0 to 4294967295' },
  { format: 'q', values: [2n ** 63n], detail: 'is not from -9223372036854775808 to 9223372036854775807' },
  {
    format: 'q',
    values: [-(2n ** 63n) - 1n],
    detail: 'is not from -9223372036854775808 to 9223372036854775807',
  },
  { format: 'l', values: [2n ** 63n], detail: 'is not from -9223372036854775808 to 9223372036854775807' },
  { format: 'n', values: [2n ** 63n], detail: 'is not from -9223372036854775808 to 9223372036854775807' },
  { format: 'Q', values: [2n ** 64n], detail: 'is not from 0 to 18446744073709551615' },
  { format: 'L', values: [-1], detail: 'is not from 0 to 18446744073709551615' },
  { format: 'N', values: [-1n], detail: 'is not from 0 to 18446744073709551615' },
  {
    format: 'P',
    values: [-(2n ** 63n) - 1n],
    detail: 'is not from -9223372036854775808 to 18446744073709551615',
  },
  { format: 'b', values: [10n ** 400n], detail: `value 1 for b: 1${'0'.repeat(39)} is not from -128 to 127` },
  { format: 'i', values: [1.5], detail: 'value 1 for i: 1.5 is not a whole number' },
  { format: 'i', values: [Number.NaN], detail: 'value 1 for i: NaN is not a whole number' },
  {
    format: 'i',
    values: [Number.POSITIVE_INFINITY],
    detail: 'value 1 for i: Infinity is not a whole number',
  },
  { format: 'i', values: ['1'], detail: 'value 1 for i: string is not a whole number' },
  { format: 'i', values: [true], detail: 'value 1 for i: true is not a whole number' },
  { format: 'i', values: [null], detail: 'value 1 for i: null is not a whole number' },
  { format: 'i', values: [text('a')], detail: 'value 1 for i: object is not a whole number' },
  {
    format: 'q',
    values: [2 ** 53],
    detail: 'value 1 for q: 9007199254740992 is neither a bigint nor a safe integer',
  },
  { format: 'q', values: [0.5], detail: 'value 1 for q: 0.5 is neither a bigint nor a safe integer' },
  { format: 'Q', values: ['1'], detail: 'value 1 for Q: string is neither a bigint nor a safe integer' },
  { format: 'e', values: [65_520], detail: 'value 1 for e: 65520 is too large for a half float' },
  { format: 'e', values: [1n], detail: 'value 1 for e: 1 is not a number' },
  {
    format: 'f',
    values: [3.4028235677973366e38],
    detail: 'value 1 for f: 3.4028235677973366e+38 is too large for a float',
  },
  { format: '<f', values: [-1e39], detail: 'value 1 for f: -1e+39 is too large for a float' },
  { format: 'f', values: ['1'], detail: 'value 1 for f: string is not a number' },
  { format: 'd', values: [1n], detail: 'value 1 for d: 1 is not a number' },
  { format: 'd', values: [undefined], detail: 'value 1 for d: undefined is not a number' },
  { format: '?', values: ['true'], detail: 'value 1 for ?: string is neither a boolean nor a number' },
  { format: '?', values: [null], detail: 'value 1 for ?: null is neither a boolean nor a number' },
  { format: 'c', values: [''], detail: 'value 1 for c: string is not one byte' },
  { format: 'c', values: ['ä'], detail: 'value 1 for c: string is not one byte' },
  { format: 'c', values: [97], detail: 'value 1 for c: 97 is not one byte' },
  { format: '3s', values: ['abcd'], detail: 'value 1 for s: string is longer than 3 bytes' },
  { format: '3s', values: ['ääa'], detail: 'value 1 for s: string is longer than 3 bytes' },
  { format: '0s', values: ['a'], detail: 'value 1 for s: string is longer than 0 bytes' },
  { format: '3s', values: [1], detail: 'value 1 for s: 1 is neither text nor bytes' },
  { format: '3p', values: ['abc'], detail: 'value 1 for p: string is longer than 2 bytes' },
  { format: '300p', values: [Buffer.alloc(256)], detail: 'value 1 for p: object is longer than 255 bytes' },
  { format: '0p', values: ['a'], detail: 'value 1 for p: string is longer than 0 bytes' },
  { format: '3p', values: [{ length: 1 }], detail: 'value 1 for p: object is neither text nor bytes' },
];

describe('Struct', () => {
  for (const { format, hex, values, unpacked = values as StructValue[] } of cases) {
    it(`${inspect(format)} packs ${inspect(values, { breakLength: 1_000 }).slice(0, 80)}, and back`, () => {
      const struct = new Struct(format);
      expect(struct.pack(...values).toString('hex')).to.equal(hex);
      expect(struct.unpack(Buffer.from(hex, 'hex'))).to.deep.equal(unpacked);
      expect([struct.format, struct.size]).to.deep.equal([format, hex.length / 2]);
    });
  }

  for (const [format, size] of sizes) {
    it(`${inspect(format)} has ${size} bytes`, () => {
      expect(new Struct(format).size).to.equal(size);
    });
  }

  for (const { format, detail } of refusedFormats) {
    it(`refuses the format ${inspect(format).slice(0, 40)}`, () => {
      expect(() => new Struct(format as string))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_STRUCT_FORMAT');
    });
  }

  for (const { format, values, detail } of refusedValues) {
    it(`${inspect(format)} refuses ${inspect(values).slice(0, 60)}`, () => {
      expect(() => new Struct(format).pack(...(values as PackValue[])))
        .to.throw(UsageError, `${detail})`)
        .with.property('code', 'ENGINE_STRUCT_VALUE');
    });
  }

  const refusedBytes: { bytes: unknown; detail: string }[] = [
    { bytes: text(''), detail: '4 bytes, not 0' },
    { bytes: text('abc'), detail: '4 bytes, not 3' },
    { bytes: text('abcde'), detail: '4 bytes, not 5' },
    { bytes: 'abcd', detail: 'string: no bytes at all' },
    { bytes: null, detail: 'object: no bytes at all' },
  ];
  for (const { bytes, detail } of refusedBytes) {
    it(`refuses to unpack 4 bytes from ${inspect(bytes)}`, () => {
      expect(() => new Struct('!i').unpack(bytes as Buffer))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_STRUCT_SIZE');
    });
  }

  it('unpacks a part of other memory, and bytes that are no Buffer', () => {
    const memory = new Uint8Array([9, 9, 1, 2, 9]);
    expect(new Struct('!h').unpack(memory.subarray(2, 4))).to.deep.equal([0x102]);
    expect(new Struct('!h').unpack(Buffer.from(memory).subarray(2, 4))).to.deep.equal([0x102]);
  });

  it('aligns with bytes of zero, and unpacks whatever is between', () => {
    const struct = new Struct('@bhbq');
    const packed = struct.pack(-1, -1, -1, -1n);
    expect(packed.toString('hex')).to.equal('ff00ffffff000000ffffffffffffffff');
    expect(struct.unpack(packed.fill(0x55, 5, 8).fill(0x55, 1, 2))).to.deep.equal([-1, -1, -1, -1n]);
  });

  it('@ and = have the byte order of this machine', () => {
    const native = Buffer.from(new Uint16Array([0x102]).buffer).toString('hex');
    for (const format of ['H', '@H', '=H'])
      expect(new Struct(format).pack(0x102).toString('hex')).to.equal(native);
  });

  it('a pointer takes signed numbers and is unpacked unsigned', () => {
    const struct = new Struct('P');
    expect(struct.unpack(struct.pack(-1))).to.deep.equal([2n ** 64n - 1n]);
  });

  it('any byte but 0 is true', () => {
    expect(new Struct('3?').unpack(text('\0\x02\xff'))).to.deep.equal([false, true, true]);
  });

  it('a Pascal string that claims more bytes than it has is all that it has', () => {
    expect(new Struct('3p1p').unpack(text('\xffab\x05'))).to.deep.equal([text('ab'), text('')]);
  });

  it('a repeat count is one field, whatever it is', () => {
    const struct = new Struct('<500000000h1000000000x');
    expect(struct.size).to.equal(2_000_000_000);
    expect(struct.cut(Buffer.alloc(100))).to.equal(NEED_MORE);
  });

  it('what it hands out is the caller’s, whatever becomes of the bytes', () => {
    const struct = new Struct('c2s3p');
    const bytes = text('abc\x02de');
    const values = struct.unpack(bytes);
    const cut = struct.cut(bytes);
    bytes.fill(0);
    expect(values).to.deep.equal([text('a'), text('bc'), text('de')]);
    expect(cut).to.deep.equal({ data: values, consumed: 6 });
  });

  it('packs copies', () => {
    const data = text('ab');
    const packed = new Struct('2s').pack(data);
    data.fill(0);
    expect(packed.toString()).to.equal('ab');
  });

  it('cuts one struct at a time from what is buffered, however it comes', () => {
    const struct = new Struct('!2H2s');
    const rows: PackValue[][] = [
      [42, 81, text('ab')],
      [1, 65_535, text('\0\0')],
      [0, 0, text('zz')],
    ];
    const input = Buffer.concat([...rows.map((row) => struct.pack(...row)), text('rest')]);
    for (const { way, chunks } of feedEveryWay(input)) {
      const cut: unknown[] = [];
      let unread = Buffer.alloc(0);
      for (const chunk of chunks) {
        unread = Buffer.concat([unread, chunk]);
        for (let piece = struct.cut(unread); piece !== NEED_MORE; piece = struct.cut(unread)) {
          cut.push(piece.data);
          unread = unread.subarray(piece.consumed);
        }
      }
      expect(cut, way).to.deep.equal(rows);
      expect(unread.toString(), way).to.equal('rest');
    }
  });

  it('unpack(pack(values)) is values', () => {
    fc.assert(
      fc.property(structSamples, ({ format, values }) => {
        const struct = new Struct(format);
        const packed = struct.pack(...values);
        expect(packed.length).to.equal(struct.size);
        expect(struct.unpack(packed)).to.deep.equal(values);
      }),
      { numRuns: 500 },
    );
  });

  it('any text is a format or is refused with its code, and any bytes of the right size are values', () => {
    const format = fc.string({ unit: fc.constantFrom(...'@=<>!xcbB?hHiIlLqQnNefdspP0123 $y'), maxLength: 8 });
    fc.assert(
      fc.property(format, fc.uint8Array({ minLength: 64, maxLength: 64 }), (text, bytes) => {
        let struct: Struct;
        try {
          struct = new Struct(text);
        } catch (error) {
          expect(error).to.have.property('code', 'ENGINE_STRUCT_FORMAT');
          return;
        }
        if (struct.size <= bytes.length) struct.unpack(bytes.subarray(0, struct.size));
      }),
      { numRuns: 2_000 },
    );
  });
});
