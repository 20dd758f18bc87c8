/** Responses that last: which clients are given up meanwhile, when they end by themselves, and what a promised length is worth. */
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get } from '../support/message.js';
import { settle } from '../support/settle.js';
import { eventually } from '../support/upload-place.js';
import { type Wire, wire } from '../support/wire.js';

/** Sends a piece a second for `seconds`, and answers what came of it. */
async function trickle(far: Wire, source: PassThrough, seconds: number): Promise<string> {
  let text = '';
  for (let second = 1; second <= seconds; second++) {
    source.write(`second ${second};`);
    await far.pass(1_000);
    text += await far.take();
  }
  source.end();
  return text + (await far.take());
}

describe('api: responses that last', () => {
  it('a client that has shut its side is not given up while it is sent something', async () => {
    const source = new PassThrough();
    const far = wire((request) => request.sendStream(source));
    far.send(get());
    await far.settle();
    far.client.end();
    expect(await trickle(far, source, 100))
      .to.contain('second 100;')
      .and.match(/\r\n0\r\n\r\n$/);
  });

  it('nor is one with many requests behind it', async () => {
    const source = new PassThrough();
    const far = wire((request) => {
      if (request.url === '/') request.sendStream(source);
      else request.sendResponse('');
    });
    far.send(get() + get('/2').repeat(3_000));
    expect(await trickle(far, source, 60)).to.contain('second 60;');
  });

  it('events that begin when the engine is stopping end at once', async () => {
    const later = gate();
    const far = wire(async (request) => {
      await later.opened;
      request.sendEvents();
    });
    far.send(get());
    await far.settle();
    const stopped = far.engine.stop();
    await far.settle();
    later.open();
    expect(await far.take()).to.match(/Connection: close\r\n\r\n0\r\n\r\n$/);
    far.client.end();
    await stopped;
  });

  it('so do events for a client that has shut its side before', async () => {
    const later = gate();
    let isClosed: boolean | null = null;
    const far = wire(async (request) => {
      await later.opened;
      isClosed = request.sendEvents().closed;
    });
    far.send(get());
    far.client.end();
    await far.settle();
    later.open();
    await far.settle();
    expect([isClosed, far.ended]).to.deep.equal([true, true]);
  });

  for (const [title, length, code] of [
    ['less', 6, 'HTTP_CONTENT_TOO_SHORT'],
    ['more', 4, 'HTTP_CONTENT_TOO_LONG'],
  ] as const) {
    it(`a compressed stream that brings ${title} than its Content-Length does not look whole`, async () => {
      const headers = { 'Content-Type': 'text/plain', 'Content-Length': length };
      const far = wire((request) => request.sendStream(['12345'], 200, headers), { compress: true });
      far.send(get('/', 'Accept-Encoding: gzip'));
      // Compression is done beside the event loop.
      await eventually(() => far.ended || far.sink.text.endsWith('\r\n0\r\n\r\n'));
      const text = await far.take();
      expect(text)
        .to.contain('Content-Encoding: gzip')
        .and.not.match(/0\r\n\r\n$/);
      expect([far.ended, ...far.log.codes]).to.deep.equal([true, code]);
    });
  }

  it('a source is given up once', async () => {
    let ends = 0;
    const later = gate();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => later.opened.then(() => ({ done: false as const, value: 'x' })),
        return: async () => ({ done: true as const, value: ends++ }),
      }),
    };
    const far = wire((request) => request.sendStream(source));
    far.send(get());
    await far.settle();
    far.client.abort();
    await far.settle();
    later.open();
    await settle();
    expect(ends).to.equal(1);
  });
});
