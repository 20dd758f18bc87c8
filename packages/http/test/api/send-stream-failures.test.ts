import { once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { UsageError } from '@inseam/engine';
import { type ContentSource, HTTPError, type HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { chunk, contentOf } from '../support/response.js';
import { wire } from '../support/wire.js';

describe('api: sendStream, what fails', () => {
  describe('a source that fails', () => {
    const failing = (...pieces: string[]) =>
      (async function* () {
        yield* pieces;
        throw new Error('out of luck');
      })();

    it('before the head is out answers 500, and is reported', async () => {
      const far = wire(async (request) => {
        request.cookiesOut.set('a', 'b');
        await request.sendStream(failing(), 200, 'text/css');
      });
      expect(await far.exchange(get('/x'))).to.equal(
        'HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 26\r\n' +
          'Date: now\r\n\r\n500 Internal Server Error\n',
      );
      expect(far.log.entries.map(({ message, error }) => [message, (error as Error).message])).to.deep.equal([
        ['the handler of GET /x failed', 'out of luck'],
      ]);
      expect(far.ended).to.equal(false);
    });

    it('with an HTTPError before the head is out answers that', async () => {
      const source = Readable.from(['a']);
      source.destroy(new HTTPError(404, 'no such thing'));
      source.on('error', () => {});
      const far = wire((request) => request.sendStream(source));
      expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 404 [\s\S]*no such thing$/);
      expect(far.log.entries).to.deep.equal([]);
    });

    it('behind the head ends the connection, and is reported', async () => {
      let isOver = false;
      const far = wire(async (request) => {
        await request.sendStream(failing('one'));
        isOver = true;
      });
      expect(contentOf(await far.exchange(get()))).to.equal(chunk('one'));
      expect([isOver, far.ended, far.log.entries.length]).to.deep.equal([true, true, 1]);
    });

    it('towards an HTTP/1.0 client resets the connection, since an end would look whole', async () => {
      const far = wire((request) => request.sendStream(failing('one')));
      far.send('GET / HTTP/1.0\r\n\r\n');
      await far.settle();
      expect(far.sink.events).to.include('close: the other end was closed');
    });

    it('with an end of the stream that is no end of its content is a failure, too', async () => {
      const source = new PassThrough();
      const far = wire((request) => request.sendStream(source));
      source.write('one');
      await far.exchange(get());
      source.destroy();
      await far.settle();
      expect([far.ended, far.log.entries.length]).to.deep.equal([true, 1]);
    });

    it('with nothing at all answers 500', async () => {
      const far = wire((request) =>
        request.sendStream({
          [Symbol.asyncIterator]: () => ({
            next() {
              throw undefined;
            },
          }),
        }),
      );
      expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 500 /);
      expect(far.log.entries.map(({ error }) => error)).to.deep.equal(['nothing was thrown']);
    });

    for (const piece of [1, null, { a: 1 }, new ArrayBuffer(1), undefined]) {
      const what =
        piece === null ? 'null' : typeof piece === 'object' ? piece.constructor.name : typeof piece;
      it(`by a piece of another type (${what}) is one that fails`, async () => {
        const first = wire((request) => request.sendStream([piece as unknown as string], 200, 'a/b'));
        expect(await first.exchange(get())).to.match(/^HTTP\/1\.1 500 /);
        const second = wire((request) => request.sendStream(['a', piece as unknown as string]));
        expect(contentOf(await second.exchange(get()))).to.equal(chunk('a'));
        expect(second.ended).to.equal(true);
        expect([...first.log.codes, ...second.log.codes]).to.deep.equal(['HTTP_CONTENT', 'HTTP_CONTENT']);
      });
    }
  });

  describe('is refused', () => {
    const ended = Readable.from(['a']);
    const kept = new Readable({ autoDestroy: false, read: () => kept.push(null) });
    before('streams that have been read', async () => {
      for (const stream of [ended, kept]) await once(stream.resume(), 'end');
    });
    const locked = new ReadableStream();
    locked.getReader();
    const cases: [name: string, source: unknown, detail: string][] = [
      ['text', 'abc', 'sendResponse'],
      ['bytes', Buffer.from('abc'), 'sendResponse'],
      ['null', null, 'null'],
      ['undefined', undefined, 'undefined'],
      ['a number', 5, 'number'],
      ['an object without pieces', {}, 'object'],
      ['a function', () => {}, 'function'],
      ['a Writable', new Writable(), 'object'],
      ['a destroyed Readable', Readable.from(['a']).destroy(), 'destroyed'],
      ['a Readable that has been read', ended, 'has been read'],
      ['one that has been read and is not destroyed', kept, 'has been read'],
      ['a ReadableStream that is locked', locked, 'locked'],
    ];
    for (const [name, source, detail] of cases) {
      it(name, async () => {
        const far = wire((request) => {
          expect(() => request.sendStream(source as ContentSource))
            .to.throw(UsageError, detail)
            .with.property('code', 'HTTP_STREAM');
          request.sendResponse('still free');
        });
        expect(await far.exchange(get())).to.match(/still free$/);
      });
    }

    const arguments_: [name: string, status: number | undefined, type: unknown, code: string][] = [
      ['a bad status', 100, undefined, 'HTTP_STATUS'],
      ['a bad type', undefined, 'a\r\nb', 'HTTP_HEADER_VALUE'],
      ['a bad header name', undefined, { 'a b': '1' }, 'HTTP_HEADER_NAME'],
      ['a bad length', undefined, { 'Content-Length': 'x' }, 'HTTP_HEADER_FRAMING'],
      ['a framing of its own', undefined, { 'Transfer-Encoding': 'gzip' }, 'HTTP_HEADER_FRAMING'],
    ];
    for (const [name, status, type, code] of arguments_) {
      it(`${name}, at the call`, async () => {
        const source = Readable.from(['a']);
        const far = wire((request) => {
          expect(() => request.sendStream(source, status, type as string))
            .to.throw(UsageError)
            .with.property('code', code);
          request.sendResponse('still free');
        });
        expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 200 OK[\s\S]*still free$/);
        expect(source.destroyed).to.equal(true);
      });
    }

    for (const [name, begin] of [
      ['sendHeaders', (request) => request.sendHeaders()],
      ['sendResponse', (request) => request.sendResponse('')],
      ['another sendStream', (request) => request.sendStream(new PassThrough())],
    ] as [string, (request: HTTPRequest) => unknown][]) {
      it(`after ${name}`, async () => {
        const source = Readable.from(['a']);
        const far = wire((request) => {
          void begin(request);
          expect(() => request.sendStream(source))
            .to.throw(UsageError)
            .with.property('code')
            .oneOf(['HTTP_ORDER', 'HTTP_FINISHED']);
          expect(source.destroyed).to.equal(true);
        });
        await far.exchange(get());
        expect(far.log.entries).to.deep.equal([]);
      });
    }
  });

  const calls: Record<string, (request: HTTPRequest) => unknown> = {
    sendStatus: (request) => request.sendStatus(201),
    sendHeaders: (request) => request.sendHeaders(),
    send: (request) => request.send('x'),
    sendResponse: (request) => request.sendResponse('x'),
    sendJSON: (request) => request.sendJSON(1),
    sendEvents: (request) => request.sendEvents(),
    finish: (request) => request.finish(),
    'connection.finish': (request) => request.connection.finish(),
    'connection.upgrade': (request) => request.connection.upgrade('x', { onRead() {} }),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`lets nobody in between: ${name} is out of order, before the head and behind it`, async () => {
      const source = new PassThrough();
      const requests: HTTPRequest[] = [];
      const far = wire((request) => {
        requests.push(request);
        void request.sendStream(source);
      });
      const [request] = [await far.exchange(get('/', 'Connection: upgrade', 'Upgrade: x'))].map(
        () => requests[0],
      );
      const refused = () => expect(() => request && call(request)).to.throw(UsageError);
      refused();
      source.write('a');
      await far.settle();
      refused();
      source.end('b');
      expect(contentOf(await far.take())).to.equal('1\r\na\r\n1\r\nb\r\n0\r\n\r\n');
    });
  }

  it('may still be given cookies until the head is out', async () => {
    const source = new PassThrough();
    const far = wire((request) => {
      void request.sendStream(source);
      request.cookiesOut.set('late', '1');
    });
    source.end('a');
    expect(await far.exchange(get())).to.match(/Set-Cookie: late=1/);
  });

  for (const piece of ['', 'one']) {
    it(`is given up by a handler that fails ${piece ? 'behind' : 'before'} the head`, async () => {
      const source = new PassThrough();
      if (piece) source.write(piece);
      let fail = () => {};
      let isOver = false;
      const far = wire((request) => {
        void request.sendStream(source).then(() => {
          isOver = true;
        });
        return new Promise((_, reject) => {
          fail = () => reject(new Error('second thoughts'));
        });
      });
      await far.exchange(get());
      fail();
      const answer = await far.take();
      if (piece === '') expect(answer).to.match(/^HTTP\/1\.1 500 /);
      expect([far.ended, source.destroyed, isOver]).to.deep.equal([piece !== '', true, true]);
      expect(far.log.entries).to.have.length(1);
      expect(far.connection.currentRequest).to.equal(null);
    });
  }
});
