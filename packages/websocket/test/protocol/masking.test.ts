import { expect } from 'chai';
import fc from 'fast-check';
import { applyMask } from '#websocket/protocol/masking.js';

/** RFC 6455 §5.3, word for word; `key` as its four bytes. */
function naive(bytes: Uint8Array, key: readonly number[]): Buffer {
  return Buffer.from(bytes.map((byte, i) => byte ^ (key[i % 4] as number)));
}

const numberOf = (key: readonly number[]) => Buffer.from(key).readInt32LE(0);

const keys = [
  [0x37, 0xfa, 0x21, 0x3d],
  [0, 0, 0, 0],
  [255, 255, 255, 255],
  [0, 0, 0, 128],
  [1, 0, 0, 0],
];

describe('protocol: masking', () => {
  for (const key of keys) {
    it(`at every alignment, of every length up to 150, by ${key}`, () => {
      const memory = Buffer.alloc(200);
      for (let offset = 0; offset < 16; offset++) {
        for (let length = 0; length <= 150; length++) {
          memory.fill('Inseam ');
          const before = Buffer.from(memory);
          applyMask(memory, offset, offset + length, numberOf(key));
          const expected = Buffer.from(before);
          naive(before.subarray(offset, offset + length), key).copy(expected, offset);
          if (!memory.equals(expected)) expect.fail(`offset ${offset}, length ${length}`);
        }
      }
    });
  }

  it('inside of a Buffer that begins anywhere', () => {
    const memory = new ArrayBuffer(400);
    for (let start = 0; start < 9; start++) {
      const bytes = Buffer.from(memory, start, 300).fill('x');
      applyMask(bytes, 3, 290, numberOf([1, 2, 3, 4]));
      expect(bytes.subarray(3, 290).equals(naive(Buffer.alloc(287, 'x'), [1, 2, 3, 4]))).to.equal(true);
      expect([bytes[2], bytes[290]]).to.deep.equal([120, 120]);
    }
  });

  it('answers the key for what follows, so that a payload may come in pieces', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.array(fc.nat(500), { maxLength: 6 }),
        fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)),
        (bytes, cuts, key) => {
          const masked = Buffer.from(bytes);
          const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
            (a, b) => a - b,
          );
          let from = 0;
          let turned = numberOf(key);
          for (const end of ends) {
            turned = applyMask(masked, from, end, turned);
            from = end;
          }
          expect(masked.equals(naive(bytes, key))).to.equal(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
