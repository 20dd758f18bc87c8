import { PassThrough, Readable } from 'node:stream';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { chunk, contentOf, rest } from '../support/response.js';
import { settle } from '../support/settle.js';
import { wire } from '../support/wire.js';

describe('api: sendStream, how it ends', () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  before(() => process.on('unhandledRejection', note));
  after(() => process.off('unhandledRejection', note));
  afterEach('no rejection is left unhandled', () => expect(unhandled.splice(0)).to.deep.equal([]));
  it('keeps pipelined responses in order', async () => {
    const source = new PassThrough();
    const far = wire((request) => {
      if (request.url === '/1') return request.sendStream(source);
      return request.sendStream([request.url]);
    });
    await far.exchange(get('/1') + get('/2') + get('/3'));
    source.write('one');
    await far.settle();
    source.end();
    expect((await rest(far)).match(/(?<=\r\n)(one|\/\d)(?=\r\n)/g)).to.deep.equal(['one', '/2', '/3']);
  });

  it('goes on for a client that has only shut its side', async () => {
    const source = new PassThrough();
    const far = wire((request) => request.sendStream(source));
    source.write('one');
    await far.exchange(get());
    far.client.end();
    await far.settle();
    expect(source.destroyed).to.equal(false);
    source.end('two');
    expect(await far.take()).to.equal(`${chunk('two')}0\r\n\r\n`);
    expect(far.ended).to.equal(true);
  });

  it('gives the source up when the client is gone while it is behind', async () => {
    let isOver = false;
    const source = Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(50_000)));
    const far = wire(async (request) => {
      await request.sendStream(source);
      isOver = true;
    });
    far.client.pause();
    await far.exchange(get());
    expect([isOver, source.destroyed]).to.deep.equal([false, false]);
    far.client.abort();
    await far.settle();
    expect([isOver, source.destroyed, far.log.entries]).to.deep.equal([true, true, []]);
  });

  it('gives the source up when the client has gone before', async () => {
    let go = () => {};
    const source = new PassThrough();
    let isOver = false;
    const far = wire(async (request) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      await request.sendStream(source);
      isOver = true;
    });
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    go();
    await far.settle();
    expect([isOver, source.destroyed, far.log.entries]).to.deep.equal([true, true, []]);
  });

  it('gives the source up when the connection is closed by the handler', async () => {
    let pulled = 0;
    const requests: HTTPRequest[] = [];
    const far = wire((request) => {
      requests.push(request);
      return request.sendStream(
        (async function* () {
          for (; pulled < 1_000; pulled++) {
            await settle();
            yield 'x';
          }
        })(),
        200,
        { 'Content-Length': 1_000 },
      );
    });
    await far.exchange(get());
    requests[0]?.connection.close();
    await far.settle();
    const soFar = pulled;
    await far.settle();
    await far.settle();
    expect(pulled).to.equal(soFar);
    expect(far.log.entries).to.deep.equal([]);
  });

  for (const method of ['GET', 'HEAD']) {
    it(`an error while it is given up is nobody’s, and does not end the process (${method})`, async () => {
      const source = new Readable({
        read() {},
        destroy(_error, done) {
          done(new Error('cannot be closed'));
        },
      });
      const far = wire((request) => request.sendStream(source));
      await far.exchange(get().replace('GET', method));
      far.client.abort();
      await far.settle();
      expect([source.destroyed, far.log.entries]).to.deep.equal([true, []]);
    });
  }

  it('is let come to its end when the engine stops', async () => {
    const source = new PassThrough();
    const far = wire((request) => request.sendStream(source));
    source.write('one');
    await far.exchange(get());
    const stopped = far.engine.stop();
    await far.settle();
    expect([far.ended, source.destroyed]).to.deep.equal([false, false]);
    source.end('two');
    expect(await far.take()).to.equal(`${chunk('two')}0\r\n\r\n`);
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('is given up when the engine has waited long enough', async () => {
    const source = new PassThrough();
    const far = wire((request) => request.sendStream(source));
    await far.exchange(get());
    const stopped = far.engine.stop({ stopTimeoutMs: 100 });
    await far.pass(150);
    await stopped;
    expect(source.destroyed).to.equal(true);
  });

  describe('of the request itself, by an early handler', () => {
    const early = (type?: string) =>
      wire(() => {}, { earlyHandler: (request) => request.sendStream(request, 200, type) });

    it('gives back what comes, as it comes', async () => {
      const far = early();
      far.send(post('', 'Transfer-Encoding: chunked'));
      expect(await far.exchange(chunk('one'))).to.match(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\n3\r\none\r\n$/);
      expect(await far.exchange(chunk('two'))).to.equal(chunk('two'));
      expect(await far.exchange('0\r\n\r\n')).to.equal('0\r\n\r\n');
      expect(far.log.entries).to.deep.equal([]);
    });

    it('asks for content that waits to be asked for', async () => {
      const far = early('text/plain');
      const head = post('', 'Content-Length: 3', 'Expect: 100-continue');
      expect(await far.exchange(head)).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
      expect(contentOf(await far.exchange('one'))).to.equal(`${chunk('one')}0\r\n\r\n`);
    });

    it('asks for nothing once its head is out', async () => {
      async function* both(request: HTTPRequest) {
        yield 'a';
        yield* request;
      }
      const far = wire(() => {}, { earlyHandler: (request) => request.sendStream(both(request)) });
      const head = post('', 'Content-Length: 3', 'Expect: 100-continue');
      expect(contentOf(await far.exchange(head))).to.equal(chunk('a'));
      expect(await far.exchange('one')).to.equal(`${chunk('one')}0\r\n\r\n`);
    });

    it('answers content that is malformed with 400', async () => {
      const far = early();
      expect(await far.exchange(post('x', 'Transfer-Encoding: chunked'))).to.match(/^HTTP\/1\.1 400 /);
      expect(far.log.codes).to.deep.equal(['HTTP_CHUNK_SIZE']);
    });

    it('ends when the client leaves in the middle', async () => {
      const far = early();
      await far.exchange(post('', 'Content-Length: 3'));
      far.client.abort();
      await far.settle();
      expect([far.connection.currentRequest, far.log.entries]).to.deep.equal([null, []]);
    });
  });

  it('a source without end leaves the event loop to others', async () => {
    const far = wire((request) => {
      if (request.url === '/other') return request.sendResponse('answered');
      return request.sendStream(
        (function* () {
          for (let i = 0; i < 1e6; i++) yield 'never enough ';
        })(),
      );
    });
    far.send(get('/endless'));
    await far.settle();
    expect(far.sink.length).to.be.within(10_000, 1_000_000);
    expect(await far.another().exchange(get('/other'))).to.match(/answered$/);
    far.client.abort();
  });
});
