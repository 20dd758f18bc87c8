import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { settle } from '../support/settle.js';
import { echo, wire } from '../support/wire.js';

describe('api: engine.stop()', () => {
  it('closes idle connections after a moment', async () => {
    const far = wire();
    await far.exchange(get());
    const fresh = far.another();
    const stopped = far.engine.stop();
    await settle(far.clock);
    expect([far.ended, fresh.ended]).to.deep.equal([false, false]);
    await far.pass(250);
    await stopped;
    expect([far.ended, fresh.ended]).to.deep.equal([true, true]);
    expect(await far.take()).to.equal('');
  });

  it('answers a request that was on its way to an idle connection, and closes that', async () => {
    const far = wire();
    await far.exchange(get('/1'));
    const stopped = far.engine.stop();
    expect(await far.exchange(get('/late'))).to.match(/Connection: close\r\n[\s\S]*GET \/late$/);
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('lets a request in flight finish, and says Connection: close', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => waiting.push(request));
    await far.exchange(get('/1') + get('/2'));
    const stopped = far.engine.stop();
    await far.settle();
    expect(far.ended).to.equal(false);
    waiting[0]?.sendResponse('last');
    expect(await far.take()).to.match(/Connection: close\r\n\r\nlast$/);
    expect([far.ended, waiting.length]).to.deep.equal([true, 1]);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('lets a response that has begun come to its end', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => {
      waiting.push(request);
      request.send('one');
    });
    await far.exchange(get());
    const stopped = far.engine.stop();
    waiting[0]?.send('two');
    waiting[0]?.finish();
    expect(await far.take()).to.equal('3\r\ntwo\r\n0\r\n\r\n');
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
  });

  for (const [what, first, rest] of [
    ['head', get('/begun').slice(0, 9), get('/begun').slice(9)],
    ['content', post('he', 'Content-Length: 5'), 'llo'],
  ] as const) {
    it(`lets a request whose ${what} is on its way finish`, async () => {
      const far = wire(echo);
      await far.exchange(first);
      const stopped = far.engine.stop();
      expect(await far.exchange(rest + get('/next'))).to.match(
        /Connection: close\r\n\r\n(GET \/begun|POST \/ hello)$/,
      );
      expect(far.ended).to.equal(true);
      far.client.end();
      await far.settle();
      await stopped;
    });
  }

  it('lets a client take what was written', async () => {
    const far = wire((request) => request.sendResponse('x'.repeat(500_000)));
    far.client.pause();
    await far.exchange(get());
    const stopped = far.engine.stop();
    await far.settle();
    expect(far.connection.connected).to.equal(true);
    far.client.resume();
    expect(await far.take()).to.have.length.above(500_000);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('does not cut short the farewell to a client', async () => {
    const far = wire();
    await far.exchange(get('/', 'Connection: close'));
    const stopped = far.engine.stop();
    await far.settle();
    expect(far.connection.connected).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('closes what is left after stopTimeoutMs', async () => {
    const far = wire(() => {});
    await far.exchange(get());
    const stopped = far.engine.stop({ stopTimeoutMs: 500 });
    await far.pass(450);
    expect(far.connection.connected).to.equal(true);
    await far.pass(100);
    await stopped;
    expect(far.connection.connected).to.equal(false);
  });

  it('closes an upgraded connection', async () => {
    const reasons: unknown[] = [];
    const far = wire(({ connection }) =>
      connection.upgrade('x', { onRead() {}, onClose: (reason) => reasons.push(reason) }),
    );
    await far.exchange(get('/', 'Upgrade: x', 'Connection: upgrade'));
    const stopped = far.engine.stop();
    await far.settle();
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
    expect(reasons).to.deep.equal([null]);
  });
});

describe('api: the sweep', () => {
  it('runs only while there are connections', async () => {
    const far = wire();
    await far.settle();
    expect(far.clock.pending).to.equal(1);
    far.client.abort();
    await far.settle();
    expect(far.clock.pending).to.equal(0);
    const again = far.another();
    await again.settle();
    expect(far.clock.pending).to.equal(1);
  });

  it('is one timer, however many connections there are', async () => {
    const far = wire();
    for (let i = 0; i < 20; i++) await far.another().exchange(get());
    expect(far.clock.pending).to.equal(1);
  });

  it('says in the log what was not answered in time', async () => {
    const far = wire(() => {});
    await far.exchange(get('/never'));
    const stopped = far.engine.stop({ stopTimeoutMs: 100 });
    await far.pass(150);
    await stopped;
    expect(far.log.entries.map(({ level, message }) => [level, message])).to.deep.equal([
      ['warn', 'closed before GET /never was answered'],
    ]);
  });

  it('closes what is upgraded meanwhile, in good order', async () => {
    const far = wire((request) => {
      void request.connection.engine.stop();
      request.connection.upgrade('lines', { onRead() {} });
    });
    expect(await far.exchange(get('/', 'Connection: Upgrade', 'Upgrade: lines'))).to.match(
      /^HTTP\/1\.1 101 /,
    );
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
  });
});
