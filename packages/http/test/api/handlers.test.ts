import { HTTPError, type HTTPRequest, type RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { get, message } from '../support/message.js';
import { wire } from '../support/wire.js';

const internalError = message`
  HTTP/1.1 500 Internal Server Error
  Content-Type: text/plain; charset=utf-8
  Content-Length: 26
  Date: now

  500 Internal Server Error
  `.replace(/\r\n$/, '\n');

describe('api: a handler', () => {
  it('is named in the log by what it was asked', async () => {
    const { exchange, log } = wire(() => Promise.reject(undefined));
    await exchange(get('/path?query'));
    expect(log.entries[0]).to.include({ level: 'error', error: 'nothing was thrown' });
    expect(log.entries[0]?.message).to.equal('the handler of GET /path failed');
  });

  it('need not finish before it returns', async () => {
    const { exchange, take } = wire(async (request) => {
      await gate;
      request.sendResponse('later');
    });
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    expect(await exchange(get())).to.equal('');
    open();
    expect(await take()).to.match(/later$/);
  });

  it('that throws an HTTPError answers with its headers', async () => {
    const far = wire(() => {
      throw new HTTPError(401, 'who?\n', { headers: { 'WWW-Authenticate': 'Basic' } });
    });
    expect(await far.exchange(get())).to.match(
      /^HTTP\/1\.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n[\s\S]*\r\n\r\nwho\?\n$/,
    );
  });

  for (const isLate of [false, true]) {
    for (const headers of [
      { 'X-A': 'a\r\nX-B: b' },
      { 'Content-Length': '99' },
      { 'Transfer-Encoding': 'gzip' },
    ]) {
      it(`that ${isLate ? 'rejects with' : 'throws'} an HTTPError with ${Object.keys(headers)} that cannot be sent answers 500`, async () => {
        const far = wire((request) => {
          const error = new HTTPError(401, 'who?\n', { headers });
          if (isLate) return Promise.reject(error);
          request.cookiesOut.set('a', 'b');
          throw error;
        });
        expect(await far.exchange(get())).to.equal(internalError);
        expect(far.log.codes[0]).to.match(/^HTTP_HEADER_(?:VALUE|FRAMING)$/);
        expect(await far.exchange(get('/again')), 'the connection goes on').to.equal(internalError);
      });
    }
  }

  const answers: [string, unknown, boolean][] = [
    ['text', 'hello', true],
    ['bytes', Buffer.from('x'), true],
    ['an object', { a: 1 }, true],
    ['the length of a list', 5, false],
    ['a map', new Map(), false],
    ['nothing', undefined, false],
  ];
  for (const [what, value, isWarned] of answers) {
    for (const isLate of [false, true]) {
      it(`that returns ${what}${isLate ? ', later,' : ''} and does not answer is ${isWarned ? '' : 'not '}warned of`, async () => {
        const far = wire(() => (isLate ? Promise.resolve(value) : value));
        await far.exchange(get('/a'));
        const message =
          'the handler of GET /a returned a value and has not answered; sendResponse and sendJSON do';
        expect(far.log.entries.map((entry) => entry.message)).to.deep.equal(isWarned ? [message] : []);
      });
    }
  }

  it('that returns a value and has answered is not warned of', async () => {
    const far = wire((request) => {
      request.sendResponse('hello');
      return 'hello';
    });
    await far.exchange(get());
    expect(far.log.entries).to.deep.equal([]);
  });

  it('may be replaced while the server runs', async () => {
    const { server, exchange } = wire((request) => request.sendResponse('one'));
    expect(await exchange(get())).to.match(/one$/);
    server.requestHandler = (request) => request.sendResponse('two');
    expect(await exchange(get())).to.match(/two$/);
  });

  it('is called once for each request', async () => {
    const urls: string[] = [];
    const { exchange } = wire((request) => {
      urls.push(request.url);
      request.finish();
    });
    await exchange(get('/1') + get('/2'));
    await exchange(get('/3'));
    expect(urls).to.deep.equal(['/1', '/2', '/3']);
  });
});

const failing: [string, (error: unknown) => RequestHandler][] = [
  [
    'returns a promise of another make that rejects',
    (error) => () => ({
      // biome-ignore lint/suspicious/noThenProperty: query builders are made so
      then(_done: unknown, failed: (error: unknown) => void) {
        failed(error);
      },
    }),
  ],
  [
    'throws',
    (error) => () => {
      throw error;
    },
  ],
  [
    'rejects',
    (error) => async () => {
      throw error;
    },
  ],
  [
    'rejects later',
    (error) => async () => {
      await Promise.resolve();
      throw error;
    },
  ],
];

for (const [how, make] of failing) {
  describe(`api: a handler that ${how}`, () => {
    it('is answered for with 500, no detail, and a line in the log', async () => {
      const error = new Error('secret');
      const { exchange, log } = wire(make(error));
      expect(await exchange(get())).to.equal(internalError);
      expect(log.entries.map(({ level, error: cause }) => [level, cause])).to.deep.equal([['error', error]]);
    });

    it('leaves a connection that can be used', async () => {
      const { exchange } = wire(make('no Error at all'));
      expect(await exchange(get() + get())).to.equal(internalError + internalError);
    });

    it('answers with a status through HTTPError', async () => {
      const { exchange, log } = wire(make(new HTTPError(404)));
      expect(await exchange(get())).to.match(/^HTTP\/1\.1 404 Not Found\r\n[\s\S]*\r\n\r\n404 Not Found\n$/);
      expect(log.entries).to.deep.equal([]);
    });

    it('answers with a text of its own through HTTPError', async () => {
      const { exchange } = wire(make(new HTTPError(403, 'not for you')));
      expect(await exchange(get())).to.match(/^HTTP\/1\.1 403 Forbidden\r\n[\s\S]*\r\n\r\nnot for you$/);
    });

    it('is forgiven a status and headers that were not sent', async () => {
      const { exchange } = wire((request) => {
        request.sendStatus(201);
        request.cookiesOut.set('a', 'b');
        request.sendCookies();
        return make(new Error('x'))(request);
      });
      expect(await exchange(get())).to.equal(internalError);
    });

    for (const [what, error] of [
      ['Error', new Error('secret')],
      ['HTTPError', new HTTPError(404)],
    ] as const) {
      it(`after the head is out, with ${what}, ends the connection and is reported`, async () => {
        const far = wire((request) => {
          request.sendHeaders({ 'Content-Length': 10 });
          request.send('hello');
          return make(error)(request);
        });
        expect(await far.exchange(get() + get())).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nhello$/);
        expect(far.ended).to.equal(true);
        expect(far.log.entries.map((entry) => entry.error)).to.deep.equal([error]);
      });
    }

    it('after the response is finished is only reported', async () => {
      const error = new Error('late');
      const far = wire((request) => {
        request.sendResponse('done');
        return make(error)(request);
      });
      expect(await far.exchange(get() + get())).to.match(/done[\s\S]*done$/);
      expect([far.ended, far.log.entries.length]).to.deep.equal([false, 2]);
    });

    it('after the client has gone is only reported', async () => {
      let fail = () => {};
      const gone = new Promise<void>((resolve) => {
        fail = resolve;
      });
      const far = wire(async (request) => {
        await gone;
        return make(new Error('late'))(request);
      });
      await far.exchange(get());
      far.client.abort();
      await far.settle();
      fail();
      await far.settle();
      expect(far.log.entries).to.have.length(1);
    });
  });
}

describe('api: order', () => {
  it('holds whatever the order in which handlers finish', async () => {
    const waiting: HTTPRequest[] = [];
    const { exchange, take } = wire((request) => {
      if (request.url === '/now') request.sendResponse('now');
      else waiting.push(request);
    });
    expect(await exchange(get('/later') + get('/now') + get('/later'))).to.equal('');
    waiting[0]?.sendResponse('first');
    expect(await take()).to.match(/first[\s\S]*now$/);
    waiting[1]?.sendResponse('third');
    expect(await take()).to.match(/third$/);
  });

  it('holds when a hundred requests are answered in turn', async () => {
    const { exchange } = wire(async (request) => {
      if (request.url.length % 2 === 0) await Promise.resolve();
      request.sendResponse(`${request.url};`);
    });
    const urls = Array.from({ length: 100 }, (_, i) => `/${i}`);
    const answer = await exchange(urls.map((url) => get(url)).join(''));
    expect(answer.match(/\/\d+(?=;)/g)).to.deep.equal(urls);
  });

  it('a deep pipeline of handlers that answer at once needs no deep stack', async () => {
    let handled = 0;
    const { exchange } = wire((request) => {
      handled++;
      request.finish();
    });
    await exchange(get().repeat(20_000));
    expect(handled).to.equal(20_000);
  });

  it('a response that is finished cannot write into the next one', async () => {
    const kept: HTTPRequest[] = [];
    const { exchange } = wire((request) => {
      kept.push(request);
      if (request.url === '/1') request.sendResponse('one');
    });
    await exchange(get('/1') + get('/2'));
    for (const late of ['send', 'sendResponse'] as const) {
      expect(() => kept[0]?.[late]('evil'))
        .to.throw()
        .with.property('code', 'HTTP_FINISHED');
    }
    expect(() => kept[0]?.finish())
      .to.throw()
      .with.property('code', 'HTTP_FINISHED');
    kept[1]?.sendResponse('two');
    expect(await exchange('')).not.to.match(/evil/);
  });
});
