import { UsageError } from '@inseam/engine';
import { WEBSOCKET_LIMITS, WebSocket, type WebSocketOptions, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { binary, continuation, ping, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';

type Bad = [name: string, options: unknown, code: string];

const bad: Bad[] = [
  ['no object', 5, 'ENGINE_OPTION'],
  ['null', null, 'ENGINE_OPTION'],
  ['an unknown name', { maxPayload: 1 }, 'ENGINE_OPTION'],
  ['a limit among the options', { maxMessageBytes: 1 }, 'ENGINE_OPTION'],
  ['an option of the client', { headers: {} }, 'ENGINE_OPTION'],
  ['an unknown limit', { limits: { maxPayload: 1 } }, 'ENGINE_OPTION'],
  ['limits that are none', { limits: null }, 'ENGINE_OPTION'],
  ['slowReader of another kind', { slowReader: 'wait' }, 'WEBSOCKET_OPTION'],
  ['slowReader null', { slowReader: null }, 'WEBSOCKET_OPTION'],
  ['protocols as text', { protocols: 'chat' }, 'WEBSOCKET_OPTION'],
  ['protocols null', { protocols: null }, 'WEBSOCKET_OPTION'],
  ['an empty subprotocol', { protocols: [''] }, 'WEBSOCKET_OPTION'],
  ['a subprotocol of two words', { protocols: ['a', 'b c'] }, 'WEBSOCKET_OPTION'],
  ['a subprotocol that is a list', { protocols: ['a,b'] }, 'WEBSOCKET_OPTION'],
  ['a subprotocol that is no text', { protocols: [1] }, 'WEBSOCKET_OPTION'],
  ['a subprotocol twice', { protocols: ['a', 'b', 'a'] }, 'WEBSOCKET_OPTION'],
  ['perMessageDeflate as text', { perMessageDeflate: 'yes' }, 'ENGINE_OPTION'],
  ['perMessageDeflate null', { perMessageDeflate: null }, 'ENGINE_OPTION'],
  ['an option of ws', { perMessageDeflate: { zlibDeflateOptions: {} } }, 'ENGINE_OPTION'],
  ...[-1, 0.5, Number.NaN, '1', null].map(
    (threshold): Bad => [`threshold ${threshold}`, { perMessageDeflate: { threshold } }, 'WEBSOCKET_OPTION'],
  ),
  ...[0, 10, 1.5, -2, '6', null].flatMap((value): Bad[] => [
    [`level ${value}`, { perMessageDeflate: { level: value } }, 'WEBSOCKET_OPTION'],
    [`memLevel ${value}`, { perMessageDeflate: { memLevel: value } }, 'WEBSOCKET_OPTION'],
  ]),
  ['memLevel -1', { perMessageDeflate: { memLevel: -1 } }, 'WEBSOCKET_OPTION'],
  ...[1, 'no', null].map(
    (contextTakeover): Bad => [
      `contextTakeover ${contextTakeover}`,
      { perMessageDeflate: { contextTakeover } },
      'WEBSOCKET_OPTION',
    ],
  ),
  ...Object.keys(WEBSOCKET_LIMITS).flatMap((name) =>
    [0, -1, Number.NaN, '5', null].map(
      (value): Bad => [`${name} ${value}`, { limits: { [name]: value } }, 'ENGINE_OPTION'],
    ),
  ),
  ...['maxMessageBytes', 'maxFragments', 'maxControlFramesPerSecond', 'maxBufferedBytes'].map(
    (name): Bad => [`${name} 1.5`, { limits: { [name]: 1.5 } }, 'ENGINE_OPTION'],
  ),
];

const good: [string, WebSocketOptions][] = [
  ['none', {}],
  [
    'all undefined',
    { protocols: undefined, perMessageDeflate: undefined, slowReader: undefined, limits: undefined },
  ],
  ['limits undefined', { limits: { maxMessageBytes: undefined as unknown as number } }],
  ['deflate undefined', { perMessageDeflate: { threshold: undefined, level: undefined } }],
  [
    'the defaults of zlib',
    { perMessageDeflate: { threshold: 0, level: -1, memLevel: 8, contextTakeover: false } },
  ],
  ['the ends of zlib', { perMessageDeflate: { level: 9, memLevel: 1 } }],
  ['milliseconds that are no whole number', { limits: { pingIntervalMs: 0.5 } }],
  [
    'Infinity everywhere',
    {
      limits: Object.fromEntries(
        Object.keys(WEBSOCKET_LIMITS).map((name) => [name, Number.POSITIVE_INFINITY]),
      ),
    },
  ],
];

describe('api: options', () => {
  for (const [name, options, code] of bad) {
    it(`${name} is a UsageError`, () => {
      expect(() => webSocketHandler(WebSocket, options as WebSocketOptions))
        .to.throw(UsageError)
        .with.property('code', code);
    });
  }

  for (const [name, options] of good) {
    it(`takes ${name}`, async () => {
      const far = await socketWire(WebSocket, options);
      far.send(text('Hello'));
      await far.settle();
      expect(far.messages).to.deep.equal(['Hello']);
    });
  }

  it('the limits are those that are written down', () => {
    expect(WEBSOCKET_LIMITS).to.deep.equal({
      maxMessageBytes: 1_048_576,
      maxFragments: 4_096,
      maxControlFramesPerSecond: 100,
      maxBufferedBytes: 16_777_216,
      handshakeTimeoutMs: 10_000,
      pingIntervalMs: 30_000,
      pongTimeoutMs: 20_000,
      closeTimeoutMs: 5_000,
    });
    expect(Object.isFrozen(WEBSOCKET_LIMITS)).to.equal(true);
  });

  it('undefined is the default', async () => {
    const limits = { maxMessageBytes: 4, maxFragments: undefined as unknown as number };
    const far = await socketWire(WebSocket, { limits });
    far.send(text('12345'));
    expect(await far.take()).to.deep.equal(['close 1009 a message is longer than maxMessageBytes']);
  });

  it('changes of the options come too late', async () => {
    const limits = { maxMessageBytes: 10 };
    const protocols = ['a'];
    const far = await socketWire(WebSocket, { limits, protocols, lines: ['Sec-WebSocket-Protocol: a, b'] });
    limits.maxMessageBytes = 1;
    protocols.unshift('b');
    const again = await far.anotherSocket();
    again.send(text('12345'));
    await again.settle();
    expect([again.messages, again.socket.protocol]).to.deep.equal([['12345'], 'a']);
  });
});

describe('api: limits of reading', () => {
  const fragments = (count: number) =>
    Buffer.concat([
      text('x', { fin: false }),
      ...Array(count - 2).fill(continuation('x', { fin: false })),
      continuation('x'),
    ]);

  it('maxMessageBytes: as many pass, one more is 1009', async () => {
    for (const make of [text, binary]) {
      const far = await socketWire(WebSocket, { limits: { maxMessageBytes: 1_000 } });
      far.send(make('x'.repeat(1_000)));
      await far.settle();
      expect(far.messages).to.have.length(1);
      far.send(make('x'.repeat(1_001)));
      expect((await far.take())[0]).to.match(/^close 1009 /);
      await far.settle();
      expect(far.calls.at(-1)).to.equal('close 1006 (WEBSOCKET_MESSAGE_TOO_LARGE)');
    }
  });

  it('maxMessageBytes: counts all fragments, and refuses at the header of the one that is too much', async () => {
    const far = await socketWire(WebSocket, { limits: { maxMessageBytes: 1_000 } });
    far.send(
      Buffer.concat([text('x'.repeat(600), { fin: false }), ping('p'), continuation('x'.repeat(400))]),
    );
    expect(await far.take()).to.deep.equal(['pong p']);
    expect(far.messages).to.deep.equal(['x'.repeat(1_000)]);
    far.send(text('x'.repeat(600), { fin: false }));
    far.send(continuation('x'.repeat(401)).subarray(0, 8));
    expect((await far.take())[0]).to.match(/^close 1009 /);
  });

  it('maxFragments: as many pass, one more is 1008', async () => {
    const far = await socketWire(WebSocket, { limits: { maxFragments: 5 } });
    far.send(fragments(5));
    far.send(fragments(5));
    await far.settle();
    expect(far.messages).to.deep.equal(['xxxxx', 'xxxxx']);
    far.send(fragments(6));
    expect((await far.take())[0]).to.match(/^close 1008 /);
    await far.settle();
    expect(far.calls.at(-1)).to.equal('close 1006 (WEBSOCKET_TOO_MANY_FRAGMENTS)');
  });

  it('Infinity takes everything', async () => {
    const limits = { maxMessageBytes: Number.POSITIVE_INFINITY, maxFragments: Number.POSITIVE_INFINITY };
    const far = await socketWire(WebSocket, { limits });
    far.send(fragments(5_000));
    far.send(binary(Buffer.alloc(3 << 20)));
    await far.settle();
    expect(far.messages.map((message) => (message as string).length)).to.deep.equal([5_000, 3 << 20]);
  });
});
