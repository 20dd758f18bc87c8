import { HTTPError, type HTTPHeaders, type HTTPRequest } from '@inseam/http';
import { WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { text } from '../support/frames.js';
import { Echo, handshake, wire } from '../support/wire.js';

type Verdict = (request: HTTPRequest, headers: HTTPHeaders) => unknown;

/** A class whose onHandshake is `verdict`, and which must not get any further. */
function judging(verdict: Verdict) {
  return class Judging extends WebSocket {
    override onHandshake(request: HTTPRequest, headers: HTTPHeaders): unknown {
      return verdict(request, headers);
    }
    override onConnect(): void {
      throw new Error('onConnect was called');
    }
    override onClose(): void {
      throw new Error('onClose was called');
    }
  };
}

interface Case {
  name: string;
  verdict: Verdict;
  status: number;
  body: string;
  headers?: Record<string, string[]>;
  /** What is reported. */
  reports?: string[];
}

const failure = new Error('out of order');

const cases: Case[] = [
  {
    name: 'false',
    verdict: () => false,
    status: 403,
    body: 'This WebSocket was refused.',
  },
  {
    name: 'false, with headers',
    verdict: (_request, headers) => {
      headers.set('X-Why', 'full').append('Retry-After', '60');
      return false;
    },
    status: 403,
    body: 'This WebSocket was refused.',
    headers: { 'X-Why': ['full'], 'Retry-After': ['60'] },
  },
  {
    name: 'false, with cookies',
    verdict: (request) => {
      request.cookiesOut.set('a', '1');
      return false;
    },
    status: 403,
    body: 'This WebSocket was refused.',
    headers: { 'Set-Cookie': ['a=1'] },
  },
  {
    name: 'an HTTPError',
    verdict: () => {
      throw new HTTPError(401, 'Who are you?', { headers: { 'WWW-Authenticate': 'Basic' } });
    },
    status: 401,
    body: 'Who are you?',
    headers: { 'WWW-Authenticate': ['Basic'] },
  },
  {
    name: 'an HTTPError without a text',
    verdict: () => {
      throw new HTTPError(404);
    },
    status: 404,
    body: '404 Not Found\n',
  },
  {
    name: 'any other error',
    verdict: () => {
      throw failure;
    },
    status: 500,
    body: '500 Internal Server Error\n',
    reports: ['the handler of GET /chat failed: out of order'],
  },
  {
    name: 'sendResponse',
    verdict: (request) => request.sendResponse('gone', 410, 'text/plain'),
    status: 410,
    body: 'gone',
  },
  {
    name: 'sendResponse, with true after it',
    verdict: (request) => {
      request.sendResponse('gone', 410);
      return true;
    },
    status: 410,
    body: 'gone',
  },
  {
    name: 'sendResponse, with false after it',
    verdict: (request) => {
      request.sendResponse('gone', 410);
      return false;
    },
    status: 410,
    body: 'gone',
  },
  {
    name: 'sendJSON',
    verdict: (request) => request.sendJSON({ why: 'full' }, 503),
    status: 503,
    body: '{"why":"full"}',
    headers: { 'Content-Type': ['application/json'] },
  },
  {
    name: 'redirect',
    verdict: (request) => request.redirect('/login'),
    status: 302,
    body: '',
    headers: { Location: ['/login'] },
  },
  {
    name: 'a header that cannot be on a 101',
    verdict: (_request, headers) => void headers.set('Content-Length', '5'),
    status: 500,
    body: '500 Internal Server Error\n',
    reports: ['the handler of GET /chat failed: HTTP_HEADER_FRAMING'],
  },
];

describe('api: refusing a handshake', () => {
  for (const { name, verdict, status, body, headers = {}, reports = [] } of cases) {
    const asynchronous: Verdict = async (request, more) => {
      await Promise.resolve();
      return verdict(request, more);
    };
    for (const [how, judge] of [
      ['at once', verdict],
      ['later', asynchronous],
    ] as const) {
      it(`${status} by ${name}, ${how}; the connection serves on`, async () => {
        const upgrades = webSocketHandler(Echo);
        const refuses = webSocketHandler(judging(judge));
        const far = wire((request) => (request.path === '/chat' ? refuses(request) : upgrades(request)));
        const answer = await answerTo(far, handshake('Sec-WebSocket-Protocol: a'));
        expect([answer.status, answer.body], answer.head).to.deep.equal([status, body]);
        for (const [field, values] of Object.entries(headers)) {
          expect(answer.all(field), field).to.deep.equal(values);
        }
        expect(answer.head).not.to.match(/sec-websocket|\r\nupgrade:/i);
        const said = far.log.entries.map(({ message, error }) => {
          const { code, message: why } = error as Error & { code?: string };
          return `${message}: ${code ?? why}`;
        });
        expect(said).to.deep.equal(reports);
        expect((await answerTo(far, handshake().replace('/chat', '/echo'))).status).to.equal(101);
        expect(await far.exchange(text('on'))).to.deep.equal(['text on']);
      });
    }
  }

  it('nothing takes it, and so does what is true; what is false does not', async () => {
    for (const verdict of [undefined, true, 1, 'no', {}, false, null, 0, '', Number.NaN]) {
      class Taking extends WebSocket {
        override onHandshake(): unknown {
          return verdict;
        }
      }
      const far = wire(webSocketHandler(Taking));
      const status = verdict === undefined || verdict ? 101 : 403;
      expect((await answerTo(far, handshake())).status, String(verdict)).to.equal(status);
    }
  });

  it('an onHandshake that fails after it has answered is reported', async () => {
    const far = wire(
      webSocketHandler(
        judging((request) => {
          request.sendResponse('no', 403);
          throw failure;
        }),
      ),
    );
    const answer = await answerTo(far, handshake());
    expect([answer.status, answer.body]).to.deep.equal([403, 'no']);
    expect(far.log.entries.map(({ error }) => error)).to.deep.equal([failure]);
  });

  for (const end of ['close', 'abort'] as const) {
    it(`${end}() of the connection refuses without a word`, async () => {
      const far = wire(webSocketHandler(judging(({ connection }) => connection[end]())));
      far.send(handshake());
      expect((await far.takeBytes()).toString()).to.equal('');
      expect([far.ended, far.log.entries]).to.deep.equal([true, []]);
    });
  }

  it('an answer that takes its time is left to onHandshake', async () => {
    const requests: HTTPRequest[] = [];
    const far = wire(
      webSocketHandler(
        judging((request) => {
          requests.push(request);
          request.sendHeaders({ 'Content-Length': 2 });
        }),
      ),
    );
    expect((await answerTo(far, handshake())).status).to.equal(200);
    for (const request of requests) {
      request.send('no');
      request.finish();
    }
    expect((await far.takeBytes()).toString()).to.equal('no');
    expect(far.log.entries).to.deep.equal([]);
  });
});
