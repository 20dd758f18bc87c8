import { expect } from 'chai';
import fc from 'fast-check';
import { parseForwarded } from '#http/protocol/forwarded.js';

function plain(text: string): Record<string, string>[] | null {
  return parseForwarded(text)?.map((element) => Object.fromEntries(element)) ?? null;
}

describe('protocol: Forwarded, RFC 7239 §4', () => {
  const cases: { name: string; text: string; expect: Record<string, string>[] }[] = [
    { name: 'one parameter', text: 'for=192.0.2.43', expect: [{ for: '192.0.2.43' }] },
    {
      name: 'the parameters of one proxy',
      text: 'for=192.0.2.60;proto=http;by=203.0.113.43',
      expect: [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43' }],
    },
    {
      name: 'several proxies',
      text: 'for=a, for=b,for=c',
      expect: [{ for: 'a' }, { for: 'b' }, { for: 'c' }],
    },
    {
      name: 'names in any case, and an unknown one',
      text: 'For="[2001:db8:cafe::17]:4711";PROTO=https;x-y=z',
      expect: [{ for: '[2001:db8:cafe::17]:4711', proto: 'https', 'x-y': 'z' }],
    },
    { name: 'an obfuscated node', text: 'for="_gazonk"', expect: [{ for: '_gazonk' }] },
    {
      name: 'separators inside quotes',
      text: 'host="a,b;c=d";for=e',
      expect: [{ host: 'a,b;c=d', for: 'e' }],
    },
    { name: 'escapes', text: String.raw`host="a\"b\\c\d"`, expect: [{ host: 'a"b\\cd' }] },
    { name: 'an empty value in quotes', text: 'for=""', expect: [{ for: '' }] },
    {
      name: 'whitespace around',
      text: ' \tfor=a ; proto=b \t,\tfor=c ',
      expect: [{ for: 'a', proto: 'b' }, { for: 'c' }],
    },
    { name: 'empty pairs', text: ';for=a;;proto=b;', expect: [{ for: 'a', proto: 'b' }] },
    {
      name: 'empty elements keep their place',
      text: ',for=a,,for=b,',
      expect: [{}, { for: 'a' }, {}, { for: 'b' }, {}],
    },
    { name: 'nothing', text: '', expect: [{}] },
    { name: 'the same name in two elements', text: 'for=a,for=b', expect: [{ for: 'a' }, { for: 'b' }] },
    { name: 'a name that objects inherit', text: 'constructor=a', expect: [{ constructor: 'a' }] },
  ];
  for (const { name, text, expect: expected } of cases) {
    it(`reads ${name}`, () => expect(plain(text)).to.deep.equal(expected));
  }

  const malformed: [name: string, text: string][] = [
    ['a name alone', 'for'],
    ['no value', 'for='],
    ['no name', '=a'],
    ['a space before =', 'for =a'],
    ['a space behind =', 'for= a'],
    ['two values', 'for=a b'],
    ['an unquoted port', 'for=192.0.2.1:80'],
    ['unquoted IPv6', 'for=[2001:db8::1]'],
    ['an open quote', 'for="a'],
    ['an open quote that swallows the next element', 'for=evil,for=";x, for=192.0.2.1'],
    ['a quote that is escaped', String.raw`for="a\"`],
    ['text behind a quoted value', 'for="a"b'],
    ['single quotes around a space', "for='a b'"],
    ['a parameter twice', 'for=a;for=b'],
    ['a parameter twice in another case', 'by=a;proto=http;BY=b'],
    ['one malformed element of several', 'for=a, !!, for=b'],
    ['a control character', 'for=a\x01'],
    ['a line break', 'for=a\n'],
  ];
  for (const [name, text] of malformed) {
    it(`reads nothing of what is malformed: ${name}`, () => expect(plain(text)).to.equal(null));
  }

  it('reads what a proxy writes', () => {
    const token = fc.string({ unit: fc.constantFrom(...'aZ09-._~'), minLength: 1 });
    const value = fc.string({ unit: fc.constantFrom(...'a",;=\\ \té') });
    const written = fc.array(fc.array(fc.tuple(token, value), { minLength: 1 }), { minLength: 1 });
    fc.assert(
      fc.property(written, (elements) => {
        const expected = elements.map(
          (pairs) => new Map(pairs.map(([name, text]) => [name.toLowerCase(), text])),
        );
        const text = expected
          .map((pairs) =>
            [...pairs].map(([name, text]) => `${name}="${text.replace(/["\\]/g, '\\$&')}"`).join(';'),
          )
          .join(', ');
        expect(parseForwarded(text)).to.deep.equal(expected);
      }),
    );
  });

  it('answers for any text, long ones too', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'a=",; \t\\') }), (text) => plain(text) !== undefined),
    );
    const long = 100_000;
    for (const text of [' ', 'a', ',', '"', 'a="', 'a="\\', 'a=a,', ' ,', 'a=a;'].map((part) =>
      part.repeat(long),
    )) {
      expect(plain(`${text}!`), text.slice(0, 4)).to.equal(null);
    }
  });
});
