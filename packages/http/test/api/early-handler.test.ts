/** A handler that is called when a request's head is in: what it may do, and what it hears. */
import { UsageError } from '@inseam/engine';
import { type HTTPRequest, HTTPServer, type RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { echo, wire } from '../support/wire.js';

describe('api: an early handler', () => {
  it('is called once for each request, with content or without, and the request handler after it', async () => {
    const calls: string[] = [];
    const far = wire(
      (request) => {
        calls.push(`late ${request.method} ${request.body}`);
        request.finish();
      },
      { earlyHandler: (request) => calls.push(`early ${request.method}`) },
    );
    await far.exchange(
      get() + post('hello', 'Content-Length: 5') + post('2\r\nhi\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'),
    );
    expect(calls).to.deep.equal([
      'early GET',
      'late GET ',
      'early POST',
      'late POST hello',
      'early POST',
      'late POST hi',
    ]);
    expect((await far.exchange(get())).length).to.be.above(0);
  });

  it('is called when the head is in, before any content has come', async () => {
    let called = 0;
    const far = wire(echo, { earlyHandler: () => called++ });
    await far.exchange(post('', 'Content-Length: 5').slice(0, -2));
    expect(called).to.equal(0);
    expect(await far.exchange('\r\n')).to.equal('');
    expect(called).to.equal(1);
    expect(await far.exchange('hello')).to.match(/POST \/ hello$/);
    expect(called).to.equal(1);
  });

  it('is waited for, and the content behind it', async () => {
    const { opened, open } = gate();
    const far = wire(echo, { earlyHandler: () => opened });
    expect(await far.exchange(post('hello', 'Content-Length: 5') + get('/next'))).to.equal('');
    open();
    expect(await far.take()).to.match(/POST \/ helloHTTP\/1\.1 200 OK[\s\S]*GET \/next$/);
  });

  it('may be replaced or removed while the server runs', async () => {
    const far = wire(echo, { earlyHandler: (request) => request.sendResponse('no', 401) });
    expect(await far.exchange(get())).to.match(/ 401 /);
    far.server.earlyHandler = null;
    expect(await far.exchange(get())).to.match(/ 200 /);
    expect(() => new HTTPServer(echo, { earlyHandler: 'x' as unknown as RequestHandler })).to.throw(
      UsageError,
      /earlyHandler: string/,
    );
  });

  it('may answer piece by piece, over time', async () => {
    const { opened, open } = gate();
    const far = wire(() => expect.fail('called'), {
      earlyHandler: async (request) => {
        request.sendStatus(202);
        request.send('one');
        await opened;
        request.send('two');
        request.finish();
      },
    });
    expect(await far.exchange(get('/1') + get('/2'))).to.match(/ 202 Accepted[\s\S]*\r\none\r\n$/);
    open();
    const rest = await far.take();
    expect(rest).to.match(/^3\r\ntwo\r\n0\r\n\r\nHTTP\/1\.1 202 /);
    expect(far.ended).to.equal(false);
  });

  it('that has begun to answer and returned is the only handler', async () => {
    let waiting: HTTPRequest | undefined;
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        waiting = request;
        request.send('one');
      },
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5'))).to.match(/one\r\n$/);
    waiting?.finish();
    expect(await far.take()).to.equal('0\r\n\r\n');
    expect(far.ended).to.equal(false);
  });

  it('may set a status or cookies for the request handler', async () => {
    const far = wire((request) => request.finish(), {
      earlyHandler: (request) => {
        request.sendStatus(202);
        request.cookiesOut.set('a', 'b');
      },
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5'))).to.match(
      /^HTTP\/1\.1 202 Accepted\r\nSet-Cookie: a=b/,
    );
  });

  it('sends its cookies, and no content to HEAD', async () => {
    const far = wire(echo, {
      earlyHandler: (request) => {
        request.cookiesOut.set('a', 'b');
        request.sendResponse('no', 401);
      },
    });
    expect(await far.exchange(get().replace('GET', 'HEAD'))).to.match(
      /^HTTP\/1\.1 401 Unauthorized\r\nSet-Cookie: a=b[^\r]*\r\n[\s\S]*Content-Length: 2\r\n[\s\S]*\r\n\r\n$/,
    );
  });

  for (const [what, earlyHandler] of [
    [
      'throws',
      () => {
        throw new Error('x');
      },
    ],
    ['rejects', () => Promise.reject(new Error('x'))],
  ] as const) {
    it(`that ${what} answers 500, and is reported`, async () => {
      const far = wire(() => expect.fail('called'), { earlyHandler });
      expect(await far.exchange(get('/1'))).to.match(/^HTTP\/1\.1 500 /);
      expect(far.ended).to.equal(false);
      expect(await far.exchange(post('', 'Content-Length: 5'))).to.match(
        /^HTTP\/1\.1 500 [\s\S]*Connection: close/,
      );
      expect(far.ended).to.equal(true);
      expect(far.log.entries.map((entry) => entry.message)).to.deep.equal([
        'the handler of GET /1 failed',
        'the handler of POST / failed',
      ]);
    });
  }

  it('that is at work lets no more than 64 KiB of content come, and takes as long as it takes', async () => {
    const { opened, open } = gate();
    const far = wire((request) => request.sendResponse(String(request.body.length)), {
      earlyHandler: () => opened,
    });
    far.send(post('', 'Content-Length: 1000000'));
    for (let i = 0; i < 100; i++) far.send('x'.repeat(10_000));
    await far.pass(600_000);
    expect(far.connection.bytesRead).to.be.within(65_536, 80_000);
    expect(await far.take()).to.equal('');
    open();
    expect(await far.take()).to.match(/\r\n\r\n1000000$/);
  });

  for (const [what, bytes] of [
    ['without content', get()],
    ['whose content has not come', post('he', 'Content-Length: 5')],
  ] as const) {
    it(`hears once of a client that leaves, with a request ${what}`, async () => {
      const told: string[] = [];
      const { opened, open } = gate();
      const far = wire(() => expect.fail('called'), {
        earlyHandler: async (request) => {
          request.onClose = () => told.push('onClose');
          request.signal.addEventListener('abort', () => told.push('signal'));
          await opened;
          told.push('late');
        },
      });
      await far.exchange(bytes);
      far.client.abort();
      await far.settle();
      expect(told).to.deep.equal(['onClose', 'signal']);
      open();
      await far.settle();
      expect(told).to.deep.equal(['onClose', 'signal', 'late']);
      expect(far.log.entries).to.deep.equal([]);
    });
  }

  it('hears of a client that had shut its side before its request had its turn', async () => {
    const told: string[] = [];
    const waiting: HTTPRequest[] = [];
    const far = wire(() => expect.fail('called'), {
      earlyHandler: async (request) => {
        request.onClose = () => told.push(request.url);
        waiting.push(request);
        await new Promise(() => {});
      },
    });
    far.send(get('/1') + get('/2'));
    far.client.end();
    await far.settle();
    waiting[0]?.finish();
    await far.settle();
    expect(told).to.deep.equal(['/1', '/2']);
    waiting[1]?.finish();
    await far.settle();
    expect(far.ended).to.equal(true);
  });

  it('hears of a client that leaves while the content is collected', async () => {
    const told: string[] = [];
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        request.onClose = () => told.push('onClose');
      },
    });
    await far.exchange(post('he', 'Content-Length: 5'));
    far.client.end();
    await far.settle();
    expect(told).to.deep.equal(['onClose']);
    expect(readRefusal(far, await far.take())).to.equal('400 HTTP_INCOMPLETE');
  });

  for (const [what, wait] of [
    ['at once', () => undefined],
    ['later', () => Promise.resolve()],
  ] as const) {
    it(`may upgrade a request without content, ${what}`, async () => {
      const read: string[] = [];
      const far = wire(() => expect.fail('called'), {
        earlyHandler: async (request) => {
          if (wait() !== undefined) await wait();
          request.connection.upgrade('lines', { onRead: (data) => read.push(String(data)) });
        },
      });
      const answer = await far.exchange(
        `${get('/', 'Connection: Upgrade', 'Upgrade: lines')}${get('/more')}`,
      );
      expect(answer).to.match(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\n$/);
      expect(read.join('')).to.equal(get('/more'));
    });
  }

  it('may not upgrade a request whose content has not been read', async () => {
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => request.connection.upgrade('lines', { onRead() {} }),
    });
    const upgrade = post('', 'Connection: Upgrade', 'Upgrade: lines', 'Content-Length: 5');
    expect(await far.exchange(upgrade)).to.match(/^HTTP\/1\.1 500 [\s\S]*Connection: close/);
    expect(far.log.codes).to.deep.equal(['HTTP_UPGRADE']);
  });

  it('cannot ask for content that has not been read', async () => {
    const asks: Record<string, (request: HTTPRequest) => unknown> = {
      body: (request) => request.body,
      post: (request) => request.post,
      files: (request) => request.files,
      json: (request) => request.json(),
    };
    for (const [what, ask] of Object.entries(asks)) {
      const far = wire(echo, { earlyHandler: ask });
      const bytes = post('', 'Content-Type: application/json', 'Content-Length: 2');
      expect(await far.exchange(bytes), what).to.match(/^HTTP\/1\.1 500 /);
      expect(far.log.codes, what).to.deep.equal(['HTTP_CONTENT_AHEAD']);
    }
  });
});

describe('api: an early handler and engine.stop()', () => {
  for (const [what, bytes, rest] of [
    ['without content', get('/begun'), ''],
    ['whose content comes later', post('he', 'Content-Length: 5'), 'llo'],
    ['whose content is here', post('hello', 'Content-Length: 5'), ''],
  ] as const) {
    it(`a request ${what} is answered, and is the last one`, async () => {
      const { opened, open } = gate();
      const far = wire(echo, { earlyHandler: () => opened });
      await far.exchange(bytes);
      const stopped = far.engine.stop();
      await far.settle();
      expect(far.ended).to.equal(false);
      open();
      expect(await far.exchange(rest + get('/next'))).to.match(
        /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\n(GET \/begun|POST \/ hello)$/,
      );
      expect(far.ended).to.equal(true);
      far.client.end();
      await far.settle();
      await stopped;
    });
  }
});
