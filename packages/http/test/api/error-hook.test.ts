import { channel } from 'node:diagnostics_channel';
import { HTTPError, type RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

const mine = new Error('mine');
const failing: Record<string, RequestHandler> = {
  throws: () => {
    throw mine;
  },
  rejects: () => Promise.reject(mine),
};

describe('api: engine.onError', () => {
  for (const [way, handler] of Object.entries(failing)) {
    it(`hears of a request handler that ${way}, once; the answer is a 500 all the same`, async () => {
      const { server, exchange, log } = wire(handler);
      const heard: unknown[][] = [];
      const published: unknown[] = [];
      server.engine.onError = (...what) => heard.push(what);
      const hear = (message: unknown) => published.push(message);
      channel('inseam:error').subscribe(hear);
      expect(await exchange(get('/path'))).to.match(/^HTTP\/1\.1 500 /);
      channel('inseam:error').unsubscribe(hear);
      expect(heard.map(([error, message]) => [error, message])).to.deep.equal([
        [mine, 'the handler of GET /path failed'],
      ]);
      const [, , connection] = heard[0] ?? [];
      expect(published).to.deep.equal([
        { error: mine, message: 'the handler of GET /path failed', channel: connection },
      ]);
      expect([server.engine.stats().errors, log.entries]).to.deep.equal([1, []]);
    });
  }

  it('does not hear of an HTTPError: that is an answer', async () => {
    const { server, exchange } = wire(() => {
      throw new HTTPError(404);
    });
    const heard: unknown[][] = [];
    server.engine.onError = (...what) => heard.push(what);
    expect(await exchange(get())).to.match(/^HTTP\/1\.1 404 /);
    expect(heard).to.deep.equal([]);
  });

  it('that fails itself costs no answer', async () => {
    const { server, exchange, log } = wire(failing.throws as RequestHandler);
    server.engine.onError = () => {
      throw new Error('hook');
    };
    expect(await exchange(get() + get('/2'))).to.match(/^HTTP\/1\.1 500 /);
    expect(log.entries.map(({ message }) => message)).to.include('the handler of GET / failed');
  });
});
