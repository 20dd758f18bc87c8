/**
 * The addresses whose word is taken: proxies that may say for whom they speak, in a PROXY header or in X-headers.
 * Matching is net.BlockList's. It knows nothing of what is said.
 */
import { BlockList, isIP } from 'node:net';
import { inspect } from 'node:util';
import { canonicalIp } from '../address.js';
import { usageError } from '../errors.js';
import type { StreamAddress } from '../transport.js';

const GROUPS: ReadonlyMap<string, readonly string[]> = new Map([
  ['loopback', ['127.0.0.0/8', '::1']],
  ['uniquelocal', ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7']],
  ['linklocal', ['169.254.0.0/16', 'fe80::/10']],
]);

const MAPPED_BITS = 96;

/**
 * Whose word is taken: `new TrustedAddresses(['loopback', '10.0.0.0/8']).includes(stream.remoteAddress)`. IPv4 mapped
 * into IPv6 counts as IPv4, in the list and in `includes`; `::/0` is IPv6 alone.
 */
export class TrustedAddresses {
  /** One for each family: a BlockList of both would take IPv4 for a part of `::/0`. */
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();
  #hasUnix = false;

  /**
   * `list` has IP addresses, networks as `10.0.0.0/8`, 'loopback', 'uniquelocal' and 'linklocal' for the networks of
   * these names, and 'unix' for whoever connects to a Unix socket. It is read now; a later change of it has no effect.
   * Throws UsageError (`ENGINE_OPTION`) that names an entry which is none of these, as a host name is none.
   */
  constructor(list: readonly string[]) {
    if (!Array.isArray(list)) throw badEntry(list);
    for (const entry of list) {
      if (entry === 'unix') this.#hasUnix = true;
      else for (const network of GROUPS.get(entry) ?? [entry]) this.#add(network);
    }
  }

  /** Whether `address` is in the list; what is no address is not. A zone (`fe80::1%eth0`) is ignored. */
  includes(address: StreamAddress | null): boolean {
    if (address === null) return false;
    if ('path' in address) return this.#hasUnix;
    const ip = canonicalIp(address.host);
    if (ip === null) return false;
    return ip.family === 4 ? this.#ipv4.check(ip.host, 'ipv4') : this.#ipv6.check(ip.host, 'ipv6');
  }

  #add(network: string): void {
    const [, text = '', prefix] = /^([\da-f:.]+)(?:\/(0|[1-9]\d{0,2}))?$/i.exec(network) ?? [];
    const ip = canonicalIp(text);
    if (ip === null) throw badEntry(network);
    const width = isIP(text) === 4 ? 32 : 128;
    const bits = prefix === undefined ? width : Number(prefix);
    if (bits > width) throw badEntry(network);
    if (ip.family === 6) this.#ipv6.addSubnet(ip.host, bits, 'ipv6');
    else if (width === 32) this.#ipv4.addSubnet(ip.host, bits, 'ipv4');
    else if (bits >= MAPPED_BITS) this.#ipv4.addSubnet(ip.host, bits - MAPPED_BITS, 'ipv4');
    else throw badEntry(network);
  }
}

function badEntry(entry: unknown) {
  return usageError(
    'ENGINE_OPTION',
    `${inspect(entry, { depth: 0 })}; an IP address, a network as 10.0.0.0/8, ${[...GROUPS.keys()].join(', ')} or unix was expected`,
  );
}
