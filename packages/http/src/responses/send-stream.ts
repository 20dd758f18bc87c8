/** A response whose content comes from a stream: stub. */
import type { Readable } from 'node:stream';
import type { HeadersInit } from '../protocol/http-headers.js';
import type { HTTPRequest } from '../server/http-request.js';

export type ContentSource =
  | Readable
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>;

export function sendStream(
  _request: HTTPRequest,
  _source: ContentSource,
  _status: number | undefined,
  _type: string | HeadersInit | undefined,
): Promise<void> {
  return Promise.resolve();
}
