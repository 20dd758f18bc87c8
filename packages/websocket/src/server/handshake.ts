/** What a server asks of a handshake, and what it answers: RFC 6455 §4.2. No socket. */
import type { HTTPRequest } from '@inseam/http';
import { hasToken, TOKEN_TEXT, trimWhitespace } from '@inseam/http/grammar';
import { isKey } from '../protocol/accept-key.js';
import { mayConnect, type Origins } from './origin.js';

/** Why a request is not taken. */
export interface Refusal {
  readonly status: 400 | 403 | 426;
  /** For the client. */
  readonly text: string;
  /** For the log, in its place. */
  readonly detail?: string;
}

/** RFC 9110 §15.5.22 and RFC 6455 §4.4: what a 426 has to say. */
export const UPGRADE_REQUIRED = {
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
};

/** Null for a request that may become a WebSocket. */
export function checkHandshake(request: HTTPRequest, origins: Origins): Refusal | null {
  const { headers } = request;
  if (!hasToken(headers.get('upgrade') ?? '', 'websocket')) {
    return { status: 426, text: 'This is a WebSocket: it takes a handshake for one.' };
  }
  if (request.method !== 'GET') return bad('the method must be GET');
  // HTTP says so for the version and for Connection.
  if (!request.offers('websocket')) return bad('it takes HTTP/1.1 and Connection: Upgrade');
  const versions = headers.getAll('sec-websocket-version');
  if (versions.length !== 1 || versions[0] !== '13') {
    return { status: 426, text: 'Only version 13 of the protocol is spoken here.' };
  }
  const keys = headers.getAll('sec-websocket-key');
  if (keys.length !== 1 || !isKey(keys[0] as string)) return bad('Sec-WebSocket-Key is no key');
  if (offeredProtocols(request) === null) return bad('Sec-WebSocket-Protocol is no list of names');
  const given = headers.getAll('origin');
  if (given.length > 1) return bad('there are two origins');
  if (!mayConnect(given[0] ?? null, request.host, origins)) {
    const detail = `${given[0]} is not ${origins === undefined ? `of ${request.host}` : 'among the origins'}`;
    return { status: 403, text: 'Pages from this origin may not connect.', detail };
  }
  return null;
}

/** The subprotocols that the client has, in its order; null for what is no list of tokens, each once (§4.1). */
export function offeredProtocols(request: HTTPRequest): string[] | null {
  const list = request.headers.get('sec-websocket-protocol');
  if (list === null) return [];
  const names = list.split(',').map(trimWhitespace);
  const isSound = names.every((name) => TOKEN_TEXT.test(name)) && new Set(names).size === names.length;
  return isSound ? names : null;
}

function bad(why: string): Refusal {
  return { status: 400, text: `This is no WebSocket handshake: ${why}.` };
}
