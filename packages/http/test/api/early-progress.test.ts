/** What an early handler sets for the content of its request: limits, and somebody who is told how it comes. */
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { echo, wire } from '../support/wire.js';

const CHUNKED = 'Transfer-Encoding: chunked';

describe('api: an early handler and the limits', () => {
  it('maxRequest holds for chunks, whatever it does not do', async () => {
    const far = wire(() => expect.fail('called'), { earlyHandler: () => {}, maxRequest: 5 });
    const answer = await far.exchange(post('5\r\nhello\r\n1\r\n!\r\n', CHUNKED));
    expect(readRefusal(far, answer)).to.equal('413 HTTP_BODY_TOO_LARGE');
  });

  it('maxUpload is a form’s, and may be raised for one request', async () => {
    const form = '--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\nhello\r\n--b--\r\n';
    const bytes = (length = form.length) =>
      post('', 'Content-Type: multipart/form-data; boundary=b', `Content-Length: ${length}`);
    const options = { maxRequest: 10, maxUpload: 20 };
    const refused = wire(echo, { ...options, earlyHandler: () => {} });
    expect(readRefusal(refused, await refused.exchange(bytes()))).to.equal('413 HTTP_BODY_TOO_LARGE');
    const taken = wire((request) => request.sendResponse(String(request.files.a?.[0]?.size)), {
      ...options,
      earlyHandler: (request) => {
        expect(request.maxUpload).to.equal(20);
        request.maxUpload = form.length;
      },
    });
    expect(await taken.exchange(bytes() + form)).to.match(/\r\n\r\n5$/);
    expect(readRefusal(taken, await taken.exchange(bytes(form.length + 1).replace('POST', 'GET')))).to.equal(
      '413 HTTP_BODY_TOO_LARGE',
    );
  });

  for (const bytes of [-1, Number.NaN, '5']) {
    it(`maxUpload is no ${typeof bytes} ${bytes}`, async () => {
      const far = wire(echo, {
        earlyHandler: (request) => {
          request.maxUpload = bytes as number;
        },
      });
      expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 500 /);
      expect(far.log.codes).to.deep.equal(['HTTP_OPTION']);
    });
  }
});

describe('api: onProgress', () => {
  it('is told how much has come, of how much', async () => {
    const told: unknown[] = [];
    const far = wire(echo, {
      earlyHandler: (request) => {
        request.onProgress = (...progress) => told.push(progress);
      },
    });
    for (const piece of [post('', 'Content-Length: 5'), 'h', 'ell', 'o']) await far.exchange(piece);
    expect(told.splice(0)).to.deep.equal([
      [1, 5],
      [4, 5],
      [5, 5],
    ]);
    for (const piece of [post('', CHUNKED), '2\r\nhi\r\n', '1', '\r\n!\r\n', '0\r\n\r\n'])
      await far.exchange(piece);
    expect(told.splice(0)).to.deep.equal([
      [2, null],
      [3, null],
    ]);
    await far.exchange(get());
    expect(told).to.deep.equal([]);
  });

  it('is told once for what came together, before the handler is called', async () => {
    const told: unknown[] = [];
    const far = wire(
      (request) => {
        told.push('handler');
        request.finish();
      },
      {
        earlyHandler: (request) => {
          request.onProgress = (received) => told.push(received);
        },
      },
    );
    await far.exchange(post('2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n', CHUNKED));
    expect(told).to.deep.equal([3, 'handler']);
  });

  it('that fails is reported, and the request goes on', async () => {
    const far = wire(echo, {
      earlyHandler: (request) => {
        request.onProgress = () => {
          throw new Error('x');
        };
      },
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5'))).to.match(/POST \/ hello$/);
    expect(far.log.entries.map(({ message: text }) => text)).to.deep.equal([
      'HTTPConnection.request.onProgress threw',
    ]);
  });

  it('may answer while content is coming, and the connection ends', async () => {
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        request.onProgress = (received) => {
          if (received > 2 && !request.finished) request.sendResponse('enough', 413);
        };
      },
    });
    expect(await far.exchange(post('he', 'Content-Length: 5'))).to.equal('');
    expect(await far.exchange('l')).to.match(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n\r\nenough$/);
    expect(far.ended).to.equal(true);
  });

  it('may answer at the end of the content, and what follows is a request', async () => {
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        request.onProgress = (received) => request.sendResponse(`got ${received}`);
        if (request.method === 'GET') request.sendResponse(request.url);
      },
    });
    const answer = await far.exchange(post('hello', 'Content-Length: 5') + get('/next') + get('/last'));
    expect(answer.match(/got 5|\/next|\/last/g)).to.deep.equal(['got 5', '/next', '/last']);
    expect(far.ended).to.equal(false);
  });

  it('that has begun to answer when the content turns out to be malformed leaves one response, cut', async () => {
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        request.onProgress = () => request.send('thank you');
      },
    });
    expect(await far.exchange(post('2\r\nhi\r\n', CHUNKED))).to.match(/thank you\r\n$/);
    expect(await far.exchange('no size')).to.equal('');
    expect(far.ended).to.equal(true);
    expect(far.log.codes).to.deep.equal(['HTTP_CHUNK_SIZE']);
  });

  it('that has begun an answer which the end of the connection ends: the client sees a reset instead', async () => {
    const far = wire(() => expect.fail('called'), {
      earlyHandler: (request) => {
        request.onProgress = () => request.send('thank you');
      },
    });
    const old = 'POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhi';
    expect(await far.exchange(old)).to.match(/thank you$/);
    far.client.end();
    await far.settle();
    expect(far.sink.events.at(-1)).to.match(/^close: /);
  });
});
