import { type Cutter, type InseamError, NetStruct, type ReadDelimiter, Struct } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { expect } from 'chai';
import fc from 'fast-check';
import { OVERFLOW, ReadBuffer } from '#src/delimiters/read-buffer';
import { sizeOf, toDelimiter } from '#src/delimiters/read-delimiter';

interface Cutting {
  pieces: unknown[];
  /** What it ended with: the uncut rest, or why no more can be cut. */
  end: unknown;
}

/** Cuts `chunks` as a stream does, with each of `delimiters` in turn for a piece, as an `onRead` does that sets the next one. */
function cutAll(delimiters: ReadDelimiter[], chunks: Iterable<Uint8Array>, bufferSize = 1_000): Cutting {
  const buffer = new ReadBuffer();
  const pieces: unknown[] = [];
  const next = () => toDelimiter(delimiters[pieces.length % delimiters.length] as ReadDelimiter);
  let delimiter = next();
  for (const bytes of chunks) {
    const chunk = Buffer.from(bytes);
    buffer.push(chunk);
    for (;;) {
      let piece: unknown;
      try {
        piece = buffer.cut(delimiter, Math.max(bufferSize, sizeOf(delimiter)));
      } catch (error) {
        return { pieces, end: (error as InseamError).code ?? (error as Error).message };
      }
      if (piece === OVERFLOW) return { pieces, end: OVERFLOW };
      if (piece === NEED_MORE) break;
      // Of a match, all but the input that it stood in: that ends with the chunk.
      pieces.push(Array.isArray(piece) && 'input' in piece ? { ...piece, input: '' } : piece);
      if (delimiters.length === 1) continue;
      delimiter = next();
      buffer.restartSearch();
    }
    buffer.retain();
    // A chunk is borrowed, and views that were handed out are not of it.
    chunk.fill(0xee);
  }
  return { pieces, end: buffer.takeAll() };
}

/** Pieces after a byte with their length; 255 is refused. */
const prefixed: Cutter<Buffer> = {
  cut(buffer) {
    const length = buffer.readUInt8(0);
    if (length === 255) throw new Error('no length');
    return buffer.length > length
      ? { data: buffer.subarray(1, 1 + length), consumed: 1 + length }
      : NEED_MORE;
  },
};

/**
 * What they find does not depend on where a chunk ends. That excludes patterns whose match may grow or that look ahead, and of
 * NetStructs those that can be refused in the middle, since what is too long may be refused for that first.
 */
const steady: fc.Arbitrary<ReadDelimiter> = fc.oneof(
  fc.constantFrom<ReadDelimiter>('a', 'ab', 'aa', 'aba', 'bab;', ';', '\n', '\xe4'),
  fc.constantFrom(...[[0], [0xff, 0], [0xff, 0xff]].map((bytes) => Buffer.from(bytes))),
  fc.integer({ min: 1, max: 9 }),
  fc.constantFrom(
    /;/,
    /[ab]/,
    /aab|bab/,
    /.a/,
    /(?:a|b);/,
    /\r?\n/,
    /[^a]b/,
    /(a)(?<x>b)/,
    /a{2}/,
    /\r?\n|\n;/,
  ),
  fc.constantFrom(/(?<!a);/, /(a|b)\1/, /<\w+>/, /^a/, /B;/i, /\xff\W/u, /\x61\x62|\x62\x61/, /\xff\0|b/),
  fc.constantFrom(/[^;]*;/y, /a|b/y, /(.)(.)/sy, /(?<key>\w+)=?;/dy),
  fc.constantFrom('b', '<h', '!2s', 'c?').map((format) => new Struct(format)),
  fc.constantFrom('B$', 'b$', 'bB$x', 'B$B$', '2xB$').map((format) => new NetStruct(format)),
  fc.constant(prefixed),
);

/** Few different bytes, so that everything occurs, and small ones that are lengths. */
const byte = fc.oneof(
  fc.constantFrom(...Buffer.from('aabb;;\r\n=<>')),
  fc.constantFrom(0, 1, 2, 3, 0xff, 0xc3, 0xa4),
);
const input = fc.array(
  fc.array(byte, { maxLength: 10 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 12 },
);

/** A match that ends at `end` after `text` was all there was. */
interface Found {
  from: number;
  to: number;
}

/** The search that needs no thought: all of the text, time and again. */
function cutNaively(pattern: RegExp, chunks: Buffer[]): Cutting {
  const pieces: string[] = [];
  let text = '';
  const search = (): Found | null => {
    pattern.lastIndex = 0;
    const match = pattern.exec(text);
    return match === null ? null : { from: match.index, to: match.index + match[0].length };
  };
  for (const chunk of chunks) {
    text += chunk.toString('latin1');
    for (let found = search(); text !== '' && found !== null; found = search()) {
      if (found.from === found.to) return { pieces, end: 'ENGINE_READ_DELIMITER' };
      pieces.push(text.slice(0, pattern.sticky ? found.to : found.from));
      text = text.slice(found.to);
    }
  }
  return { pieces, end: text };
}

/** Patterns of every construction, over few letters; more of them than not match something. */
const patterns: fc.Arbitrary<RegExp> = fc
  .tuple(
    fc.letrec<{ one: string; unit: string; row: string; any: string }>((tie) => ({
      one: fc.constantFrom(
        'a',
        'b',
        ';',
        '\\n',
        '.',
        '[ab]',
        '[^a]',
        '\\x61',
        '\\u003b',
        '\\w',
        '\\W',
        '\\xff',
        '\\0',
        '[;(]',
      ),
      unit: fc.oneof(
        { weight: 6, arbitrary: tie('one') },
        {
          weight: 3,
          arbitrary: fc
            .tuple(tie('one'), fc.constantFrom('?', '??', '*', '*?', '+', '+?', '{2}', '{1,2}', '{0,1}'))
            .map((parts) => parts.join('')),
        },
        fc
          .tuple(fc.constantFrom('(?:', '(', '(?<x>'), tie('any'), fc.constantFrom(')', ')?', ')??'))
          .map((parts) => parts.join('')),
        fc
          .tuple(fc.constantFrom('(?=', '(?!', '(?<=', '(?<!'), tie('row'))
          .map((parts) => `${parts.join('')})`),
        fc.constantFrom('^', '$', '\\b', '\\B', '\\1', '\\k<x>'),
      ),
      row: fc.array(tie('unit'), { minLength: 1, maxLength: 4 }).map((units) => units.join('')),
      any: fc.array(tie('row'), { minLength: 1, maxLength: 2 }).map((rows) => rows.join('|')),
    })).any,
    fc.subarray(['i', 's', 'm', 'u', 'y', 'g']).map((flags) => flags.join('')),
  )
  .map(([source, flags]) => {
    try {
      return new RegExp(source, flags);
    } catch {
      return /a/;
    }
  })
  // More than two that go on for ever take for ever, too.
  .filter((pattern) => pattern.source.split(/[*+]/).length <= 3 && isTaken(pattern));

/** Whether `pattern` is not refused at once. */
function isTaken(pattern: RegExp): boolean {
  try {
    toDelimiter(pattern);
    return true;
  } catch {
    return false;
  }
}

describe('any delimiter, any bytes, any chunks', () => {
  it('give the pieces of the whole input', () => {
    fc.assert(
      fc.property(steady, input, (delimiter, chunks) => {
        expect(cutAll([delimiter], chunks)).to.deep.equal(cutAll([delimiter], [Buffer.concat(chunks)]));
      }),
      { numRuns: 2_000 },
    );
  });

  it('give the pieces of the whole input to delimiters that take turns', () => {
    fc.assert(
      fc.property(fc.array(steady, { minLength: 2, maxLength: 4 }), input, (delimiters, chunks) => {
        expect(cutAll(delimiters, chunks)).to.deep.equal(cutAll(delimiters, [Buffer.concat(chunks)]));
      }),
      { numRuns: 1_000 },
    );
  });

  it('overflow at the same piece, or not at all', () => {
    fc.assert(
      fc.property(steady, input, fc.integer({ min: 1, max: 12 }), (delimiter, chunks, limit) => {
        const whole = cutAll([delimiter], [Buffer.concat(chunks)], limit);
        expect(cutAll([delimiter], chunks, limit)).to.deep.equal(whole);
      }),
      { numRuns: 3_000 },
    );
  });

  it('overflow where a piece of text is longer than the limit, and nowhere else', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(';', 'ab', 'aba'),
        input,
        fc.integer({ min: 1, max: 12 }),
        (delimiter, chunks, limit) => {
          const rows = Buffer.concat(chunks).toString('latin1').split(delimiter);
          const tooLong = rows.findIndex((row) => row.length > limit);
          const { pieces, end } = cutAll([delimiter], chunks, limit);
          // The last row is none yet; its end may be the beginning of a delimiter.
          if (tooLong === -1 || (tooLong === rows.length - 1 && end !== OVERFLOW)) {
            expect(pieces.length).to.equal(rows.length - 1);
            expect((end as Buffer).length).to.be.at.most(limit + delimiter.length - 1);
          } else {
            expect([pieces.length, end]).to.deep.equal([tooLong, OVERFLOW]);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('patterns find what a search of the whole text after each chunk finds', () => {
    fc.assert(
      fc.property(patterns, input, (pattern, chunks) => {
        const { pieces, end } = cutAll([pattern], chunks);
        const found = pieces.map((piece) =>
          Buffer.isBuffer(piece) ? piece.toString('latin1') : (piece as string[])[0],
        );
        const rest = Buffer.isBuffer(end) ? end.toString('latin1') : end;
        expect({ pieces: found, end: rest }).to.deep.equal(cutNaively(pattern, chunks));
      }),
      { numRuns: 5_000 },
    );
  });
});
