import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { wire } from '../support/wire.js';

describe('api: back-pressure', () => {
  it('a client that pipelines behind an unfinished response is held back after 64 KiB', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => waiting.push(request));
    const batch = get().repeat(100);
    for (let i = 0; i < 60; i++) far.send(batch);
    await far.settle();
    expect(waiting).to.have.length(1);
    expect(far.client.pendingBytes).to.be.above(60 * batch.length - 80_000);
    while (waiting.length > 0) {
      waiting.shift()?.finish();
      if (waiting.length === 0) await far.settle();
    }
    await far.settle();
    expect((await far.take()).match(/200 OK/g)).to.have.length(6_000);
  });

  it('a client that pipelines and does not read is not served on', async () => {
    let handled = 0;
    const far = wire((request) => {
      handled++;
      request.sendResponse('x'.repeat(1_000));
    });
    far.client.pause();
    for (let i = 0; i < 100; i++) far.send(get().repeat(20));
    await far.settle();
    expect(handled).to.be.below(200);
    expect(far.connection.pendingBytes).to.be.below(200_000);
    expect(far.client.pendingBytes, 'requests wait with the client').to.be.above(50_000);
    far.client.resume();
    await far.settle();
    expect(handled).to.equal(2_000);
    expect((await far.take()).match(/200 OK/g)).to.have.length(2_000);
  });

  it('send answers false when 64 KiB wait, and drained() resolves when they are gone', async () => {
    const told: string[] = [];
    const far = wire(async (request) => {
      expect(request.send(Buffer.alloc(1_000))).to.equal(true);
      expect(request.send(Buffer.alloc(100_000))).to.equal(false);
      void request.drained().then(() => told.push('drained'));
    });
    far.client.pause();
    await far.exchange(get());
    expect(told).to.deep.equal([]);
    far.client.resume();
    await far.settle();
    expect(told).to.deep.equal(['drained']);
  });

  it('drained() resolves at once when nothing waits, and when the client goes', async () => {
    let told = '';
    const far = wire(async (request) => {
      await request.drained();
      told += 'empty ';
      request.send(Buffer.alloc(200_000));
      await request.drained();
      told += 'gone';
    });
    far.client.pause();
    await far.exchange(get());
    expect(told).to.equal('empty ');
    far.client.abort();
    await far.settle();
    expect(told).to.equal('empty gone');
  });

  it('content of small pieces takes no more memory than its bytes', async () => {
    let size = 0;
    const far = wire(
      (request) => {
        size = request.body.buffer.byteLength;
        request.finish();
      },
      { maxRequest: 50_000 },
    );
    far.send(post('', 'Transfer-Encoding: chunked'));
    for (let i = 0; i < 50; i++) far.send('1\r\nx\r\n'.repeat(1_000));
    expect(await far.exchange('0\r\n\r\n')).to.match(/200 OK/);
    expect(size).to.equal(50_000);
  });

  it('content above maxRequest is not kept, and not read for long', async () => {
    const far = wire(undefined, { maxRequest: 100_000 });
    far.send(post('', 'Transfer-Encoding: chunked'));
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    far.send(piece);
    far.send(piece);
    expect(readRefusal(far, await far.take())).to.equal('413 HTTP_BODY_TOO_LARGE');
    for (let i = 0; i < 300; i++) far.send(piece);
    await far.settle();
    expect(far.connection.connected, 'given up after 16 MiB').to.equal(false);
  });

  it('content of exactly maxRequest is taken, in both framings', async () => {
    const options = { maxRequest: 5 };
    expect(await wire(undefined, options).exchange(post('hello', 'Content-Length: 5'))).to.match(/200 OK/);
    const chunked = post('5\r\nhello\r\n0\r\n\r\n', 'Transfer-Encoding: chunked');
    expect(await wire(undefined, options).exchange(chunked)).to.match(/200 OK/);
  });
});
