import { type InseamError, UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import { RegExpDelimiter } from '#src/delimiters/regexp-delimiter';
import { bufferWork } from '../support/buffer-work.js';

/** Cuts `chunks` as a stream does; ends with what remains uncut. A match is shown as the list of its groups. */
function cutAll(pattern: RegExp, chunks: Iterable<Uint8Array>): unknown[] {
  const delimiter = new RegExpDelimiter(pattern);
  const pieces: unknown[] = [];
  let unread = Buffer.alloc(0);
  for (const chunk of chunks) {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length > 0) {
      const cut = delimiter.cut(unread);
      if (cut === NEED_MORE) break;
      pieces.push(Buffer.isBuffer(cut.data) ? cut.data.toString('latin1') : [...cut.data]);
      unread = unread.subarray(cut.consumed);
    }
  }
  return [...pieces, unread.toString('latin1')];
}

/** The code of what `call` throws. */
function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as InseamError).code;
  }
  return 'nothing';
}

/** For patterns that TypeScript would refuse in a literal. */
const regExp = (source: string, flags = '') => new RegExp(source, flags);

const cases: { name: string; pattern: RegExp; bytes: string; expect: unknown[] }[] = [
  { name: 'one character', pattern: /;/, bytes: 'a;bc;d', expect: ['a', 'bc', 'd'] },
  { name: 'empty pieces', pattern: /;/, bytes: ';;', expect: ['', '', ''] },
  { name: 'one of several', pattern: /[;,]/, bytes: 'a,b;c', expect: ['a', 'b', 'c'] },
  { name: 'an optional beginning', pattern: /\r?\n/, bytes: 'a\r\nb\nc\r', expect: ['a', 'b', 'c\r'] },
  { name: 'several characters', pattern: /--end--/, bytes: 'a--end--b--end', expect: ['a', 'b--end'] },
  { name: 'alternatives', pattern: /<a>|<bc>/, bytes: '1<bc>2<a>3', expect: ['1', '2', '3'] },
  { name: 'a group', pattern: /(?:ab)(c)/, bytes: 'xabcyabc', expect: ['x', 'y', ''] },
  { name: 'a false start', pattern: /aab/, bytes: 'aaaabxaab', expect: ['aa', 'x', ''] },
  { name: 'a line end and a dot', pattern: /.\n/, bytes: 'ab\n\ncd\n', expect: ['a', '\nc', ''] },
  { name: 'a repetition of known length', pattern: /x{3}/, bytes: 'axxxb', expect: ['a', 'b'] },
  { name: 'a repetition that is closed', pattern: /<\w+>/, bytes: 'a<bcdefg>e<f>', expect: ['a', 'e', ''] },
  { name: 'what stood before', pattern: /(?<!\\);/, bytes: 'a\\;b;c', expect: ['a\\;b', 'c'] },
  { name: 'a back reference', pattern: /(['"])\1/, bytes: `a'"b""c''`, expect: [`a'"b`, 'c', ''] },
  { name: 'a named back reference', pattern: /(?<q>['"])\k<q>/, bytes: `a'"b""c`, expect: [`a'"b`, 'c'] },
  { name: 'the start of a piece alone', pattern: /^;/, bytes: ';;a;', expect: ['', '', 'a;'] },
  { name: 'the start of a line', pattern: /^;/m, bytes: 'a;\n;b', expect: ['a;\n', 'b'] },
  { name: 'a border of a word', pattern: /\bor /, bytes: 'a nor b or c', expect: ['a nor b ', 'c'] },
  { name: 'no border of a word', pattern: /\B;/, bytes: 'a;xx;;b', expect: ['a;xx;', 'b'] },
  { name: 'a repetition that reaches far back', pattern: /<\w*>/, bytes: '1<abcdefgh>2', expect: ['1', '2'] },
  { name: 'a long repetition', pattern: /x{12}/, bytes: `a${'x'.repeat(13)}`, expect: ['a', 'x'] },
  {
    name: 'what stood before, long ago',
    pattern: /(?<!\\);/,
    bytes: 'a\\;bcdefghijkl;m',
    expect: ['a\\;bcdefghijkl', 'm'],
  },
  {
    name: 'a back reference longer than the pattern',
    pattern: /(abcd)\1\1\1/,
    bytes: `x${'abcd'.repeat(5)}`,
    expect: ['x', 'abcd'],
  },
  { name: 'bytes above 127', pattern: /\xff./, bytes: 'a\xfe\xff\x80b\xff', expect: ['a\xfe', 'b\xff'] },
  { name: 'NUL', pattern: /\0/, bytes: 'a\0b', expect: ['a', 'b'] },
  { name: 'an octal escape', pattern: regExp('\\012'), bytes: 'a\nb', expect: ['a', 'b'] },
  { name: 'any case', pattern: /end/i, bytes: 'aENDbEnd', expect: ['a', 'b', ''] },
  { name: 'a dot that is any byte', pattern: /-.-/s, bytes: 'a-\n-b', expect: ['a', 'b'] },
  {
    name: 'a code point that would be no repetition',
    pattern: regExp('\\u{0}', 'u'),
    bytes: 'a\0b',
    expect: ['a', 'b'],
  },
  { name: 'code points', pattern: /\u{3b}/u, bytes: 'a;b', expect: ['a', 'b'] },
  { name: 'a property', pattern: /\p{Lu}/u, bytes: 'aBc\xc4d', expect: ['a', 'c', 'd'] },
  { name: 'sets of letters', pattern: regExp('[[a-z]--[x-y]]', 'v'), bytes: '1x2a3', expect: ['1x2', '3'] },
  { name: 'sets of texts', pattern: regExp('[\\q{ab}]', 'v'), bytes: '1a2ab3', expect: ['1a2', '3'] },
  { name: 'the g flag or not', pattern: /;/g, bytes: 'a;b;c', expect: ['a', 'b', 'c'] },
  { name: 'sticky', pattern: /\w;/y, bytes: 'a;b;cd;', expect: [['a;'], ['b;'], 'cd;'] },
  {
    name: 'sticky with groups',
    pattern: /(\w)=(\d)?(x)?;/y,
    bytes: 'a=1;b=;c',
    expect: [['a=1;', 'a', '1', undefined], ['b=;', 'b', undefined, undefined], 'c'],
  },
  { name: 'sticky and g', pattern: /\d\d/gy, bytes: '12345', expect: [['12'], ['34'], '5'] },
  { name: 'sticky from the start', pattern: /^a/y, bytes: 'aab', expect: [['a'], ['a'], 'b'] },
];

/** Each way to match empty text: for itself, at a place in the text, and for what stands around it. */
const refused = [
  ...[/(?:)/, /a*/, /a?/, /a{0,3}/, /a*?/, /a??/, /|x/, /x|/, /x||y/, /(a|)/, /()/, /(?:x?)+/, /(a)?\1/],
  ...[/^/, /$/, /^$/, /^$/m, /^(?<=\n)/m, /(?!^)(?=\0)/, /^/m, /\b/, /\B/, /\b(?!x)/],
  ...[
    /(?=;)/,
    /(?=END)/,
    /(?=\r\n)/,
    /(?=\r\n\r\n)/,
    /(?<=;)/,
    /(?<=END)/,
    /(?<=\r\n)/,
    /(?!x)/,
    /(?<!x)/,
    /(?!;)\d*/,
  ],
  ...[/a*/y, /(?=;)/y, /^/y, /a?/g, /a*/i, /a*/u, regExp('[a]?', 'v'), /(?=\d\d)/, /[^;]*/, /[^;]*(?=;)/],
];

describe('RegExpDelimiter', () => {
  for (const { name, pattern, bytes, expect: expected } of cases) {
    it(`cuts by ${pattern}: ${name}`, () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from(bytes, 'latin1')))
        expect(cutAll(pattern, chunks), way).to.deep.equal(expected);
    });
  }

  for (const pattern of refused) {
    it(`refuses ${pattern}, which matches empty text`, () => {
      expect(() => new RegExpDelimiter(pattern))
        .to.throw(UsageError, `(/${pattern.source}/ matches empty text)`)
        .with.property('code', 'ENGINE_READ_DELIMITER');
    });
  }

  it('refuses an empty match that shows only in the input, as the error of that input', () => {
    const pattern = /(?=a{3})/;
    expect(cutAll(pattern, [Buffer.from('baa')])).to.deep.equal(['baa']);
    expect(codeOf(() => cutAll(pattern, [Buffer.from('baaa')]))).to.equal('ENGINE_READ_DELIMITER');
    expect(codeOf(() => cutAll(/(?=a{3})/y, [Buffer.from('aaa')]))).to.equal('ENGINE_READ_DELIMITER');
  });

  it('counts a match as soon as it is there: one that could grow is as long as its chunk lets it', () => {
    const cut = (...texts: string[]) =>
      cutAll(
        /\n+/,
        texts.map((text) => Buffer.from(text)),
      );
    expect(cut('a\n\nb')).to.deep.equal(['a', 'b']);
    expect(cut('a\n', '\nb')).to.deep.equal(['a', '', 'b']);
    expect(cut('a', '\n\nb')).to.deep.equal(['a', 'b']);
  });

  it('gives a match with its groups, indices and the index 0, also behind others in a chunk', () => {
    const delimiter = new RegExpDelimiter(/(?<key>\w+)=(?<value>\w+);/dy);
    const first = delimiter.cut(Buffer.from('ab=1;c=2;'));
    const second = delimiter.cut(Buffer.from('c=2;'));
    for (const [cut, key, value] of [
      [first, 'ab', '1'],
      [second, 'c', '2'],
    ] as const) {
      if (cut === NEED_MORE) throw new Error('nothing cut');
      const match = cut.data as RegExpExecArray;
      expect(match.index).to.equal(0);
      expect({ ...match.groups }).to.deep.equal({ key, value });
      expect(match.indices?.[1]).to.deep.equal([0, key.length]);
      expect(cut.consumed).to.equal(match[0].length);
    }
  });

  for (const flags of ['', 'g', 'y', 'gy']) {
    it(`leaves the user's own RegExp alone, with the flags '${flags}'`, () => {
      const pattern = new RegExp('b', flags);
      pattern.lastIndex = 1;
      const delimiter = new RegExpDelimiter(pattern);
      delimiter.cut(Buffer.from('b.b.b'));
      expect(pattern.lastIndex).to.equal(1);
      pattern.lastIndex = 3;
      expect(delimiter.cut(Buffer.from('b.b'))).to.have.property('consumed', 1);
    });
  }

  it('gives views of the buffer, not copies', () => {
    const buffer = Buffer.from('abc;def');
    const cut = new RegExpDelimiter(/;/).cut(buffer);
    if (cut === NEED_MORE) throw new Error('nothing cut');
    const { buffer: memory, byteOffset } = cut.data as Buffer;
    expect([memory, byteOffset]).to.deep.equal([buffer.buffer, buffer.byteOffset]);
  });

  it('asked again for a piece that was found and not taken, it finds it again', () => {
    const delimiter = new RegExpDelimiter(/;/);
    const found = { data: Buffer.from('ab'), consumed: 3 };
    expect(delimiter.cut(Buffer.from('ab;cd'))).to.deep.equal(found);
    expect(delimiter.cut(Buffer.from('ab;cd'))).to.deep.equal(found);
    expect(delimiter.cut(Buffer.from('ab;cd;'))).to.deep.equal(found);
  });

  describe('work', () => {
    const decodedBy = (work: () => void) => bufferWork(work).decoded;
    const n = 4_096;
    const feed = (pattern: RegExp, text: string) => {
      const delimiter = new RegExpDelimiter(pattern);
      const bytes = Buffer.from(text);
      return decodedBy(() => {
        for (let length = 1; length <= n; length++)
          expect(delimiter.cut(bytes.subarray(0, length))).to.equal(NEED_MORE);
      });
    };
    const bounded = [/;/, /\r?\n/, /<end>/, /(?:a|bc)?;/, /[;,]./, /(a)(b)/, /\x3b|\u003b|\0/i];
    for (const pattern of bounded) {
      it(`${pattern} decodes each byte no more than ${pattern.source.length} times, byte by byte`, () => {
        const decoded = feed(pattern, 'x'.repeat(n));
        expect(decoded).to.be.within(n, n * pattern.source.length);
      });
    }

    it('decodes a chunk once, however many pieces it has', () => {
      const delimiter = new RegExpDelimiter(/;/);
      const bytes = Buffer.from('x;'.repeat(n));
      let pieces = 0;
      const decoded = decodedBy(() => {
        for (let at = 0; at < bytes.length; pieces++) {
          const cut = delimiter.cut(bytes.subarray(at));
          if (cut === NEED_MORE) break;
          at += cut.consumed;
        }
      });
      expect(pieces).to.equal(n);
      expect(decoded).to.equal(bytes.length);
    });
  });
});
