/**
 * Host names as the engine sees them. Nothing else in the project asks the system for an address.
 *
 * It knows no socket: in which order the addresses are tried is `transports/happy-eyeballs.ts`.
 */
import { lookup } from 'node:dns/promises';
import type { InjectionToken } from 'tsyringe';

/** One address of a host, as a literal. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A Resolver tells a host's addresses. Replace it with `container.register(Resolver, …)`. */
export interface Resolver {
  /**
   * All addresses of `host`, a name or a literal, the preferred one first (RFC 6724). Rejects with the system's error
   * where there is none; an empty list counts as that, too.
   */
  resolve(host: string): Promise<readonly ResolvedAddress[]>;
}

export const Resolver: InjectionToken<Resolver> = Symbol('Resolver');

/** The system's resolver, with its hosts file and its order. A question cannot be taken back: the answer is ignored. */
export const systemResolver: Resolver = Object.freeze({
  async resolve(host: string) {
    const addresses = await lookup(host, { all: true, order: 'verbatim' });
    return addresses.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }) as const);
  },
});
