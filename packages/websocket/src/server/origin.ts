/**
 * Who may open a WebSocket: RFC 6455 §10.2. A browser sends cookies with a handshake whatever page asks for it, so a page of somebody
 * else's would speak in its visitor's name unless its origin is looked at. Pure.
 */
import { refuse } from '../options.js';

/** Serialized origins, as `https://example.org`; '*' for everybody; undefined for pages of this host. */
export type Origins = readonly string[] | '*' | undefined;

/** Throws UsageError for what no browser would send: a misspelt origin would shut out those it was meant for. */
export function checkOrigins(origins: Origins): Origins {
  if (origins === undefined || origins === '*') return origins;
  if (!Array.isArray(origins)) refuse("origins: a list, or '*'");
  return origins.map((origin: unknown) => {
    if (origin === 'null') return 'null';
    const parsed = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : null;
    const isOrigin =
      parsed !== null &&
      /^[^*]+$/.test(parsed.host) &&
      `${parsed.protocol}//${parsed.host}` === trimmed(origin);
    if (!isOrigin) refuse(`origins: ${String(origin)} is not like https://example.org`);
    return trimmed(origin);
  });
}

/**
 * Whether a handshake may come from `origin`: null is no browser, which can say what it likes. `host` is the request's. Without a
 * list, scheme and default port do not count: a proxy that ends TLS may tell neither.
 */
export function mayConnect(origin: string | null, host: string, origins: Origins): boolean {
  if (origin === null || origins === '*') return true;
  if (origins !== undefined) return origins.includes(origin.toLowerCase());
  const page = hostIn(origin);
  return page !== '' && page === hostIn(`http://${host}`);
}

/** Host and port, one of the two default ports left out; '' where there is none. An extension's "host" is none. */
function hostIn(url: string): string {
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url).host.replace(/:(?:80|443)$/, '') : '';
}

function trimmed(origin: unknown): string {
  return String(origin).toLowerCase().replace(/\/$/, '');
}
