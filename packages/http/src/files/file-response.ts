/**
 * What a request for a file is answered with: status, headers, and which bytes of the file, by RFC 9110 §13 and §14.
 * Nothing is read or sent here.
 */
import { randomUUID } from 'node:crypto';
import { type Part, toParts } from '../protocol/byte-range-parts.js';
import { type ByteRange, contentRange, selectRanges } from '../protocol/byte-ranges.js';
import { checkConditions, holdsIfRange, type Validators } from '../protocol/conditions.js';
import { parseEntityTag } from '../protocol/entity-tag.js';
import { hasToken } from '../protocol/grammar.js';
import { httpDate } from '../protocol/http-date.js';
import type { HTTPHeaders } from '../protocol/http-headers.js';
import { parseHttpDate } from '../protocol/parse-http-date.js';
import { conditionsOf, type RequestConditions } from '../protocol/request-conditions.js';
import type { FileEntry } from './file-entry.js';
import { type FileWishes, NO_WISHES } from './send-file-options.js';

type Header = [name: string, value: string];

export interface FileResponse {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly parts: readonly Part[];
}

export interface FileRequest {
  readonly method: string;
  readonly headers: HTTPHeaders;
  /** The status that the handler has set. */
  readonly status: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A file that has been found for a request. */
export interface FoundFile {
  readonly entry: FileEntry;
  /** By the name that was asked for, which is not that of a compressed neighbour. */
  readonly type: string;
  /** The Content-Encoding of a compressed neighbour. */
  readonly coding: string | null;
}

const BYTES_TYPE = 'application/octet-stream';
/** What a 304 leaves out: RFC 9110 §15.4.5. The rest keeps the client's copy as fresh as a 200 would. */
const NOT_IN_304: ReadonlySet<string> = new Set([
  'content-encoding',
  'content-language',
  'content-disposition',
  'accept-ranges',
]);

/** The Content-Type of a file whose name says `type`. */
export function typeOf(type: string, { headers, guessMime }: FileWishes): string {
  return headers?.get('content-type') ?? (guessMime ? type : BYTES_TYPE);
}

/** The answer to `request`. */
export function respondWithFile(request: FileRequest, file: FoundFile, wishes: FileWishes): FileResponse {
  const { size } = file.entry.stats;
  const own = wishes.headers;
  const type = typeOf(file.type, wishes);
  const headers = fileHeaders(file, wishes, request.now);
  const whole: FileResponse = {
    status: request.status,
    headers: [['Content-Type', type], ...headers, ['Content-Length', String(size)]],
    parts: [{ start: 0, end: size }],
  };
  // RFC 9110 §13.2.1: conditions are for what would be a success; and only a GET and a HEAD ask for the file.
  const mayHaveSome = request.status === 200 && (request.method === 'GET' || request.method === 'HEAD');
  const conditions = mayHaveSome ? conditionsOf(request.headers) : null;
  if (conditions === null) return whole;
  const validators = validatorsOf(file.entry, own, request.now);
  const outcome = checkConditions(conditions, validators, request.now);
  if (outcome === 412) return { status: 412, headers: [], parts: [] };
  if (outcome === 304) return notModified(headers);
  const ranges = request.method === 'GET' ? rangesOf(conditions, validators, size, own, request.now) : null;
  return ranges === null ? whole : (partial(ranges, size, type, headers) ?? whole);
}

/** Whether the answer is `entry`, whole and with no other headers than its own: the usual case. */
export function isPlain({ headers, now }: FileRequest, entry: FileEntry, wishes: FileWishes): boolean {
  return wishes === NO_WISHES && entry.lastModified <= now && conditionsOf(headers) === null;
}

/** The answer by which a proxy is told, in `header`, what file to send: it has no content, and no file is looked at. */
export function respondToProxy(
  status: number,
  type: string,
  [header, name]: Header,
  { headers: own, disposition }: FileWishes,
): FileResponse {
  const headers: Header[] = [[header, name]];
  if (disposition !== null) headers.push(['Content-Disposition', disposition]);
  return {
    status,
    headers: [['Content-Type', type], ['Content-Length', '0'], ...withOwn(headers, own)],
    parts: [],
  };
}

/** The headers of the file and the handler's own, which win, but for type and length. */
function fileHeaders({ entry, coding }: FoundFile, wishes: FileWishes, now: number): Header[] {
  const own = wishes.headers;
  const headers: Header[] = [
    ['ETag', entry.etag.opaque],
    ['Last-Modified', lastModifiedText(entry, now)],
    ['Accept-Ranges', 'bytes'],
  ];
  if (wishes.disposition !== null) headers.push(['Content-Disposition', wishes.disposition]);
  if (coding !== null) headers.push(['Content-Encoding', coding]);
  const all = withOwn(headers, own);
  const vary = own?.get('vary') ?? '';
  if (wishes.precompressed && !hasToken(vary, 'accept-encoding') && !hasToken(vary, '*')) {
    all.push(['Vary', 'Accept-Encoding']);
  }
  return all;
}

/** The handler's own headers replace those of the same name; its Content-Type has been heeded already. */
function withOwn(headers: Header[], own: HTTPHeaders | null): Header[] {
  if (own === null) return headers;
  const all = headers.filter(([name]) => !own.has(name));
  for (const [name, value] of own) if (name.toLowerCase() !== 'content-type') all.push([name, value]);
  return all;
}

/** RFC 9110 §8.8.2.1: a file from the future was last modified now. */
function lastModifiedText({ lastModified, lastModifiedText }: FileEntry, now: number): string {
  return lastModified <= now ? lastModifiedText : httpDate(now);
}

/** What the conditions are compared with: what is sent. */
function validatorsOf(entry: FileEntry, own: HTTPHeaders | null, now: number): Validators {
  const ownTag = own?.get('etag') ?? null;
  const ownDate = own?.get('last-modified') ?? null;
  const fileDate = Math.min(entry.lastModified, Math.floor(now / 1000) * 1000);
  return {
    etag: ownTag === null ? entry.etag : parseEntityTag(ownTag),
    lastModified: ownDate === null ? fileDate : parseHttpDate(ownDate, now),
  };
}

function notModified(headers: readonly Header[]): FileResponse {
  return { status: 304, headers: headers.filter(([name]) => !NOT_IN_304.has(name.toLowerCase())), parts: [] };
}

/** The ranges to send, null for the whole file: without a Range, with one that does not count, or by If-Range. */
function rangesOf(
  conditions: RequestConditions,
  validators: Validators,
  size: number,
  own: HTTPHeaders | null,
  now: number,
): ByteRange[] | null {
  const { range, 'if-range': ifRange } = conditions;
  if (range === undefined || hasToken(own?.get('accept-ranges') ?? '', 'none')) return null;
  if (ifRange !== undefined && !holdsIfRange(ifRange, validators, now)) return null;
  return selectRanges(range, size);
}

/** 206 or 416; null where sending everything is no more than sending the parts. */
function partial(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  headers: readonly Header[],
): FileResponse | null {
  const [first] = ranges;
  if (first === undefined) {
    return { status: 416, headers: [['Content-Range', `bytes */${size}`]], parts: [] };
  }
  if (ranges.length === 1) {
    const own: Header[] = [
      ['Content-Range', contentRange(first, size)],
      ['Content-Length', String(first.end - first.start)],
    ];
    return { status: 206, headers: [['Content-Type', type], ...headers, ...own], parts: [first] };
  }
  const content = toParts(ranges, size, type, randomUUID());
  if (content.length >= size) return null;
  const length: Header = ['Content-Length', String(content.length)];
  return { status: 206, headers: [['Content-Type', content.type], ...headers, length], parts: content.parts };
}
