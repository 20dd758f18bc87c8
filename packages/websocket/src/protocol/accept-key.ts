/** The answer to a handshake's key: RFC 6455 §4.2.2. It proves that the server knows the protocol, and nothing else. */
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** RFC 6455 §4.1: sixteen bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

export function isKey(text: string): boolean {
  return KEY.test(text);
}

export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64');
}
