/** Content that an early handler takes piece by piece. */
import { type InseamError, TransportError, UsageError } from '@inseam/engine';
import { feedEveryWay } from '@inseam/engine/testing';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { textOf } from '../support/text-of.js';
import { echo, wire } from '../support/wire.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const never = () => expect.fail('the request handler was called');

describe('api: a loop over the content', () => {
  const content = 'hello, content!';
  const framings = {
    'a length': post(content, `Content-Length: ${content.length}`),
    chunks: post('5\r\nhello\r\n2;x=y\r\n, \r\n8\r\ncontent!\r\n0\r\n\r\n', CHUNKED),
    'chunks with trailers': post('f\r\nhello, content!\r\n0\r\nDigest: abc\r\nX: \r\n\r\n', CHUNKED),
    'no content': post('', 'Content-Length: 0'),
  };
  for (const [what, bytes] of Object.entries(framings)) {
    it(`gets all of it, however it comes: ${what}`, async () => {
      const expected = what === 'no content' ? '' : content;
      const trailers = what === 'chunks with trailers' ? '[["Digest","abc"],["X",""]]' : 'null';
      for (const { way, chunks } of feedEveryWay(Buffer.from(bytes + get('/next')))) {
        const far = wire(never, {
          earlyHandler: async (request) => {
            expect(request.trailers).to.equal(null);
            const text = await textOf(request);
            request.sendResponse(
              `${text};${JSON.stringify(request.trailers && [...request.trailers])}${request.url}`,
            );
          },
        });
        for (const chunk of chunks) far.send(chunk);
        const answer = await far.take();
        expect(answer, way).to.contain(`\r\n\r\n${expected};${trailers}/HTTP/1.1 200 OK\r\n`);
        expect(answer, way).to.match(/\r\n\r\n;null\/next$/);
        expect([answer.includes('Connection'), far.ended], way).to.deep.equal([false, false]);
      }
    });
  }

  it('gets pieces that are its own to keep', async () => {
    const pieces: Buffer[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        for await (const piece of request) pieces.push(piece);
        request.finish();
      },
    });
    await far.exchange(post('', 'Content-Length: 9'));
    for (const piece of ['one', 'two', 'six']) await far.exchange(piece);
    expect(pieces.map(String)).to.deep.equal(['one', 'two', 'six']);
  });

  it('may begin later, and content has no limit', async () => {
    const { opened, open } = gate();
    const far = wire(never, {
      maxRequest: 1,
      maxUpload: 1,
      earlyHandler: async (request) => {
        await opened;
        request.sendResponse(String((await textOf(request)).length));
      },
    });
    await far.exchange(post('', 'Content-Length: 100000'));
    for (let i = 0; i < 10; i++) far.send('x'.repeat(10_000));
    await far.settle();
    open();
    expect(await far.take()).to.match(/\r\n\r\n100000$/);
  });

  it('that is slow makes the client wait, with no more than a chunk beyond its piece', async () => {
    let go = gate();
    let taken = 0;
    const far = wire(never, {
      earlyHandler: async (request) => {
        for await (const piece of request) {
          taken += piece.length;
          await go.opened;
          go = gate();
        }
        request.sendResponse(String(taken));
      },
    });
    const head = post('', 'Content-Length: 1000000');
    await far.exchange(head);
    for (let i = 0; i < 100; i++) far.send('x'.repeat(10_000));
    for (let turn = 1; turn < 100; turn++) {
      await far.settle();
      expect(taken).to.equal(turn * 10_000);
      expect(far.connection.bytesRead - head.length - taken).to.be.at.most(20_000);
      go.open();
    }
    await far.settle();
    go.open();
    expect(await far.take()).to.match(/\r\n\r\n1000000$/);
    expect(await far.exchange(get()), 'reading goes on').to.match(/^HTTP\/1\.1 200 /);
  });

  it('may be by hand: pieces that are asked for together come in order, then the end for everybody', async () => {
    const results: unknown[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        const loop = request[Symbol.asyncIterator]();
        expect(loop[Symbol.asyncIterator]()).to.equal(loop);
        const asked = [1, 2, 3, 4].map(() => loop.next());
        for (const result of await Promise.all(asked))
          results.push(result.done ? null : String(result.value));
        results.push((await loop.next()).done);
        request.finish();
      },
    });
    await far.exchange(post('', 'Content-Length: 4'));
    await far.exchange('ab');
    expect(results).to.deep.equal([]);
    const answer = await far.exchange('cd');
    expect(results).to.deep.equal(['ab', 'cd', null, null, true]);
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
  });

  it('may follow the beginning of the response, whose head then says that the connection ends', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.sendHeaders();
        for await (const piece of request) request.send(piece.toString().toUpperCase());
        request.finish();
      },
    });
    expect(await far.exchange(post('', CHUNKED))).to.match(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\n$/,
    );
    expect(await far.exchange('2\r\nhi\r\n')).to.equal('2\r\nHI\r\n');
    expect(await far.exchange('0\r\n\r\n')).to.equal('0\r\n\r\n');
    expect(far.ended).to.equal(true);
  });

  it('may answer in the middle: the rest is not read, and the loop breaks off', async () => {
    let caught: unknown;
    const far = wire(never, {
      earlyHandler: async (request) => {
        try {
          for await (const piece of request) if (String(piece) === 'll') request.sendResponse('enough', 413);
        } catch (error) {
          caught = error;
        }
      },
    });
    await far.exchange(post('he', 'Content-Length: 5'));
    expect(await far.exchange('ll')).to.match(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n\r\nenough$/);
    expect(caught).to.be.instanceOf(TransportError);
    expect((caught as InseamError).code).to.equal('HTTP_CONTENT_UNREAD');
    expect(far.ended).to.equal(true);
  });

  it('is the only handler also when it is over before the answer, and the next request waits', async () => {
    let waiting: HTTPRequest | undefined;
    const far = wire(never, {
      earlyHandler: async (request) => {
        if (request.method === 'GET') return request.sendResponse('next');
        await textOf(request);
        waiting = request;
      },
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5') + get('/next'))).to.equal('');
    waiting?.sendResponse('at last');
    expect(await far.take()).to.match(/at last[\s\S]*next$/);
  });

  it('is the only handler also when it begins after that has returned', async () => {
    let loop: AsyncIterableIterator<Buffer, undefined> | undefined;
    let waiting: HTTPRequest | undefined;
    const far = wire(never, {
      earlyHandler: (request) => {
        waiting = request;
        loop = request[Symbol.asyncIterator]();
      },
    });
    expect(await far.exchange(post('he', 'Content-Length: 5'))).to.equal('');
    expect(await far.exchange('llo')).to.equal('');
    expect(await textOf(loop as AsyncIterable<Buffer>)).to.equal('hello');
    waiting?.sendResponse('taken');
    expect(await far.take()).to.match(/taken$/);
    expect(far.ended).to.equal(false);
  });

  it('that begins when the response is finished finds no content', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.sendResponse('done');
        await textOf(request);
      },
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5') + get('/next'))).to.match(
      /done[\s\S]*done$/,
    );
    expect(far.log.codes).to.deep.equal(['HTTP_CONTENT_UNREAD', 'HTTP_CONTENT_UNREAD']);
  });

  it('goes on with the next request when all the content was here, read or not', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => {
        const loop = request[Symbol.asyncIterator]();
        if (request.url === '/') await loop.next();
        request.sendResponse(request.url);
      },
    });
    const unread = post('hello', 'Content-Length: 5').replace('POST /', 'POST /unread');
    const answer = await far.exchange(post('hello', 'Content-Length: 5') + unread + get('/next'));
    expect(answer).to.match(/\r\n\r\n\/HTTP[\s\S]*\r\n\r\n\/unreadHTTP[\s\S]*\r\n\r\n\/next$/);
    expect(answer).not.to.match(/Connection/);
    expect(far.ended).to.equal(false);
  });

  for (const [what, leave] of [
    ['break', () => true],
    [
      'a throw',
      () => {
        throw new Error('x');
      },
    ],
  ] as const) {
    it(`may be left by ${what}; nothing more is read, and the connection ends with the answer`, async () => {
      const { opened, open } = gate();
      const far = wire(never, {
        earlyHandler: async (request) => {
          try {
            for await (const _ of request) if (leave()) break;
          } finally {
            await opened;
          }
          request.sendResponse('left');
        },
      });
      far.send(post('he', 'Content-Length: 500000'));
      for (let i = 0; i < 40; i++) far.send('x'.repeat(10_000));
      await far.settle();
      expect(far.connection.bytesRead).to.be.below(90_000);
      open();
      expect(await far.take()).to.match(/^HTTP\/1\.1 (200|500) [\s\S]*Connection: close\r\n\r\n/);
      expect(far.ended).to.equal(true);
    });
  }

  it('that is left answers whoever still asks, and everybody after', async () => {
    const results: unknown[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        const loop = request[Symbol.asyncIterator]();
        const asked = loop.next().then(({ done }) => results.push(done));
        await loop.return?.();
        await loop.return?.();
        await asked;
        results.push((await loop.next()).done);
        request.finish();
      },
    });
    expect(await far.exchange(post('', 'Content-Length: 5'))).to.match(/^HTTP\/1\.1 200 /);
    expect(results).to.deep.equal([true, true]);
  });

  it('after another one is a UsageError, and the content is gone', async () => {
    const codes: string[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        await textOf(request);
        for (const again of [() => request[Symbol.asyncIterator](), () => request.body, () => request.post]) {
          try {
            again();
          } catch (error) {
            expect(error).to.be.instanceOf(UsageError);
            codes.push((error as UsageError).code);
          }
        }
        request.finish();
      },
    });
    await far.exchange(post('hello', 'Content-Length: 5'));
    expect(codes).to.deep.equal(['HTTP_CONTENT_TAKEN', 'HTTP_CONTENT_TAKEN', 'HTTP_CONTENT_TAKEN']);
  });

  it('by somebody who kept the request is a UsageError while the content is read for the request handler', async () => {
    let kept: HTTPRequest | undefined;
    const far = wire(echo, {
      earlyHandler: (request) => {
        kept = request;
      },
    });
    await far.exchange(post('he', 'Content-Length: 5'));
    expect(() => kept?.[Symbol.asyncIterator]()).to.throw(UsageError, /not been read yet/);
    expect(await far.exchange('llo')).to.match(/POST \/ hello$/);
  });

  it('in the request handler gets the body, once', async () => {
    const far = wire(async (request) => {
      const text = await textOf(request);
      expect(() => request[Symbol.asyncIterator]()).to.throw(UsageError, /piece by piece/);
      request.sendResponse(`${text};${request.body}`);
    });
    expect(await far.exchange(post('hello', 'Content-Length: 5'))).to.match(/\r\n\r\nhello;hello$/);
    expect(await far.exchange(get())).to.match(/\r\n\r\n;$/);
  });

  it('to its end lets the request be upgraded', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => {
        const room = await textOf(request);
        request.connection.upgrade('chat', {
          onRead: (data) => request.connection.write(`${room}> ${data}`),
        });
      },
    });
    await far.exchange(post('5', 'Content-Length: 1', 'Upgrade: chat', 'Connection: upgrade'));
    expect(await far.exchange('hi')).to.equal('5> hi');
  });

  it('does not leave the request’s time at its head’s', async () => {
    let tookMs = -1;
    const far = wire(never, {
      earlyHandler: async (request) => {
        await textOf(request);
        request.finish();
        tookMs = request.time;
      },
    });
    await far.exchange(post('', 'Content-Length: 1'));
    await far.pass(5_000);
    await far.exchange('x');
    expect(tookMs).to.equal(0);
  });
});
