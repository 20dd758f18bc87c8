/** Content that is taken piece by piece, and does not come to its end. */
import { type InseamError, TransportError } from '@inseam/engine';
import { HTTPProtocolError } from '@inseam/http';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { textOf } from '../support/text-of.js';
import { wire } from '../support/wire.js';

const CHUNKED = 'Transfer-Encoding: chunked';
const never = () => expect.fail('the request handler was called');

describe('api: content that breaks off', () => {
  const limits = { bodyTimeoutMs: 2_000 };
  const breaks = {
    'a malformed chunk': ['HTTP_CHUNK_SIZE', 400, (far) => far.send('no size\r\n')],
    'the client’s end': ['HTTP_INCOMPLETE', 400, (far) => far.client.end()],
    'a wait that is too long': ['HTTP_BODY_TIMEOUT', 408, (far) => far.pass(3_000)],
    'a reset': ['ENGINE_CONNECTION_LOST', 0, (far) => far.client.abort()],
  } as const satisfies Record<string, readonly [string, number, (far: ReturnType<typeof wire>) => unknown]>;

  for (const [what, [code, status, breakOff]] of Object.entries(breaks)) {
    it(`by ${what}: the loop throws ${code}, which answers the request if it is not caught`, async () => {
      const far = wire(never, {
        limits,
        earlyHandler: async (request) => request.sendResponse(await textOf(request)),
      });
      await far.exchange(post('2\r\nhi\r\n', CHUNKED));
      await breakOff(far);
      const answer = await far.take();
      if (status === 0)
        expect([answer, far.log.entries.map(({ level }) => level)]).to.deep.equal(['', ['debug']]);
      else
        expect(answer).to.match(
          new RegExp(`^HTTP/1\\.1 ${status} [^]*Connection: close\r\n\r\n${status} .*\n$`),
        );
      expect([far.log.codes, far.ended]).to.deep.equal([[code], true]);
    });

    it(`by ${what}: a handler that catches it answers as it likes, and the connection ends`, async () => {
      const caught: unknown[] = [];
      const told: string[] = [];
      const far = wire(never, {
        limits,
        earlyHandler: async (request) => {
          request.onClose = () => told.push('onClose');
          const loop = request[Symbol.asyncIterator]();
          await loop.next();
          await loop.next().catch((error) => caught.push(error));
          expect((await loop.next()).done, 'it is told once').to.equal(true);
          await Promise.resolve();
          request.sendResponse('never mind');
        },
      });
      await far.exchange(post('2\r\nhi\r\n', CHUNKED));
      await breakOff(far);
      const answer = await far.take();
      expect(caught[0]).to.be.instanceOf(status === 0 ? TransportError : HTTPProtocolError);
      expect((caught[0] as InseamError).code).to.equal(code);
      if (status !== 0)
        expect(answer).to.match(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close\r\n\r\nnever mind$/);
      const hasLeft = code === 'HTTP_INCOMPLETE' || status === 0;
      expect([far.ended, told, far.log.entries]).to.deep.equal([true, hasLeft ? ['onClose'] : [], []]);
    });

    it(`by ${what}, between two turns of the loop: the next one throws`, async () => {
      const { opened, open } = gate();
      let caught: unknown;
      const far = wire(never, {
        limits,
        earlyHandler: async (request) => {
          const loop = request[Symbol.asyncIterator]();
          const first = await loop.next();
          await opened;
          try {
            while (!(await loop.next()).done);
          } catch (error) {
            caught = error;
            request.sendResponse(String(first.value));
          }
        },
      });
      await far.exchange(post('2\r\nhi\r\n', CHUNKED));
      await breakOff(far);
      await far.settle();
      open();
      await far.settle();
      if (code === 'HTTP_BODY_TIMEOUT') await far.pass(3_000);
      expect((caught as InseamError)?.code).to.equal(code);
      expect(far.ended).to.equal(true);
    });
  }

  it('after the response has begun ends the connection without a second one', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.send('begun');
        await textOf(request);
      },
    });
    await far.exchange(post('2\r\nhi\r\n', CHUNKED));
    expect(await far.exchange('no size\r\n')).to.equal('');
    expect(far.ended).to.equal(true);
    expect(far.log.codes).to.deep.equal(['HTTP_CHUNK_SIZE']);
  });

  it('for several who ask: the first is told why, the others that it is over', async () => {
    const results: unknown[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        const loop = request[Symbol.asyncIterator]();
        const asked = [1, 2, 3].map(() =>
          loop.next().then(
            ({ done }) => done,
            (error: InseamError) => error.code,
          ),
        );
        results.push(...(await Promise.all(asked)));
        request.finish();
      },
    });
    await far.exchange(post('no size\r\n', CHUNKED));
    expect(results).to.deep.equal(['HTTP_CHUNK_SIZE', true, true]);
  });

  it('when the engine gives up', async () => {
    let code = '';
    const far = wire(never, {
      earlyHandler: (request) =>
        textOf(request).catch((error: InseamError) => {
          code = error.code;
        }),
    });
    await far.exchange(post('2\r\nhi\r\n', CHUNKED));
    const stopped = far.engine.stop({ stopTimeoutMs: 500 });
    await far.pass(600);
    await stopped;
    expect(code).to.equal('ENGINE_STOP_TIMEOUT');
  });
});

describe('api: a loop whose client shuts its side', () => {
  it('gets the rest of the content, and hears that it has left when it has it', async () => {
    const told: string[] = [];
    const { opened, open } = gate();
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.onClose = () => told.push('onClose');
        for await (const piece of request) {
          told.push(String(piece));
          await opened;
        }
        told.push('end');
        request.finish();
      },
    });
    far.send(post('', 'Content-Length: 4'));
    far.send('ab');
    far.send('cd');
    far.client.end();
    await far.settle();
    expect(told).to.deep.equal(['ab']);
    open();
    expect(await far.take()).to.match(/^HTTP\/1\.1 200 /);
    expect(told).to.deep.equal(['ab', 'cd', 'onClose', 'end']);
    expect(far.ended).to.equal(true);
  });

  it('hears of it after it was left', async () => {
    const told: string[] = [];
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.onClose = () => told.push('onClose');
        for await (const _ of request) break;
        await new Promise(() => {});
      },
    });
    await far.exchange(post('ab', 'Content-Length: 4'));
    far.client.end();
    await far.settle();
    expect(told).to.deep.equal(['onClose']);
    await far.pass(70_000);
    expect(far.server.channels.size, 'and is not waited for').to.equal(0);
  });

  it('hears of it after it was left, also when that came first', async () => {
    const told: string[] = [];
    const { opened, open } = gate();
    const far = wire(never, {
      earlyHandler: async (request) => {
        request.onClose = () => told.push('onClose');
        for await (const _ of request) {
          await opened;
          break;
        }
      },
    });
    await far.exchange(post('ab', 'Content-Length: 4'));
    far.client.end();
    await far.settle();
    expect(told).to.deep.equal([]);
    open();
    await far.settle();
    expect(told).to.deep.equal(['onClose']);
  });
});

describe('api: a loop and engine.stop()', () => {
  it('gets its content, and answers with Connection: close', async () => {
    const far = wire(never, {
      earlyHandler: async (request) => request.sendResponse(await textOf(request)),
    });
    await far.exchange(post('he', 'Content-Length: 5'));
    const stopped = far.engine.stop();
    expect(await far.exchange(`llo${get('/next')}`)).to.match(/Connection: close\r\n\r\nhello$/);
    expect(far.ended).to.equal(true);
    far.client.end();
    await far.settle();
    await stopped;
  });
});
