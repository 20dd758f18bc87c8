import { expect } from 'chai';
import { PiecePool } from '#src/stream/piece-pool';

describe('PiecePool', () => {
  it('lends as much as it may, and no more until something comes back', () => {
    const pool = new PiecePool(10, 2);
    const one = pool.take();
    const two = pool.take();
    expect([one?.length, two?.length]).to.deep.equal([10, 10]);
    expect(one).not.to.equal(two);
    expect(pool.take()).to.equal(null);
    if (one) pool.give(one, true);
    expect(pool.take(), 'the same memory').to.equal(one);
    expect(pool.take()).to.equal(null);
  });

  it('never lends again what somebody may still read, but lends something else in its place', () => {
    const pool = new PiecePool(10, 1);
    const one = pool.take();
    if (one) pool.give(one, false);
    const two = pool.take();
    expect(two).to.be.instanceOf(Buffer).and.not.equal(one);
    expect(pool.take()).to.equal(null);
  });
});
