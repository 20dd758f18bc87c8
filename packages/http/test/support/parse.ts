/** Runs the request parser over chunks as the connection does, and says what it saw as plain data. */
import { NEED_MORE } from '@inseam/engine/byte-window';
import { HTTP_LIMITS, HTTPHeaders, type HTTPLimits, HTTPProtocolError } from '@inseam/http';
import { END_OF_CONTENT } from '#http/protocol/chunked-decoder.js';
import type { RequestHead } from '#http/protocol/request-head.js';
import { RequestParser } from '#http/protocol/request-parser.js';

export interface ParsedRequest {
  method: string;
  target: string;
  protocol: string;
  host: string | null;
  headers: [name: string, value: string][];
  body: string;
  trailers: [name: string, value: string][] | null;
  keepAlive: boolean;
  expectsContinue: boolean;
  upgrade: string | null;
}

export interface Parsed {
  requests: ParsedRequest[];
  /** The code of a refusal; else where the input ended. */
  end: string;
  /** The most bytes that waited to be understood. */
  mostBuffered: number;
}

export function parse(chunks: Iterable<Uint8Array>, limits: Partial<HTTPLimits> = {}): Parsed {
  const parser = new RequestParser({ ...HTTP_LIMITS, ...limits });
  const parsed: Parsed = { requests: [], end: '', mostBuffered: 0 };
  const requests: ParsedRequest[] = [];
  try {
    for (const chunk of chunks) {
      const borrowed = Buffer.from(chunk);
      parser.push(borrowed);
      readAll(parser, requests, parsed);
      parser.retain();
      // The parser may not look at a chunk after its turn.
      borrowed.fill(0);
      parsed.mostBuffered = Math.max(parsed.mostBuffered, parser.buffered);
    }
    parsed.end = parser.phase;
  } catch (error) {
    if (!(error instanceof HTTPProtocolError)) throw error;
    parsed.end = error.code;
  }
  return parsed;
}

function readAll(parser: RequestParser, begun: ParsedRequest[], parsed: Parsed): void {
  for (let event = parser.next(); event !== NEED_MORE; event = parser.next()) {
    const current = begun[0];
    if (event === END_OF_CONTENT) {
      if (current === undefined) throw new Error('content without a head');
      current.trailers = parser.trailers === null ? null : [...parser.trailers];
      parsed.requests.push(current);
      begun.pop();
    } else if (Buffer.isBuffer(event)) {
      if (current === undefined) throw new Error('content without a head');
      current.body += event.toString('latin1');
    } else {
      if (current !== undefined) throw new Error('a head inside content');
      begun.push(describe(event));
    }
  }
}

function describe(head: RequestHead): ParsedRequest {
  const { method, target, protocol, host, keepAlive, expectsContinue, upgrade } = head;
  return {
    method,
    target,
    protocol,
    host,
    headers: [...HTTPHeaders.fromBlock(head.fields)],
    body: '',
    trailers: null,
    keepAlive,
    expectsContinue,
    upgrade,
  };
}
