/**
 * XHeaders: who the client is when proxies stand in front. It believes only those that it was told to, and
 * what they say of the hop before them, so that a client cannot speak for itself: X-Forwarded-For is read
 * from the right, the nearest proxy's word, outward to the first address that is nobody's we know. X-Real-IP
 * and Forwarded (RFC 7239) likewise. It does not know the request or its connection.
 */
import { inspect } from 'node:util';
import { canonicalIp, type StreamAddress, TrustedAddresses } from '@inseam/engine';
import { httpUsageError } from '../errors.js';
import { lastForwarded } from '../protocol/forwarded.js';
import { isAuthority, trimWhitespace } from '../protocol/grammar.js';
import type { HTTPHeaders } from '../protocol/http-headers.js';

/**
 * Which proxies are believed. `true`: whoever connects from loopback, a private or link-local network or a
 * Unix socket. A number: so many hops, the peer being the first. A list: IP addresses, networks as
 * `10.0.0.0/8`, 'loopback', 'uniquelocal', 'linklocal', 'unix', and a number of hops; a hop is believed if
 * either says so.
 */
export type XHeadersOption = boolean | number | readonly (string | number)[];

/** What the proxies say; null where they say nothing, or nothing that is believed. */
export interface Origin {
  readonly remoteIp: string | null;
  readonly scheme: 'http' | 'https' | null;
  readonly host: string | null;
}

interface Walk {
  readonly remoteIp: string | null;
  /** Hops believed, the peer included. */
  readonly believed: number;
}

const NOTHING: Origin = Object.freeze({ remoteIp: null, scheme: null, host: null });
const PRIVATE = ['loopback', 'uniquelocal', 'linklocal', 'unix'];
/** Entries of a list that are looked at; no real chain of proxies is a tenth as long. */
const MAX_ENTRIES = 100;
const UNIX_HOP = 'unix:';

export class XHeaders {
  readonly #hops: number;
  readonly #proxies: TrustedAddresses;

  /** Throws UsageError (`HTTP_OPTION`) for what is none of these, and for an empty list. */
  constructor(option: Exclude<XHeadersOption, false>) {
    const entries = option === true ? PRIVATE : typeof option === 'number' ? [option] : option;
    if (!Array.isArray(entries) || entries.length === 0) throw badOption(inspect(option));
    const counts = entries.filter((entry) => typeof entry === 'number');
    const bad = counts.find((count) => !(Number.isSafeInteger(count) && count >= 1));
    if (bad !== undefined) throw badOption(`${bad} hops`);
    this.#hops = Math.max(0, ...counts);
    try {
      this.#proxies = new TrustedAddresses(entries.filter((entry) => typeof entry !== 'number'));
    } catch (error) {
      throw badOption((error as Error).message);
    }
  }

  /**
   * What the proxies say of a request that `peer` sent. The four X- headers outrank Forwarded, which is not
   * read beside any of them; X-Forwarded-For outranks X-Real-IP.
   */
  originOf(peer: StreamAddress | null, headers: HTTPHeaders): Origin {
    if (peer === null || !this.#believes(peer, 0)) return NOTHING;
    const addresses = headers.get('x-forwarded-for');
    const realIp = headers.get('x-real-ip');
    const schemes = headers.get('x-forwarded-proto');
    const hosts = headers.get('x-forwarded-host');
    if (!(addresses || realIp || schemes || hosts)) return this.#forwarded(headers.get('forwarded') ?? '');
    const { remoteIp, believed } = addresses
      ? this.#walk(fromTheRight(addresses))
      : { remoteIp: ipOf(realIp ?? '')?.host ?? null, believed: 1 };
    return {
      remoteIp,
      scheme: schemeOf(placeOf(believed, fromTheRight(schemes ?? ''))),
      host: hostOf(placeOf(believed, fromTheRight(hosts ?? ''))),
    };
  }

  #forwarded(text: string): Origin {
    const elements = lastForwarded(text, MAX_ENTRIES).reverse();
    const { remoteIp, believed } = this.#walk(elements.map((element) => element.get('for') ?? ''));
    const said = placeOf(believed, elements);
    return { remoteIp, scheme: schemeOf(said?.get('proto')), host: hostOf(said?.get('host')) };
  }

  /**
   * Goes outward from the peer, which is believed, to the first hop that is not, or to where no address
   * follows.
   */
  #walk(entries: readonly string[]): Walk {
    let remoteIp: string | null = null;
    let believed = 1;
    for (const entry of entries) {
      const ip = ipOf(entry);
      // nginx says so of whoever came over a Unix socket: a hop without an address.
      if (ip === null && entry === UNIX_HOP && this.#believes({ path: '' }, believed)) {
        believed++;
        continue;
      }
      if (ip === null) break;
      remoteIp = ip.host;
      if (!this.#believes({ ...ip, port: 0 }, believed)) break;
      believed++;
    }
    return { remoteIp, believed };
  }

  #believes(address: StreamAddress, hop: number): boolean {
    return hop < this.#hops || this.#proxies.includes(address);
  }
}

/** What the outermost of the believed hops said: the entry at its place, or the last where there are fewer. */
function placeOf<T>(believed: number, entries: readonly T[]): T | undefined {
  return entries[Math.min(believed, entries.length) - 1];
}

/** The entries of a list, the last one first. An empty one keeps its place: a proxy meant something by it. */
function fromTheRight(list: string): string[] {
  return list.split(',').slice(-MAX_ENTRIES).reverse().map(trimWhitespace);
}

/**
 * The address in a node of RFC 7239 §6, with or without a port; X-Forwarded-For has the same forms, and
 * IPv6 without its brackets. Null for what is none: `unknown`, `_hidden`, anything.
 */
function ipOf(node: string): ReturnType<typeof canonicalIp> {
  const [, ipv6, ipv4] = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::(?:\d{1,5}|_[\w.-]+))?$/i.exec(node) ?? [];
  // In brackets only IPv6 can stand, which alone has a colon.
  if (ipv6?.includes(':') === false) return null;
  return canonicalIp(ipv6 ?? ipv4 ?? node);
}

function schemeOf(text = ''): Origin['scheme'] {
  const scheme = text.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : null;
}

function hostOf(text = ''): string | null {
  return text !== '' && isAuthority(text) ? text : null;
}

function badOption(detail: string) {
  return httpUsageError(
    'HTTP_OPTION',
    `xheaders: ${detail}; true, a number of hops from 1, or a list of addresses, networks and numbers was expected`,
  );
}
