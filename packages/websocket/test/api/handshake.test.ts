import { WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { close, text } from '../support/frames.js';
import { Echo, EXAMPLE_ACCEPT, EXAMPLE_KEY, handshake, wire } from '../support/wire.js';

const GET = 'GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n';

const taken: [string, string][] = [
  ['the usual lines', handshake()],
  ['Upgrade in capitals', handshake('Upgrade: WEBSOCKET')],
  ['Connection in small letters', handshake('Connection: upgrade')],
  ['Connection in capitals', handshake('Connection: UPGRADE')],
  ['Connection as browsers send it', handshake('Connection: keep-alive, Upgrade')],
  ['Upgrade first of the list', handshake('Connection: Upgrade,keep-alive')],
  ['a list with tabs and empty members', handshake('Connection: ,\tUpgrade\t,')],
  ['websocket behind another protocol', handshake('Upgrade: h2c, websocket')],
  ['websocket before another protocol', handshake('Upgrade: websocket , h2c')],
  ['Connection in two lines', handshake('Connection: keep-alive', 'Connection: Upgrade')],
  ['Upgrade in two lines', handshake('Upgrade: h2c', 'Upgrade: websocket')],
  [
    'names of lines in any case',
    handshake('UPGRADE: websocket', 'sec-websocket-KEY: AAAAAAAAAAAAAAAAAAAAAA=='),
  ],
  [
    'blanks around the values',
    handshake('Upgrade: \t websocket \t', `Sec-WebSocket-Key:   ${EXAMPLE_KEY}  `),
  ],
  ['an absolute target', handshake().replace('/chat', 'http://example.com/chat')],
  ['a query', handshake().replace('/chat', '/chat?room=1')],
  ['content, which is none of its messages', `${handshake('Content-Length: 5')}hello`],
];

const refused: [string, string, 400 | 426][] = [
  ['a plain GET', GET, 426],
  ['a POST', GET.replace('GET', 'POST'), 426],
  ['a HEAD', GET.replace('GET', 'HEAD'), 426],
  ['Upgrade of another protocol', handshake('Upgrade: h2c'), 426],
  ['Upgrade of a name that begins alike', handshake('Upgrade: websockets'), 426],
  ['no Upgrade', handshake('Upgrade:'), 426],
  ['no Connection', handshake('Connection:'), 400],
  ['Connection without upgrade', handshake('Connection: keep-alive'), 400],
  ['Connection with a name that ends alike', handshake('Connection: no-upgrade'), 400],
  ['the method POST', handshake().replace('GET', 'POST'), 400],
  ['the method HEAD', handshake().replace('GET', 'HEAD'), 400],
  ['the method get', handshake().replace('GET', 'get'), 400],
  ['HTTP/1.0', handshake('Connection: Upgrade, keep-alive').replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ['no key', handshake('Sec-WebSocket-Key:'), 400],
  ['an empty key', handshake('Sec-WebSocket-Key: '), 400],
  ['a key of 15 bytes', handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'), 400],
  ['a key of 17 bytes', handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA='), 400],
  ['a key that is no base64', handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA!A=='), 400],
  ['a key in the URL alphabet', handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA-A=='), 400],
  ['two keys', handshake(`Sec-WebSocket-Key: ${EXAMPLE_KEY}`, `Sec-WebSocket-Key: ${EXAMPLE_KEY}`), 400],
  ['two keys in one line', handshake(`Sec-WebSocket-Key: ${EXAMPLE_KEY}, ${EXAMPLE_KEY}`), 400],
  ['no version', handshake('Sec-WebSocket-Version:'), 426],
  ['an empty version', handshake('Sec-WebSocket-Version: '), 426],
  ['version 8', handshake('Sec-WebSocket-Version: 8'), 426],
  ['version 14', handshake('Sec-WebSocket-Version: 14'), 426],
  ['version 013', handshake('Sec-WebSocket-Version: 013'), 426],
  ['a list of versions', handshake('Sec-WebSocket-Version: 13, 8'), 426],
  ['the version twice', handshake('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 13'), 426],
  ['an empty list of subprotocols', handshake('Sec-WebSocket-Protocol: '), 400],
  ['a subprotocol that is no token', handshake('Sec-WebSocket-Protocol: chat, two words'), 400],
  ['an empty subprotocol', handshake('Sec-WebSocket-Protocol: chat,, more'), 400],
  ['a subprotocol with a space of Latin-1', handshake('Sec-WebSocket-Protocol: chat\xa0'), 400],
  ['a subprotocol twice', handshake('Sec-WebSocket-Protocol: chat, more, chat'), 400],
  [
    'a subprotocol twice, in two lines',
    handshake('Sec-WebSocket-Protocol: a', 'Sec-WebSocket-Protocol: a'),
    400,
  ],
  ['two origins', handshake('Origin: http://example.com', 'Origin: http://example.com'), 400],
];

describe('api: handshake', () => {
  for (const [name, bytes] of taken) {
    it(`takes ${name}`, async () => {
      const far = wire(webSocketHandler(Echo));
      const { status } = await answerTo(far, Buffer.from(bytes, 'latin1'));
      expect(status).to.equal(101);
      expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
    });
  }

  for (const [name, bytes, status] of refused) {
    it(`answers ${status} to ${name}, and the connection serves on`, async () => {
      const upgrades = webSocketHandler(Echo);
      const far = wire((request) =>
        request.path === '/next' ? request.sendResponse('on') : upgrades(request),
      );
      const answer = await answerTo(far, Buffer.from(bytes, 'latin1'));
      expect(answer.status, answer.head).to.equal(status);
      const is426 = status === 426;
      expect(answer.all('Sec-WebSocket-Version')).to.deep.equal(is426 ? ['13'] : []);
      expect(answer.all('Upgrade')).to.deep.equal(is426 ? ['websocket'] : []);
      const [said] = far.log.entries;
      expect(said?.message).to.match(new RegExp(`^refused a WebSocket at /.* from .* with ${status}: `));
      if (bytes.includes('HTTP/1.0')) return;
      expect(answer.all('Connection')).to.deep.equal(is426 ? ['Upgrade'] : []);
      const next = await answerTo(far, GET.replace('/page', '/next'));
      expect([next.status, next.body]).to.deep.equal([200, 'on']);
      expect((await answerTo(far, handshake())).status).to.equal(101);
      expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
    });
  }

  it('answers with the accept key, and with nothing that was not asked for', async () => {
    const far = wire(webSocketHandler(WebSocket, { protocols: ['chat'], perMessageDeflate: true }));
    far.send(handshake());
    expect(await far.takeHead()).to.equal(
      [
        'HTTP/1.1 101 Switching Protocols',
        'Upgrade: websocket',
        'Connection: Upgrade',
        `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}`,
        'Date: now',
        '',
        '',
      ].join('\r\n'),
    );
  });

  it('says in the answer what is wrong', async () => {
    const far = wire(webSocketHandler(WebSocket));
    expect((await answerTo(far, GET)).body).to.equal('This is a WebSocket: it takes a handshake for one.');
    const bodies = [];
    for (const line of ['Sec-WebSocket-Key: no', 'Connection: close, x', 'Sec-WebSocket-Protocol: ,']) {
      bodies.push((await answerTo(far.another(), handshake(line))).body);
    }
    expect(bodies).to.deep.equal([
      'This is no WebSocket handshake: Sec-WebSocket-Key is no key.',
      'This is no WebSocket handshake: it takes HTTP/1.1 and Connection: Upgrade.',
      'This is no WebSocket handshake: Sec-WebSocket-Protocol is no list of names.',
    ]);
  });

  it('answers requests that were pipelined in front of it first', async () => {
    const upgrades = webSocketHandler(Echo);
    const far = wire(async (request) => {
      if (request.path === '/chat') return upgrades(request);
      await Promise.resolve();
      request.sendResponse(request.path);
      return undefined;
    });
    far.send(
      Buffer.concat([
        Buffer.from(GET + GET.replace('page', 'two') + handshake()),
        text('Hello'),
        close(1000),
      ]),
    );
    const bytes = (await far.takeBytes()).toString('latin1');
    const bodies = bytes.split(/HTTP\/1\.1 \d+ [\s\S]*?\r\n\r\n/);
    expect(bytes.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 101']);
    expect(bodies).to.deep.equal(['', '/page', '/two', '\x81\x05Hello\x88\x02\x03\xe8']);
  });

  it('answers HTTP/1.0 and closes', async () => {
    const far = wire(webSocketHandler(Echo));
    const answer = await answerTo(far, 'GET / HTTP/1.0\r\n\r\n');
    expect([answer.status, answer.all('Upgrade'), far.ended]).to.deep.equal([426, ['websocket'], true]);
  });

  it('keeps a connection on which the handshake was refused for another one', async () => {
    const far = wire(webSocketHandler(Echo));
    expect((await answerTo(far, handshake('Sec-WebSocket-Version: 8'))).status).to.equal(426);
    expect((await answerTo(far, handshake('Sec-WebSocket-Version: 13'))).status).to.equal(101);
  });
});
