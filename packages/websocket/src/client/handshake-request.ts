/** What a client sends to become a WebSocket: RFC 6455 §4.1, a request for HTTP/1.1. No socket. */
import { type HeadersInit, HTTPHeaders } from '@inseam/http';
import { TOKEN_TEXT } from '@inseam/http/grammar';
import { refuse, type WebSocketSettings } from '../options.js';
import { offerText } from '../protocol/deflate.js';
import type { Endpoint } from './endpoint.js';

export interface HandshakeHeaders {
  /** What a browser would send as Origin. Default: none. */
  origin?: string | undefined;
  /** Further headers of the handshake; Host may be among them, but nothing that the handshake itself says. */
  headers?: HeadersInit | undefined;
  /** Cookies of the handshake by name. Values are percent-encoded; `request.cookies` decodes them. */
  cookies?: Readonly<Record<string, string>> | undefined;
}

/** What would say otherwise than the handshake, or announce content that does not follow. */
const OURS = /^(?:connection|upgrade|sec-websocket-.*|content-length|transfer-encoding|expect|trailer)$/;

/** The request as latin1 text. Throws UsageError for a header or cookie that cannot be sent. */
export function handshakeRequest(
  endpoint: Endpoint,
  key: string,
  settings: WebSocketSettings,
  options: HandshakeHeaders,
): string {
  const others = given(options);
  const headers = new HTTPHeaders({
    Host: others.get('host') ?? endpoint.authority,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': 13,
    'Sec-WebSocket-Key': key,
  });
  const { protocols, deflate } = settings;
  if (protocols.length > 0) headers.set('Sec-WebSocket-Protocol', protocols.join(', '));
  if (deflate !== null) headers.set('Sec-WebSocket-Extensions', offerText(deflate));
  const { authorization } = endpoint;
  if (authorization !== null && !others.has('authorization')) headers.set('Authorization', authorization);
  others.delete('host');
  for (const [name, value] of others) headers.append(name, value);
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${endpoint.target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** What the user's own options say. */
function given({ origin, headers: init, cookies }: HandshakeHeaders): HTTPHeaders {
  if (init !== undefined && (typeof init !== 'object' || init === null))
    refuse('headers: an object is expected');
  const headers = new HTTPHeaders(init);
  for (const [name] of headers) {
    if (OURS.test(name.toLowerCase())) refuse(`headers: ${name} is the handshake’s own`);
  }
  // Read as another one by every second server.
  if (headers.getAll('host').length > 1) refuse('headers: there are two hosts');
  if (origin !== undefined) add(headers, 'Origin', checkOrigin(origin));
  if (cookies !== undefined) {
    const text = cookieText(cookies);
    if (text !== '') add(headers, 'Cookie', text);
  }
  return headers;
}

function add(headers: HTTPHeaders, name: string, value: string): void {
  if (headers.has(name)) refuse(`${name} stands among the headers, too`);
  headers.set(name, value);
}

function checkOrigin(origin: unknown): string {
  if (typeof origin !== 'string' || origin === '') refuse('origin: text like https://example.org');
  return origin;
}

/** RFC 6265 §4.2: what encodeURIComponent leaves as it is may stand in a cookie. */
function cookieText(cookies: Readonly<Record<string, string>>): string {
  if (typeof cookies !== 'object' || cookies === null) refuse('cookies: an object is expected');
  const pairs = Object.entries(cookies).map(([name, value]) => {
    if (!TOKEN_TEXT.test(name)) refuse(`cookies: ${JSON.stringify(name)} is no token`);
    return `${name}=${encoded(name, value)}`;
  });
  return pairs.join('; ');
}

function encoded(name: string, value: unknown): string {
  if (typeof value !== 'string') refuse(`cookies: ${name} is no text`);
  try {
    return encodeURIComponent(value);
  } catch {
    return refuse(`cookies: ${name} has half a character`);
  }
}
