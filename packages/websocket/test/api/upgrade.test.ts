import { UsageError } from '@inseam/engine';
import type { HTTPHeaders, HTTPRequest } from '@inseam/http';
import { type ServerWebSocketOptions, upgrade, WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { binary, text } from '../support/frames.js';
import { Echo, handshake, socketWire, wire } from '../support/wire.js';

const REFUSED = handshake('Sec-WebSocket-Version: 8');

describe('api: upgrade', () => {
  describe('inside a handler', () => {
    const handlers: [string, (request: HTTPRequest) => unknown][] = [
      ['that is synchronous', (request) => void upgrade(request, Echo)],
      ['that returns the promise', (request) => upgrade(request, Echo)],
      ['that awaits it', async (request) => void (await upgrade(request, Echo))],
      [
        'that has awaited something',
        async (request) => {
          await new Promise((resolve) => setImmediate(resolve));
          await upgrade(request, Echo);
        },
      ],
      ['that is done before it begins', (request) => void setImmediate(() => upgrade(request, Echo))],
    ];
    for (const [how, handler] of handlers) {
      it(`${how}, taken or refused`, async () => {
        const far = wire(handler);
        expect((await answerTo(far, REFUSED)).status).to.equal(426);
        expect((await answerTo(far, handshake())).status).to.equal(101);
        expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
        expect(far.log.entries.map(({ level }) => level)).to.deep.equal(['warn']); // of the refusal
      });

      it(`${how}, behind an early handler`, async () => {
        const early: string[] = [];
        const earlyHandler = async (request: HTTPRequest) => void early.push(request.method);
        const far = wire(handler, { earlyHandler });
        expect((await answerTo(far, handshake())).status).to.equal(101);
        expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
        expect(early).to.deep.equal(['GET']);
      });

      // The request handler has its turn where an early one has neither answered nor asked for time.
      if (how === 'that is done before it begins') continue;
      it(`${how}, in place of an early handler`, async () => {
        let handled = 0;
        const far = wire(() => handled++, { earlyHandler: handler });
        expect((await answerTo(far, handshake())).status).to.equal(101);
        expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
        expect(handled).to.equal(0);
      });
    }

    it('webSocketHandler may be the early handler, also where onHandshake takes its time', async () => {
      class Slow extends Echo {
        override async onHandshake(): Promise<void> {
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
      let handled = 0;
      const far = wire(() => handled++, { earlyHandler: webSocketHandler(Slow) });
      expect((await answerTo(far, handshake())).status).to.equal(101);
      expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
      expect(handled).to.equal(0);
    });

    it('resolves to the socket, behind onConnect; to null where it is refused', async () => {
      const results: unknown[] = [];
      class Noting extends WebSocket {
        override onConnect(): void {
          results.push('onConnect');
        }
      }
      const far = wire(async (request) => void results.push(await upgrade(request, Noting)));
      await answerTo(far, REFUSED);
      await answerTo(far, handshake());
      expect(results.slice(0, 2)).to.deep.equal([null, 'onConnect']);
      expect(results[2]).to.be.an.instanceof(Noting).with.property('connected', true);
    });

    it('takes WebSocket itself where no class is given', async () => {
      const sockets: (WebSocket | null)[] = [];
      const far = wire(async (request) => void sockets.push(await upgrade(request)));
      await answerTo(far, handshake());
      sockets[0]?.write('hi');
      expect(await far.take()).to.deep.equal(['text hi']);
    });
  });

  describe('is a UsageError', () => {
    const second: [string, (request: HTTPRequest) => unknown, status: number][] = [
      ['for a request that is one', (request) => upgrade(request, Echo), 101],
      ['while a handshake takes its time', (request) => upgrade(request, Slow), 101],
      ['for a request that was refused', (request) => upgrade(request, Echo, { origins: [] }), 403],
      ['after an answer', (request) => request.sendResponse('no'), 200],
      ['after the head of an answer', (request) => request.sendHeaders(), 200],
    ];
    class Slow extends WebSocket {
      override onHandshake(): Promise<void> {
        return Promise.resolve();
      }
    }
    for (const [when, first, status] of second) {
      it(`${when}, and changes nothing`, async () => {
        const far = wire((request) => {
          void first(request);
          for (const again of [() => upgrade(request, Echo), () => webSocketHandler(Echo)(request)]) {
            expect(again).to.throw(UsageError).with.property('code', 'WEBSOCKET_REQUEST');
          }
        });
        const answer = await answerTo(far, handshake('Origin: http://example.com'));
        const isRefused = status === 403;
        expect([answer.status, far.log.entries.length]).to.deep.equal([status, isRefused ? 1 : 0]);
      });
    }

    const bad: [string, unknown, unknown, string][] = [
      ['a class of something else', class {}, {}, 'WEBSOCKET_CLASS'],
      ['a function', () => {}, {}, 'WEBSOCKET_CLASS'],
      ['a socket', new Echo(), {}, 'WEBSOCKET_CLASS'],
      ['null', null, {}, 'WEBSOCKET_CLASS'],
      ['an unknown option', Echo, { protocol: 'chat' }, 'ENGINE_OPTION'],
      ['options that are none', Echo, null, 'ENGINE_OPTION'],
      ['an option that cannot be', Echo, { slowReader: 'wait' }, 'WEBSOCKET_OPTION'],
    ];
    for (const [what, Class, options, code] of bad) {
      it(`for ${what}, at the call`, async () => {
        const make = () => webSocketHandler(Class as typeof Echo, options as ServerWebSocketOptions);
        expect(make).to.throw(UsageError).with.property('code', code);
        const far = wire(
          (request) => void upgrade(request, Class as typeof Echo, options as ServerWebSocketOptions),
        );
        expect((await answerTo(far, handshake())).status).to.equal(500);
        expect(far.log.codes).to.deep.equal([code]);
      });
    }
  });

  describe('gives', () => {
    it('its arguments to onConnect', async () => {
      const given: unknown[][] = [];
      class Noting extends WebSocket {
        override onConnect(...args: unknown[]): void {
          given.push(args);
        }
      }
      await answerTo(wire(webSocketHandler(Noting, {}, 1, 'two', given)), handshake());
      await answerTo(
        wire((request) => upgrade(request, Noting, {}, null, 3)),
        handshake(),
      );
      await answerTo(wire(webSocketHandler(Noting)), handshake());
      expect(given).to.deep.equal([[1, 'two', given], [null, 3], []]);
    });

    it('text as strings and bytes as Buffers, empty ones, too', async () => {
      const { send, settle, messages } = await socketWire();
      for (const frame of [text('Hélló €𝄞'), text(), binary(Buffer.from([0, 255])), binary()]) send(frame);
      await settle();
      expect(messages).to.deep.equal(['Hélló €𝄞', '', Buffer.from([0, 255]), Buffer.alloc(0)]);
      expect(messages.map((message) => Buffer.isBuffer(message))).to.deep.equal([false, false, true, true]);
    });

    it('bytes that stay as they are', async () => {
      const { send, settle, messages } = await socketWire();
      for (let i = 0; i < 20; i++) send(binary(Buffer.alloc(100 * i, i)));
      await settle();
      expect(messages).to.deep.equal(Array.from({ length: 20 }, (_, i) => Buffer.alloc(100 * i, i)));
    });

    it('request, protocol, extensions, addresses and engine, also after the end', async () => {
      const lines = ['Sec-WebSocket-Protocol: chat', 'Cookie: a=1'];
      const options = { protocols: ['chat'], perMessageDeflate: true, lines, offer: 'permessage-deflate' };
      const far = await socketWire(Echo, options);
      const { socket } = far;
      const look = () => {
        expect([socket.request.path, socket.request.cookies]).to.deep.equal(['/chat', { a: '1' }]);
        expect(socket.protocol).to.equal('chat');
        expect(socket.extensions).to.match(/^permessage-deflate; /);
        expect(socket.remoteAddress).to.deep.equal({ host: '192.0.2.7', port: 4711, family: 4 });
        expect(socket.localAddress).to.equal(null);
        expect(socket.engine).to.equal(far.engine);
      };
      look();
      expect(far.answer).to.include(`\r\nSec-WebSocket-Extensions: ${socket.extensions}\r\n`);
      expect([socket.connected, socket.closed]).to.deep.equal([true, false]);
      far.client.abort();
      await far.settle();
      look();
      expect([socket.connected, socket.closed]).to.deep.equal([false, true]);
    });

    it('whole frames, whatever the connection was cut by before', async () => {
      class Cut extends Echo {
        override onHandshake({ connection }: HTTPRequest): void {
          connection.readDelimiter = '\n';
        }
      }
      const far = await socketWire(Cut);
      expect(await far.exchange(text('a\nb'))).to.deep.equal(['text a\nb']);
    });

    it('onHandshake’s headers and cookies to the 101', async () => {
      class Generous extends WebSocket {
        override onHandshake(request: HTTPRequest, headers: HTTPHeaders): void {
          request.cookiesOut.set('a', '1');
          request.cookiesOut.set('b', '2', { path: '/x' });
          request.setSecureCookie('c', '3');
          headers.set('X-More', 'yes');
          headers.append('X-List', 'one');
          headers.append('X-List', 'two');
          headers.set('Sec-WebSocket-Accept', 'nonsense');
          headers.set('Sec-WebSocket-Extensions', 'nonsense');
        }
      }
      const far = wire(webSocketHandler(Generous), { cookieSecret: 'x'.repeat(32) });
      const answer = await answerTo(far, handshake());
      expect(answer.status).to.equal(101);
      expect(answer.all('Set-Cookie').map((cookie) => cookie.slice(0, 2))).to.deep.equal(['a=', 'b=', 'c=']);
      expect([answer.all('X-More'), answer.all('X-List')]).to.deep.equal([['yes'], ['one', 'two']]);
      expect(answer.all('Sec-WebSocket-Accept')).to.deep.equal(['s3pPLMBiTxaQ9kYGzzhZRbK+xOo=']);
      expect(answer.all('Sec-WebSocket-Extensions')).to.deep.equal([]);
    });
  });

  it('a client that has gone before is none: null, and nobody is asked', async () => {
    const results: unknown[] = [];
    class Asked extends WebSocket {
      override onHandshake(): void {
        results.push('asked');
      }
    }
    let go = () => {};
    const far = wire((request) => {
      go = () => void upgrade(request, Asked).then((socket) => results.push(socket));
    });
    far.send(handshake());
    await far.settle();
    far.client.abort();
    await far.settle();
    go();
    await far.settle();
    expect([results, far.log.entries]).to.deep.equal([[null], []]);
  });

  it('a class whose constructor throws answers 500', async () => {
    class Broken extends WebSocket {
      constructor() {
        super();
        throw new Error('no');
      }
    }
    const far = wire(webSocketHandler(Broken));
    expect((await answerTo(far, handshake())).status).to.equal(500);
    expect(far.log.entries).to.have.length(1);
  });

  it('the socket of the server’s side has its request, another has none', () => {
    expect(() => new Echo().request)
      .to.throw(UsageError)
      .with.property('code', 'WEBSOCKET_NO_REQUEST');
  });
});
