import { expect } from 'chai';
import fc from 'fast-check';
import { type PartedContent, toParts } from '#http/protocol/byte-range-parts.js';
import { contentRange, MAX_ASKED, MAX_PARTS, NEAR, selectRanges } from '#http/protocol/byte-ranges.js';

/** `0-9` for the bytes 0 to 9, as in Content-Range. */
function selected(range: string, size: number): string[] | null {
  return selectRanges(range, size)?.map(({ start, end }) => `${start}-${end - 1}`) ?? null;
}

const CASES: { name: string; range: string; size?: number; expect: string[] | null }[] = [
  // §14.1.2, of 10,000 bytes
  { name: 'the first 500 bytes', range: 'bytes=0-499', expect: ['0-499'] },
  { name: 'the second 500 bytes', range: 'bytes=500-999', expect: ['500-999'] },
  { name: 'the last 500 bytes', range: 'bytes=-500', expect: ['9500-9999'] },
  { name: 'from a place to the end', range: 'bytes=9500-', expect: ['9500-9999'] },
  { name: 'the first and the last byte', range: 'bytes=0-0,-1', expect: ['0-0', '9999-9999'] },
  {
    name: 'first, middle and last 1000 bytes',
    range: 'bytes= 0-999, 4500-5499, -1000',
    expect: ['0-999', '4500-5499', '9000-9999'],
  },
  { name: 'the same range in two that overlap', range: 'bytes=500-700,601-999', expect: ['500-999'] },

  { name: 'the unit in other letters', range: 'BYTES=0-0', expect: ['0-0'] },
  { name: 'an end beyond the file', range: 'bytes=9990-20000', expect: ['9990-9999'] },
  { name: 'an end beyond all numbers', range: `bytes=0-${'9'.repeat(400)}`, expect: ['0-9999'] },
  { name: 'a suffix longer than the file', range: 'bytes=-20000', expect: ['0-9999'] },
  { name: 'a suffix beyond all numbers', range: `bytes=-${'9'.repeat(400)}`, expect: ['0-9999'] },
  { name: 'everything', range: 'bytes=0-', expect: ['0-9999'] },
  { name: 'the last byte', range: 'bytes=9999-9999', expect: ['9999-9999'] },
  { name: 'leading zeros', range: 'bytes=0000-0001', expect: ['0-1'] },
  { name: 'empty elements', range: 'bytes=,0-0,,\t9000-9000 ,', expect: ['0-0', '9000-9000'] },

  { name: 'a start at the end', range: 'bytes=10000-', expect: [] },
  { name: 'a start beyond the end', range: 'bytes=10000-10001', expect: [] },
  { name: 'a start beyond all numbers', range: `bytes=${'9'.repeat(400)}-`, expect: [] },
  { name: 'a suffix of nothing', range: 'bytes=-0', expect: [] },
  { name: 'one that is there of two', range: 'bytes=20000-,5-6', expect: ['5-6'] },
  { name: 'none that is there of two', range: 'bytes=20000-,-0', expect: [] },

  { name: 'an empty file from its start', range: 'bytes=0-', size: 0, expect: [] },
  { name: 'an empty file by a suffix', range: 'bytes=-5', size: 0, expect: null },
  { name: 'an empty file by a suffix of nothing', range: 'bytes=-0', size: 0, expect: [] },

  { name: 'another unit', range: 'lines=0-1', expect: null },
  { name: 'a unit that begins alike', range: 'bytesx=0-1', expect: null },
  { name: 'a space before the equals sign', range: 'bytes =0-1', expect: null },
  { name: 'no unit', range: '0-1', expect: null },
  { name: 'no range', range: 'bytes=', expect: null },
  { name: 'empty elements only', range: 'bytes=, ,', expect: null },
  { name: 'neither end', range: 'bytes=-', expect: null },
  { name: 'one number', range: 'bytes=5', expect: null },
  { name: 'ends the wrong way round', range: 'bytes=2-1', expect: null },
  { name: 'ends the wrong way round beside a good range', range: 'bytes=0-1,2-1', expect: null },
  { name: 'a sign', range: 'bytes=+0-1', expect: null },
  { name: 'a minus too many', range: 'bytes=0--1', expect: null },
  { name: 'a hexadecimal number', range: 'bytes=0x0-1', expect: null },
  { name: 'a fraction', range: 'bytes=0-1.5', expect: null },
  { name: 'a space within', range: 'bytes=0 -1', expect: null },
  { name: 'a letter behind', range: 'bytes=0-1x', expect: null },
  { name: 'two fields as one list', range: 'bytes=0-1, bytes=5-6', expect: null },

  { name: 'a gap that is near', range: `bytes=0-9,${10 + NEAR - 1}-200`, expect: ['0-200'] },
  { name: 'a gap that is not', range: `bytes=0-9,${10 + NEAR}-200`, expect: ['0-9', `${10 + NEAR}-200`] },
  { name: 'ranges that touch', range: 'bytes=0-9,10-19', expect: ['0-19'] },
  { name: 'a range within another', range: 'bytes=0-999,10-19', expect: ['0-999'] },
  {
    name: 'ranges not in order, in their own order',
    range: 'bytes=5000-5001,0-1,9000-',
    expect: ['5000-5001', '0-1', '9000-9999'],
  },
  {
    name: 'a merged range where its first one stood',
    range: 'bytes=5000-5001,0-1,5010-5020,900-901',
    expect: ['5000-5020', '0-1', '900-901'],
  },
  {
    name: 'a merged range where its later one by place stood',
    range: 'bytes=5010-5020,0-1,5000-5001',
    expect: ['5000-5020', '0-1'],
  },
];

/** `count` ranges of one byte, too far apart to be merged. */
function many(count: number): string {
  return `bytes=${Array.from({ length: count }, (_, i) => `${i * 100}-${i * 100}`).join(',')}`;
}

describe('protocol: ranges, RFC 9110 §14', () => {
  for (const { name, range, size = 10_000, expect: expected } of CASES) {
    it(`${name}: ${expected === null ? 'ignored' : expected.join(' ') || 'not satisfiable'}`, () => {
      expect(selected(range, size)).to.deep.equal(expected);
    });
  }

  it('ignores more parts than it would send, and counts them when they are merged', () => {
    expect(selected(many(MAX_PARTS), 10_000)).to.have.length(MAX_PARTS);
    expect(selected(many(MAX_PARTS + 1), 10_000)).to.equal(null);
    expect(selected(`bytes=${'0-,'.repeat(MAX_ASKED - 1)}0-`, 10_000)).to.deep.equal(['0-9999']);
    expect(selected(`bytes=${'0-,'.repeat(MAX_ASKED)}0-`, 10_000)).to.equal(null);
  });

  it('writes Content-Range, §14.4', () => {
    expect(contentRange({ start: 42, end: 1234 }, 1234)).to.equal('bytes 42-1233/1234');
  });
});

describe('protocol: multipart/byteranges, RFC 9110 §14.6', () => {
  /** The whole content, of a file of `file`'s bytes. */
  const assemble = ({ parts }: PartedContent, file: string) =>
    parts.map((part) => (typeof part === 'string' ? part : file.slice(part.start, part.end))).join('');

  it('has a head for each part, and an end', () => {
    const file = 'abcdefghij';
    const content = toParts(
      [
        { start: 0, end: 2 },
        { start: 9, end: 10 },
      ],
      10,
      'text/plain',
      'B',
    );
    expect(content.type).to.equal('multipart/byteranges; boundary=B');
    expect(assemble(content, file)).to.equal(
      [
        '--B',
        'Content-Type: text/plain',
        'Content-Range: bytes 0-1/10',
        '',
        'ab',
        '--B',
        'Content-Type: text/plain',
        'Content-Range: bytes 9-9/10',
        '',
        'j',
        '--B--',
        '',
      ].join('\r\n'),
    );
  });

  it('has as many bytes as it says, and they are those of the file', () => {
    const spec = fc.oneof(
      fc.tuple(fc.nat(300), fc.nat(300)).map(([from, more]) => `${from}-${from + more}`),
      fc.nat(300).map((from) => `${from}-`),
      fc.nat(300).map((length) => `-${length}`),
    );
    const file = Array.from({ length: 300 }, (_, i) => String.fromCharCode(0x100 + i)).join('');
    fc.assert(
      fc.property(
        fc.array(spec, { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 300 }),
        (specs, size) => {
          const ranges = selectRanges(`bytes=${specs.join(',')}`, size);
          if (ranges === null) throw new Error('ignored');
          let sent = 0;
          for (const { start, end } of ranges) {
            expect(start).to.be.within(0, end - 1);
            expect(end).to.be.at.most(size);
            sent += end - start;
          }
          expect(sent, 'no byte twice').to.be.at.most(size);
          for (const wanted of wantedBytes(specs, size)) {
            expect(
              ranges.some(({ start, end }) => start <= wanted && wanted < end),
              `byte ${wanted}`,
            ).to.equal(true);
          }
          const content = toParts(ranges, size, 'a/b', 'B');
          const whole = assemble(content, file);
          expect(whole.length).to.equal(content.length);
          for (const { start, end } of ranges)
            expect(whole).to.include(`\r\n\r\n${file.slice(start, end)}\r\n--B`);
        },
      ),
    );
  });
});

/** Every byte that is asked for, found in the simplest way. */
function wantedBytes(specs: readonly string[], size: number): number[] {
  const places = Array.from({ length: size }, (_, place) => place);
  return places.filter((place) =>
    specs.some((spec) => {
      const [first = '', last = ''] = spec.split('-');
      if (first === '') return place >= size - Number(last);
      return place >= Number(first) && (last === '' || place <= Number(last));
    }),
  );
}
