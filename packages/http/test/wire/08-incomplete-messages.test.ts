import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { wire } from '../support/wire.js';

describe('RFC 9112 §8 Handling Incomplete Messages', () => {
  const cases: [string, string][] = [
    ['in the request line', 'GET / HT'],
    ['in the header section', get().slice(0, -2)],
    ['in content of known length', post('hel', 'Content-Length: 5')],
    ['in a chunk', post('5\r\nhel', 'Transfer-Encoding: chunked')],
    ['before the last chunk', post('5\r\nhello\r\n', 'Transfer-Encoding: chunked')],
    ['in the trailer section', post('0\r\nX: y\r\n', 'Transfer-Encoding: chunked')],
  ];
  for (const [where, bytes] of cases) {
    it(`a client that ends ${where} gets 400, and no handler hears of it`, async () => {
      let handled = 0;
      const far = wire(() => handled++);
      far.send(bytes);
      far.client.end();
      expect(readRefusal(far, await far.take())).to.equal('400 HTTP_INCOMPLETE');
      expect(handled).to.equal(0);
    });
  }

  it('a client that ends between requests is not spoken to', async () => {
    for (const before of ['', '\r\n']) {
      const far = wire();
      far.send(before);
      far.client.end();
      expect(await far.take()).to.equal('');
      expect([far.ended, far.log.entries]).to.deep.equal([true, []]);
    }
  });

  it('a response that its handler leaves short ends with the connection, so that the client notices', async () => {
    const far = wire((request) => {
      request.sendHeaders({ 'Content-Length': 10 });
      request.send('hello');
      request.finish();
    });
    expect(await far.exchange(get() + get())).to.equal(message`
      HTTP/1.1 200 OK
      Content-Length: 10
      Date: now

      hello`);
    expect([far.ended, far.log.codes]).to.deep.equal([true, ['HTTP_CONTENT_TOO_SHORT']]);
  });

  it('a chunked response whose handler fails has no last chunk', async () => {
    const far = wire((request) => {
      request.send('hello');
      throw new Error('secret');
    });
    expect(await far.exchange(get())).to.match(/\r\n\r\n5\r\nhello\r\n$/);
    expect(far.ended).to.equal(true);
  });

  it('a close-delimited response whose handler fails is not ended in good order', async () => {
    const far = wire((request) => {
      request.send('hello');
      throw new Error('secret');
    });
    await far.exchange('GET / HTTP/1.0\r\n\r\n');
    expect(far.sink.events.at(-1)).to.equal('close: the other end was closed');
  });
});
