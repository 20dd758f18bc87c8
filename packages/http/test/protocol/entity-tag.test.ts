import { expect } from 'chai';
import fc from 'fast-check';
import {
  matchesStrongly,
  matchesWeakly,
  parseEntityTag,
  parseEntityTags,
} from '#http/protocol/entity-tag.js';

/** As it would be written; null for what is no list. */
function written(text: string): string[] | null {
  return parseEntityTags(text)?.map(({ isWeak, opaque }) => (isWeak ? 'W/' : '') + opaque) ?? null;
}

const LISTS: { text: string; expect: string[] | null }[] = [
  { text: '"a"', expect: ['"a"'] },
  { text: 'W/"a"', expect: ['W/"a"'] },
  { text: '""', expect: ['""'] },
  { text: '"a","b"', expect: ['"a"', '"b"'] },
  { text: '"a" \t,\t "b"', expect: ['"a"', '"b"'] },
  { text: ', "a", , W/"b",', expect: ['"a"', 'W/"b"'] },
  { text: '"a,b", "c"', expect: ['"a,b"', '"c"'] },
  { text: '"!#~\x80\xff"', expect: ['"!#~\x80\xff"'] },
  { text: '"\\"', expect: ['"\\"'] },
  { text: '', expect: null },
  { text: ',', expect: null },
  { text: 'a', expect: null },
  { text: '"a', expect: null },
  { text: 'a"', expect: null },
  { text: '"a" "b"', expect: null },
  { text: '"a""b"', expect: null },
  { text: '"a" b', expect: null },
  { text: '"a", b', expect: null },
  { text: 'b, "a"', expect: null },
  { text: 'w/"a"', expect: null },
  { text: 'W "a"', expect: null },
  { text: 'W/ "a"', expect: null },
  { text: '"a b"', expect: null },
  { text: '"a\x7f"', expect: null },
  { text: '*', expect: null },
  { text: '"a", *', expect: null },
];

describe('protocol: entity tags, RFC 9110 §8.8.3', () => {
  for (const { text, expect: tags } of LISTS) {
    it(`${JSON.stringify(text)} is ${tags === null ? 'no list' : `a list of ${tags.length}`}`, () => {
      expect(written(text)).to.deep.equal(tags);
    });
  }

  it('one tag is one tag and nothing else', () => {
    expect(parseEntityTag('W/"a"')).to.deep.equal({ isWeak: true, opaque: '"a"' });
    expect(parseEntityTag('"a"')).to.deep.equal({ isWeak: false, opaque: '"a"' });
    for (const text of ['"a", "b"', '"a",', ' "a"', '"a" ', 'a', ''])
      expect(parseEntityTag(text)).to.equal(null);
  });

  it('compares as in the table of §8.8.3.2', () => {
    const table: [string, string, boolean, boolean][] = [
      ['W/"1"', 'W/"1"', false, true],
      ['W/"1"', 'W/"2"', false, false],
      ['W/"1"', '"1"', false, true],
      ['"1"', 'W/"1"', false, true],
      ['"1"', '"1"', true, true],
      ['"1"', '"2"', false, false],
    ];
    for (const [one, other, strong, weak] of table) {
      const tags = [parseEntityTag(one), parseEntityTag(other)] as const;
      if (tags[0] === null || tags[1] === null) throw new Error('not a tag');
      expect(matchesStrongly(tags[0], tags[1]), `${one} ${other}`).to.equal(strong);
      expect(matchesWeakly(tags[0], tags[1]), `${one} ${other}`).to.equal(weak);
    }
  });

  it('reads any list that it is given to write, at a time that grows with its length', () => {
    const tag = fc.stringMatching(/^(?:W\/)?"[!#-~]*"$/);
    const separator = fc.stringMatching(/^[ \t]*,[ \t,]*$/);
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1 }), separator, (tags, between) => {
        expect(written(tags.join(between))).to.deep.equal(tags);
      }),
    );
    expect(parseEntityTags(`${', '.repeat(100_000)}x`)).to.equal(null);
  });
});
