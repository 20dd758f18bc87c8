/** An early handler that answers: what becomes of the connection, and of content that nobody read. */
import { HTTPError, type RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { echo, wire } from '../support/wire.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const smuggled = get('/smuggled');

const answers: Record<string, RequestHandler> = {
  sendResponse: (request) => request.sendResponse('no', 401),
  'an HTTPError': () => {
    throw new HTTPError(401, 'no');
  },
  'sendResponse, later': async (request) => {
    await Promise.resolve();
    request.sendResponse('no', 401);
  },
  'an HTTPError, later': async () => {
    await Promise.resolve();
    throw new HTTPError(401, 'no');
  },
};

const closing = message`
  HTTP/1.1 401 Unauthorized
  Content-Type: text/plain; charset=utf-8
  Content-Length: 2
  Date: now
  Connection: close

  no`;
const staying = closing.replace('Connection: close\r\n', '');

describe('api: an early handler', () => {
  for (const [what, earlyHandler] of Object.entries(answers)) {
    for (const [framing, bytes] of [
      ['a length', post('', 'Content-Length: 5')],
      ['a length of one', post('', 'Content-Length: 1')],
      ['chunks', post('', CHUNKED)],
      ['a part of its content', post('hell', 'Content-Length: 5')],
      ['chunks that are here', post('0\r\n\r\n', CHUNKED)],
      ['a length above maxRequest', post('', 'Content-Length: 101')],
    ] as const) {
      it(`that answers by ${what} ends the connection of a request with ${framing}`, async () => {
        const far = wire(() => expect.fail('called'), { earlyHandler, maxRequest: 100 });
        expect(await far.exchange(bytes)).to.equal(closing);
        expect([far.ended, far.connection.bytesRead]).to.deep.equal([true, bytes.length]);
        expect(await far.exchange(`o${smuggled}`), 'what follows is not looked at').to.equal('');
      });
    }

    it(`that answers by ${what} keeps the connection of requests without content, or with all of it here`, async () => {
      const far = wire(() => expect.fail('called'), { earlyHandler });
      const bytes =
        get() + post('hello', 'Content-Length: 5') + post(smuggled, `Content-Length: ${smuggled.length}`);
      expect(await far.exchange(bytes + get())).to.equal(staying.repeat(4));
      expect(far.ended).to.equal(false);
      expect(await far.exchange(get())).to.equal(staying);
    });
  }

  it('that answers never makes a request of the content', async () => {
    const bytes = post(smuggled, `Content-Length: ${smuggled.length}`);
    const head = bytes.length - smuggled.length;
    for (let at = head; at < bytes.length; at++) {
      for (const earlyHandler of Object.values(answers)) {
        const urls: string[] = [];
        const far = wire(echo, {
          earlyHandler: (request) => {
            urls.push(request.url);
            return earlyHandler(request);
          },
        });
        far.send(bytes.slice(0, at));
        far.send(bytes.slice(at));
        expect(await far.take(), `cut at ${at}`).to.equal(closing);
        expect(urls).to.deep.equal(['/']);
      }
    }
  });

  for (const [what, bytes] of [
    ['without content', get()],
    ['whose content was here', post('hello', 'Content-Length: 5')],
  ] as const) {
    it(`a connection whose last request, ${what}, was answered early is idle, and is closed soon`, async () => {
      const far = wire(echo, { earlyHandler: answers['sendResponse, later'] });
      await far.exchange(bytes);
      const stopped = far.engine.stop();
      await far.pass(250);
      await stopped;
      expect([far.ended, await far.take()]).to.deep.equal([true, '']);
    });
  }
});
