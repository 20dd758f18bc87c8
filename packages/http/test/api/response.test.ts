import { UsageError } from '@inseam/engine';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, message } from '../support/message.js';
import { wire } from '../support/wire.js';

const answerOf = (handler: (request: HTTPRequest) => unknown) => wire(handler).exchange(get());

describe('api: sendResponse', () => {
  it('sends text as UTF-8', async () => {
    const answer = await answerOf((request) => request.sendResponse('Grüße'));
    expect(answer).to.match(/Content-Length: 7\r\n/);
    expect(Buffer.from(answer, 'latin1').toString()).to.match(/Grüße$/);
  });

  it('sends bytes', async () => {
    const answer = await answerOf((request) => request.sendResponse(Uint8Array.of(0, 255)));
    expect(answer).to.match(/Content-Type: application\/octet-stream\r\nContent-Length: 2\r\n/);
    expect(answer.slice(-6)).to.equal('\r\n\r\n\0\xff');
  });

  it('takes a status and a type', async () => {
    expect(await answerOf((request) => request.sendResponse('{}', 201, 'application/json'))).to.equal(message`
      HTTP/1.1 201 Created
      Content-Type: application/json
      Content-Length: 2
      Date: now

      {}`);
  });

  it('finishes', async () => {
    await answerOf((request) => {
      expect(request.finished).to.equal(false);
      request.sendResponse('');
      expect(request.finished).to.equal(true);
      expect(request.connection.currentRequest).to.equal(null);
    });
  });

  it('sends large text whole', async () => {
    const content = 'é'.repeat(300_000);
    const answer = await answerOf((request) => request.sendResponse(content));
    expect(
      Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString() === content,
    ).to.equal(true);
  });
});

describe('api: a response by hand', () => {
  it('is status, headers, content, finish', async () => {
    const answer = await answerOf((request) => {
      request.sendStatus(202);
      request.sendHeaders({ 'X-A': ['1', '2'] });
      expect(request.send('one')).to.equal(true);
      request.send(Buffer.from('two'));
      request.finish();
    });
    expect(answer).to.equal(message`
      HTTP/1.1 202 Accepted
      X-A: 1
      X-A: 2
      Transfer-Encoding: chunked
      Date: now

      3
      one
      3
      two
      0

      `);
  });

  it('may be finished through the connection', async () => {
    expect(await answerOf(({ connection }) => connection.finish())).to.match(/Content-Length: 0/);
  });

  it('is empty when it is only finished', async () => {
    expect(await answerOf((request) => request.finish())).to.equal(
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: now\r\n\r\n',
    );
  });

  it('goes out piece by piece, not at the end', async () => {
    const requests: HTTPRequest[] = [];
    const { exchange, take } = wire((request) => requests.push(request));
    await exchange(get());
    requests[0]?.send('one');
    expect(await take()).to.match(/\r\n\r\n3\r\none\r\n$/);
    requests[0]?.send('two');
    expect(await take()).to.equal('3\r\ntwo\r\n');
    requests[0]?.finish();
    expect(await take()).to.equal('0\r\n\r\n');
  });

  const disorders: [string, (request: HTTPRequest) => unknown, string][] = [
    ['the status twice', (r) => [r.sendStatus(), r.sendStatus()], 'HTTP_ORDER'],
    ['headers twice', (r) => [r.sendHeaders(), r.sendHeaders()], 'HTTP_ORDER'],
    ['the status after the headers', (r) => [r.sendHeaders(), r.sendStatus()], 'HTTP_ORDER'],
    ['headers after content', (r) => [r.send('x'), r.sendHeaders()], 'HTTP_ORDER'],
    ['a whole response after content', (r) => [r.send('x'), r.sendResponse('y')], 'HTTP_ORDER'],
    ['content after finish', (r) => [r.finish(), r.send('x')], 'HTTP_FINISHED'],
    ['finish twice', (r) => [r.finish(), r.finish()], 'HTTP_FINISHED'],
    ['a whole response twice', (r) => [r.sendResponse(''), r.sendResponse('')], 'HTTP_FINISHED'],
    [
      'cookies after the headers',
      (r) => [r.sendHeaders(), r.cookiesOut.set('a', 'b'), r.sendCookies()],
      'HTTP_ORDER',
    ],
    [
      'more content than announced',
      (r) => [r.sendHeaders({ 'Content-Length': 1 }), r.send('xy')],
      'HTTP_CONTENT_TOO_LONG',
    ],
    [
      'less content than announced',
      (r) => [r.sendHeaders({ 'Content-Length': 3 }), r.send('x'), r.finish()],
      'HTTP_CONTENT_TOO_SHORT',
    ],
    ['a status that is none', (r) => r.sendStatus(42), 'HTTP_STATUS'],
    ['101, which upgrade() sends', (r) => r.sendResponse('', 101), 'HTTP_STATUS'],
    ['content that is neither text nor bytes', (r) => r.sendResponse({} as string), 'HTTP_CONTENT'],
  ];
  for (const [what, disorder, code] of disorders) {
    it(`${what} is a UsageError`, async () => {
      await answerOf((request) => {
        expect(() => disorder(request))
          .to.throw(UsageError)
          .with.property('code', code);
        if (!request.finished) request.connection.abort();
      });
    });
  }

  it('a refused call changes nothing', async () => {
    const answer = await answerOf((request) => {
      expect(() => request.sendResponse('x', 404, { 'a b': '' })).to.throw(UsageError);
      request.sendResponse('y');
    });
    expect(answer).to.match(/^HTTP\/1\.1 200 OK[\s\S]*y$/);
  });
});
