import { inspect } from 'node:util';
import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { toDelimiter } from '#src/delimiters/read-delimiter';

describe('toDelimiter', () => {
  it('keeps null and numbers', () => {
    expect([null, 1, 65_536, Number.MAX_SAFE_INTEGER].map(toDelimiter)).to.deep.equal([
      null,
      1,
      65_536,
      Number.MAX_SAFE_INTEGER,
    ]);
  });

  it('makes bytes of text, as UTF-8', () => {
    expect(toDelimiter('\r\n')).to.deep.equal(Buffer.from([13, 10]));
    expect(toDelimiter('ä')).to.deep.equal(Buffer.from([0xc3, 0xa4]));
  });

  it('copies bytes, so that a later change has no effect', () => {
    const bytes = new Uint8Array([1, 2]);
    const delimiter = toDelimiter(bytes);
    bytes[0] = 9;
    expect(delimiter).to.deep.equal(Buffer.from([1, 2]));
  });

  const refused = [
    '',
    Buffer.alloc(0),
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    true,
    undefined,
    {},
  ];
  for (const value of refused) {
    it(`refuses ${inspect(value)}`, () => {
      expect(() => toDelimiter(value as string))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_READ_DELIMITER');
    });
  }
});
