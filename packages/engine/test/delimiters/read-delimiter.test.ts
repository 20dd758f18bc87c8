import { inspect } from 'node:util';
import { type Cutter, NEED_MORE, NetStruct, type ReadDelimiter, Struct, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { sizeOf, toDelimiter } from '#src/delimiters/read-delimiter';

const cut = () => NEED_MORE;

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

  class Inherits {
    cut() {
      return NEED_MORE;
    }
  }
  const cutters: { name: string; value: Cutter; size: number }[] = [
    { name: 'an object with cut', value: { cut }, size: 0 },
    { name: 'one of some size', value: { cut, size: 9 }, size: 9 },
    { name: 'one whose size is left open', value: { cut, size: undefined } as unknown as Cutter, size: 0 },
    { name: 'one that wants no limit', value: { cut, size: Number.POSITIVE_INFINITY }, size: Infinity },
    { name: 'one that inherits cut', value: new Inherits(), size: 0 },
    { name: 'one without a prototype', value: Object.assign(Object.create(null), { cut }), size: 0 },
    { name: 'a Struct', value: new Struct('!HH'), size: 4 },
    { name: 'a NetStruct', value: new NetStruct('bH$'), size: 3 },
  ];
  for (const { name, value, size } of cutters) {
    it(`keeps ${name}; a piece takes ${size} bytes at least`, () => {
      const delimiter = toDelimiter(value);
      expect(delimiter).to.equal(value);
      expect(sizeOf(delimiter)).to.equal(size);
    });
  }

  it('a number is as large as it says, and of text and patterns nothing is known', () => {
    const values: ReadDelimiter[] = [7, null, 'long text', /long pattern/];
    expect(values.map((value) => sizeOf(toDelimiter(value)))).to.deep.equal([7, 0, 0, 0]);
  });

  const refused: unknown[] = [
    '',
    Buffer.alloc(0),
    new Uint8Array(0),
    0,
    -0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    1n,
    true,
    undefined,
    Symbol('x'),
    NEED_MORE,
    cut,
    Inherits,
    {},
    [],
    ['\n'],
    new ArrayBuffer(4),
    new Uint16Array(4),
    { cut: null },
    { cut: 'text' },
    { cut, size: 0 },
    { cut, size: -1 },
    { cut, size: Number.NaN },
    { cut, size: 'many' },
    { cut, minimumSize: 0 },
    new Struct(''),
    new Struct('0x'),
    new Struct('0s'),
    new NetStruct(''),
  ];
  for (const value of refused) {
    const name = value instanceof Struct || value instanceof NetStruct ? `'${value.format}' as Struct` : '';
    it(`refuses ${name || inspect(value)}`, () => {
      expect(() => toDelimiter(value as ReadDelimiter))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_READ_DELIMITER');
    });
  }
});
