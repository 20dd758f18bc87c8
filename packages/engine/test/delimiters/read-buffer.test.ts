import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { ReadBuffer } from '#src/delimiters/read-buffer';
import { type Delimiter, type ReadDelimiter, toDelimiter } from '#src/delimiters/read-delimiter';

/** Feeds `chunks` as a stream does, overwriting each afterwards, and gives the pieces and what remains. */
function cutAll(delimiter: Delimiter, chunks: Iterable<Uint8Array>): string[] {
  const buffer = new ReadBuffer();
  const pieces: Buffer[] = [];
  for (const bytes of chunks) {
    const chunk = Buffer.from(bytes);
    buffer.push(chunk);
    for (let piece = buffer.cut(delimiter); piece !== NEED_MORE; piece = buffer.cut(delimiter))
      pieces.push(piece as Buffer);
    buffer.retain();
    chunk.fill(0xee);
  }
  const rest = buffer.cut(null);
  return [...pieces, rest === NEED_MORE ? Buffer.alloc(0) : rest].map((piece) =>
    (piece as Buffer).toString('latin1'),
  );
}

/** `expect` ends with what remains uncut. */
const cases: { name: string; delimiter: ReadDelimiter; bytes: string; expect: string[] }[] = [
  { name: 'a line', delimiter: '\n', bytes: 'one\n', expect: ['one', ''] },
  { name: 'several lines', delimiter: '\n', bytes: 'one\ntwo\nthree', expect: ['one', 'two', 'three'] },
  { name: 'empty lines', delimiter: '\n', bytes: '\n\na\n\n', expect: ['', '', 'a', '', ''] },
  { name: 'no delimiter', delimiter: '\n', bytes: 'one', expect: ['one'] },
  { name: 'nothing', delimiter: '\n', bytes: '', expect: [''] },
  { name: 'two bytes', delimiter: '\r\n', bytes: 'a\r\nb\r\n', expect: ['a', 'b', ''] },
  { name: 'a false start', delimiter: '\r\n', bytes: 'a\r\r\nb\n\r\n', expect: ['a\r', 'b\n', ''] },
  { name: 'half a delimiter at the end', delimiter: '\r\n', bytes: 'a\r', expect: ['a\r'] },
  { name: 'one that repeats itself', delimiter: 'aab', bytes: 'aaaabxaab', expect: ['aa', 'x', ''] },
  { name: 'overlapping ones, the first wins', delimiter: 'aa', bytes: 'aaa', expect: ['', 'a'] },
  { name: 'text as UTF-8', delimiter: '§', bytes: 'a\xc2\xa7b\xa7', expect: ['a', 'b\xa7'] },
  { name: 'bytes', delimiter: Buffer.from([0, 0xff]), bytes: 'a\0b\0\xffc', expect: ['a\0b', 'c'] },
  { name: 'a number', delimiter: 3, bytes: 'abcdefgh', expect: ['abc', 'def', 'gh'] },
  { name: 'the number exactly', delimiter: 4, bytes: 'abcd', expect: ['abcd', ''] },
];

describe('ReadBuffer', () => {
  for (const { name, delimiter, bytes, expect: expected } of cases) {
    it(`cuts by ${JSON.stringify(delimiter)}: ${name}`, () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from(bytes, 'latin1'))) {
        expect(cutAll(toDelimiter(delimiter), chunks), way).to.deep.equal(expected);
      }
    });
  }

  it('hands out whole chunks without a delimiter, and never an empty one', () => {
    const chunks = ['ab', '', 'c'].map((text) => Buffer.from(text));
    expect(cutAll(null, chunks)).to.deep.equal(['ab', 'c', '']);
  });

  it('gives what it gives for the whole, however the input is cut', () => {
    const delimiter = fc.oneof(fc.constantFrom('a', 'ab', 'aa', 'aba', 'b'), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(
        delimiter,
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 })),
        (value, texts) => {
          const chunks = texts.map((text) => Buffer.from(text));
          const prepared = toDelimiter(value);
          const whole = cutAll(prepared, [Buffer.concat(chunks)]);
          expect(cutAll(prepared, chunks)).to.deep.equal(whole);
          if (typeof value === 'string') expect(whole).to.deep.equal(texts.join('').split(value));
        },
      ),
    );
  });

  it('cuts what is buffered by another delimiter, after restartSearch', () => {
    const buffer = new ReadBuffer();
    buffer.push(Buffer.from('a;b\nc'));
    expect(buffer.cut(toDelimiter('|'))).to.equal(NEED_MORE);
    buffer.restartSearch();
    expect(buffer.cut(toDelimiter(';'))?.toString()).to.equal('a');
    expect(buffer.cut(3)?.toString()).to.equal('b\nc');
    expect(buffer.cut(null)).to.equal(NEED_MORE);
  });

  it('clear forgets the bytes and how far they were searched', () => {
    const buffer = new ReadBuffer();
    buffer.push(Buffer.from('abc'));
    expect(buffer.cut(toDelimiter(';'))).to.equal(NEED_MORE);
    buffer.clear();
    expect(buffer.length).to.equal(0);
    buffer.push(Buffer.from('x;'));
    expect(buffer.cut(toDelimiter(';'))?.toString()).to.equal('x');
  });

  it('hands out bytes to keep', () => {
    const chunk = Buffer.from('one\ntwo\n');
    const buffer = new ReadBuffer();
    buffer.push(chunk);
    const piece = buffer.cut(toDelimiter('\n'));
    chunk.fill(0);
    expect(piece?.toString()).to.equal('one');
  });

  it('searches each byte once, however small the chunks', () => {
    const buffer = new ReadBuffer();
    const delimiter = toDelimiter('\r\n');
    const n = 4096;
    const { indexOf } = Buffer.prototype;
    let searched = 0;
    Buffer.prototype.indexOf = function (this: Buffer, value: string | number | Uint8Array, from?: number) {
      searched += this.length - (from ?? 0);
      return indexOf.call(this, value, from);
    } as typeof indexOf;
    try {
      for (let i = 0; i < n; i++) {
        buffer.push(Buffer.from('x'));
        expect(buffer.cut(delimiter)).to.equal(NEED_MORE);
        buffer.retain();
      }
    } finally {
      Buffer.prototype.indexOf = indexOf;
    }
    // Each search looks again at what may be the first half of a delimiter.
    expect(searched).to.be.within(n, 3 * n);
  });
});
