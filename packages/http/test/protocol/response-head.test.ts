import { ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { HTTP_LIMITS, type HTTPLimits, HTTPProtocolError } from '@inseam/http';
import { type ReceivedHead, ResponseHeadParser } from '@inseam/http/response-head';
import { expect } from 'chai';

const head = (...lines: string[]) => [...lines, '', ''].join('\r\n');
const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** What the parser makes of the chunks: heads and what is left, or the code of its refusal. */
function read(chunks: Iterable<Uint8Array>, limits: Partial<HTTPLimits> = {}): unknown {
  const parser = new ResponseHeadParser({ ...HTTP_LIMITS, ...limits });
  const window = new ByteWindow();
  const heads: ReceivedHead[] = [];
  try {
    for (const chunk of chunks) {
      const borrowed = Buffer.from(chunk);
      window.push(borrowed);
      // One head only: what follows it is content.
      while (heads.length === 0 || (heads.at(-1)?.status ?? 0) < 200) {
        const next = parser.next(window);
        if (next === NEED_MORE) break;
        heads.push(next);
      }
      window.retain();
      borrowed.fill(0);
    }
  } catch (error) {
    if (!(error instanceof HTTPProtocolError)) throw error;
    return error.code;
  }
  const rest = window.takeAll().toString('latin1');
  return {
    heads: heads.map(({ headers, ...others }) => ({ ...others, headers: [...headers] })),
    rest,
  };
}

interface Sound {
  name: string;
  bytes: string;
  expect: { status: number; reason?: string; minor?: 0 | 1; content?: unknown; headers?: [string, string][] };
}

const SOUND: Sound[] = [
  { name: 'a head without fields', bytes: head('HTTP/1.1 200 OK'), expect: { status: 200, reason: 'OK' } },
  {
    name: 'fields in their order, without the whitespace around them',
    bytes: head('HTTP/1.1 404 Not Found', 'B: 2', 'a:1\t', 'B:\t 3 '),
    expect: {
      status: 404,
      reason: 'Not Found',
      headers: [
        ['B', '2'],
        ['a', '1'],
        ['B', '3'],
      ],
    },
  },
  { name: 'no reason behind the space', bytes: head('HTTP/1.1 200 '), expect: { status: 200, reason: '' } },
  { name: 'neither reason nor space', bytes: head('HTTP/1.1 200'), expect: { status: 200, reason: '' } },
  {
    name: 'a reason with whitespace and obs-text',
    bytes: head('HTTP/1.1 200  \tfür dich '),
    expect: { status: 200, reason: ' \tfür dich ' },
  },
  { name: 'HTTP/1.0', bytes: head('HTTP/1.0 200 OK'), expect: { status: 200, reason: 'OK', minor: 0 } },
  { name: 'HTTP/1.2 as HTTP/1.1', bytes: head('HTTP/1.2 200 OK'), expect: { status: 200, reason: 'OK' } },
  { name: 'the last status there is', bytes: head('HTTP/1.1 999 X'), expect: { status: 999, reason: 'X' } },
  {
    name: 'content by its length',
    bytes: head('HTTP/1.1 200 OK', 'Content-Length: 7'),
    expect: { status: 200, reason: 'OK', content: 7, headers: [['Content-Length', '7']] },
  },
  {
    name: 'content in chunks',
    bytes: head('HTTP/1.1 200 OK', 'transfer-encoding: Chunked'),
    expect: { status: 200, reason: 'OK', content: 'chunked', headers: [['transfer-encoding', 'Chunked']] },
  },
  {
    name: 'no content with 204',
    bytes: head('HTTP/1.1 204 X'),
    expect: { status: 204, reason: 'X', content: 0 },
  },
  {
    name: 'no content with 304, whatever its length says',
    bytes: head('HTTP/1.1 304 X', 'Content-Length: 5'),
    expect: { status: 304, reason: 'X', content: 0, headers: [['Content-Length', '5']] },
  },
];

describe('protocol: ResponseHeadParser', () => {
  for (const { name, bytes, expect: wanted } of SOUND) {
    it(`reads ${name}`, () => {
      for (const { way, chunks } of feedEveryWay(latin1(`${bytes}rest`))) {
        const defaults = { minor: 1, content: 'end', headers: [] };
        expect(read(chunks), way).to.deep.equal({ heads: [{ ...defaults, ...wanted }], rest: 'rest' });
      }
    });
  }

  it('reads one head after the other', () => {
    const bytes =
      head('HTTP/1.1 100 Continue') + head('HTTP/1.0 103 Early', 'Link: x') + head('HTTP/1.1 101 Y', 'A: b');
    for (const { way, chunks } of feedEveryWay(latin1(`${bytes}HTTP`))) {
      const seen = read(chunks) as { heads: ReceivedHead[] };
      const { heads } = seen;
      expect(
        heads.map(({ status, reason, minor, content, headers }) => [
          status,
          reason,
          minor,
          content,
          ...headers,
        ]),
        way,
      ).to.deep.equal([
        [100, 'Continue', 1, 0],
        [103, 'Early', 0, 0, ['Link', 'x']],
        [101, 'Y', 1, 0, ['A', 'b']],
      ]);
    }
  });

  const BROKEN: { name: string; bytes: string; code: string }[] = [
    { name: 'another protocol', bytes: 'SSH-2.0-x\r\n', code: 'HTTP_STATUS_LINE' },
    { name: 'a small letter', bytes: head('http/1.1 200 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'whitespace before the line', bytes: ` ${head('HTTP/1.1 200 OK')}`, code: 'HTTP_STATUS_LINE' },
    { name: 'an empty line before it', bytes: `\r\n${head('HTTP/1.1 200 OK')}`, code: 'HTTP_STATUS_LINE' },
    { name: 'HTTP/2', bytes: head('HTTP/2.0 200 OK'), code: 'HTTP_VERSION' },
    { name: 'HTTP/2 as some write it', bytes: head('HTTP/2 200 OK'), code: 'HTTP_VERSION' },
    { name: 'no minor version', bytes: head('HTTP/1 200 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a long version', bytes: head('HTTP/1.10 200 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'two spaces', bytes: head('HTTP/1.1  200 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a tab', bytes: head('HTTP/1.1\t200 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a status of two digits', bytes: head('HTTP/1.1 20 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a status with a slash', bytes: head('HTTP/1.1 2/0 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a status with a colon', bytes: head('HTTP/1.1 2:0 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a status of four digits', bytes: head('HTTP/1.1 2000 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a status below 100', bytes: head('HTTP/1.1 099 OK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a tab behind the status', bytes: head('HTTP/1.1 200\tOK'), code: 'HTTP_STATUS_LINE' },
    { name: 'a letter behind the status', bytes: head('HTTP/1.1 200x'), code: 'HTTP_STATUS_LINE' },
    { name: 'a line feed behind the status', bytes: 'HTTP/1.1 200\n\n', code: 'HTTP_BARE_LF' },
    { name: 'a line feed behind the reason', bytes: 'HTTP/1.1 200 OK\n\n', code: 'HTTP_BARE_LF' },
    { name: 'a carriage return in the reason', bytes: head('HTTP/1.1 200 O\rK'), code: 'HTTP_BARE_CR' },
    { name: 'a control character in the reason', bytes: head('HTTP/1.1 200 \0'), code: 'HTTP_STATUS_LINE' },
    { name: 'a bad field name', bytes: head('HTTP/1.1 200 OK', 'a b: c'), code: 'HTTP_FIELD_NAME_SPACE' },
    { name: 'a folded field', bytes: head('HTTP/1.1 200 OK', 'a: b', ' c'), code: 'HTTP_FIELD_FOLDED' },
    {
      name: 'length and chunks',
      bytes: head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked'),
      code: 'HTTP_TWO_FRAMINGS',
    },
    {
      name: 'two lengths',
      bytes: head('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2'),
      code: 'HTTP_CONTENT_LENGTH',
    },
    {
      name: 'chunks in HTTP/1.0',
      bytes: head('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked'),
      code: 'HTTP_TRANSFER_ENCODING',
    },
    {
      name: 'another coding',
      bytes: head('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked'),
      code: 'HTTP_CODING',
    },
  ];
  for (const { name, bytes, code } of BROKEN) {
    it(`refuses ${name}`, () => {
      for (const { way, chunks } of feedEveryWay(latin1(bytes))) expect(read(chunks), way).to.equal(code);
    });
  }

  it('does not take the framing of an interim head for anything', () => {
    const bytes = head('HTTP/1.1 101 X', 'Content-Length: 1', 'Transfer-Encoding: chunked');
    const { heads } = read([latin1(bytes)]) as { heads: ReceivedHead[] };
    expect(heads[0]?.content).to.equal(0);
  });

  it('refuses a bad byte as soon as it is there', () => {
    for (const bytes of ['x', 'HTTP/1.1 0', 'HTTP/1.1 200 a\0', 'HTTP/1.1 200 OK\r\n ']) {
      expect(read([latin1(bytes)]), JSON.stringify(bytes)).to.be.a('string');
      const { heads } = read([latin1(bytes.slice(0, -1))]) as { heads: unknown[] };
      expect(heads).to.deep.equal([]);
    }
  });

  it('refuses more than maxHeadBytes, the line included, and takes as much', () => {
    const line = 'HTTP/1.1 200 OK';
    const bytes = head(line, `a: ${'b'.repeat(50)}`);
    const limits = { maxHeadBytes: bytes.length };
    const less = { maxHeadBytes: bytes.length - 1 };
    const long = `${line}${'x'.repeat(100)}`;
    for (const { way, chunks } of feedEveryWay(latin1(bytes)))
      expect(read(chunks, limits), way).to.have.property('rest', '');
    for (const { way, chunks } of feedEveryWay(latin1(bytes)))
      expect(read(chunks, less), way).to.equal('HTTP_HEAD_TOO_LARGE');
    for (const { way, chunks } of feedEveryWay(latin1(`${long}\n`)))
      expect(read(chunks, limits), way).to.equal('HTTP_HEAD_TOO_LARGE');
    // Not before it is more.
    expect(read([latin1(long.slice(0, bytes.length))], limits)).to.deep.include({ heads: [] });
  });

  it('refuses more than maxHeaders', () => {
    const bytes = head('HTTP/1.1 200 OK', 'a: 1', 'b: 2', 'c: 3');
    expect(read([latin1(bytes)], { maxHeaders: 3 })).to.have.property('rest', '');
    expect(read([latin1(bytes)], { maxHeaders: 2 })).to.equal('HTTP_TOO_MANY_FIELDS');
  });
});
