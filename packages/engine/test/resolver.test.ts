import { isIP } from 'node:net';
import { container } from '@inseam/engine';
import { expect } from 'chai';
import { Resolver, systemResolver } from '#src/resolver';

describe('systemResolver', () => {
  it('gives every address of a name, with its family', async () => {
    const addresses = await systemResolver.resolve('localhost');
    expect(addresses).not.to.be.empty;
    for (const { address, family } of addresses) {
      expect(address).to.match(/^(127\.|::1$)/);
      expect(family).to.equal(isIP(address));
    }
  });

  for (const [address, family] of [
    ['127.0.0.1', 4],
    ['::1', 6],
  ] as const) {
    it(`gives ${address} as it is`, async () => {
      expect(await systemResolver.resolve(address)).to.deep.equal([{ address, family }]);
    });
  }

  it("rejects with the system's error for a name that cannot be", async () => {
    // Longer than a label may be, so that nobody is asked.
    const error = await systemResolver.resolve(`${'a'.repeat(64)}.invalid`).then(
      () => null,
      (error: unknown) => error,
    );
    expect(error).to.be.an('error').with.property('code', 'ENOTFOUND');
  });
});

describe('Resolver', () => {
  it('is a part that can be replaced', async () => {
    const own: Resolver = { resolve: async () => [{ address: '127.0.0.1', family: 4 }] };
    const parts = container.createChildContainer();
    parts.register(Resolver, { useValue: own });
    expect(parts.resolve(Resolver)).to.equal(own);
  });
});
