/** Who the client is when a proxy stands in front: stub. */
import type { StreamAddress } from '@inseam/engine';
import type { HTTPHeaders } from '../protocol/http-headers.js';

/**
 * Which proxies are believed. `true`: whoever connects from loopback, a private network or a Unix socket. A number: so many
 * hops. A list: IP addresses, networks as `10.0.0.0/8`, 'loopback', 'uniquelocal', 'linklocal', 'unix', and a number of hops.
 */
export type XHeadersOption = boolean | number | readonly (string | number)[];

/** What the proxies say; null where they say nothing, or nothing that is believed. */
export interface Origin {
  readonly remoteIp: string | null;
  readonly scheme: 'http' | 'https' | null;
  readonly host: string | null;
}

export class XHeaders {
  /** Throws UsageError for what is none of these. */
  constructor(_option: Exclude<XHeadersOption, false>) {}

  originOf(_peer: StreamAddress | null, _headers: HTTPHeaders): Origin {
    return { remoteIp: null, scheme: null, host: null };
  }
}
