import { type Cutter, NetStruct, Struct, UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { OVERFLOW, ReadBuffer } from '#src/delimiters/read-buffer';
import { type Delimiter, type ReadDelimiter, toDelimiter } from '#src/delimiters/read-delimiter';
import { bufferWork } from '../support/buffer-work.js';

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

  describe('the memory of pieces', () => {
    /** Cuts all that `chunks` give, and overwrites them. */
    const cutLines = (...chunks: Buffer[]) => {
      const buffer = new ReadBuffer();
      const delimiter = toDelimiter(';');
      const pieces: Buffer[] = [];
      for (const chunk of chunks) {
        buffer.push(chunk);
        for (let piece = buffer.cut(delimiter); piece !== NEED_MORE; piece = buffer.cut(delimiter))
          pieces.push(piece as Buffer);
        buffer.retain();
        chunk.fill(0xee);
      }
      return pieces;
    };
    const lines = (count: number) => Buffer.from('line;'.repeat(count));

    for (const size of [4_095, 4_096, 4_097, 65_536]) {
      it(`is not the chunk's, of ${size} bytes, nor that of another piece`, () => {
        const bytes = Buffer.concat([lines(Math.ceil(size / 5))]).subarray(0, size);
        const pieces = cutLines(Buffer.from(bytes), Buffer.from('line;'));
        expect(new Set(pieces.slice(0, -1).map(String))).to.deep.equal(new Set(['line']));
        for (const [i, piece] of pieces.entries()) piece.fill(0x30 + (i % 10));
        for (const [i, piece] of pieces.entries()) expect(piece[0]).to.equal(0x30 + (i % 10));
      });
    }

    it('is one for a small chunk: its pieces are copied together', () => {
      const [first, second] = cutLines(Buffer.from('first;second;'));
      expect(second?.buffer).to.equal(first?.buffer);
      expect((second?.byteOffset ?? 0) - (first?.byteOffset ?? 0)).to.equal(6);
    });

    it('is small: a short piece does not keep what was long alive', () => {
      const long = Buffer.concat([Buffer.from('short;'), Buffer.alloc(65_536, 'x'), Buffer.from(';')]);
      // Held back as well as cut from the chunk itself.
      const held = [long.subarray(0, 3), long.subarray(3)].map((chunk) => Buffer.from(chunk));
      const inTheMiddle = [Buffer.from('x'), Buffer.concat([Buffer.alloc(65_536, 'x'), lines(20)])];
      for (const chunks of [[long], held, inTheMiddle]) {
        for (const piece of cutLines(...chunks)) {
          if (piece.length < 10) expect(piece.buffer.byteLength).to.be.at.most(Buffer.poolSize);
        }
      }
    });

    it('is copied once: of a long chunk no more than its last 4 KiB', () => {
      expect(bufferWork(() => cutLines(lines(13_000))).copied).to.be.at.most(4_096);
    });
  });

  describe('a limit', () => {
    /** The first piece of `bytes`, or why there is none. */
    const cutOne = (delimiter: ReadDelimiter, bytes: string, limit: number) => {
      const buffer = new ReadBuffer();
      buffer.push(Buffer.from(bytes, 'latin1'));
      return buffer.cut(toDelimiter(delimiter), limit);
    };
    const toColon: Cutter = {
      cut: (buffer) => {
        const at = buffer.indexOf(':');
        return at === -1 ? NEED_MORE : { data: buffer.subarray(0, at), consumed: at + 1 };
      },
    };

    /** `waits` and `fits` are as long as they may be; one byte more is too long. */
    const limits: {
      name: string;
      delimiter: ReadDelimiter;
      waits: string;
      fits: string;
      tooLong: string[];
    }[] = [
      {
        name: 'text of one byte, without it',
        delimiter: ';',
        waits: '12345',
        fits: '12345;',
        tooLong: ['123456', '123456;', '123456;7'],
      },
      {
        name: 'text of three bytes, without them, though they may have begun',
        delimiter: 'end',
        waits: '12345en',
        fits: '12345end',
        tooLong: ['12345enx', '123456en', '123456end'],
      },
      {
        name: 'a pattern, with its match',
        delimiter: /;;?/,
        waits: '12345',
        fits: '1234;6',
        tooLong: ['123456', '12345;', '1234;;'],
      },
      {
        name: 'a sticky pattern, with its match',
        delimiter: /\d+;/y,
        waits: '12345',
        fits: '1234;',
        tooLong: ['123456', '12345;'],
      },
      {
        name: 'a NetStruct, with its lengths',
        delimiter: new NetStruct('B$'),
        waits: '\x05' + '1234',
        fits: '\x04' + '1234',
        tooLong: ['\x05' + '12345', '\xff' + '12345'],
      },
      {
        name: 'a cutter, with what it consumes',
        delimiter: toColon,
        waits: '12345',
        fits: '1234:',
        tooLong: ['123456', '12345:'],
      },
    ];
    for (const { name, delimiter, waits, fits, tooLong } of limits) {
      it(`counts ${name}`, () => {
        expect(cutOne(delimiter, waits, 5), waits).to.equal(NEED_MORE);
        expect(cutOne(delimiter, fits, 5), fits).to.not.be.a('symbol');
        for (const bytes of tooLong) expect(cutOne(delimiter, bytes, 5), bytes).to.equal(OVERFLOW);
      });
    }

    it('is nothing to null and to numbers', () => {
      expect(String(cutOne(null, '123456', 5))).to.equal('123456');
      expect(String(cutOne(6, '1234567', 5))).to.equal('123456');
      expect(cutOne(7, '123456', 5)).to.equal(NEED_MORE);
    });

    it('raised later, or another delimiter, gives the piece that was too long', () => {
      for (const delimiter of [';', /;/, toColon].map(toDelimiter)) {
        const buffer = new ReadBuffer();
        buffer.push(Buffer.from('abc;:d'));
        expect(buffer.cut(delimiter, 2)).to.equal(OVERFLOW);
        expect(buffer.cut(delimiter, 2)).to.equal(OVERFLOW);
        expect(buffer.length).to.equal(6);
        expect(String(buffer.cut(delimiter, 9))).to.match(/^abc;?$/);
      }
    });
  });

  describe('cutters', () => {
    const wrong: { name: string; answer: unknown; detail: string }[] = [
      ...[0, -1, 1.5, 4, Number.NaN, Number.POSITIVE_INFINITY, '1', 1n, null, undefined].map((consumed) => ({
        name: `consumed: ${typeof consumed} ${consumed}`,
        answer: { data: 'x', consumed },
        detail: `consumed: ${consumed}`,
      })),
      ...[undefined, null, 3, 'abc', Buffer.from('abc'), OVERFLOW].map((answer) => ({
        name: `${typeof answer} ${String(answer)}`,
        answer,
        detail: 'consumed: undefined',
      })),
    ];
    for (const { name, answer, detail } of wrong) {
      it(`may not answer with ${name}`, () => {
        const buffer = new ReadBuffer();
        buffer.push(Buffer.from('abc'));
        expect(() => buffer.cut({ cut: () => answer } as Cutter))
          .to.throw(UsageError, `(${detail})`)
          .with.property('code', 'ENGINE_CUT');
        expect(buffer.length, 'left').to.equal(3);
      });
    }

    it('may answer with any data, also none, and with a piece up to the last byte', () => {
      const buffer = new ReadBuffer();
      for (const data of [undefined, null, 0, '', Promise.resolve()]) {
        buffer.push(Buffer.from('abc'));
        expect(buffer.cut({ cut: () => ({ data, consumed: 3 }) })).to.equal(data);
        expect(buffer.length).to.equal(0);
      }
    });

    it('are not asked about nothing', () => {
      const buffer = new ReadBuffer();
      const cut = () => {
        throw new Error('asked');
      };
      expect(buffer.cut({ cut })).to.equal(NEED_MORE);
      expect(buffer.cut(toDelimiter(new Struct('b')))).to.equal(NEED_MORE);
    });

    it('see everything unread from the same byte on, and no byte before or behind it', () => {
      const seen: string[] = [];
      const cutter: Cutter = {
        cut(buffer) {
          seen.push(buffer.toString());
          return buffer.length < 4 ? NEED_MORE : { data: buffer, consumed: 3 };
        },
      };
      expect(
        cutAll(
          cutter,
          ['a', 'bc', 'defghij', 'k'].map((text) => Buffer.from(text)),
        ).at(-1),
      ).to.equal('jk');
      expect(seen).to.deep.equal(['a', 'abc', 'abcdefghij', 'defghij', 'ghij', 'j', 'jk']);
    });

    it('may keep views of what they saw: those bytes stay as they are', () => {
      const kept: { view: Buffer; text: string }[] = [];
      const cutter: Cutter = {
        cut(view) {
          kept.push({ view, text: view.toString('latin1') });
          return view.length % 3 === 0 ? { data: view, consumed: 2 } : NEED_MORE;
        },
      };
      for (const { chunks } of feedEveryWay(Buffer.from([...Array(60).keys()]))) cutAll(cutter, chunks);
      expect(kept.length).to.be.greaterThan(400);
      for (const { view, text } of kept) expect(view.toString('latin1')).to.equal(text);
    });
  });

  describe('work', () => {
    const n = 4_096;
    const formats = new NetStruct('2sI$H$');

    const touchedBy = (work: () => void) => {
      const { searched, decoded, copied, numbers } = bufferWork(work);
      return { touched: searched + decoded + copied, numbers };
    };

    /** Pushes `chunks` and gives the number of pieces. */
    function countPieces(delimiter: Delimiter, chunks: Buffer[]): number {
      const buffer = new ReadBuffer();
      let pieces = 0;
      for (const chunk of chunks) {
        buffer.push(chunk);
        while (buffer.cut(delimiter) !== NEED_MORE) pieces++;
        buffer.retain();
      }
      return pieces;
    }

    const kinds: { name: string; delimiter: ReadDelimiter; piece: Buffer; long: Buffer; perByte: number }[] =
      [
        {
          name: 'text',
          delimiter: '\r\n',
          piece: Buffer.from('x\r\n'),
          long: Buffer.alloc(n, '\r'),
          perByte: 5,
        },
        {
          name: 'one byte',
          delimiter: ';',
          piece: Buffer.from('x;'),
          long: Buffer.alloc(n, 'x'),
          perByte: 4,
        },
        { name: 'a number', delimiter: n + 1, piece: Buffer.alloc(n + 1), long: Buffer.alloc(n), perByte: 3 },
        {
          name: 'a pattern',
          delimiter: /\r?\n/,
          piece: Buffer.from('x\r\n'),
          long: Buffer.alloc(n, '\r'),
          perByte: 8,
        },
        {
          name: 'a Struct',
          delimiter: new Struct('!6000s'),
          piece: Buffer.alloc(6_000),
          long: Buffer.alloc(n),
          perByte: 3,
        },
        {
          name: 'a NetStruct',
          delimiter: formats,
          piece: formats.pack('ab', 'x', 'y'),
          long: formats.pack('ab', Buffer.alloc(n - 100), Buffer.alloc(n)).subarray(0, n),
          perByte: 3,
        },
      ];
    for (const { name, delimiter, piece, long, perByte } of kinds) {
      it(`for ${name} is so much a byte, fed byte by byte without an end`, () => {
        const chunks = [...long.keys()].map((at) => long.subarray(at, at + 1));
        const { touched, numbers } = touchedBy(() => {
          expect(countPieces(toDelimiter(delimiter), chunks)).to.equal(0);
        });
        expect(touched).to.be.within(n, perByte * n);
        expect(numbers).to.be.within(0, 2 * n);
      });

      it(`for ${name} is so much a byte, for many pieces in a chunk`, () => {
        const count = Math.ceil((16 * n) / piece.length);
        const chunk = Buffer.concat(Array(count).fill(piece));
        const { touched, numbers } = touchedBy(() => {
          expect(countPieces(toDelimiter(delimiter), [chunk])).to.equal(count);
        });
        expect(touched).to.be.at.most(3 * chunk.length);
        expect(numbers).to.be.at.most(4 * count);
      });
    }

    it('does not search what lies behind the end of its memory', () => {
      const buffer = new ReadBuffer();
      const delimiter = toDelimiter(';');
      buffer.push(Buffer.alloc(n, 'x'));
      buffer.cut(delimiter);
      buffer.retain();
      const { touched } = touchedBy(() => {
        for (let i = 0; i < n; i++) {
          buffer.push(Buffer.from('x'));
          buffer.cut(delimiter);
        }
      });
      expect(touched).to.be.at.most(4 * n);
    });
  });
});
