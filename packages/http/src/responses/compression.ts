/**
 * Compression of responses: which ones, in which coding, and what that changes in their headers. RFC 9110 §8.4 and
 * §12.5.3; types by `compressible`. How it is done is content-coder.ts's affair.
 */
import { requireOptions } from '@inseam/engine';
import compressible from 'compressible';
import { httpUsageError } from '../errors.js';
import { hasContent } from '../protocol/framing.js';
import { hasToken } from '../protocol/grammar.js';
import { type HeadersInit, HTTPHeaders } from '../protocol/http-headers.js';
import { withDefaults } from '../protocol/response-head.js';
import { defaultType, requireContent } from '../protocol/response-writer.js';
import type { HTTPRequest } from '../server/http-request.js';
import { acceptedCodings } from './accepted-codings.js';
import { CODINGS, type Coding, compressNow } from './content-coder.js';
import { StreamedResponse } from './streamed-response.js';

/**
 * Compression beside TLS tells a little of what it compresses by its length: a page that shows both a secret (a CSRF token)
 * and something that the client has sent can be made to give the secret away (BREACH). Mark such a response
 * `Cache-Control: no-transform`, or mask the secret anew for each response.
 */
export interface CompressionOptions {
  /** Content shorter than this stays as it is. Bytes; default 1,024: below, little is gained but work. */
  minBytes?: number | undefined;
}

const MIN_BYTES = 1_024;
/** Up to this many bytes are compressed at once, 1 ms at most; longer content beside the event loop, in chunks. */
const NOW_BYTES = 65_536;
/** What says something of the bytes as they are, which would be wrong of others. */
const FIXED = ['content-encoding', 'content-range', 'content-digest', 'repr-digest', 'digest', 'content-md5'];
const EVENT_STREAM = /^text\/event-stream[ \t]*(?:;|$)/i;

export class Compression {
  readonly #minBytes: number;

  /** Throws UsageError for an unknown option and for `minBytes` that is no whole number. */
  constructor(options: CompressionOptions) {
    requireOptions(options, ['minBytes']);
    const { minBytes = MIN_BYTES } = options;
    if (!(Number.isSafeInteger(minBytes) && minBytes >= 0)) {
      throw httpUsageError('HTTP_OPTION', `compress.minBytes: ${minBytes}`);
    }
    this.#minBytes = minBytes;
  }

  /** `HTTPRequest.sendResponse`, compressed where it may be. */
  send(
    request: HTTPRequest,
    content: string | Uint8Array,
    status: number | undefined,
    type: string | HeadersInit | undefined,
  ): void {
    requireContent(content);
    const length = Buffer.byteLength(content);
    const { response } = request;
    const newStatus = status ?? response.status;
    if (length < this.#minBytes || !hasContent(newStatus)) {
      request.sendWhole(content, status, type);
      return;
    }
    const given = typeof type === 'string' ? { 'Content-Type': type } : (type ?? {});
    const headers = new HTTPHeaders(withDefaults(given, defaultType(content), length));
    const coding = this.choose(request, newStatus, headers);
    if (coding === null) request.sendWhole(content, status, headers);
    else if (length <= NOW_BYTES && response.sendsContent) {
      request.sendWhole(compressNow(coding, content), status, headers);
    } else {
      const pieces = onePiece(content);
      new StreamedResponse(request, { pieces, choose: () => coding, isWhole: true }, status, headers);
    }
  }

  /**
   * The coding for a response with this status and these headers, which are changed for it; null if it goes out as it is.
   * What depends on Accept-Encoding says so to caches in either case.
   */
  choose(request: HTTPRequest, status: number, headers: HTTPHeaders): Coding | null {
    if (!isEligible(status, headers)) return null;
    addVary(headers);
    // A client that takes nothing we have gets the content as it is.
    const [coding] = acceptedCodings(request.headers.get('accept-encoding') ?? '', CODINGS);
    if (coding === undefined) return null;
    headers.delete('content-length');
    headers.set('Content-Encoding', coding);
    // A strong tag promises the same bytes, and these are others: RFC 9110 §8.8.3.3.
    const tag = headers.get('etag');
    if (tag?.startsWith('"')) headers.set('ETag', `W/${tag}`);
    return coding;
  }
}

function isEligible(status: number, headers: HTTPHeaders): boolean {
  const type = headers.get('content-type') ?? '';
  if (!compressible(type) || EVENT_STREAM.test(type)) return false;
  if (!hasContent(status) || status === 206) return false;
  if (FIXED.some((name) => headers.has(name))) return false;
  return !hasToken(headers.get('cache-control') ?? '', 'no-transform');
}

function addVary(headers: HTTPHeaders): void {
  const vary = headers.get('vary') ?? '';
  if (hasToken(vary, '*') || hasToken(vary, 'accept-encoding')) return;
  headers.set('Vary', vary === '' ? 'Accept-Encoding' : `${vary}, Accept-Encoding`);
}

function onePiece(content: string | Uint8Array) {
  let isTaken = false;
  return {
    next: async () => {
      const done = isTaken;
      isTaken = true;
      return { done, value: content };
    },
    cancel: () => {},
  };
}
