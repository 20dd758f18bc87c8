/**
 * What a server answers to a handshake: whether its 101 is one (RFC 6455 §4.1), and what it has agreed to. No socket.
 */
import { hasToken } from '@inseam/http/grammar';
import type { ReceivedHead } from '@inseam/http/response-head';
import { WebSocketHandshakeError } from '../errors.js';
import type { WebSocketSettings } from '../options.js';
import { acceptKey } from '../protocol/accept-key.js';
import { type Agreement, readAnswer } from '../protocol/deflate.js';

/** What both sides have agreed on. */
export interface Agreed {
  /** A subprotocol that was offered, or '': a server need not take any. */
  readonly protocol: string;
  readonly agreement: Agreement | null;
}

/** What `head`, a 101, agrees to. Throws WebSocketHandshakeError for one that is no answer to this handshake. */
export function agreedBy(head: ReceivedHead, key: string, settings: WebSocketSettings): Agreed {
  const fail = (detail: string): never => {
    throw new WebSocketHandshakeError(detail, { status: 101, headers: head.headers, body: Buffer.alloc(0) });
  };
  const { headers } = head;
  /** RFC 6455 §11.3: these stand in an answer once at most. */
  const single = (name: string): string | null => {
    const values = headers.getAll(name);
    return values.length > 1 ? fail(`${name} is repeated`) : (values[0] ?? null);
  };
  // RFC 9110 §15.2: before HTTP/1.1 there is no such status.
  if (head.minor === 0) fail('a 101 of HTTP/1.0');
  // The whole value, so that nothing else was upgraded to.
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') fail('Upgrade is not websocket');
  if (!hasToken(headers.get('connection') ?? '', 'upgrade')) fail('Connection does not say Upgrade');
  if (single('Sec-WebSocket-Accept') !== acceptKey(key)) fail('Sec-WebSocket-Accept is not the key’s');
  const extensions = single('Sec-WebSocket-Extensions');
  const { deflate, limits, protocols } = settings;
  const agreement =
    extensions === null || deflate === null ? null : readAnswer(extensions, deflate, limits.maxMessageBytes);
  if (extensions !== null && agreement === null) fail('an extension that was not offered so');
  const protocol = single('Sec-WebSocket-Protocol');
  if (protocol !== null && !protocols.includes(protocol)) fail('a subprotocol that was not offered');
  return { protocol: protocol ?? '', agreement };
}
