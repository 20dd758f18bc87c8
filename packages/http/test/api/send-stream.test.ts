import { PassThrough, Readable } from 'node:stream';
import { UsageError } from '@inseam/engine';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { chunk, contentOf, headOf, rest } from '../support/response.js';
import { SOURCES } from '../support/watched-source.js';
import { wire } from '../support/wire.js';

describe('api: sendStream', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  before(() => process.on('unhandledRejection', note));
  after(() => process.off('unhandledRejection', note));
  afterEach('no rejection is left unhandled', () => expect(unhandled.splice(0)).to.deep.equal([]));
  for (const [kind, make] of Object.entries(SOURCES)) {
    describe(`of ${kind}`, () => {
      it('sends its pieces in chunks, finishes, and resolves', async () => {
        let isOver = false;
        const { source, log } = make(['one', 'two']);
        const far = wire(async (request) => {
          await request.sendStream(source, 203, 'text/plain');
          isOver = request.finished;
        });
        expect(await far.exchange(get())).to.equal(
          'HTTP/1.1 203 Non-Authoritative Information\r\nContent-Type: text/plain\r\n' +
            'Transfer-Encoding: chunked\r\nDate: now\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n',
        );
        // What has ended by itself is not told to end.
        expect([isOver, log.at(-1)]).to.deep.equal([true, kind === 'an async iterable' ? 'pulled' : 'ended']);
        expect(far.connection.currentRequest).to.equal(null);
      });

      it('pulls nothing for HEAD, and gives it up', async () => {
        const { source, log } = make(['one']);
        let isOver = false;
        const far = wire(async (request) => {
          await request.sendStream(source, 200, 'text/plain');
          isOver = true;
        });
        const head = 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n';
        expect(await far.exchange(head)).to.equal(
          'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n',
        );
        // A generator that has not begun has nothing to clean up.
        expect(log).to.deep.equal(kind === 'an async generator' ? [] : ['ended']);
        expect(isOver).to.equal(true);
        expect([far.connection.currentRequest, far.ended], 'the connection goes on').to.deep.equal([
          null,
          false,
        ]);
      });

      it('gives it up at once when the client is gone, silent as it is', async () => {
        const { source, log } = make(['one'], true);
        let isOver = false;
        const told: string[] = [];
        const far = wire(async (request) => {
          request.onClose = () => told.push('onClose');
          await request.sendStream(source);
          isOver = true;
        });
        expect(contentOf(await far.exchange(get()))).to.equal(chunk('one'));
        expect([isOver, log.includes('ended')]).to.deep.equal([false, false]);
        far.client.abort();
        await far.settle();
        // A generator that waits cannot be interrupted; it is not waited for.
        expect(log.at(-1)).to.equal(kind === 'an async generator' ? 'pulled' : 'ended');
        expect([isOver, told, far.log.entries]).to.deep.equal([true, ['onClose'], []]);
      });

      it('gives it up when the call is refused', async () => {
        const { source, log } = make(['one']);
        const far = wire((request) => {
          expect(() => request.sendStream(source, 99))
            .to.throw(UsageError)
            .property('code', 'HTTP_STATUS');
          request.finish();
        });
        await far.exchange(get());
        expect(log).to.deep.equal(kind === 'an async generator' ? [] : ['ended']);
      });

      it('is not pulled ahead of a client that does not read', async () => {
        const pieces = Array.from({ length: 200 }, () => Buffer.alloc(10_000, 'x'));
        const { source, log } = make(pieces);
        const far = wire((request) => request.sendStream(source));
        far.client.pause();
        far.send(get());
        for (let i = 0; i < 20; i++) await far.settle();
        expect(far.connection.pendingBytes).to.be.within(65_536, 150_000);
        if (kind !== 'an async generator') expect(log).to.have.length.within(5, 20);
        far.client.resume();
        // A Readable joins what it has in its buffer.
        expect((await rest(far)).match(/x{1000}/g)).to.have.length(2_000);
      });
    });
  }

  it('takes arrays, sets and synchronous generators', async () => {
    function* count() {
      yield 'a';
      yield Buffer.from('b');
    }
    for (const source of [['a', Buffer.from('b')], new Set(['a', 'b']), count()]) {
      const far = wire((request) => request.sendStream(source));
      expect(contentOf(await far.exchange(get()))).to.equal('1\r\na\r\n1\r\nb\r\n0\r\n\r\n');
    }
  });

  it('takes an async iterable that can be destroyed but is no stream', async () => {
    const source = Object.assign(
      (async function* () {
        yield 'a';
      })(),
      { destroy() {} },
    );
    const far = wire((request) => request.sendStream(source));
    expect(contentOf(await far.exchange(get()))).to.equal('1\r\na\r\n0\r\n\r\n');
  });

  it('takes a Readable with an encoding, in object mode, and one of another make', async () => {
    const text = new PassThrough().setEncoding('utf8');
    text.end('añb');
    const objects = Readable.from(['a', 'b'], { objectMode: true });
    const inner = Readable.from([Buffer.from('c')]);
    const foreign = Object.assign(new EventTarget(), {
      on() {},
      destroyed: false,
      destroy: () => inner.destroy(),
      [Symbol.asyncIterator]: () => inner[Symbol.asyncIterator](),
    });
    const answers: string[] = [];
    for (const source of [text, objects, foreign as unknown as Readable]) {
      const far = wire((request) => request.sendStream(source));
      answers.push(contentOf(await far.exchange(get())));
    }
    expect(answers).to.deep.equal([
      '4\r\naÃ±b\r\n0\r\n\r\n',
      '1\r\na\r\n1\r\nb\r\n0\r\n\r\n',
      '1\r\nc\r\n0\r\n\r\n',
    ]);
  });

  describe('the head', () => {
    const cases: [name: string, send: (request: HTTPRequest) => unknown, expected: RegExp][] = [
      ['is text/plain for text', (r) => r.sendStream(['a']), /^Content-Type: text\/plain; charset=utf-8\r$/m],
      [
        'is application/octet-stream for bytes',
        (r) => r.sendStream([Buffer.from('a')]),
        /^Content-Type: application\/octet-stream\r$/m,
      ],
      [
        'gets a type when the headers have none',
        (r) => r.sendStream(['a'], 200, { 'X-A': '1' }),
        /^X-A: 1\r\nContent-Type: text\/plain; charset=utf-8\r$/m,
      ],
      [
        'keeps the type of the headers',
        (r) => r.sendStream(['a'], 200, { 'content-type': 'a/b' }),
        /^content-type: a\/b\r\nTransfer/m,
      ],
      [
        'takes the status that was set before',
        (r) => {
          r.sendStatus(404);
          r.sendStream(['a']);
        },
        /^HTTP\/1\.1 404 /,
      ],
      [
        'prefers the status of the call',
        (r) => {
          r.sendStatus(404);
          r.sendStream(['a'], 410);
        },
        /^HTTP\/1\.1 410 /,
      ],
      [
        'has the cookies',
        (r) => {
          r.cookiesOut.set('a', 'b');
          r.sendStream(['a']);
        },
        /^Set-Cookie: a=b\r$/m,
      ],
      [
        'takes the headers as they are at the call',
        (r) => {
          const headers = { 'X-A': '1' };
          r.sendStream(['a'], 200, headers);
          headers['X-A'] = '2';
        },
        /^X-A: 1\r$/m,
      ],
    ];
    for (const [name, send, expected] of cases) {
      it(name, async () => {
        expect(headOf(await wire(send).exchange(get()))).to.match(expected);
      });
    }

    it('says the length of an empty source', async () => {
      const far = wire((request) => request.sendStream([], 200, 'text/css'));
      expect(await far.exchange(get())).to.equal(
        'HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nContent-Length: 0\r\nDate: now\r\n\r\n',
      );
    });

    it('goes out with the first piece, be it empty', async () => {
      const source = new PassThrough({ objectMode: true });
      const far = wire((request) => request.sendStream(source));
      expect(await far.exchange(get())).to.equal('');
      source.write('');
      expect(await far.take()).to.match(/^HTTP\/1\.1 200 OK\r\n.*\r\n\r\n$/s);
      source.end('x');
      expect(await far.take()).to.equal('1\r\nx\r\n0\r\n\r\n');
    });

    for (const status of [204, 205, 304]) {
      it(`of ${status} has no content behind it, and the source is given up`, async () => {
        const source = new PassThrough();
        const far = wire((request) => request.sendStream(source, status));
        expect(contentOf(await far.exchange(get()))).to.equal('');
        expect(source.destroyed).to.equal(true);
      });
    }
  });

  describe('with a Content-Length', () => {
    it('is not chunked', async () => {
      const far = wire((request) => request.sendStream(['ab', 'c'], 200, { 'Content-Length': 3 }));
      expect(await far.exchange(get())).to.match(/Content-Length: 3\r\n[\s\S]*\r\n\r\nabc$/);
      expect([far.ended, far.log.entries]).to.deep.equal([false, []]);
    });

    it('and more than that, the source has failed', async () => {
      const source = Readable.from(['ab', 'cd']);
      const far = wire((request) => request.sendStream(source, 200, { 'Content-Length': 3 }));
      expect(contentOf(await far.exchange(get()))).to.equal('ab');
      expect([far.ended, far.log.codes]).to.deep.equal([true, ['HTTP_CONTENT_TOO_LONG']]);
      expect(source.destroyed).to.equal(true);
    });

    for (const pieces of [[], ['ab']]) {
      it(`and less than that (${pieces.length} pieces), the connection ends`, async () => {
        let isOver = false;
        const far = wire(async (request) => {
          await request.sendStream(pieces, 200, { 'Content-Length': 3 });
          isOver = true;
        });
        expect(contentOf(await far.exchange(get()))).to.equal(pieces.join(''));
        expect([isOver, far.ended, far.log.codes]).to.deep.equal([true, true, ['HTTP_CONTENT_TOO_SHORT']]);
      });
    }
  });
});
