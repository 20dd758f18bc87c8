import { inspect } from 'node:util';
import { ProtocolError, UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { NetStruct } from '#src/struct/net-struct';
import type { PackValue, StructValue } from '#src/struct/struct-letters';
import { netStructSamples } from '../support/struct-samples.js';

const text = (value: string) => Buffer.from(value, 'latin1');

interface Case {
  format: string;
  sizes: [minimumSize: number, initialSize: number, count: number];
  values: PackValue[];
  /** Where it differs from `values`. */
  unpacked?: StructValue[];
  hex: string;
}

const cases: Case[] = [
  {
    format: 'ih$5b',
    sizes: [11, 6, 7],
    values: [1298, 'default', 0, 0, 1, 0, 8],
    unpacked: [1298, text('default'), 0, 0, 1, 0, 8],
    hex: '00000512000764656661756c740000010008',
  },
  { format: '', sizes: [0, 0, 0], values: [], hex: '' },
  { format: 'hi', sizes: [6, 6, 2], values: [1, 2], hex: '000100000002' },
  { format: 'b$', sizes: [1, 1, 1], values: [text('')], hex: '00' },
  { format: '1b$', sizes: [1, 1, 1], values: [text('a')], hex: '0161' },
  { format: 'B$B$', sizes: [2, 1, 2], values: [text('a'), text('bc')], hex: '0161026263' },
  { format: ' B$ x B$ ', sizes: [3, 1, 2], values: [text('a'), text('bc')], hex: '016100026263' },
  { format: '2xH$x', sizes: [5, 4, 1], values: [text('a')], hex: '000000016100' },
  { format: '2sB$3p', sizes: [6, 3, 3], values: [text('ab'), text('c'), text('d')], hex: '61620163016400' },
  { format: 'i$', sizes: [4, 4, 1], values: [text('a')], hex: '0000000161' },
  { format: 'I$', sizes: [4, 4, 1], values: [text('a')], hex: '0000000161' },
  { format: 'l$', sizes: [4, 4, 1], values: [text('a')], hex: '0000000161' },
  { format: 'L$', sizes: [4, 4, 1], values: [text('a')], hex: '0000000161' },
  { format: 'q$', sizes: [8, 8, 1], values: [text('a')], hex: '000000000000000161' },
  { format: 'Q$', sizes: [8, 8, 1], values: [text('a')], hex: '000000000000000161' },
  { format: '<H$H', sizes: [4, 2, 2], values: [text('a'), 2], hex: '0100610200' },
  { format: '>H$H', sizes: [4, 2, 2], values: [text('a'), 2], hex: '0001610002' },
  { format: '!H$H', sizes: [4, 2, 2], values: [text('a'), 2], hex: '0001610002' },
  { format: 'H$', sizes: [2, 2, 1], values: ['ä'], unpacked: [text('\xc3\xa4')], hex: '0002c3a4' },
  { format: 'H$', sizes: [2, 2, 1], values: [new Uint8Array([7])], unpacked: [text('\x07')], hex: '000107' },
];

const notALength = 'has to follow one of bBhHiIlLqQP at once, neither of them repeated';
const refusedFormats: { format: unknown; detail: string }[] = [
  { format: '$', detail: `'$' at character 1: ${notALength}` },
  { format: '!$', detail: `'$' at character 2: ${notALength}` },
  { format: 'b$$', detail: `'$' at character 3: ${notALength}` },
  { format: 'b$ $', detail: `'$' at character 4: ${notALength}` },
  { format: 'b $', detail: `'$' at character 3: ${notALength}` },
  { format: '2b$', detail: `'$' at character 3: ${notALength}` },
  { format: '0b$', detail: `'$' at character 3: ${notALength}` },
  { format: 'i5$', detail: `'$' at character 3: ${notALength}` },
  { format: 'i1$', detail: `'$' at character 3: ${notALength}` },
  { format: 'bx$', detail: `'$' at character 3: ${notALength}` },
  { format: 'b0x$', detail: `'$' at character 4: ${notALength}` },
  { format: 'B$0x$', detail: `'$' at character 5: ${notALength}` },
  ...[...'xc?efdsp'].map((letter) => ({
    format: `b${letter}$`,
    detail: `'$' at character 3: ${notALength}`,
  })),
  { format: '@n$', detail: `'$' at character 3: ${notALength}` },
  { format: '@N$', detail: `'$' at character 3: ${notALength}` },
  { format: 'P$', detail: "'P' at character 1: only with the byte order @" },
  { format: 'B$<h', detail: "'<' at character 3: no such letter" },
  { format: 'B$3', detail: "'3' at character 3: a repeat count without a letter" },
  { format: 'hF', detail: "'F' at character 2: no such letter" },
  { format: '2147483646xB$b', detail: "'b' at character 14: more than 2147483647 bytes in all" },
  { format: 7, detail: 'number' },
];

const refusedValues: { format: string; values: unknown[]; detail: string }[] = [
  { format: 'ih$', values: [1], detail: '2 values are needed, not 1' },
  { format: 'B$', values: ['a', 'b'], detail: '1 values are needed, not 2' },
  { format: 'hB$', values: [0, 1], detail: 'value 2 for $: 1 is neither text nor bytes' },
  { format: 'B$hB$', values: ['a', 0, null], detail: 'value 3 for $: null is neither text nor bytes' },
  { format: 'B$', values: [[1]], detail: 'value 1 for $: object is neither text nor bytes' },
  {
    format: 'hb$',
    values: [0, 'x'.repeat(128)],
    detail: 'value 2 for the length b of $: 128 is not from -128 to 127',
  },
  {
    format: 'B$B$',
    values: ['x', Buffer.alloc(256)],
    detail: 'value 2 for the length B of $: 256 is not from 0 to 255',
  },
  { format: 'B$2b', values: ['', 1, 128], detail: 'value 3 for b: 128 is not from -128 to 127' },
  { format: 'hB$', values: [1.5, ''], detail: 'value 1 for h: 1.5 is not a whole number' },
];

const refusedBytes: { format: string; bytes: string; detail: string }[] = [
  { format: 'h', bytes: 'abc', detail: '2 bytes, not 3' },
  { format: 'B$', bytes: '', detail: 'at least 1 bytes, not 0' },
  { format: 'B$', bytes: '\x02a', detail: 'at least 3 bytes, not 2' },
  { format: 'B$', bytes: '\x02abc', detail: '3 bytes, not 4' },
  { format: 'B$h', bytes: '\x01ab', detail: 'at least 4 bytes, not 3' },
  {
    format: 'Q$',
    bytes: '\xff\xff\xff\xff\xff\xff\xff\xffa',
    detail: 'at least 18446744073709552000 bytes, not 9',
  },
];

const negative: { format: string; bytes: string; length: string }[] = [
  { format: 'b$', bytes: '\xff', length: '-1' },
  { format: 'h$', bytes: '\x80\x00', length: '-32768' },
  { format: '<i$b', bytes: '\xfe\xff\xff\xff', length: '-2' },
  { format: '!l$', bytes: '\xff\xff\xff\xff', length: '-1' },
  { format: 'q$', bytes: '\xff\xff\xff\xff\xff\xff\xff\xff', length: '-1' },
  { format: 'B$b$', bytes: '\x01a\x80', length: '-128' },
];

/** Cuts `chunks` as a stream does; ends with what remains. */
function cutAll(net: NetStruct, chunks: Iterable<Uint8Array>): unknown[] {
  const pieces: unknown[] = [];
  let unread = Buffer.alloc(0);
  for (const chunk of chunks) {
    unread = Buffer.concat([unread, chunk]);
    for (let piece = net.cut(unread); piece !== NEED_MORE; piece = net.cut(unread)) {
      pieces.push(piece.data);
      unread = unread.subarray(piece.consumed);
    }
  }
  return [...pieces, unread.toString('latin1')];
}

describe('NetStruct', () => {
  for (const { format, sizes, values, unpacked = values as StructValue[], hex } of cases) {
    it(`${inspect(format)} packs ${inspect(values)}, and back`, () => {
      const net = new NetStruct(format);
      expect([net.minimumSize, net.initialSize, net.count]).to.deep.equal(sizes);
      expect(net.format).to.equal(format);
      expect(net.pack(...values).toString('hex')).to.equal(hex);
      const bytes = Buffer.from(hex, 'hex');
      expect(net.unpack(bytes)).to.deep.equal(unpacked);
      expect(net.unpack(new Uint8Array(bytes))).to.deep.equal(unpacked);
    });
  }

  for (const { format, detail } of refusedFormats) {
    it(`refuses the format ${inspect(format)}`, () => {
      expect(() => new NetStruct(format as string))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_STRUCT_FORMAT');
    });
  }

  for (const { format, values, detail } of refusedValues) {
    it(`${inspect(format)} refuses ${inspect(values).slice(0, 60)}`, () => {
      expect(() => new NetStruct(format).pack(...(values as PackValue[])))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_STRUCT_VALUE');
    });
  }

  for (const { format, bytes, detail } of refusedBytes) {
    it(`${inspect(format)} refuses to unpack ${inspect(bytes)}`, () => {
      expect(() => new NetStruct(format).unpack(text(bytes)))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_STRUCT_SIZE');
    });
  }

  for (const { format, bytes, length } of negative) {
    it(`${inspect(format)} refuses the length ${length}, as soon as it is there`, () => {
      const net = new NetStruct(format);
      for (const call of [() => net.cut(text(bytes)), () => net.unpack(text(bytes))]) {
        expect(call).to.throw(ProtocolError, `(${length})`).with.property('code', 'ENGINE_STRUCT_LENGTH');
      }
      expect(net.cut(text(bytes).subarray(0, -1))).to.equal(NEED_MORE);
    });
  }

  it('refuses to unpack what is no bytes', () => {
    expect(() => new NetStruct('B$').unpack('\x01a' as unknown as Buffer))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STRUCT_SIZE');
  });

  it('with @ it aligns each part for itself, and takes pointers as lengths', () => {
    const net = new NetStruct('@bi$bh');
    expect([net.minimumSize, net.initialSize]).to.deep.equal([12, 8]);
    const packed = net.pack(1, 'abc', 2, 3);
    expect(packed.length).to.equal(15);
    expect(net.unpack(packed)).to.deep.equal([1, text('abc'), 2, 3]);
    const pointer = new NetStruct('@P$');
    expect(pointer.unpack(pointer.pack('abc'))).to.deep.equal([text('abc')]);
  });

  it('waits for a length that no buffer can have, and does not lose its way', () => {
    const most = text('\xff\xff\xff\xff\xff\xff\xff\xff');
    expect(new NetStruct('Q$').cut(most)).to.equal(NEED_MORE);
    expect(new NetStruct('Q$').cut(Buffer.concat([most, Buffer.alloc(1_000)]))).to.equal(NEED_MORE);
    expect(new NetStruct('Q$Q$b').cut(Buffer.concat([most, most, most]))).to.equal(NEED_MORE);
    const above32Bits = text('\x00\x00\x00\x01\x00\x00\x00\x01a');
    expect(new NetStruct('Q$').cut(above32Bits)).to.equal(NEED_MORE);
  });

  it('cuts one message at a time from what is buffered, however it comes', () => {
    const net = new NetStruct('!iH$B$2b');
    const rows: StructValue[][] = [
      [1, text('abc'), text(''), 2, 3],
      [-1, text(''), text('\0'), 0, 0],
      [0, text('x'.repeat(300)), text('y'.repeat(255)), -1, 127],
    ];
    const input = Buffer.concat([...rows.map((row) => net.pack(...row)), text('\0\0\0\0\0')]);
    for (const { way, chunks } of feedEveryWay(input)) {
      expect(cutAll(net, chunks), way).to.deep.equal([...rows, '\0\0\0\0\0']);
    }
  });

  it('keeps nothing of a message: one object cuts many streams in turn', () => {
    const net = new NetStruct('H$b');
    const [one, two] = [net.pack('first', 1), net.pack('other text', 2)];
    for (let length = 0; length < one.length; length++) {
      expect(net.cut(one.subarray(0, length))).to.equal(NEED_MORE);
      expect(net.cut(two.subarray(0, length))).to.equal(NEED_MORE);
    }
    expect(net.cut(two)).to.deep.equal({ data: [text('other text'), 2], consumed: two.length });
    expect(net.cut(one)).to.deep.equal({ data: [text('first'), 1], consumed: one.length });
  });

  it('what it hands out is the caller’s, whatever becomes of the bytes', () => {
    const net = new NetStruct('B$2s');
    const bytes = text('\x02abcd');
    const values = net.unpack(bytes);
    bytes.fill(0);
    expect(values).to.deep.equal([text('ab'), text('cd')]);
  });

  it('packs copies, and leaves the values alone', () => {
    const net = new NetStruct('B$');
    const values = [text('ab')];
    const packed = net.pack(...values);
    values[0]?.fill(0);
    expect(packed.toString('latin1')).to.equal('\x02ab');
    expect(values).to.deep.equal([text('\0\0')]);
  });

  it('looks at the lengths of an incomplete message alone, however many bytes are there', () => {
    const net = new NetStruct('1000sI$I$');
    const whole = net.pack('', Buffer.alloc(100_000), Buffer.alloc(100_000));
    const looks = [150_000, 150_001, 201_007].map((length) => {
      let count = 0;
      const watched = new Proxy(whole.subarray(0, length), {
        get(buffer, key) {
          count++;
          return Reflect.get(buffer, key) as unknown;
        },
      });
      expect(net.cut(watched)).to.equal(NEED_MORE);
      return count;
    });
    expect(net.cut(whole)).to.have.property('consumed', 201_008);
    for (const count of looks) expect(count).to.be.within(1, 40);
  });

  it('unpack(pack(values)) is values, and cut waits for the last byte', () => {
    fc.assert(
      fc.property(netStructSamples, fc.nat(), ({ format, values }, at) => {
        const net = new NetStruct(format);
        const packed = net.pack(...values);
        expect(values.length).to.equal(net.count);
        expect(net.unpack(packed)).to.deep.equal(values);
        expect(net.cut(Buffer.concat([packed, text('more')]))).to.deep.equal({
          data: values,
          consumed: packed.length,
        });
        if (packed.length > 0) expect(net.cut(packed.subarray(0, at % packed.length))).to.equal(NEED_MORE);
      }),
      { numRuns: 500 },
    );
  });

  it('gives what it gives for the whole, for any bytes in any chunks, or refuses a length', () => {
    const format = fc.constantFrom('B$', 'b$', 'bB$h', 'B$B$', '<H$b', 'x2bh$?');
    const outcome = (net: NetStruct, chunks: Uint8Array[]) => {
      try {
        return cutAll(net, chunks);
      } catch (error) {
        return (error as ProtocolError).code;
      }
    };
    fc.assert(
      fc.property(format, fc.array(fc.uint8Array({ maxLength: 40 })), (text, chunks) => {
        const net = new NetStruct(text);
        const whole = outcome(net, [Buffer.concat(chunks)]);
        if (typeof whole === 'string') expect(whole).to.equal('ENGINE_STRUCT_LENGTH');
        expect(outcome(net, chunks)).to.deep.equal(whole);
      }),
      { numRuns: 500 },
    );
  });
});
