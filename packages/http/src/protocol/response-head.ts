/**
 * The head of a response as text: status line, header section, and what follows from the headers for framing and for
 * the connection. Pure. RFC 9112 §4, §6 and §9.
 */
import { httpUsageError } from '../errors.js';
import { type ResponseFraming, responseFraming } from './framing.js';
import { DIGITS, hasToken } from './grammar.js';
import { eachHeader, type HeadersInit, requireHeader } from './http-headers.js';
import { statusLine } from './status.js';

export interface ResponseHead {
  readonly text: string;
  readonly framing: ResponseFraming;
  /** What Content-Length announces, 0 without one. */
  readonly length: number;
  readonly keepAlive: boolean;
}

/**
 * Puts a head together of `lines`, which are checked, and `headers`, which are not; `minor` is the client's HTTP/1.x version,
 * `date` the Date line for a handler that gives none. Throws UsageError for a header that could not be sent.
 */
export function composeHead(
  status: number,
  lines: string,
  headers: HeadersInit,
  minor: 0 | 1,
  keepAlive: boolean,
  date: string,
): ResponseHead {
  let text = statusLine(status) + lines;
  let length: string | null = null;
  let hasDate = false;
  let options = '';
  eachHeader(headers, (name, value) => {
    requireHeader(name, value);
    switch (name.toLowerCase()) {
      case 'content-length':
        if (length !== null || !DIGITS.test(value)) throw httpUsageError('HTTP_HEADER_FRAMING', value);
        length = value;
        return;
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked') throw httpUsageError('HTTP_HEADER_FRAMING', value);
        return;
      case 'connection':
        options = options === '' ? value : `${options}, ${value}`;
        return;
      case 'date':
        hasDate = true;
    }
    text += `${name}: ${value}\r\n`;
  });
  const framing = responseFraming(status, length !== null, minor);
  const stays = keepAlive && framing !== 'close' && !hasToken(options, 'close');
  // A 304 may tell the length that a 200 would have had: RFC 9110 §8.6.
  if (length !== null && (framing === 'length' || status === 304)) text += `Content-Length: ${length}\r\n`;
  if (status === 205) text += 'Content-Length: 0\r\n';
  if (framing === 'chunked') text += 'Transfer-Encoding: chunked\r\n';
  if (!hasDate) text += date;
  text += `${otherOptions(options) + connectionLine(stays, minor)}\r\n`;
  return { text, framing, length: Number(length ?? 0), keepAlive: stays };
}

/** RFC 9112 §9.3: an HTTP/1.1 connection stays unless we say so, an HTTP/1.0 one goes unless we say so. */
export function connectionLine(keepAlive: boolean, minor: 0 | 1): string {
  if (!keepAlive) return 'Connection: close\r\n';
  return minor === 0 ? 'Connection: keep-alive\r\n' : '';
}

/** The handler's Connection options but for those that this layer decides: "Upgrade" beside a 426, say. */
function otherOptions(options: string): string {
  const others = options.split(',').filter((option) => !/^[ \t]*(?:close|keep-alive)?[ \t]*$/i.test(option));
  return others.length === 0 ? '' : `Connection: ${others.join(',').trim()}\r\n`;
}

/** `headers` with the type and length of a whole response. */
export function withDefaults(headers: HeadersInit, type: string, length: number): HeadersInit {
  const pairs: [string, string][] = [];
  let hasType = false;
  eachHeader(headers, (name, value) => {
    const lowerName = name.toLowerCase();
    hasType ||= lowerName === 'content-type';
    // The length of a whole response is what it is; another claim is a mistake.
    if (lowerName === 'content-length' && value !== String(length)) {
      throw httpUsageError('HTTP_HEADER_FRAMING', `Content-Length: ${value}, content of ${length}`);
    }
    if (lowerName !== 'content-length') pairs.push([name, value]);
  });
  if (!hasType && length > 0) pairs.push(['Content-Type', type]);
  pairs.push(['Content-Length', String(length)]);
  return pairs;
}
