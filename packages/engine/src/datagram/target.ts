/** Where packets go and sockets are bound: the addresses that UDP takes, and names turned into literals. */
import { isIP } from 'node:net';
import { type Address, type HostAddress, parseAddress } from '../address.js';
import { usageError } from '../errors.js';
import type { Resolver } from '../resolver.js';
import { unmapped } from '../transports/datagram-socket.js';

/** Where a packet is to go: a literal, or a name (family 0). */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly family: 0 | 4 | 6;
}

/** One address of a name. */
export type HostLiteral = { readonly host: string; readonly family: 4 | 6 };

/** `parseAddress` without paths, and with IPv4 addresses as such. */
export function toHostAddress(address: Address): HostAddress {
  const parsed = parseAddress(address);
  if ('path' in parsed) throw usageError('ENGINE_ADDRESS', `${parsed.path}: UDP has hosts and ports`);
  return parsed.host === null ? parsed : { host: unmapped(parsed.host), port: parsed.port };
}

/** Where a packet may go: a port alone is this machine's, port 0 is nobody's. */
export function toTarget(address: Address): Target {
  const { host, port } = toHostAddress(address);
  if (port === 0) throw usageError('ENGINE_ADDRESS', 'port 0: nobody is there');
  const literal = host ?? '127.0.0.1';
  return { host: literal, port, family: isIP(literal) as Target['family'] };
}

/** The addresses of a name, at least one. Rejects with the resolver's error. */
export async function resolveHost(
  resolver: Resolver,
  name: string,
): Promise<readonly [HostLiteral, ...HostLiteral[]]> {
  const literals = (await resolver.resolve(name)).map(({ address, family }) => ({ host: address, family }));
  const [first, ...others] = literals;
  if (first === undefined) throw new Error(`${name} has no address`);
  return [first, ...others];
}
