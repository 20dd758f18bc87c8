/**
 * WebSocket as bytes (RFC 6455 §4, §5.2), written by hand, so that no library that is measured says what is right.
 * What a connection opens with, and the frames of one message either way.
 */
import { createHash } from 'node:crypto';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** No zero among them: every byte is changed. */
const MASK = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

const FINAL = 0x80;
const MASKED = 0x80;
/** What is shorter has its length in seven bits; what is shorter than 64 KiB, in two more bytes. */
const SHORT = 126;

export const TEXT = 0x1;
export const BINARY = 0x2;

/** @type {import('./load-connection.mjs').Opening} */
export const OPENING = {
  request:
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  answer: ['HTTP/1.1 101 ', `\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n`],
};

/**
 * A whole message as a client sends it.
 *
 * @param {number} opcode
 * @param {Buffer} payload Shorter than 64 KiB.
 */
export function clientFrame(opcode, payload) {
  const masked = Buffer.from(payload);
  for (const [index, byte] of payload.entries()) masked[index] = byte ^ (MASK[index % 4] ?? 0);
  return Buffer.concat([head(opcode, payload.length, MASKED), MASK, masked]);
}

/**
 * The same as a server sends it.
 *
 * @param {number} opcode
 * @param {Buffer} payload Shorter than 64 KiB.
 */
export function serverFrame(opcode, payload) {
  return Buffer.concat([head(opcode, payload.length, 0), payload]);
}

/**
 * @param {number} opcode
 * @param {number} length
 * @param {number} masked
 */
function head(opcode, length, masked) {
  if (length < SHORT) return Buffer.from([FINAL | opcode, masked | length]);
  return Buffer.from([FINAL | opcode, masked | SHORT, length >> 8, length & 0xff]);
}
