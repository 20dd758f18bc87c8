import { feedEveryWay } from '@inseam/engine/testing';
import { HTTP_LIMITS } from '@inseam/http';
import { expect } from 'chai';
import fc from 'fast-check';
import { parse } from '../support/parse.js';

const TOKEN = [..."!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"];
const VISIBLE = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
const ours = /^(?:host|connection|expect|upgrade|content-length|transfer-encoding)$/i;

const token = fc.string({ unit: fc.constantFrom(...TOKEN), minLength: 1, maxLength: 12 });
const name = token.filter((text) => !ours.test(text));
const value = fc
  .string({ unit: fc.constantFrom(...VISIBLE, ' ', '\t', '\x80', '\xff'), maxLength: 20 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ''));
const fields = fc.array(fc.tuple(name, value), { maxLength: 8 });
const content = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const extension = fc.constantFrom('', ';a', ';a=b', ' ; a = "b;\\""');

const request = fc.record({
  method: token.filter((text) => text !== 'CONNECT'),
  target: fc
    .string({ unit: fc.constantFrom(...VISIBLE.filter((one) => one !== '#')), maxLength: 30 })
    .map((text) => `/${text}`),
  fields,
  content: fc.oneof(
    fc.record({ kind: fc.constant('none' as const) }),
    fc.record({ kind: fc.constant('length' as const), text: content }),
    fc.record({
      kind: fc.constant('chunked' as const),
      chunks: fc.array(
        fc.tuple(
          content.filter((text) => text.length > 0),
          extension,
        ),
        { maxLength: 6 },
      ),
      trailers: fields,
    }),
  ),
});

type Request = typeof request extends fc.Arbitrary<infer R> ? R : never;

const lines = (pairs: [string, string][]) => pairs.map(([key, text]) => `${key}: ${text}\r\n`).join('');

/** Writes a request as a client would, RFC 9112 §2.1. */
function write({ method, target, fields: own, content: body }: Request): string {
  const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines(own)}`;
  if (body.kind === 'none') return `${head}\r\n`;
  if (body.kind === 'length') return `${head}Content-Length: ${body.text.length}\r\n\r\n${body.text}`;
  const chunks = body.chunks
    .map(([text, ext]) => `${text.length.toString(16)}${ext}\r\n${text}\r\n`)
    .join('');
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n${lines(body.trailers)}\r\n`;
}

function expected({ method, target, fields: own, content: body }: Request) {
  const framing: [string, string][] = [];
  if (body.kind === 'length') framing.push(['Content-Length', String(body.text.length)]);
  if (body.kind === 'chunked') framing.push(['Transfer-Encoding', 'chunked']);
  return {
    method,
    target,
    headers: [['Host', 'a'], ...own, ...framing],
    body:
      body.kind === 'none'
        ? ''
        : body.kind === 'length'
          ? body.text
          : body.chunks.map(([text]) => text).join(''),
    trailers: body.kind === 'chunked' && body.trailers.length > 0 ? body.trailers : null,
  };
}

/** Cuts `bytes` at these places, which need not be inside. */
function cut(bytes: Buffer, places: number[]): Buffer[] {
  const inside = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...inside, bytes.length].map((end, i) => bytes.subarray(inside[i - 1] ?? 0, end));
}

const places = fc.array(fc.nat(2_000), { maxLength: 12 });

describe('protocol: properties', () => {
  it('parse(write(requests)) = requests, however the input is cut', () => {
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 3 }), places, (requests, where) => {
        const bytes = Buffer.from(requests.map(write).join(''), 'latin1');
        const parsed = parse(cut(bytes, where));
        expect(parsed.end).to.equal('between');
        const seen = parsed.requests.map(({ method, target, headers, body, trailers }) => {
          return { method, target, headers, body, trailers };
        });
        expect(seen).to.deep.equal(requests.map(expected));
      }),
      { numRuns: 300 },
    );
  });

  it('any bytes are events, NEED_MORE or an HTTPProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), places, (bytes, where) => {
        parse(cut(Buffer.from(bytes), where));
      }),
      { numRuns: 500 },
    );
  });

  it('so are requests with any bytes changed, and every cutting gives the same answer', () => {
    const change = fc.record({
      at: fc.nat(2_000),
      remove: fc.nat(3),
      insert: fc.constantFrom('', '\r', '\n', '\r\n', ' ', '\0', ':', ';', ',', '0', 'x', '\xff'),
    });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 2 }),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (requests, changes) => {
          let text = requests.map(write).join('');
          for (const { at, remove, insert } of changes) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + insert + text.slice(place + remove);
          }
          const bytes = Buffer.from(text, 'latin1');
          const whole = parse([bytes]);
          for (const { way, chunks } of feedEveryWay(bytes)) {
            const { requests: seen, end } = parse(chunks);
            expect({ seen, end }, way).to.deep.equal({ seen: whole.requests, end: whole.end });
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('endless input is refused or understood, and never piles up', () => {
    const chunk = 1_000;
    const endless: Record<string, (i: number) => string> = {
      'a method': () => 'M'.repeat(chunk),
      'a target': (i) => (i === 0 ? 'GET /' : 't'.repeat(chunk)),
      'a field name': (i) => (i === 0 ? 'GET / HTTP/1.1\r\n' : 'n'.repeat(chunk)),
      'a field value': (i) => (i === 0 ? 'GET / HTTP/1.1\r\nX: ' : 'v'.repeat(chunk)),
      'small fields': (i) => (i === 0 ? 'GET / HTTP/1.1\r\n' : 'a: b\r\n'.repeat(20)),
      'a chunk size': (i) => (i === 0 ? chunkedHead : '0'.repeat(chunk)),
      'a chunk extension': (i) => (i === 0 ? `${chunkedHead}1;` : 'x'.repeat(chunk)),
      'chunk extensions': (i) => (i === 0 ? chunkedHead : `1;${'x'.repeat(900)}\r\ny\r\n`),
      'a trailer section': (i) => (i === 0 ? `${chunkedHead}0\r\nX: ` : 'x'.repeat(chunk)),
    };
    for (const [what, piece] of Object.entries(endless)) {
      const pieces = Array.from({ length: 60 }, (_, i) => Buffer.from(piece(i)));
      const { end, mostBuffered } = parse(pieces);
      expect(end, what).to.match(/^HTTP_/);
      expect(mostBuffered, what).to.be.at.most(HTTP_LIMITS.maxHeadBytes);
    }
  });

  it('an endless body piles up in no parser', () => {
    const pieces = Array.from({ length: 100 }, (_, i) =>
      Buffer.from(i === 0 ? chunkedHead : `1000\r\n${'x'.repeat(4096)}\r\n`),
    );
    const { end, mostBuffered } = parse(pieces);
    expect([end, mostBuffered]).to.deep.equal(['content', 0]);
  });
});

const chunkedHead = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
