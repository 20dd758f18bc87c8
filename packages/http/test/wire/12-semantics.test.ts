import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { itRefuses, readRefusal } from '../support/refusal.js';
import { echo, wire } from '../support/wire.js';

describe('RFC 9110 §6.6.1 Date', () => {
  it('every response has one, of the second in which it was made', async () => {
    const far = wire();
    const date = async () => {
      const before = far.sink.length;
      await far.exchange(get());
      return /Date: .*/.exec(far.sink.text.slice(before))?.[0];
    };
    expect(await date()).to.equal('Date: Thu, 01 Jan 2026 00:00:00 GMT');
    far.clock.advance(1_000);
    expect(await date()).to.equal('Date: Thu, 01 Jan 2026 00:00:01 GMT');
  });

  it('is fresh after a response that had to wait', async () => {
    const waiting: (() => void)[] = [];
    const far = wire((request) => {
      if (request.url === '/slow') waiting.push(() => request.sendResponse(''));
      else echo(request);
    });
    await far.exchange(get('/slow') + get('/behind'));
    waiting[0]?.();
    await far.take();
    far.clock.advance(5_000);
    await far.exchange(get('/later'));
    expect(far.sink.text.match(/Date: .*/g)?.at(-1)).to.equal('Date: Thu, 01 Jan 2026 00:00:05 GMT');
  });
});

describe('RFC 9110 §9.3.2 HEAD', () => {
  it('is answered as GET is, without the content', async () => {
    const { exchange } = wire((request) => request.sendResponse('hello', 200, 'text/plain'));
    const [head, whole] = [await exchange(get().replace('GET', 'HEAD')), await exchange(get())];
    expect(`${head}hello`).to.equal(whole);
  });

  it('is answered as GET is, in pieces too', async () => {
    const { exchange } = wire((request) => {
      request.sendHeaders();
      request.send('hello');
      request.finish();
    });
    expect(await exchange(get().replace('GET', 'HEAD'))).to.equal(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: now\r\n\r\n',
    );
  });

  it('gets no content with a refusal of its content', async () => {
    const far = wire(echo, { maxRequest: 1 });
    const answer = await far.exchange(post('', 'Content-Length: 5').replace('POST', 'HEAD'));
    expect(answer).to.match(/^HTTP\/1\.1 413 [\s\S]*\r\n\r\n$/);
  });
});

describe('RFC 9110 §10.1.1 Expect', () => {
  const expectant = (...lines: string[]) => post('', 'Expect: 100-continue', ...lines);

  it('100 Continue is sent before the content is read', async () => {
    const { exchange } = wire();
    expect(await exchange(expectant('Content-Length: 5'))).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    expect(await exchange('hello')).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*POST \/ hello$/);
  });

  it('so it is before chunks', async () => {
    const { exchange } = wire();
    expect(await exchange(expectant('Transfer-Encoding: chunked'))).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    expect(await exchange('5\r\nhello\r\n0\r\n\r\n')).to.match(/POST \/ hello$/);
  });

  it('it is not sent where content has come already', async () => {
    expect(await wire().exchange(`${expectant('Content-Length: 5')}h`)).to.equal('');
  });

  it('it is not sent where there is no content', async () => {
    expect(await wire().exchange(expectant('Content-Length: 0'))).to.match(/^HTTP\/1\.1 200 OK/);
  });

  it('it is not sent to HTTP/1.0', async () => {
    const old = expectant('Content-Length: 5').replace('HTTP/1.1', 'HTTP/1.0');
    expect(await wire().exchange(old)).to.equal('');
  });

  it('it is not sent before content that will not be taken', async () => {
    const far = wire(echo, { maxRequest: 4 });
    expect(readRefusal(far, await far.exchange(expectant('Content-Length: 5')))).to.equal(
      '413 HTTP_BODY_TOO_LARGE',
    );
  });

  it('it waits for the response before it', async () => {
    const waiting: (() => void)[] = [];
    const { exchange, take } = wire((request) => waiting.push(() => echo(request)));
    expect(await exchange(get('/first') + expectant('Content-Length: 5'))).to.equal('');
    waiting[0]?.();
    expect(await take()).to.match(/GET \/firstHTTP\/1\.1 100 Continue\r\n\r\n$/);
  });

  itRefuses('another expectation', get('/', 'Expect: the-unexpected'), '417 HTTP_EXPECTATION');
});

describe('RFC 9110 §7.8 Upgrade', () => {
  const upgrade = (protocol: string) => get('/', `Upgrade: ${protocol}`, 'Connection: upgrade');

  it('101 names the protocol, and what follows is that protocol', async () => {
    const { exchange } = wire(({ connection }) =>
      connection.upgrade('Chat/2', { onRead: (data) => connection.write(`> ${data}`) }, { 'X-Room': '1' }),
    );
    expect(await exchange(upgrade('foo, chat/2'))).to.equal(message`
      HTTP/1.1 101 Switching Protocols
      Upgrade: Chat/2
      Connection: Upgrade
      X-Room: 1
      Date: now

      `);
    expect(await exchange(get('/not-http'))).to.equal(`> ${get('/not-http')}`);
  });

  it('a protocol that the client did not offer is not switched to', async () => {
    for (const request of [
      upgrade('foo'),
      get(),
      get('/', 'Upgrade: chat'),
      upgrade('chat').replace('HTTP/1.1', 'HTTP/1.0'),
    ]) {
      const far = wire(({ connection }) => connection.upgrade('chat', { onRead() {} }));
      expect(await far.exchange(request)).to.match(/^HTTP\/1\.1 500 /);
      expect(far.log.codes).to.deep.equal(['HTTP_UPGRADE']);
    }
  });

  it('an offer may be ignored', async () => {
    expect(await wire().exchange(upgrade('h2c'))).to.match(/^HTTP\/1\.1 200 OK/);
  });
});

describe('RFC 9110 §15 Status Codes', () => {
  it('15.4.5: 304 may tell the length that 200 would have', async () => {
    const { exchange } = wire((request) =>
      request.sendResponse('', 304, { ETag: '"x"', 'Content-Length': 5 }),
    );
    expect(await exchange(get())).to.equal(
      'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 5\r\nDate: now\r\n\r\n',
    );
  });

  it('15.4.5: 304 does not claim that 200 would be empty', async () => {
    const { exchange } = wire((request) => request.sendResponse('', 304, { ETag: '"x"' }));
    expect(await exchange(get())).to.equal('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nDate: now\r\n\r\n');
  });

  it('15.3.6: 205 has no content', async () => {
    const { exchange } = wire((request) => request.sendResponse('content', 205));
    expect(await exchange(get())).to.equal(
      'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nDate: now\r\n\r\n',
    );
    const byHand = wire((request) => {
      request.sendStatus(205);
      request.finish();
    });
    expect(await byHand.exchange(get())).to.match(/\r\nContent-Length: 0\r\n(?![\s\S]*Content-Length)/);
  });

  it('15.5.22: 426 can name what to upgrade to, and Connection says so: §7.8', async () => {
    const headers = { Upgrade: 'websocket', Connection: 'Upgrade' };
    const { exchange } = wire((request) => request.sendResponse('', 426, headers));
    expect(await exchange(get())).to.match(/\r\nUpgrade: websocket\r\n[\s\S]*\r\nConnection: Upgrade\r\n/);
  });

  it('9.3.2, 8.6: an empty answer to HEAD does not claim that GET would be empty', async () => {
    const { exchange } = wire((request) => request.finish());
    expect(await exchange(get().replace('GET', 'HEAD'))).not.to.match(/Content-Length/);
    expect(await exchange(get())).to.match(/Content-Length: 0/);
  });
});
