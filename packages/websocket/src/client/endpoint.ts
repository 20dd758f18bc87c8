/**
 * Where a URL leads, and what a handshake says of it: RFC 6455 §3, with `http:` and `https:` for `ws:` and `wss:` as the URL
 * standard has it now, and `ws+unix:/path/of.sock:/target` as `ws` writes it. No socket.
 */
import { unescape as percentDecode } from 'node:querystring';
import type { Address } from '@inseam/engine';
import { webSocketUsageError } from '../errors.js';

export interface Endpoint {
  readonly address: Address;
  readonly isSecure: boolean;
  /** For Host: the port only where it is not the scheme's own. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** What the URL's user and password make of Authorization (RFC 7617), or null. */
  readonly authorization: string | null;
}

/** Throws UsageError; a URL may hold a password, so what is said of it is only what is wrong. */
export function endpointOf(url: string | URL): Endpoint {
  const parsed = parse(url);
  // An empty fragment is one, too, and shows in `href` alone.
  if (parsed.href.includes('#')) throw webSocketUsageError('WEBSOCKET_URL', 'it has a fragment');
  switch (parsed.protocol) {
    case 'ws:':
    case 'http:':
      return overTcp(parsed, false);
    case 'wss:':
    case 'https:':
      return overTcp(parsed, true);
    case 'ws+unix:':
      return overUnix(parsed, false);
    case 'wss+unix:':
      return overUnix(parsed, true);
    default:
      throw webSocketUsageError('WEBSOCKET_URL', parsed.protocol);
  }
}

function parse(url: string | URL): URL {
  if (url instanceof URL) return url;
  if (typeof url !== 'string' || !URL.canParse(url))
    throw webSocketUsageError('WEBSOCKET_URL', 'it is no URL');
  return new URL(url);
}

function overTcp(url: URL, isSecure: boolean): Endpoint {
  const { hostname, port, host, pathname, search } = url;
  return {
    address: {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    },
    isSecure,
    authority: host,
    target: pathname + search,
    authorization: basic(url),
  };
}

/** The first colon ends the path; one in it is written %3A. */
function overUnix({ host, pathname, search }: URL, isSecure: boolean): Endpoint {
  if (host !== '') throw webSocketUsageError('WEBSOCKET_URL', 'a Unix socket has no host');
  const colon = pathname.indexOf(':');
  const path = colon === -1 ? pathname : pathname.slice(0, colon);
  const target = (colon === -1 ? '' : pathname.slice(colon + 1)) || '/';
  if (!path.startsWith('/'))
    throw webSocketUsageError('WEBSOCKET_URL', 'the path of a socket begins with "/"');
  if (!target.startsWith('/')) throw webSocketUsageError('WEBSOCKET_URL', 'a target begins with "/"');
  const address = { path: percentDecode(path) };
  return { address, isSecure, authority: 'localhost', target: target + search, authorization: null };
}

function basic({ username, password }: URL): string | null {
  if (username === '' && password === '') return null;
  const credentials = `${percentDecode(username)}:${percentDecode(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}
