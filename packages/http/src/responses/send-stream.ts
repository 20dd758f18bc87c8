/** A response whose content comes from a stream. RFC 9112 §7.1 frames it, unless its headers announce a length. */
import { type HeadersInit, HTTPHeaders } from '../protocol/http-headers.js';
import type { HTTPRequest } from '../server/http-request.js';
import { type ContentSource, pieceSource } from './piece-source.js';
import { StreamedResponse } from './streamed-response.js';

export type { ContentSource } from './piece-source.js';

/**
 * Sends what `source` gives and finishes the response; `type` is its Content-Type, or its headers. The source is ours from
 * the call on: it is destroyed in any case, also when the call throws. Resolves when it is over, never rejects. Throws UsageError,
 * with nothing sent, for what is no source, a bad status or header, or out of order.
 */
export function sendStream(
  request: HTTPRequest,
  source: ContentSource,
  status: number | undefined,
  type: string | HeadersInit | undefined,
): Promise<void> {
  const pieces = pieceSource(source);
  const { compression } = request.connection.server;
  try {
    const headers = new HTTPHeaders(typeof type === 'string' ? { 'Content-Type': type } : type);
    const choose = (all: HTTPHeaders) => compression?.choose(request, request.response.status, all) ?? null;
    return new StreamedResponse(request, { pieces, choose, isWhole: false }, status, headers).sent;
  } catch (error) {
    pieces.cancel();
    throw error;
  }
}
