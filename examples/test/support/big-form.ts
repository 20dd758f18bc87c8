/** A multipart form with one large file, made as it is sent: its bytes are the same for the same size, and stored nowhere. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CLIENT } from './ask.js';

const BLOCK = 65_536;
const BOUNDARY = '----------------inseam';
const HEAD = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

/** The file's bytes: blocks that differ, so that a lost, repeated or misplaced one is noticed. */
export function* blocks(size: number): Generator<Buffer> {
  const seed = createHash('sha512').update('inseam').digest();
  const pattern = Buffer.alloc(BLOCK, seed);
  for (let sent = 0; sent < size; sent += BLOCK) {
    const block = Buffer.from(pattern.subarray(0, Math.min(BLOCK, size - sent)));
    block.writeUIntBE(sent, 0, 6);
    yield block;
  }
}

/** Posts a form with a file of `size` bytes. Resolves to the response, which has not been read, once there is one. */
export async function postBigForm(
  port: number,
  path: string,
  size: number,
  headers: Record<string, string> = {},
  options: RequestOptions = {},
): Promise<IncomingMessage> {
  const sent = request({
    ...{ host: '127.0.0.1', port, path, method: 'POST', localAddress: CLIENT, agent: false },
    headers: {
      'Content-Type': `multipart/form-data; boundary=${BOUNDARY}`,
      'Content-Length': HEAD.length + size + TAIL.length,
      ...headers,
    },
    ...options,
  });
  const response = once(sent, 'response') as Promise<[IncomingMessage]>;
  const form = function* () {
    yield HEAD;
    yield* blocks(size);
    yield TAIL;
  };
  // A server that has answered may stop reading; what it said counts.
  pipeline(Readable.from(form()), sent).catch(() => {});
  return (await response)[0];
}

/** Asks for `path`. Resolves to the response, which has not been read. */
export async function openResponse(port: number, path: string): Promise<IncomingMessage> {
  const sent = request({ host: '127.0.0.1', port, path, localAddress: CLIENT, agent: false }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response;
}

/** Whether `content` is what `blocks(size)` gives, however it is cut. */
export async function isTheSame(content: AsyncIterable<Buffer>, size: number): Promise<boolean> {
  const expected = createHash('sha256');
  for (const block of blocks(size)) expected.update(block);
  const found = createHash('sha256');
  for await (const piece of content) found.update(piece);
  return found.digest('hex') === expected.digest('hex');
}
