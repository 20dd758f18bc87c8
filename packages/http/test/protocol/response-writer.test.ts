import { UsageError } from '@inseam/engine';
import type { HeadersInit } from '@inseam/http';
import { expect } from 'chai';
import { ResponseWriter } from '#http/protocol/response-writer.js';
import { message } from '../support/message.js';

const DATE = 'Date: now\r\n';

/** A writer, and what it has given out as text with one character a byte. */
function writer({ isHead = false, minor = 1 as 0 | 1, keepAlive = true } = {}) {
  const response = new ResponseWriter(isHead, minor, keepAlive);
  const out = { text: '' };
  const sink = {
    writeLatin1: (text: string) => {
      out.text += text;
      return true;
    },
    write: (data: string | Uint8Array) => {
      out.text += Buffer.from(data as string).toString('latin1');
      return true;
    },
  };
  return {
    response,
    out,
    head: (headers: HeadersInit = {}) => response.writeHead(sink, headers, DATE),
    content: (data: string | Uint8Array) => response.writeContent(sink, data, DATE),
    end: () => response.writeEnd(sink, DATE),
    all: (data: string | Uint8Array, status?: number, type?: string | HeadersInit) =>
      response.writeAll(sink, data, status, type, DATE),
  };
}

describe('protocol: a whole response', () => {
  it('has a type, a length and a date', () => {
    const { all, out } = writer();
    all('hello', undefined, undefined);
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain; charset=utf-8
      Content-Length: 5
      Date: now

      hello`);
  });

  it('counts bytes, not characters', () => {
    const { all, out } = writer();
    all('é漢\ud800', 201, 'text/html');
    expect(out.text).to.equal(message`
      HTTP/1.1 201 Created
      Content-Type: text/html
      Content-Length: 8
      Date: now

      ${Buffer.from('é漢\ud800').toString('latin1')}`);
  });

  it('takes bytes', () => {
    const { all, out } = writer();
    all(Uint8Array.of(0, 255));
    expect(out.text).to.match(
      /Content-Type: application\/octet-stream\r\nContent-Length: 2\r\n[\s\S]*\r\n\r\n\0\xff$/,
    );
  });

  it('takes headers, and adds what is missing', () => {
    const { all, out } = writer();
    all('hello', 200, { 'X-A': 'é', Date: 'then' });
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      X-A: é
      Date: then
      Content-Type: text/plain; charset=utf-8
      Content-Length: 5

      hello`);
  });

  it('keeps the type that the headers have', () => {
    const { all, out } = writer();
    all('{}', 200, [['content-type', 'application/json']]);
    expect(out.text).to.match(/content-type: application\/json\r\nContent-Length: 2\r\n/);
    expect(out.text).not.to.match(/text\/plain/);
  });

  it('accepts its own length, and no other', () => {
    const { all, out } = writer();
    expect(() => all('hello', 200, { 'Content-Length': 4 }))
      .to.throw(UsageError)
      .with.property('code', 'HTTP_HEADER_FRAMING');
    expect(out.text).to.equal('');
    all('hello', 200, { 'Content-Length': 5 });
    expect(out.text.match(/Content-Length: 5/g)).to.have.length(1);
  });

  it('has no content in answer to HEAD, and says what GET would have: RFC 9110 §9.3.2', () => {
    for (const type of [undefined, 'text/html', { 'X-A': '1' }]) {
      const { all, out } = writer({ isHead: true });
      all('hello', 200, type);
      expect(out.text).to.match(/Content-Length: 5\r\n[\s\S]*\r\n\r\n$/);
    }
  });

  for (const status of [204, 304]) {
    it(`has neither content nor length with ${status}: RFC 9110 §8.6`, () => {
      for (const type of [undefined, 'text/html', { ETag: '"x"' }]) {
        const { all, out } = writer();
        all('hello', status, type);
        expect(out.text).to.match(/\r\n\r\n$/);
        expect(out.text).not.to.match(/content-length|transfer-encoding/i);
      }
    });
  }

  it('may tell with 304 the length that 200 would have', () => {
    const { all, out } = writer();
    all('', 304, { 'Content-Length': 1234 });
    expect(out.text).to.match(/\r\nContent-Length: 1234\r\n/);
  });

  it('leaves nothing behind when it is refused', () => {
    const { all, out } = writer();
    expect(() => all('x', 404, { 'Bad Name': '1' })).to.throw(UsageError);
    expect(() => all('x', 404, 'a\r\nb')).to.throw(UsageError);
    expect(() => all(5 as unknown as string, 404))
      .to.throw(UsageError)
      .with.property('code', 'HTTP_CONTENT');
    expect(() => all('x', 99))
      .to.throw(UsageError)
      .with.property('code', 'HTTP_STATUS');
    expect(out.text).to.equal('');
    all('y');
    expect(out.text).to.match(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it('uses the status set before', () => {
    const { response, all, out } = writer();
    response.setStatus(404);
    all('x');
    expect(out.text).to.match(/^HTTP\/1\.1 404 Not Found\r\n/);
  });

  it('sends lines that were added, in front of the headers', () => {
    for (const type of [undefined, { 'X-B': '2' }]) {
      const { response, all, out } = writer();
      response.addHeader('X-A', '1');
      response.addHeader('X-A', '2');
      all('x', 200, type);
      expect(out.text).to.match(/^HTTP\/1\.1 200 OK\r\nX-A: 1\r\nX-A: 2\r\n/);
    }
  });
});

describe('protocol: a response by pieces', () => {
  it('is chunked without a length', () => {
    const { head, content, end, out } = writer();
    head({ 'Content-Type': 'text/plain' });
    content('hello');
    content('');
    content('é'.repeat(8));
    content(Buffer.from([1]));
    expect(end()).to.equal(true);
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain
      Transfer-Encoding: chunked
      Date: now

      5
      hello
      10
      ${Buffer.from('é'.repeat(8)).toString('latin1')}
      1
      \x01
      0

      `);
  });

  it('is sent as it is with a length', () => {
    const { head, content, end, out } = writer();
    head({ 'content-length': '05' });
    content('hel');
    content('lo');
    expect(end()).to.equal(true);
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      Content-Length: 05
      Date: now

      hello`);
  });

  it('cannot be longer than its length, and says when it is shorter', () => {
    const { head, content, end, out } = writer();
    head({ 'Content-Length': 5 });
    content('hel');
    expect(() => content('lo!'))
      .to.throw(UsageError)
      .with.property('code', 'HTTP_CONTENT_TOO_LONG');
    expect(out.text).to.match(/\r\n\r\nhel$/);
    expect(end()).to.equal(false);
  });

  it('ends with the connection for HTTP/1.0', () => {
    const { response, head, content, end, out } = writer({ minor: 0 });
    head({ 'Transfer-Encoding': 'chunked' });
    expect(response.endsByClosing).to.equal(true);
    content('hello');
    end();
    expect(response.endsByClosing).to.equal(false);
    expect(response.keepAlive).to.equal(false);
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      Date: now
      Connection: close

      hello`);
  });

  it('has a head made for it', () => {
    const { response, content, out } = writer();
    response.setStatus(404);
    content('no');
    expect(out.text).to.equal(message`
      HTTP/1.1 404 Not Found
      Content-Type: text/plain; charset=utf-8
      Transfer-Encoding: chunked
      Date: now

      2
      no
      `);
  });

  it('is empty when it is only finished', () => {
    const { response, end, out } = writer();
    expect(end()).to.equal(true);
    expect(response.isFinished).to.equal(true);
    expect(out.text).to.equal(message`
      HTTP/1.1 200 OK
      Content-Length: 0
      Date: now

      `);
  });

  it('is empty when it is only finished, with 204 too', () => {
    const { response, end, out } = writer();
    response.setStatus(204);
    end();
    expect(out.text).to.equal('HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n');
  });

  it('sends only its head in answer to HEAD', () => {
    const chunked = writer({ isHead: true });
    chunked.head();
    chunked.content('hello');
    expect(chunked.end()).to.equal(true);
    expect(chunked.out.text).to.equal('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n');
    const known = writer({ isHead: true });
    known.head({ 'Content-Length': 5 });
    expect(known.end(), 'whole without its content').to.equal(true);
    expect(known.out.text).to.match(/Content-Length: 5\r\n[\s\S]*\r\n\r\n$/);
  });

  it('sends only its head with 204 and 304', () => {
    for (const status of [204, 304]) {
      const { response, head, content, end, out } = writer();
      response.setStatus(status);
      head({ 'Transfer-Encoding': 'chunked' });
      content('hello');
      expect(end()).to.equal(true);
      expect(out.text).to.match(/^HTTP\/1\.1 \d+ [\w ]+\r\nDate: now\r\n\r\n$/);
    }
  });

  it('has no length with 204', () => {
    const { response, head, out } = writer();
    response.setStatus(204);
    head({ 'Content-Length': 0 });
    expect(out.text).not.to.match(/Content-Length/);
  });
});

describe('protocol: the Connection line', () => {
  const line = (options: { minor?: 0 | 1; keepAlive?: boolean }) => {
    const { all, out } = writer(options);
    all('');
    return /Connection: [\w-]+/.exec(out.text)?.[0];
  };

  it('says what is not the version’s own habit: RFC 9112 §9.3', () => {
    expect(line({ minor: 1, keepAlive: true })).to.equal(undefined);
    expect(line({ minor: 1, keepAlive: false })).to.equal('Connection: close');
    expect(line({ minor: 0, keepAlive: true })).to.equal('Connection: keep-alive');
    expect(line({ minor: 0, keepAlive: false })).to.equal('Connection: close');
  });

  it('decides about close and keep-alive, and leaves other options to the handler', () => {
    const closing = writer();
    closing.head({ Connection: 'foo, Close' });
    expect(closing.response.keepAlive).to.equal(false);
    expect(closing.out.text.match(/Connection: .*/g)).to.deep.equal(['Connection: foo', 'Connection: close']);
    const staying = writer();
    staying.head({ Connection: 'keep-alive' });
    expect(staying.out.text).not.to.match(/Connection/);
  });

  it('says close when that is decided before the head', () => {
    const { response, head, out } = writer();
    response.refuseKeepAlive();
    head();
    expect(out.text).to.match(/\r\nConnection: close\r\n/);
  });
});

describe('protocol: what a writer refuses, with nothing sent', () => {
  const badHeaders: [string, HeadersInit, string][] = [
    ['CR and LF in a value', { A: 'x\r\nB: y' }, 'HTTP_HEADER_VALUE'],
    ['CR in a value', { A: 'x\ry' }, 'HTTP_HEADER_VALUE'],
    ['LF in a value', { A: 'x\ny' }, 'HTTP_HEADER_VALUE'],
    ['NUL in a value', { A: 'x\0' }, 'HTTP_HEADER_VALUE'],
    ['a character above U+00FF', { A: 'Ā' }, 'HTTP_HEADER_VALUE'],
    ['a U+010A, whose low byte is LF', { A: 'x\u010ay' }, 'HTTP_HEADER_VALUE'],
    ['a name with a space', { 'A B': 'x' }, 'HTTP_HEADER_NAME'],
    ['a name with a line end', { 'A\r\nB': 'x' }, 'HTTP_HEADER_NAME'],
    ['no name', { '': 'x' }, 'HTTP_HEADER_NAME'],
    ['a name with a colon', { 'A:': 'x' }, 'HTTP_HEADER_NAME'],
    ['a repeated Content-Length', { 'Content-Length': ['5', '5'] }, 'HTTP_HEADER_FRAMING'],
    ['a Content-Length that is no number', { 'Content-Length': '+5' }, 'HTTP_HEADER_FRAMING'],
    ['a negative Content-Length', { 'Content-Length': -1 }, 'HTTP_HEADER_FRAMING'],
    ['a coding other than chunked', { 'Transfer-Encoding': 'gzip' }, 'HTTP_HEADER_FRAMING'],
  ];
  for (const [what, headers, code] of badHeaders) {
    it(what, () => {
      const { response, head, all, out } = writer();
      expect(() => head({ 'X-Good': '1', ...headers }))
        .to.throw(UsageError)
        .with.property('code', code);
      expect(() => all('x', 200, { 'X-Good': '1', ...headers })).to.throw(UsageError);
      expect([out.text, response.isUntouched]).to.deep.equal(['', true]);
      head();
      expect(out.text).to.equal('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n');
    });
  }

  for (const status of [0, 99, 100, 101, 199, 600, 200.5, Number.NaN, '200' as unknown as number]) {
    it(`the status ${status}`, () => {
      const { response, out } = writer();
      expect(() => response.setStatus(status))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_STATUS');
      expect([out.text, response.isUntouched]).to.deep.equal(['', true]);
    });
  }

  it('content that is neither text nor bytes', () => {
    const { response, content } = writer();
    for (const data of [null, undefined, 5, {}, []]) {
      expect(() => content(data as unknown as string))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_CONTENT');
    }
    expect(response.isUntouched).to.equal(true);
  });

  it('a header after the head', () => {
    const { response, head, out } = writer();
    head();
    const before = out.text;
    expect(() => response.addHeader('A', 'b'))
      .to.throw(UsageError)
      .with.property('code', 'HTTP_ORDER');
    expect(out.text).to.equal(before);
  });
});

describe('protocol: restart', () => {
  it('forgets a status that is not sent, and lines when asked to', () => {
    const { response, all, out } = writer();
    response.setStatus(201);
    response.addHeader('A', 'b');
    response.restart();
    response.dropHeaders();
    all('x', 500);
    expect(out.text).to.match(/^HTTP\/1\.1 500 Internal Server Error\r\nContent-Type/);
  });
});
