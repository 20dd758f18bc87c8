import { UsageError } from '@inseam/engine';
import type { EventStream, EventStreamOptions, HTTPRequest, ServerEvent } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { type Wire, wire } from '../support/wire.js';

const HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n' +
  'Transfer-Encoding: chunked\r\nDate: now\r\n\r\n';

interface Open {
  readonly far: Wire;
  readonly events: EventStream;
  readonly request: HTTPRequest;
  /** How often `onClose` was called. */
  readonly closes: () => number;
}

async function open(options?: EventStreamOptions, bytes = get()): Promise<Open> {
  const opened: [EventStream, HTTPRequest][] = [];
  let closes = 0;
  const far = wire((request) => {
    const events = request.sendEvents(options);
    events.onClose = () => closes++;
    opened.push([events, request]);
  });
  far.send(bytes);
  await far.settle();
  const [first] = opened;
  if (first === undefined) throw new Error('the handler was not called, or threw');
  return { far, events: first[0], request: first[1], closes: () => closes };
}

/** What the chunks hold. */
const unchunk = (text: string) => text.replace(/[0-9a-f]+\r\n([\s\S]*?)\r\n(?=[0-9a-f]|$)/g, '$1');

describe('api: events', () => {
  it('begins with its head, at once', async () => {
    const { far, events } = await open();
    expect(await far.take()).to.equal(HEAD);
    expect(events.closed).to.equal(false);
  });

  it('sends text, and values as JSON', async () => {
    const { far, events } = await open();
    await far.take();
    expect(events.send('hello')).to.equal(true);
    expect(events.send({ data: 'a\nb', event: 'tick', id: '1', retry: 5 })).to.equal(true);
    expect(events.send({ data: { a: [1, null] } })).to.equal(true);
    expect(events.send({ data: null })).to.equal(true);
    expect(unchunk(await far.take())).to.equal(
      'data: hello\n\nevent: tick\nid: 1\nretry: 5\ndata: a\ndata: b\n\ndata: {"a":[1,null]}\n\ndata: null\n\n',
    );
  });

  it('says how soon to come again', async () => {
    const { far } = await open({ retry: 250 });
    expect(await far.take()).to.equal(`${HEAD}c\r\nretry: 250\n\n\r\n`);
  });

  it('takes further headers, and cookies', async () => {
    const headers = {
      'Cache-Control': 'no-cache',
      'x-accel-buffering': 'yes',
      'content-type': 'a/b',
      'X-A': '1',
    };
    const far = wire((request) => {
      request.cookiesOut.set('a', 'b');
      request.sendEvents({ headers });
    });
    expect(await far.exchange(get())).to.match(
      /^HTTP\/1\.1 200 OK\r\nSet-Cookie: a=b\r\nCache-Control: no-cache\r\nx-accel-buffering: yes\r\nX-A: 1\r\nContent-Type: text\/event-stream\r\nTransfer/,
    );
  });

  it('has the id that the client saw last', async () => {
    const id = Buffer.from('nº 7').toString('latin1');
    expect((await open({}, get('/', `Last-Event-ID: ${id}`))).events.lastEventId).to.equal('nº 7');
    expect((await open()).events.lastEventId).to.equal('');
  });

  it('is closed by close(), in good order, and the connection goes on', async () => {
    const { far, events, request, closes } = await open();
    await far.take();
    events.send('bye');
    events.close();
    events.close();
    expect(await far.take()).to.equal('b\r\ndata: bye\n\n\r\n0\r\n\r\n');
    expect([events.closed, request.finished, closes(), far.ended]).to.deep.equal([true, true, 1, false]);
    expect([events.send('x'), await far.take()]).to.deep.equal([false, '']);
    expect(await far.exchange(get())).to.equal(HEAD);
  });

  it('sees the client leave', async () => {
    const { far, events, closes } = await open();
    far.client.abort();
    await far.settle();
    expect([events.closed, closes(), events.send('x')]).to.deep.equal([true, 1, false]);
    await events.drained();
    events.close();
    expect([closes(), far.log.entries]).to.deep.equal([1, []]);
  });

  it('takes an end of the client’s side for leaving', async () => {
    const { far, events, request, closes } = await open();
    let told = '';
    request.onClose = () => {
      told += 'request';
    };
    await far.take();
    far.client.end();
    expect(await far.take()).to.equal('0\r\n\r\n');
    expect([events.closed, closes(), far.ended, told]).to.deep.equal([true, 1, true, 'request']);
  });

  it('calls onClose at once when it is closed already', async () => {
    const { events, closes } = await open();
    events.close();
    let calls = 0;
    const listener = () => calls++;
    events.onClose = listener;
    expect([calls, closes(), events.onClose]).to.deep.equal([1, 1, listener]);
  });

  it('reports an onClose that throws', async () => {
    const { far, events } = await open();
    events.onClose = () => {
      throw new Error('x');
    };
    events.close();
    expect(far.log.entries).to.have.length(1);
  });

  it('answers false while the client is behind, and drained() waits', async () => {
    const { far, events } = await open();
    far.client.pause();
    const text = 'x'.repeat(30_000);
    expect([events.send(text), events.send(text), events.send(text)]).to.deep.equal([true, true, false]);
    let isDrained = false;
    void events.drained().then(() => {
      isDrained = true;
    });
    await far.settle();
    expect(isDrained).to.equal(false);
    far.client.resume();
    await far.settle();
    expect(isDrained).to.equal(true);
  });

  describe('the heartbeat', () => {
    it('is a comment every 15 s', async () => {
      const { far } = await open();
      await far.take();
      await far.pass(14_950);
      expect(await far.take()).to.equal('');
      await far.pass(50);
      expect(await far.take()).to.equal('3\r\n:\n\n\r\n');
      await far.pass(30_000);
      expect(await far.take()).to.equal('3\r\n:\n\n\r\n'.repeat(2));
    });

    it('ends with the stream, and leaves no timer', async () => {
      for (const end of [
        ({ events }: Open) => events.close(),
        ({ far }: Open) => far.client.abort(),
        ({ far }: Open) => far.client.end(),
        ({ far }: Open) => far.connection.abort(),
      ]) {
        const opened = await open();
        const timers = opened.far.engine.stats().timers;
        end(opened);
        await opened.far.settle();
        expect(opened.far.engine.stats().timers).to.be.below(timers);
        await opened.far.take();
        await opened.far.pass(20_000);
        expect(await opened.far.take()).to.equal('');
      }
    });

    it('is left out for a client that takes nothing', async () => {
      const { far, events } = await open(undefined, get());
      far.client.pause();
      events.send('x'.repeat(200_000));
      await far.settle();
      const { bytesWritten } = far.connection;
      await far.pass(31_000);
      expect(far.connection.bytesWritten).to.equal(bytesWritten);
      expect(far.connection.connected).to.equal(true);
      await far.pass(40_000);
      expect(events.closed, 'given up after writeTimeoutMs').to.equal(true);
    });

    it('keeps an idle stream open, whatever the timeouts', async () => {
      const { far, events } = await open();
      for (let i = 0; i < 40; i++) await far.pass(10_000);
      expect([events.closed, far.ended]).to.deep.equal([false, false]);
    });
  });

  it('is closed in good order when the engine stops', async () => {
    const { far, events, closes } = await open();
    await far.take();
    const stopped = far.engine.stop();
    expect(await far.take()).to.equal('0\r\n\r\n');
    expect([events.closed, closes(), far.ended]).to.deep.equal([true, 1, true]);
    far.client.end();
    await far.settle();
    await stopped;
  });

  it('is closed when its handler fails later', async () => {
    let fail = () => {};
    const opened: EventStream[] = [];
    const far = wire((request) => {
      opened.push(request.sendEvents());
      return new Promise((_, reject) => {
        fail = () => reject(new Error('x'));
      });
    });
    await far.exchange(get());
    fail();
    await far.settle();
    expect([opened[0]?.closed, far.ended, far.log.entries.length]).to.deep.equal([true, true, 1]);
  });

  it('is only a head for HEAD', async () => {
    const { far, events, closes } = await open({ retry: 1 }, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await far.take()).to.equal(HEAD);
    expect([events.closed, events.send('x'), closes()]).to.deep.equal([true, false, 1]);
    expect(far.connection.currentRequest).to.equal(null);
  });

  it('is closed from the beginning when the client has gone before', async () => {
    let go = () => {};
    const opened: EventStream[] = [];
    const far = wire(async (request) => {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      opened.push(request.sendEvents());
    });
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    go();
    await far.settle();
    expect(opened[0]?.closed).to.equal(true);
  });

  it('ends with the connection for an HTTP/1.0 client', async () => {
    const { far, events } = await open({}, 'GET / HTTP/1.0\r\n\r\n');
    events.send('a');
    events.close();
    expect(await far.take()).to.match(/Connection: close\r\n\r\ndata: a\n\n$/);
    expect(far.ended).to.equal(true);
  });

  it('is never compressed', async () => {
    const far = wire((request) => request.sendEvents().send('x'.repeat(5_000)), { compress: true });
    expect(await far.exchange(get('/', 'Accept-Encoding: br'))).not.to.match(/Vary|Content-Encoding/);
  });

  it('lets nobody else send', async () => {
    const { far, request } = await open();
    for (const call of [
      () => request.send('x'),
      () => request.finish(),
      () => request.sendResponse('x'),
      () => request.sendEvents(),
      () => request.sendStream(['x']),
    ]) {
      expect(call).to.throw(UsageError).with.property('code', 'HTTP_ORDER');
    }
    expect(await far.take()).to.equal(HEAD);
  });

  describe('is refused', () => {
    const options: [name: string, options: unknown, code: string][] = [
      ['a length', { headers: { 'Content-Length': '5' } }, 'HTTP_HEADER_FRAMING'],
      ['a bad header', { headers: { 'a b': '5' } }, 'HTTP_HEADER_NAME'],
      ['a bad retry', { retry: -1 }, 'HTTP_EVENT'],
      ['an unknown option', { retries: 1 }, 'ENGINE_OPTION'],
      ['null', null, 'ENGINE_OPTION'],
    ];
    for (const [name, option, code] of options) {
      it(`${name}, with nothing sent`, async () => {
        const far = wire((request) => {
          expect(() => request.sendEvents(option as EventStreamOptions))
            .to.throw(UsageError)
            .with.property('code', code);
          request.sendResponse('still free');
        });
        expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 200 OK[\s\S]*still free$/);
        expect(far.engine.stats().timers, 'the sweep').to.equal(1);
      });
    }

    it('after a response has begun', async () => {
      const far = wire((request) => {
        request.sendHeaders();
        expect(() => request.sendEvents())
          .to.throw(UsageError)
          .with.property('code', 'HTTP_ORDER');
        request.finish();
      });
      await far.exchange(get());
    });

    const loop: { self?: unknown } = {};
    loop.self = loop;
    const bad: [name: string, event: unknown, code: string][] = [
      ['a number', 5, 'HTTP_EVENT'],
      ['null', null, 'HTTP_EVENT'],
      ['an object that is no event', { message: 'x' }, 'HTTP_EVENT'],
      ['a name with a line break', { data: '', event: 'a\ndata: b' }, 'HTTP_EVENT'],
      ['no data', { event: 'a' }, 'HTTP_JSON'],
      ['a cycle', { data: loop }, 'HTTP_JSON'],
      ['a function', { data: () => {} }, 'HTTP_JSON'],
    ];
    for (const [name, event, code] of bad) {
      it(`${name} as an event, open or closed`, async () => {
        const { far, events } = await open();
        await far.take();
        const send = () => events.send(event as ServerEvent);
        expect(send).to.throw(UsageError).with.property('code', code);
        expect(await far.take()).to.equal('');
        events.close();
        expect(send).to.throw(UsageError);
      });
    }
  });

  it('goes to everybody who listens', async () => {
    const listeners = new Set<EventStream>();
    const far = wire((request) => {
      const events = request.sendEvents();
      listeners.add(events);
      events.onClose = () => listeners.delete(events);
    });
    const clients = [far, far.another(), far.another()];
    for (const client of clients) await client.exchange(get());
    clients[1]?.client.abort();
    await far.settle();
    expect(listeners.size).to.equal(2);
    for (const events of listeners) events.send('news');
    const heard = await Promise.all(clients.map((client) => client.take()));
    expect(heard.map((text) => text.includes('data: news'))).to.deep.equal([true, false, true]);
  });
});
