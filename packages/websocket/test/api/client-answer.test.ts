import { type InseamError, TransportError } from '@inseam/engine';
import { feedEveryWay } from '@inseam/engine/testing';
import { HTTPProtocolError } from '@inseam/http';
import { WebSocketHandshakeError } from '@inseam/websocket';
import { expect } from 'chai';
import {
  type ClientWire,
  type ClientWireOptions,
  clientFrames,
  clientWire,
  serverFrame,
} from '../support/client-wire.js';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const NORMAL = Buffer.from([3, 232]);
const response = (...lines: string[]) => [...lines, '', ''].join('\r\n');
const text = (bytes: string) => Buffer.from(bytes, 'latin1');

function refusal(wire: ClientWire): WebSocketHandshakeError {
  expect(wire.result).to.be.instanceOf(WebSocketHandshakeError);
  expect(wire.socket.events, 'no handler is called').to.deep.equal([]);
  expect(wire.engine.channels.size, 'nothing is left open').to.equal(0);
  expect(wire.log.entries, 'nothing is logged').to.deep.equal([]);
  return wire.result as WebSocketHandshakeError;
}

describe('client: an answer that opens the WebSocket (RFC 6455 §4.1)', () => {
  interface Case {
    name: string;
    options?: ClientWireOptions;
    lines?: string[];
    protocol?: string;
    extensions?: string;
  }
  const deflate = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const CASES: Case[] = [
    { name: 'the plain one' },
    { name: 'in other letters', lines: ['uPGRADE: WebSocket', 'cONNECTION: uPgRaDe'] },
    { name: 'with other connection options', lines: ['Connection: keep-alive, Upgrade'] },
    { name: 'with Connection twice', lines: ['Connection: x', 'Connection: upgrade'] },
    { name: 'with headers of its own', lines: ['Set-Cookie: a=b', 'Content-Length: 5', 'X: y'] },
    { name: 'without any of the subprotocols', options: { protocols: ['a'] } },
    {
      name: 'with one of the subprotocols',
      options: { protocols: ['a', 'b'] },
      lines: ['Sec-WebSocket-Protocol: b'],
      protocol: 'b',
    },
    { name: 'without compression that was offered', options: { perMessageDeflate: true } },
    {
      name: 'with compression',
      options: { perMessageDeflate: true },
      lines: [`Sec-WebSocket-Extensions: ${deflate}`],
      extensions: deflate,
    },
  ];
  for (const { name, options, lines = [], protocol = '', extensions = '' } of CASES) {
    it(name, async () => {
      const wire = await clientWire({ ...options, args: [1, 'two'] });
      expect(wire.socket.connected).to.equal(false);
      await wire.answer(wire.switching(...lines));
      expect(wire.result).to.equal('open');
      expect(wire.socket.events).to.deep.equal(['connect 1 two']);
      expect(wire.socket).to.include({ connected: true, closed: false, protocol, extensions });
      expect(wire.socket.engine).to.equal(wire.engine);
      expect(() => wire.socket.request)
        .to.throw()
        .with.property('code', 'WEBSOCKET_NO_REQUEST');
    });
  }

  it('other answers with 1xx are passed over', async () => {
    const wire = await clientWire();
    await wire.answer(response('HTTP/1.1 100 Continue'), response('HTTP/1.1 103 Early Hints', 'Link: </a>'));
    expect(wire.result).to.equal(null);
    await wire.answer(response('HTTP/1.1 102 Processing') + wire.switching());
    expect(wire.result).to.equal('open');
  });

  it('however it is cut, and whatever follows it in the same segment, which comes after onConnect', async () => {
    const { switching } = await clientWire();
    const frames = Buffer.concat([
      serverFrame(TEXT, 'hello'),
      serverFrame(PING, 'p'),
      serverFrame(BINARY, Buffer.from([1, 2, 3])),
      serverFrame(CLOSE, NORMAL),
    ]);
    const length = text(switching()).length + frames.length;
    for (const { way, chunks } of feedEveryWay(Buffer.alloc(length))) {
      const wire = await clientWire({ args: ['x'] });
      const all = Buffer.concat([text(wire.switching()), frames]);
      let at = 0;
      const pieces = chunks.map(({ length }) => {
        at += length;
        return all.subarray(at - length, at);
      });
      await wire.answer(...pieces);
      expect(wire.result, way).to.equal('open');
      wire.server.end();
      await wire.settle();
      expect(wire.socket.events, way).to.deep.equal([
        'connect x',
        'text hello',
        'bytes 3',
        'close 1000  null',
      ]);
      const sent = wire.sink.bytes.subarray(wire.sink.text.indexOf('\r\n\r\n') + 4);
      const seen = clientFrames(sent).map(({ opcode, payload }) => `${opcode} ${payload.toString('latin1')}`);
      expect(seen, way).to.deep.equal(['10 p', '8 \x03\xe8']);
    }
  });

  it('what is written in onConnect leaves at once', async () => {
    const wire = await clientWire();
    wire.socket.onConnect = () => wire.socket.write('first');
    await wire.answer(wire.switching());
    const sent = wire.sink.bytes.subarray(wire.sink.text.indexOf('\r\n\r\n') + 4);
    expect(clientFrames(sent).map(({ payload }) => payload.toString())).to.deep.equal(['first']);
  });

  it('every frame is masked with another key (§5.3)', async () => {
    const wire = await clientWire();
    await wire.answer(wire.switching());
    const start = wire.sink.length;
    for (let i = 0; i < 64; i++) wire.socket.write('the same');
    await wire.settle();
    const frames = clientFrames(wire.sink.bytes.subarray(start));
    expect(new Set(frames.map(({ payload }) => payload.toString()))).to.deep.equal(new Set(['the same']));
    expect(new Set(frames.map(({ key }) => key)).size).to.equal(64);
  });
});

describe('client: an answer that does not', () => {
  interface Fault {
    name: string;
    options?: ClientWireOptions;
    answer?: string;
    lines?: string[];
    says: RegExp;
    status: number | null;
    /** What the HTTP parser says where it was no HTTP. */
    cause?: string;
  }
  const FAULTS: Fault[] = [
    {
      name: 'another protocol',
      answer: 'SSH-2.0-OpenSSH_9\r\n',
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_STATUS_LINE',
    },
    {
      name: 'HTTP/2',
      answer: response('HTTP/2.0 101 X'),
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_VERSION',
    },
    {
      name: 'a bare line feed',
      answer: 'HTTP/1.1 101 X\n',
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_BARE_LF',
    },
    {
      name: 'a broken field',
      lines: ['a b: c'],
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_FIELD_NAME_SPACE',
    },
    {
      name: 'a head of 16 KiB',
      lines: [`a: ${'b'.repeat(16_384)}`],
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_HEAD_TOO_LARGE',
    },
    {
      name: 'a hundred and one fields',
      lines: Array(101).fill('a: b'),
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_TOO_MANY_FIELDS',
    },
    {
      name: 'two lengths',
      answer: response('HTTP/1.1 403 X', 'Content-Length: 1', 'Content-Length: 2'),
      says: /no HTTP/,
      status: null,
      cause: 'HTTP_CONTENT_LENGTH',
    },
    { name: 'no Upgrade', lines: ['Upgrade:'], says: /Upgrade/, status: 101 },
    { name: 'another Upgrade', lines: ['Upgrade: h2c'], says: /Upgrade/, status: 101 },
    { name: 'more than one Upgrade', lines: ['Upgrade: websocket, h2c'], says: /Upgrade/, status: 101 },
    {
      name: 'Upgrade twice',
      lines: ['Upgrade: websocket', 'Upgrade: websocket'],
      says: /Upgrade/,
      status: 101,
    },
    { name: 'no Connection', lines: ['Connection:'], says: /Connection/, status: 101 },
    { name: 'another Connection', lines: ['Connection: keep-alive'], says: /Connection/, status: 101 },
    {
      name: 'a Connection that only sounds so',
      lines: ['Connection: upgraded'],
      says: /Connection/,
      status: 101,
    },
    { name: 'no Sec-WebSocket-Accept', lines: ['Sec-WebSocket-Accept:'], says: /Accept/, status: 101 },
    {
      name: 'that of RFC 6455’s own key',
      lines: ['Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo='],
      says: /Accept/,
      status: 101,
    },
    {
      name: 'a subprotocol where none was offered',
      lines: ['Sec-WebSocket-Protocol: a'],
      says: /subprotocol/,
      status: 101,
    },
    {
      name: 'an empty subprotocol',
      options: { protocols: ['a'] },
      lines: ['Sec-WebSocket-Protocol: '],
      says: /subprotocol/,
      status: 101,
    },
    {
      name: 'another subprotocol',
      options: { protocols: ['a'] },
      lines: ['Sec-WebSocket-Protocol: b'],
      says: /subprotocol/,
      status: 101,
    },
    {
      name: 'a subprotocol in other letters',
      options: { protocols: ['a'] },
      lines: ['Sec-WebSocket-Protocol: A'],
      says: /subprotocol/,
      status: 101,
    },
    {
      name: 'two subprotocols',
      options: { protocols: ['a', 'b'] },
      lines: ['Sec-WebSocket-Protocol: a, b'],
      says: /subprotocol/,
      status: 101,
    },
    {
      name: 'two fields of it',
      options: { protocols: ['a', 'b'] },
      lines: ['Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: b'],
      says: /repeated/,
      status: 101,
    },
    {
      name: 'an extension where none was offered',
      lines: ['Sec-WebSocket-Extensions: permessage-deflate'],
      says: /extension/,
      status: 101,
    },
    {
      name: 'an empty list of extensions',
      lines: ['Sec-WebSocket-Extensions: '],
      says: /extension/,
      status: 101,
    },
    {
      name: 'an unknown extension',
      options: { perMessageDeflate: true },
      lines: ['Sec-WebSocket-Extensions: x-deflate'],
      says: /extension/,
      status: 101,
    },
    {
      name: 'compression twice',
      options: { perMessageDeflate: { contextTakeover: true } },
      lines: ['Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate'],
      says: /extension/,
      status: 101,
    },
    {
      name: 'two fields of it, with compression',
      options: { perMessageDeflate: { contextTakeover: true } },
      lines: ['Sec-WebSocket-Extensions: permessage-deflate', 'Sec-WebSocket-Extensions: x'],
      says: /repeated/,
      status: 101,
    },
    {
      name: 'compression with a window of 7 bits',
      options: { perMessageDeflate: { contextTakeover: true } },
      lines: ['Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7'],
      says: /extension/,
      status: 101,
    },
    {
      name: 'compression with an unknown parameter',
      options: { perMessageDeflate: { contextTakeover: true } },
      lines: ['Sec-WebSocket-Extensions: permessage-deflate; x'],
      says: /extension/,
      status: 101,
    },
    {
      name: 'compression that keeps its context after all',
      options: { perMessageDeflate: true },
      lines: ['Sec-WebSocket-Extensions: permessage-deflate'],
      says: /extension/,
      status: 101,
    },
  ];
  for (const { name, options, answer, lines = [], says, status, cause } of FAULTS) {
    it(name, async () => {
      const wire = await clientWire(options);
      await wire.answer((answer ?? wire.switching(...lines)) + serverFrame(TEXT, 'x').toString('latin1'));
      const error = refusal(wire);
      expect(error.message).to.match(says);
      expect([error.code, error.status]).to.deep.equal(['WEBSOCKET_HANDSHAKE', status]);
      expect(error.answer === null).to.equal(status === null);
      if (cause === undefined) return;
      expect(error.cause).to.be.instanceOf(HTTPProtocolError).with.property('code', cause);
    });
  }

  it('Sec-WebSocket-Accept twice', async () => {
    const wire = await clientWire();
    const accept = /Sec-WebSocket-Accept: .*\r\n/.exec(wire.switching())?.[0] ?? '';
    await wire.answer(wire.switching().replace(accept, accept + accept));
    expect(refusal(wire).message).to.match(/repeated/);
  });

  it('a 101 of HTTP/1.0', async () => {
    const wire = await clientWire();
    await wire.answer(wire.switching().replace('HTTP/1.1', 'HTTP/1.0'));
    expect(refusal(wire).message).to.match(/HTTP\/1\.0/);
  });

  it('the headers of a 101 are there to be looked at', async () => {
    const wire = await clientWire();
    await wire.answer(wire.switching('Upgrade: x', 'X-Why: because'));
    const { answer } = refusal(wire);
    expect(answer?.headers.get('x-why')).to.equal('because');
    expect(answer?.body).to.deep.equal(Buffer.alloc(0));
  });
});

describe('client: a refusal', () => {
  interface Refusal {
    name: string;
    answer: string;
    /** Whether the server ends the connection behind it. */
    ends?: boolean;
    status: number;
    body: string;
  }
  const long = 'x'.repeat(65_536);
  const CASES: Refusal[] = [
    {
      name: 'has content of its length',
      answer: `${response('HTTP/1.1 403 No', 'Content-Length: 5')}nevermore`,
      status: 403,
      body: 'never',
    },
    {
      name: 'has none of length 0',
      answer: response('HTTP/1.1 401 No', 'Content-Length: 0'),
      status: 401,
      body: '',
    },
    { name: 'has none with 204', answer: response('HTTP/1.1 204 No'), status: 204, body: '' },
    {
      name: 'has chunks',
      answer: `${response('HTTP/1.1 500 No', 'Transfer-Encoding: chunked')}3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n`,
      status: 500,
      body: 'abcde',
    },
    {
      name: 'has bad chunks, as far as they go',
      answer: `${response('HTTP/1.1 500 No', 'Transfer-Encoding: chunked')}3\r\nabc\r\nzz\r\n`,
      status: 500,
      body: 'abc',
    },
    {
      name: 'has content until the end',
      answer: `${response('HTTP/1.1 404 No')}abc`,
      ends: true,
      status: 404,
      body: 'abc',
    },
    {
      name: 'of HTTP/1.0 has, too',
      answer: `${response('HTTP/1.0 404 No')}abc`,
      ends: true,
      status: 404,
      body: 'abc',
    },
    {
      name: 'may be 200',
      answer: `${response('HTTP/1.1 200 OK', 'Content-Length: 2')}ok`,
      status: 200,
      body: 'ok',
    },
    {
      name: 'may be a redirection, which is not followed',
      answer: response('HTTP/1.1 302 Found', 'Location: ws://elsewhere.example/', 'Content-Length: 0'),
      status: 302,
      body: '',
    },
    {
      name: 'may come after an interim answer',
      answer: response('HTTP/1.1 100 Continue') + response('HTTP/1.1 403 No', 'Content-Length: 0'),
      status: 403,
      body: '',
    },
    {
      name: 'may be cut off in its content',
      answer: `${response('HTTP/1.1 403 No', 'Content-Length: 5')}abc`,
      ends: true,
      status: 403,
      body: 'abc',
    },
    {
      name: 'may be cut off in its chunks',
      answer: `${response('HTTP/1.1 403 No', 'Transfer-Encoding: chunked')}5\r\nabc`,
      ends: true,
      status: 403,
      body: 'abc',
    },
    {
      name: 'is told with the first 64 KiB of what has a length',
      answer: `${response('HTTP/1.1 403 No', 'Content-Length: 65537')}${long}`,
      status: 403,
      body: long,
    },
    {
      name: 'is told with the first 64 KiB of chunks',
      answer: `${response('HTTP/1.1 403 No', 'Transfer-Encoding: chunked')}ffff\r\n${long.slice(1)}\r\n2\r\nxy`,
      status: 403,
      body: long,
    },
    {
      name: 'is told with the first 64 KiB of what has no end',
      answer: `${response('HTTP/1.1 403 No')}${long}more`,
      status: 403,
      body: long,
    },
  ];
  for (const { name, answer, ends = false, status, body } of CASES) {
    it(name, async () => {
      const bytes = text(answer);
      const ways = bytes.length > 1_000 ? [{ way: 'whole', chunks: [bytes] }] : feedEveryWay(bytes);
      for (const { way, chunks } of ways) {
        const wire = await clientWire();
        await wire.answer(...chunks);
        if (ends) {
          expect(wire.result, way).to.equal(null);
          wire.server.end();
          await wire.settle();
        }
        const error = refusal(wire);
        expect([error.status, error.answer?.status, error.code], way).to.deep.equal([
          status,
          status,
          'WEBSOCKET_HANDSHAKE',
        ]);
        expect(error.message, way).to.contain(`status ${status}`);
        expect(error.answer?.body.toString('latin1') === body, way).to.equal(true);
      }
    });
  }

  it('has headers', async () => {
    const wire = await clientWire();
    await wire.answer(response('HTTP/1.1 401 No', 'WWW-Authenticate: Basic', 'Content-Length: 0'));
    expect(refusal(wire).answer?.headers.get('www-authenticate')).to.equal('Basic');
  });

  it('in 65,536 chunks of a byte costs no more than its bytes', async () => {
    const wire = await clientWire();
    const chunks = '1\r\nx\r\n'.repeat(65_536);
    await wire.answer(response('HTTP/1.1 403 No', 'Transfer-Encoding: chunked') + chunks);
    expect(refusal(wire).answer?.body.toString()).to.equal(long);
  });

  it('is no failure of the engine', async () => {
    const wire = await clientWire();
    await wire.answer(response('HTTP/1.1 403 No', 'Content-Length: 0'));
    refusal(wire);
    expect(wire.engine.stats().errors).to.equal(0);
  });
});

describe('client: no answer', () => {
  const lost = (wire: ClientWire): InseamError => {
    expect(wire.result).to.be.instanceOf(TransportError);
    expect(wire.socket.events).to.deep.equal([]);
    expect(wire.engine.channels.size).to.equal(0);
    expect(wire.log.entries).to.deep.equal([]);
    return wire.result as InseamError;
  };

  for (const so of ['', 'H', 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\n', response('HTTP/1.1 100 Continue')]) {
    it(`the server ends the connection after ${JSON.stringify(so)}`, async () => {
      const wire = await clientWire();
      await wire.answer(so);
      wire.server.end();
      await wire.settle();
      const error = lost(wire);
      expect(error.code).to.equal('ENGINE_CONNECTION_LOST');
      expect(error.message).to.match(/before it answered/);
    });
  }

  it('the connection is gone', async () => {
    const wire = await clientWire();
    wire.server.abort();
    await wire.settle();
    expect(lost(wire).code).to.equal('ENGINE_CONNECTION_LOST');
  });

  it('somebody else closes the stream', async () => {
    const wire = await clientWire();
    for (const channel of wire.engine.channels) channel.abort();
    await wire.settle();
    expect(lost(wire).code).to.equal('ENGINE_CONNECTION_LOST');
  });
});
