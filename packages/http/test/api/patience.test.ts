/** What a client can make a connection wait for, and for how long. */
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { wire } from '../support/wire.js';

const limits = {
  headTimeoutMs: 1_000,
  bodyTimeoutMs: 2_000,
  requestTimeoutMs: 5_000,
  keepAliveTimeoutMs: 10_000,
  writeTimeoutMs: 3_000,
};

describe('api: patience', () => {
  const trickles = {
    'a body': [post('', 'Content-Length: 100'), 'x'],
    'a chunk extension': [post('1;a', 'Transfer-Encoding: chunked'), 'x'],
    trailers: [post('0\r\nA: b', 'Transfer-Encoding: chunked'), 'x'],
  } as const;
  for (const [what, [start, piece]] of Object.entries(trickles)) {
    it(`${what} that trickles in is refused after requestTimeoutMs`, async () => {
      const far = wire(undefined, { limits });
      far.send(start);
      for (let passed = 0; passed < 4_000; passed += 1_000) {
        await far.pass(1_000);
        far.send(piece);
        expect(await far.take()).to.equal('');
      }
      await far.pass(2_000);
      expect(await far.take()).to.match(/^HTTP\/1\.1 408 /);
      expect(far.log.codes).to.deep.equal(['HTTP_BODY_TIMEOUT']);
      far.client.end();
    });
  }

  it('each request of a connection has requestTimeoutMs of its own', async () => {
    const far = wire(undefined, { limits });
    for (let i = 0; i < 4; i++) {
      far.send(post('1', 'Content-Length: 2'));
      await far.pass(1_900);
      expect(await far.exchange('2')).to.match(/^HTTP\/1\.1 200 /);
    }
    far.client.end();
  });

  it('a client that has shut its side is not kept for ever by a handler that never answers', async () => {
    const far = wire(() => {}, { limits });
    await far.exchange(get());
    far.client.end();
    await far.pass(2_500);
    expect(far.server.channels.size).to.equal(1);
    await far.pass(2_500);
    expect(far.server.channels.size).to.equal(0);
  });

  it('a client that sends on and on behind an unfinished request is given up, and the handler hears of it', async () => {
    let left = 0;
    const far = wire(
      (request) => {
        request.onClose = () => left++;
      },
      { limits },
    );
    far.send(get().repeat(5_000));
    await far.pass(1_500);
    expect(left).to.equal(0);
    await far.pass(2_500);
    expect([left, far.server.channels.size]).to.deep.equal([1, 0]);
  });

  it('a handler that waits, with a client that does too, is left alone', async () => {
    let waiting: HTTPRequest | undefined;
    const far = wire(
      (request) => {
        waiting = request;
      },
      { limits },
    );
    await far.exchange(get());
    await far.pass(60_000);
    waiting?.sendResponse('at last');
    expect(await far.take()).to.match(/at last$/);
  });

  it('resume() by the handler does not undo the back-pressure of the protocol', async () => {
    const far = wire(() => {});
    for (let i = 0; i < 100; i++) {
      far.send(get().repeat(100));
      far.connection.resume();
    }
    await far.settle();
    far.connection.resume();
    await far.settle();
    expect(far.client.pendingBytes).to.be.above(300_000);
    far.connection.abort();
  });

  it('pause() by the handler outlasts the back-pressure of the protocol', async () => {
    const far = wire((request) => {
      request.connection.pause();
      request.sendResponse('one');
    });
    expect(await far.exchange(get())).to.match(/one$/);
    expect(await far.exchange(get())).to.equal('');
    far.connection.resume();
    expect(await far.take()).to.match(/one$/);
  });
});

describe('api: patience with a pipeline', () => {
  it('what waits behind a request counts until it is little, not until it is gone', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => waiting.push(request), { limits });
    const first = get('/1');
    const large = post('x'.repeat(70_000), 'Content-Length: 70000');
    far.send(first);
    far.send(large + get('/3') + get('/4'));
    await far.settle();
    waiting[0]?.sendResponse('one');
    await far.pass(60_000);
    expect(far.ended).to.equal(false);
    waiting[1]?.sendResponse('two');
    expect(await far.take()).to.match(/one[\s\S]*two$/);
    far.connection.abort();
  });

  it('and no more than a chunk comes beyond 64 KiB, however often it becomes less', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => waiting.push(request));
    const batch = get().repeat(100);
    for (let i = 0; i < 60; i++) far.send(batch);
    for (let i = 0; i < 200; i++) {
      await far.settle();
      expect(far.connection.bytesRead - i * get().length).to.be.at.most(65_536 + 2 * batch.length);
      waiting.shift()?.finish();
    }
    far.connection.abort();
  });
});
