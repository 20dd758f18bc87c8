import { expect } from 'chai';
import { CR, CRLF, get, LF, message } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

describe('RFC 9112 §2.1 Message Format', () => {
  it('a message is a start line, header lines, an empty line and perhaps content', async () => {
    const { exchange } = wire();
    const answer = await exchange(message`
      POST /notes HTTP/1.1
      Host: example.com
      Content-Length: 5

      hello`);
    expect(answer).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain; charset=utf-8
      Content-Length: 17
      Date: now

      POST /notes hello`);
  });
});

describe('RFC 9112 §2.2 Message Parsing', () => {
  it('a message may come byte by byte', async () => {
    const { send, take } = wire();
    for (const byte of get('/slow')) send(byte);
    expect(await take()).to.match(/\r\n\r\nGET \/slow$/);
  });

  it('a message is bytes: content may hold any of them', async () => {
    const { exchange } = wire((request) => request.sendResponse(request.body));
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
    const answer = await exchange(message`
      POST / HTTP/1.1
      Host: example.com
      Content-Length: 256

      ${every}`);
    expect(answer.slice(-256)).to.equal(every);
  });

  it('one empty line before the request line is ignored', async () => {
    const { exchange } = wire();
    expect(await exchange(CRLF + get('/'))).to.match(/^HTTP\/1\.1 200 OK\r\n/);
  });

  itRefuses('a second empty line', CRLF + CRLF + get('/'), '400 HTTP_REQUEST_LINE');
  itRefuses(
    'a bare LF as the end of the request line',
    `GET / HTTP/1.1${LF}Host: a${CRLF}${CRLF}`,
    '400 HTTP_BARE_LF',
  );
  itRefuses(
    'a bare LF as the end of a header line',
    `GET / HTTP/1.1${CRLF}Host: a${LF}${CRLF}`,
    '400 HTTP_BARE_LF',
  );
  itRefuses(
    'a bare LF as the end of the header section',
    `GET / HTTP/1.1${CRLF}Host: a${CRLF}${LF}`,
    '400 HTTP_BARE_LF',
  );
  itRefuses('a bare CR inside a header line', get('/', `X: a${CR}b`), '400 HTTP_BARE_CR');
  itRefuses(
    'whitespace between the request line and the first field',
    message`
    GET / HTTP/1.1
     Host: example.com

    `,
    '400 HTTP_FIELD_FOLDED',
  );
  itRefuses('what is not HTTP at all', '\x16\x03\x01\x00\xa5\x01', '400 HTTP_METHOD');
});

describe('RFC 9112 §2.3 HTTP Version', () => {
  it('the answer is HTTP/1.1, whatever minor version asks', async () => {
    for (const version of ['HTTP/1.0', 'HTTP/1.1', 'HTTP/1.2']) {
      const { exchange } = wire();
      expect(await exchange(get('/').replace('HTTP/1.1', version))).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    }
  });

  itRefuses('another major version', 'GET / HTTP/3.0\r\nHost: a\r\n\r\n', '505 HTTP_VERSION');
  itRefuses('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '505 HTTP_VERSION');
  itRefuses(
    'a version in lower case: it is case-sensitive',
    'GET / http/1.1\r\nHost: a\r\n\r\n',
    '400 HTTP_REQUEST_LINE',
  );
  itRefuses('HTTP/0.9, which names no version', 'GET /\r\n', '400 HTTP_REQUEST_LINE');
  itRefuses('a version of two digits', 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', '400 HTTP_REQUEST_LINE');
  itRefuses('another protocol’s version', 'OPTIONS * RTSP/1.0\r\n\r\n', '400 HTTP_REQUEST_LINE');
});
