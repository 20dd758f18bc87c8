import { expect } from 'chai';
import { fromHalf, toHalf } from '#src/struct/half-float';

const INFINITY = 0x7c00;

const known: [bits: number, value: number][] = [
  [0x0000, 0],
  [0x0001, 2 ** -24],
  [0x03ff, 1023 * 2 ** -24],
  [0x0400, 2 ** -14],
  [0x3555, 0.333251953125],
  [0x3c00, 1],
  [0x3c01, 1 + 2 ** -10],
  [0x7bff, 65_504],
  [INFINITY, Number.POSITIVE_INFINITY],
  [0x8000, -0],
  [0xc000, -2],
  [0xfc00, Number.NEGATIVE_INFINITY],
];

describe('half floats', () => {
  for (const [bits, value] of known) {
    it(`0x${bits.toString(16)} is ${Object.is(value, -0) ? '-0' : value}`, () => {
      expect(fromHalf(bits)).to.equal(value);
      expect(Object.is(fromHalf(bits), value)).to.equal(true);
      expect(toHalf(value)).to.equal(bits);
    });
  }

  it('not a number is one of many bit patterns, and written as the usual one', () => {
    for (const bits of [0x7c01, 0x7e00, 0x7fff, 0xfe00]) expect(fromHalf(bits)).to.be.NaN;
    expect(toHalf(Number.NaN)).to.equal(0x7e00);
  });

  it('every bit pattern comes back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromHalf(bits);
      if (!Number.isNaN(value) && toHalf(value) !== bits) expect.fail(`0x${bits.toString(16)}`);
    }
  });

  it('rounds to the nearest, and from the middle to the even one', () => {
    for (let bits = 0; bits < INFINITY - 1; bits++) {
      const [low, high] = [fromHalf(bits), fromHalf(bits + 1)];
      const middle = (low + high) / 2;
      const even = bits % 2 === 0 ? bits : bits + 1;
      const step = middle * Number.EPSILON;
      const rounded = [middle - step, middle, middle + step].map(toHalf);
      if (rounded.join() !== [bits, even, bits + 1].join())
        expect.fail(`after 0x${bits.toString(16)}: ${rounded}`);
      if (toHalf(-middle) !== (even | 0x8000)) expect.fail(`after 0x${bits.toString(16)}, negative`);
    }
  });

  it('the least doubles vanish', () => {
    expect(toHalf(Number.MIN_VALUE)).to.equal(0);
    expect(toHalf(-(2 ** -25))).to.equal(0x8000);
  });

  it('has no bits for what would round above the largest', () => {
    expect(toHalf(65_519.99)).to.equal(0x7bff);
    for (const value of [65_520, -65_520, 1e300]) expect(toHalf(value), String(value)).to.equal(undefined);
  });
});
