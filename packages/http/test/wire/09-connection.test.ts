import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { wire } from '../support/wire.js';

const old = (...lines: string[]) => ['GET / HTTP/1.0', ...lines, '', ''].join('\r\n');

describe('RFC 9112 §9.3 Persistence', () => {
  it('an HTTP/1.1 connection stays, and nothing need be said', async () => {
    const far = wire();
    for (let i = 0; i < 3; i++) {
      expect(await far.exchange(get(`/${i}`))).to.equal(message`
        HTTP/1.1 200 OK
        Content-Type: text/plain; charset=utf-8
        Content-Length: 6
        Date: now

        GET /${i}`);
    }
    expect(far.ended).to.equal(false);
  });

  it('an HTTP/1.1 client says close, and gets one last answer', async () => {
    const far = wire();
    const answer = await far.exchange(get('/', 'Connection: close') + get('/never'));
    expect(answer).to.match(/Connection: close\r\n\r\nGET \/$/);
    expect(far.ended).to.equal(true);
  });

  it('an HTTP/1.0 connection ends', async () => {
    const far = wire();
    expect(await far.exchange(old())).to.match(/\r\nConnection: close\r\n/);
    expect(far.ended).to.equal(true);
  });

  it('an HTTP/1.0 client that says keep-alive is told that it is', async () => {
    const far = wire();
    for (let i = 0; i < 2; i++) {
      expect(await far.exchange(old('Connection: Keep-Alive'))).to.match(/\r\nConnection: keep-alive\r\n/);
    }
    expect(far.ended).to.equal(false);
  });

  it('close outranks keep-alive', async () => {
    const far = wire();
    expect(await far.exchange(get('/', 'Connection: keep-alive, close'))).to.match(/Connection: close/);
    expect(far.ended).to.equal(true);
  });

  it('a handler may say close', async () => {
    const far = wire((request) => request.sendResponse('', 200, { Connection: 'close' }));
    expect((await far.exchange(get())).match(/Connection: .*/g)).to.deep.equal(['Connection: close']);
    expect(far.ended).to.equal(true);
  });

  it('a server may be told to keep no connection', async () => {
    const far = wire(undefined, { keepAlive: false });
    expect(await far.exchange(get())).to.match(/Connection: close/);
    expect(far.ended).to.equal(true);
  });
});

describe('RFC 9112 §9.3.2 Pipelining', () => {
  it('requests in one packet are answered in order', async () => {
    const answer = await wire().exchange(get('/1') + post('x', 'Content-Length: 1') + get('/3'));
    expect(answer.match(/(GET|POST) \/.*/g)).to.deep.equal([
      'GET /1HTTP/1.1 200 OK',
      'POST / xHTTP/1.1 200 OK',
      'GET /3',
    ]);
  });

  it('a later request waits for an earlier response', async () => {
    const waiting: HTTPRequest[] = [];
    const { exchange, take } = wire((request) => waiting.push(request));
    expect(await exchange(get('/1') + get('/2'))).to.equal('');
    expect(waiting.map(({ url }) => url)).to.deep.equal(['/1']);
    waiting[0]?.sendResponse('one');
    expect(await take()).to.match(/\r\n\r\none$/);
    expect(waiting.map(({ url }) => url)).to.deep.equal(['/1', '/2']);
    waiting[1]?.sendResponse('two');
    expect(await take()).to.match(/\r\n\r\ntwo$/);
  });

  it('what comes after a refusal is not looked at', async () => {
    const far = wire();
    const answer = await far.exchange(get('/1') + get('/2', 'X : y') + get('/3'));
    const refusal = answer.slice(answer.indexOf('HTTP/1.1 400'));
    expect(answer).to.match(/GET \/1HTTP\/1\.1 400 /);
    expect(readRefusal(far, refusal)).to.equal('400 HTTP_FIELD_NAME_SPACE');
  });
});

describe('RFC 9112 §9.5 Failures and Timeouts', () => {
  const limits = {
    headTimeoutMs: 1_000,
    bodyTimeoutMs: 2_000,
    keepAliveTimeoutMs: 4_000,
    writeTimeoutMs: 3_000,
  };

  it('a head that does not come to its end gets 408', async () => {
    const far = wire(undefined, { limits });
    far.send('GET / HT');
    await far.pass(950);
    expect([await far.take(), far.ended]).to.deep.equal(['', false]);
    await far.pass(600);
    expect(readRefusal(far, await far.take())).to.equal('408 HTTP_HEAD_TIMEOUT');
  });

  it('a head that trickles in gets 408 all the same', async () => {
    const far = wire(undefined, { limits });
    for (let i = 0; i < 8; i++) {
      far.send('G');
      await far.pass(200);
    }
    expect(readRefusal(far, await far.take())).to.equal('408 HTTP_HEAD_TIMEOUT');
  });

  it('content that stops coming gets 408', async () => {
    const far = wire(undefined, { limits });
    far.send(post('hel', 'Content-Length: 5'));
    await far.pass(1_900);
    expect([await far.take(), far.ended]).to.deep.equal(['', false]);
    await far.pass(700);
    expect(readRefusal(far, await far.take())).to.equal('408 HTTP_BODY_TIMEOUT');
  });

  it('content that trickles in is waited for', async () => {
    const far = wire(undefined, { limits });
    far.send(post('', 'Content-Length: 5'));
    for (const byte of 'hello') {
      await far.pass(1_900);
      far.send(byte);
    }
    expect(await far.take()).to.match(/POST \/ hello$/);
  });

  it('a connection without a request is closed without a word', async () => {
    const far = wire(undefined, { limits });
    await far.pass(1_600);
    expect([await far.take(), far.ended, far.log.entries]).to.deep.equal(['', true, []]);
  });

  it('an idle connection is closed without a word', async () => {
    const far = wire(undefined, { limits });
    await far.exchange(get());
    await far.pass(3_900);
    expect(far.ended).to.equal(false);
    await far.pass(700);
    expect([await far.take(), far.ended, far.log.entries]).to.deep.equal(['', true, []]);
  });

  it('each request begins the idle time anew', async () => {
    const far = wire(undefined, { limits });
    for (let i = 0; i < 4; i++) {
      await far.pass(i === 0 ? 500 : 3_000);
      expect(await far.exchange(get())).to.match(/ 200 OK/);
    }
  });

  it('each request has a head time of its own', async () => {
    const far = wire(undefined, { limits });
    for (let i = 0; i < 4; i++) {
      far.send(get().slice(0, 5));
      await far.pass(800);
      expect(await far.exchange(get().slice(5))).to.match(/ 200 OK/);
    }
  });

  it('a handler may take its time', async () => {
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => waiting.push(request), { limits });
    far.send(get());
    await far.pass(60_000);
    waiting[0]?.sendResponse('at last');
    expect(await far.take()).to.match(/at last$/);
  });

  it('a client that takes nothing of its response is given up', async () => {
    const far = wire((request) => request.sendResponse('x'.repeat(200_000)), { limits });
    far.client.pause();
    far.send(get());
    await far.pass(2_900);
    expect(far.connection.connected).to.equal(true);
    await far.pass(800);
    expect(far.connection.connected).to.equal(false);
  });

  it('a client that takes a little now and then is served, however long it takes', async () => {
    const far = wire((request) => request.sendResponse('x'.repeat(600_000)), { limits });
    far.sink.onChunk = (chunk) => {
      Object.getPrototypeOf(far.sink).onChunk.call(far.sink, chunk);
      far.client.pause();
    };
    far.send(get());
    for (let i = 0; i < 12; i++) {
      await far.pass(2_500);
      far.client.resume();
    }
    await far.settle();
    expect(far.sink.text).to.have.length.above(600_000);
  });

  it('so is one whose handler keeps pace with it, so that the same amount waits every time', async () => {
    const far = wire(
      async (request) => {
        for (let i = 0; i < 12; i++) if (!request.send(Buffer.alloc(65_000 + 536))) await request.drained();
        request.finish();
      },
      { limits },
    );
    far.sink.onChunk = (chunk) => {
      Object.getPrototypeOf(far.sink).onChunk.call(far.sink, chunk);
      if (chunk.length > 60_000) far.client.pause();
    };
    far.send(get());
    for (let i = 0; i < 16; i++) {
      await far.pass(2_000);
      far.client.resume();
    }
    await far.settle();
    expect(far.sink.text).to.match(/\r\n0\r\n\r\n$/);
  });
});

describe('RFC 9112 §9.6 Tear-down', () => {
  it('a request after close is not processed', async () => {
    let handled = 0;
    const far = wire((request) => {
      handled++;
      request.sendResponse('');
    });
    await far.exchange(get('/', 'Connection: close'));
    await far.exchange(get('/again'));
    expect(handled).to.equal(1);
  });

  it('the server shuts its side and reads on, so that a reset cannot overtake the answer', async () => {
    const far = wire();
    await far.exchange(get('/', 'X : y'));
    expect([far.sink.events.at(-1), far.connection.connected]).to.deep.equal(['end', true]);
    far.send('more of what nobody will read');
    await far.settle();
    far.client.end();
    await far.settle();
    expect([far.sink.events.at(-1), far.connection.connected]).to.deep.equal(['close', false]);
  });

  it('it waits two seconds for the client to follow', async () => {
    const far = wire();
    await far.exchange(get('/', 'Connection: close'));
    await far.pass(1_900);
    expect(far.connection.connected).to.equal(true);
    await far.pass(200);
    expect(far.connection.connected).to.equal(false);
  });
});
