import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

const CHUNKED = 'Transfer-Encoding: chunked';

describe('RFC 9112 §6.1 Transfer-Encoding', () => {
  it('chunked content is put together', async () => {
    const answer = await wire().exchange(post('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', CHUNKED));
    expect(answer).to.match(/POST \/ hello world$/);
  });

  it('its name has no case', async () => {
    expect(await wire().exchange(post('0\r\n\r\n', 'TRANSFER-ENCODING: Chunked'))).to.match(/ 200 OK/);
  });

  itRefuses(
    'a coding that it does not know',
    post('0\r\n\r\n', 'Transfer-Encoding: gzip, chunked'),
    '501 HTTP_CODING',
  );
  itRefuses(
    'HTTP/1.0 with it',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    '400 HTTP_TRANSFER_ENCODING',
  );
  itRefuses(
    'chunked twice',
    post('0\r\n\r\n', 'Transfer-Encoding: chunked, chunked'),
    '400 HTTP_TRANSFER_ENCODING',
  );
  itRefuses(
    'it beside Content-Length',
    post('0\r\n\r\n', 'Content-Length: 5', CHUNKED),
    '400 HTTP_TWO_FRAMINGS',
  );

  it('is never sent to HTTP/1.0: the end of the connection ends the content', async () => {
    const far = wire((request) => {
      request.send('hello');
      request.finish();
    });
    expect(await far.exchange('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain; charset=utf-8
      Date: now
      Connection: close

      hello`);
    expect(far.ended).to.equal(true);
  });

  it('is never sent with 204', async () => {
    const { exchange } = wire((request) => {
      request.sendStatus(204);
      request.sendHeaders({ 'Transfer-Encoding': 'chunked' });
      request.finish();
    });
    expect(await exchange(get())).to.equal('HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n');
  });
});

describe('RFC 9112 §6.2 Content-Length', () => {
  it('that many bytes are content, and the next one begins a request', async () => {
    const answer = await wire().exchange(post('hello', 'Content-Length: 5') + get('/next'));
    expect(answer).to.match(/POST \/ hello[\s\S]*GET \/next$/);
  });

  it('zero is no content', async () => {
    expect(await wire().exchange(post('', 'Content-Length: 0'))).to.match(/POST \/$/);
  });

  itRefuses(
    'more than maxRequest, before any of it has come',
    post('', 'Content-Length: 11'),
    '413 HTTP_BODY_TOO_LARGE',
    { maxRequest: 10 },
  );
  itRefuses(
    'a length that no number can hold',
    post('', `Content-Length: ${'9'.repeat(40)}`),
    '413 HTTP_BODY_TOO_LARGE',
  );
});

describe('RFC 9112 §6.3 Message Body Length', () => {
  it('1, 2. HEAD, 204 and 304 are answered without content, and the connection stays', async () => {
    for (const [method, status] of [
      ['HEAD', 200],
      ['GET', 204],
      ['GET', 304],
    ] as const) {
      const { exchange } = wire((request) => request.sendResponse('content', status));
      const answer = await exchange(get().replace('GET', method) + get().replace('GET', method));
      expect(answer).to.match(/^(HTTP\/1\.1 \d+ [\w ]+\r\n([\w-]+: [^\r]*\r\n)*\r\n){2}$/);
    }
  });

  itRefuses(
    '3. both fields: it might be smuggling',
    post('', 'Content-Length: 0', CHUNKED),
    '400 HTTP_TWO_FRAMINGS',
  );
  itRefuses(
    '4. a coding that does not end in chunked',
    post('', 'Transfer-Encoding: chunked, gzip'),
    '400 HTTP_TRANSFER_ENCODING',
  );
  itRefuses(
    '5. a length that is no number',
    post('hello', 'Content-Length: five'),
    '400 HTTP_CONTENT_LENGTH',
  );
  itRefuses(
    '5. a list of lengths, even of equal ones',
    post('hello', 'Content-Length: 5, 5'),
    '400 HTTP_CONTENT_LENGTH',
  );
  itRefuses(
    '5. two lengths, even equal ones',
    post('hello', 'Content-Length: 5', 'Content-Length: 5'),
    '400 HTTP_CONTENT_LENGTH',
  );

  it('7. without either field there is no content', async () => {
    expect(await wire().exchange(`${post('')}${get('/next')}`)).to.match(/POST \/HTTP[\s\S]*GET \/next$/);
  });

  it('8. a response says its length, or is chunked', async () => {
    const whole = await wire((request) => request.sendResponse('hello')).exchange(get());
    expect(whole).to.match(/Content-Length: 5\r\n/);
    const pieces = wire((request) => {
      request.send('hello');
      request.send(', world');
      request.finish();
    });
    expect(await pieces.exchange(get())).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain; charset=utf-8
      Transfer-Encoding: chunked
      Date: now

      5
      hello
      7
      , world
      0

      `);
  });
});
