import { type StreamOwner, UsageError } from '@inseam/engine';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { echo, wire } from '../support/wire.js';

const offer = (...lines: string[]) => get('/', 'Upgrade: lines', 'Connection: upgrade', ...lines);

/** Upgrades to a protocol that notes what it reads. */
function upgraded(options: { isLater?: boolean; delimiter?: string | null } = {}) {
  const read: string[] = [];
  const waiting: HTTPRequest[] = [];
  const owner = {
    onRead: (data: Buffer) => void read.push(data.toString()),
    onEnd: () => void read.push('(end)'),
  };
  const switchTo = ({ connection }: HTTPRequest) => {
    connection.readDelimiter = options.delimiter ?? null;
    connection.upgrade('lines', owner);
  };
  const far = wire((request) => (options.isLater ? waiting.push(request) : switchTo(request)));
  return { far, read, go: () => waiting.forEach(switchTo) };
}

describe('api: upgrade', () => {
  it('gives the owner what came behind the request first', async () => {
    const { far, read } = upgraded();
    expect(await far.exchange(`${offer()}left over`)).to.match(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    far.send('and more');
    await far.settle();
    expect(read.join('|')).to.equal('left over|and more');
  });

  it('keeps the order when more comes before the owner has its leftover', async () => {
    const { far, read } = upgraded();
    far.send(`${offer()}1`);
    for (const byte of '23456') far.send(byte);
    await far.settle();
    expect(read.join('')).to.equal('123456');
  });

  it('may come later, and loses nothing', async () => {
    const { far, read, go } = upgraded({ isLater: true });
    far.send(`${offer()}one `);
    await far.settle();
    far.send('two ');
    await far.settle();
    go();
    far.send('three');
    await far.settle();
    expect(read.join('')).to.equal('one two three');
  });

  it('may come later, when so much waits that reading is paused', async () => {
    const { far, read, go } = upgraded({ isLater: true });
    far.send(offer());
    for (let i = 0; i < 30; i++) far.send('x'.repeat(10_000));
    await far.settle();
    expect(far.client.pendingBytes).to.be.above(100_000);
    go();
    await far.settle();
    expect(read.join('')).to.have.length(300_000);
  });

  it('readDelimiter cuts what came already and what comes', async () => {
    const { far, read } = upgraded({ delimiter: '\n' });
    await far.exchange(`${offer()}one\ntwo\nth`);
    far.send('ree\nrest');
    await far.settle();
    expect(read).to.deep.equal(['one', 'two', 'three']);
  });

  it('counts content to the request', async () => {
    const { far, read } = upgraded();
    await far.exchange(`${post('hello', 'Content-Length: 5', 'Upgrade: lines', 'Connection: upgrade')}rest`);
    expect(read).to.deep.equal(['rest']);
  });

  it('tells the owner of the end, and of nothing else', async () => {
    const { far, read } = upgraded();
    await far.exchange(offer());
    expect(far.connection.currentRequest).to.equal(null);
    far.client.end();
    await far.settle();
    expect(read).to.deep.equal(['(end)']);
    far.connection.close();
  });

  it('tells an owner that comes after the end of it too', async () => {
    const { far, read, go } = upgraded({ isLater: true });
    far.send(offer());
    far.client.end();
    await far.settle();
    go();
    await far.settle();
    expect(read).to.deep.equal(['(end)']);
    far.connection.close();
  });

  it('an owner without onEnd answers the end by closing', async () => {
    const reasons: unknown[] = [];
    const far = wire(({ connection }) =>
      connection.upgrade('lines', { onRead() {}, onClose: (reason) => reasons.push(reason) }),
    );
    await far.exchange(offer());
    far.client.end();
    await far.settle();
    expect([far.log.entries, reasons]).to.deep.equal([[], [null]]);
  });

  it('an upgraded connection has no more timeouts of HTTP', async () => {
    const limits = { headTimeoutMs: 100, bodyTimeoutMs: 100, keepAliveTimeoutMs: 100, writeTimeoutMs: 100 };
    const far = wire(({ connection }) => connection.upgrade('lines', { onRead() {} }), { limits });
    await far.exchange(offer());
    far.client.pause();
    far.connection.write(Buffer.alloc(200_000));
    await far.pass(5_000);
    expect(far.connection.connected).to.equal(true);
  });

  const failures: [string, (request: HTTPRequest) => unknown, string][] = [
    [
      'to a protocol that was not offered',
      ({ connection }) => connection.upgrade('other', { onRead() {} }),
      'HTTP_UPGRADE',
    ],
    [
      'with a bad header',
      ({ connection }) => connection.upgrade('lines', { onRead() {} }, { A: 'x\r\ny' }),
      'HTTP_HEADER_VALUE',
    ],
    [
      'with a Content-Length',
      ({ connection }) => connection.upgrade('lines', { onRead() {} }, { 'content-length': 0 }),
      'HTTP_HEADER_FRAMING',
    ],
    [
      'with a Transfer-Encoding',
      ({ connection }) => connection.upgrade('lines', { onRead() {} }, { 'Transfer-Encoding': 'chunked' }),
      'HTTP_HEADER_FRAMING',
    ],
  ];
  for (const [what, upgrade, code] of failures) {
    it(`${what} is a UsageError, and the connection can be used`, async () => {
      const { exchange, send, take } = wire((request) => {
        if (request.headers.has('upgrade')) {
          expect(() => upgrade(request))
            .to.throw(UsageError)
            .with.property('code', code);
        }
        echo(request);
      });
      const answer = await exchange(offer() + get('/next'));
      expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*GET \/next$/);
      send(get('/again'));
      expect(await take()).to.match(/GET \/again$/);
    });
  }

  it('after the response has begun is a UsageError', async () => {
    const far = wire((request) => {
      request.sendHeaders();
      expect(() => request.connection.upgrade('lines', { onRead() {} })).to.throw(UsageError);
      request.finish();
      expect(() => request.connection.upgrade('lines', { onRead() {} })).to.throw(UsageError);
    });
    expect(await far.exchange(offer())).to.match(/^HTTP\/1\.1 200 /);
    expect(() => far.connection.upgrade('lines', { onRead() {} })).to.throw(UsageError);
  });

  it('leaves the request without a response to send', async () => {
    const far = wire((request) => {
      request.connection.upgrade('lines', { onRead() {} });
      expect(request.finished).to.equal(true);
      request.sendResponse('nonsense');
    });
    expect(await far.exchange(offer())).not.to.match(/nonsense|200|500/);
    expect(far.log.codes).to.deep.equal(['HTTP_FINISHED']);
  });

  it('after the client has gone only tells the owner so', async () => {
    let go = () => {};
    let closed = 0;
    const far = wire((request) => {
      const owner = { onRead() {}, onClose: () => closed++ };
      go = () => request.connection.upgrade('lines', owner);
    });
    await far.exchange(offer());
    far.client.abort();
    await far.settle();
    go();
    expect(closed).to.equal(1);
  });

  it('needs an owner that reads, and sends nothing without', async () => {
    const far = wire((request) => request.connection.upgrade('lines', {} as StreamOwner));
    expect(await far.exchange(offer())).to.match(/^HTTP\/1\.1 500 /);
    expect(far.log.codes).to.deep.equal(['HTTP_UPGRADE']);
  });

  it('sends the cookies that were set', async () => {
    const far = wire((request) => {
      request.cookiesOut.set('session', 'x');
      request.connection.upgrade('lines', { onRead() {} });
    });
    expect(await far.exchange(offer())).to.match(/^HTTP\/1\.1 101 [\s\S]*\r\nSet-Cookie: session=x\r\n/);
  });

  it('says Connection and Upgrade itself', async () => {
    for (const name of ['Connection', 'upgrade']) {
      const far = wire((request) => request.connection.upgrade('lines', { onRead() {} }, { [name]: 'x' }));
      expect(await far.exchange(offer())).to.match(/^HTTP\/1\.1 500 /);
      expect(far.log.codes).to.deep.equal(['HTTP_HEADER_FRAMING']);
    }
  });
});
