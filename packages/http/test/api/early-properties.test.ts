/** Any early handler, any content, any cuts, a client that leaves at any point: nothing is left, and nobody is answered twice. */
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import fc from 'fast-check';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

type Step =
  | { do: 'take'; count: number }
  | { do: 'wait' | 'begin' | 'answer' | 'leave' | 'ask' | 'throw' | 'progress' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('take' as const), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ do: fc.constantFrom('wait' as const, 'begin' as const, 'answer' as const) }),
  fc.record({ do: fc.constantFrom('leave' as const, 'ask' as const, 'throw' as const, 'progress' as const) }),
);

interface Content {
  framing: 'length' | 'chunked' | 'none';
  pieces: string[];
  isMalformed: boolean;
}

const content: fc.Arbitrary<Content> = fc.record({
  framing: fc.constantFrom('length', 'chunked', 'none'),
  pieces: fc.array(
    fc.oneof(
      fc.string({ minLength: 1, maxLength: 20, unit: 'binary-ascii' }),
      fc.constant(get('/smuggled')),
      fc.constant('x'.repeat(30_000)),
    ),
    { maxLength: 6 },
  ),
  isMalformed: fc.boolean(),
});

function bytesOf({ framing, pieces, isMalformed }: Content): string {
  const head = 'POST /fuzz HTTP/1.1\r\nHost: a\r\n';
  const text = pieces.join('');
  if (framing === 'none') return `${head}\r\n`;
  if (framing === 'length') return `${head}Content-Length: ${text.length}\r\n\r\n${text}`;
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks}${isMalformed ? 'no size\r\n' : '0\r\n\r\n'}`;
}

/** Does what the steps say; a handler that has not answered by then does so, unless it threw. */
function handlerOf(steps: readonly Step[]) {
  return async (request: HTTPRequest) => {
    if (request.url !== '/fuzz') return request.sendResponse('next');
    let loop: AsyncIterableIterator<Buffer, undefined> | null = null;
    for (const one of steps) {
      if (one.do === 'wait') await new Promise((resolve) => setImmediate(resolve));
      else if (one.do === 'throw') throw new Error('x');
      else if (one.do === 'begin') request.send('begun');
      else if (one.do === 'answer') request.finish();
      else if (one.do === 'progress') request.onProgress = (received) => received > 10 && request.finish();
      else {
        loop ??= request[Symbol.asyncIterator]();
        if (one.do === 'take') for (let i = 0; i < one.count && !(await loop.next()).done; i++);
        else if (one.do === 'leave') await loop.return?.();
        else void loop.next().catch(() => {});
      }
    }
    // Without an answer or a loop it is the request handler's turn.
    if (loop !== null || request.response.isUntouched === false) request.finish();
  };
}

const late = (request: HTTPRequest) => request.sendResponse(request.url === '/fuzz' ? 'late' : 'next');

describe('api: early handlers, whatever they do', () => {
  it('a client that stays gets one response, and the next one exactly when the connection stays', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        content,
        fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 8 }),
        fc.boolean(),
        async (steps, sent, cuts, isSync) => {
          const urls: string[] = [];
          const handler = handlerOf(steps);
          const far = wire(late, {
            earlyHandler: (request) => {
              urls.push(request.url);
              return isSync && steps.length === 0 ? undefined : handler(request);
            },
          });
          let bytes = bytesOf(sent) + get('/next');
          for (const cut of cuts) {
            far.send(bytes.slice(0, cut));
            bytes = bytes.slice(cut);
            await far.settle();
          }
          far.send(bytes);
          for (let i = 0; i < 4; i++) await far.settle();
          const [answer = '', ...more] = far.sink.text.split(/(?=HTTP\/1\.1 )/);
          expect(answer).to.match(/^HTTP\/1\.1 \d\d\d /);
          if (far.ended) expect([more.length, urls]).to.deep.equal([0, ['/fuzz']]);
          else {
            expect(more).to.have.length(1);
            expect(more[0]).to.match(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nnext$/);
            expect(urls).to.deep.equal(['/fuzz', '/next']);
            expect(answer).not.to.match(/\r\nConnection: close\r\n/);
          }
          far.client.abort();
          await far.settle();
          expect([far.server.channels.size, far.clock.pending]).to.deep.equal([0, 0]);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('a client that leaves leaves nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 6 }),
        content,
        fc.nat(),
        fc.constantFrom('abort', 'end', 'stop'),
        async (steps, sent, at, how) => {
          let handled = 0;
          const handler = handlerOf(steps);
          const far = wire(late, {
            earlyHandler: (request) => {
              handled++;
              return handler(request);
            },
          });
          const bytes = bytesOf(sent);
          far.send(bytes.slice(0, at % (bytes.length + 1)));
          if (at % 2 === 0) await far.settle();
          if (how === 'abort') far.client.abort();
          else if (how === 'end') far.client.end();
          else void far.engine.stop({ stopTimeoutMs: 1_000 });
          for (let i = 0; i < 4; i++) await far.settle();
          await far.pass(1_100);
          expect(handled).to.be.at.most(1);
          expect(far.sink.text.match(/HTTP\/1\.1 \d\d\d/g) ?? []).to.have.length.at.most(1);
          expect([far.server.channels.size, far.clock.pending]).to.deep.equal([0, 0]);
        },
      ),
      { numRuns: 400 },
    );
  });
});
