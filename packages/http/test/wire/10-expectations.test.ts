/** When 100 Continue is said, and when it is not, where a handler may decide before the content comes. */
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { echo, wire } from '../support/wire.js';

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
const expectant = (...lines: string[]) => post('', 'Expect: 100-continue', ...lines);
const framings = {
  'a length': ['Content-Length: 5', 'hello'],
  chunks: ['Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'],
};

describe('RFC 9110 §10.1.1 Expect, with an early handler', () => {
  for (const [what, [line = '', content = '']] of Object.entries(framings)) {
    it(`is answered when the early handler has let the content be read, once: ${what}`, async () => {
      const { opened, open } = gate();
      const far = wire(echo, { earlyHandler: () => opened });
      expect(await far.exchange(expectant(line))).to.equal('');
      open();
      expect(await far.take()).to.equal(CONTINUE);
      expect(await far.exchange(content)).to.match(/^HTTP\/1\.1 200 [\s\S]*POST \/ hello$/);
    });

    it(`is answered when a loop asks for the first piece, once: ${what}`, async () => {
      const [taken, asked] = [gate(), gate()];
      const far = wire(echo, {
        earlyHandler: async (request) => {
          await taken.opened;
          const loop = request[Symbol.asyncIterator]();
          await asked.opened;
          let text = '';
          for await (const piece of loop) text += piece;
          request.sendResponse(text);
        },
      });
      expect(await far.exchange(expectant(line))).to.equal('');
      taken.open();
      expect(await far.take()).to.equal('');
      asked.open();
      expect(await far.take()).to.equal(CONTINUE);
      expect(await far.exchange(content.slice(0, 4))).to.equal('');
      expect(await far.exchange(content.slice(4))).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nhello$/);
    });

    it(`is not answered where content has come: ${what}`, async () => {
      for (const take of [false, true]) {
        const { opened, open } = gate();
        const far = wire(echo, {
          earlyHandler: async (request) => {
            await opened;
            if (take) for await (const _ of request) break;
            if (take) request.finish();
          },
        });
        expect(await far.exchange(expectant(line) + content.slice(0, 4))).to.equal('');
        open();
        expect(await far.exchange(content.slice(4))).to.match(/^HTTP\/1\.1 200 /);
      }
    });

    it(`is not answered by 100 when it is by a status: ${what}`, async () => {
      const far = wire(echo, { earlyHandler: (request) => request.sendResponse('', 401) });
      expect(await far.exchange(expectant(line))).to.match(
        /^HTTP\/1\.1 401 [\s\S]*Connection: close\r\n\r\n$/,
      );
      expect(far.ended).to.equal(true);
    });

    it(`is not answered once the response has begun: ${what}`, async () => {
      const far = wire(echo, {
        earlyHandler: async (request) => {
          request.sendHeaders();
          for await (const _ of request);
          request.finish();
        },
      });
      expect((await far.exchange(expectant(line))).match(/HTTP.*/g)).to.deep.equal(['HTTP/1.1 200 OK']);
      expect(await far.exchange(content)).to.equal('0\r\n\r\n');
    });

    it(`is not answered for a loop that is never begun: ${what}`, async () => {
      const far = wire(echo, {
        earlyHandler: (request) => {
          request[Symbol.asyncIterator]();
          request.finish();
        },
      });
      expect(await far.exchange(expectant(line))).to.match(
        /^HTTP\/1\.1 200 [\s\S]*Connection: close\r\n\r\n$/,
      );
    });

    it(`is not answered to a client that is gone: ${what}`, async () => {
      const { opened, open } = gate();
      const far = wire(echo, {
        earlyHandler: async (request) => {
          await opened;
          for await (const _ of request);
        },
      });
      await far.exchange(expectant(line));
      far.client.abort();
      await far.settle();
      open();
      expect(await far.take()).to.equal('');
    });
  }

  it('is not answered for content above the limit, which the early handler has not raised', async () => {
    const far = wire(echo, { maxRequest: 4, earlyHandler: () => {} });
    expect(await far.exchange(expectant('Content-Length: 5'))).to.match(/^HTTP\/1\.1 413 /);
  });

  it('is not answered to HTTP/1.0', async () => {
    const far = wire(echo, {
      earlyHandler: async (request) => {
        for await (const piece of request) request.sendResponse(piece);
      },
    });
    expect(await far.exchange(expectant('Content-Length: 5').replace('HTTP/1.1', 'HTTP/1.0'))).to.equal('');
    expect(await far.exchange('hello')).to.match(/^HTTP\/1\.1 200 [\s\S]*hello$/);
  });

  it('is not answered without content, even to a loop', async () => {
    const far = wire(echo, {
      earlyHandler: async (request) => {
        for await (const _ of request);
        request.finish();
      },
    });
    expect(await far.exchange(get('/', 'Expect: 100-continue'))).to.match(/^HTTP\/1\.1 200 /);
  });

  it('that was never answered is not answered in the next request’s place', async () => {
    const far = wire(echo, {
      earlyHandler: async (request) => {
        if (request.method === 'POST') request.sendResponse('', 401);
        for await (const _ of request);
        request.finish();
      },
    });
    expect(await far.exchange(`${expectant('Content-Length: 5')}hello`)).to.match(/^HTTP\/1\.1 401 /);
    expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 200 /);
  });
});
