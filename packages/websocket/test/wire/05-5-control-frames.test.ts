import { expect } from 'chai';
import { binary, close, frame, hex, ping, pong, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';
import { itReads, type WireCase } from '../support/wire-cases.js';

const longest = 'x'.repeat(125);

describe('RFC 6455 §5.5 Control Frames', () => {
  itReads([
    ...[
      ['ping', 9],
      ['pong', 10],
      ['Close', 8],
    ].flatMap(([name, opcode]): WireCase[] => [
      {
        name: `a ${name} of 126 bytes`,
        bytes: [text('before'), frame({ opcode: opcode as number, payload: `${longest}x` })],
        calls: ['text before'],
        fails: '1002 WEBSOCKET_CONTROL_FRAME',
      },
      {
        name: `a ${name} whose length takes 16 bits, though it is short`,
        bytes: frame({ opcode: opcode as number, payload: hex('03e8'), form: 16 }),
        fails: '1002 WEBSOCKET_CONTROL_FRAME',
      },
      {
        name: `a ${name} whose length takes 64 bits, though it is short`,
        bytes: frame({ opcode: opcode as number, payload: hex('03e8'), form: 64 }),
        fails: '1002 WEBSOCKET_CONTROL_FRAME',
      },
    ]),
  ]);
});

describe('RFC 6455 §5.5.1 Close', () => {
  itReads([
    {
      name: 'is answered with the same code and reason',
      bytes: close(1000, 'bye'),
      calls: ['close 1000 bye'],
      answers: ['close 1000 bye'],
    },
    {
      name: 'an empty one is answered by an empty one',
      bytes: close(),
      calls: ['close 1005'],
      answers: ['close'],
    },
    {
      name: 'of 125 bytes',
      bytes: close(4321, `${'é'.repeat(61)}x`),
      calls: [`close 4321 ${'é'.repeat(61)}x`],
      answers: [`close 4321 ${'é'.repeat(61)}x`],
    },
    { name: 'of one byte', bytes: frame({ opcode: 8, payload: 'x' }), fails: '1002 WEBSOCKET_CONTROL_FRAME' },
    {
      name: 'what follows it is passed over, whatever it is',
      bytes: [close(1001), text('late'), ping('late'), hex('ff ff ff ff')],
      calls: ['close 1001'],
      answers: ['close 1001'],
    },
    {
      name: 'a second one is passed over, too',
      bytes: [close(1001), close(1002)],
      calls: ['close 1001'],
      answers: ['close 1001'],
    },
    {
      name: 'what came before it is told before it',
      bytes: [text('one'), binary('2'), ping('3'), close(3000)],
      calls: ['text one', 'binary 32', 'close 3000'],
      answers: ['pong 3', 'close 3000'],
    },
    {
      name: 'a reason of UTF-8',
      bytes: close(1000, 'καλή 😀'),
      calls: ['close 1000 καλή 😀'],
      answers: ['close 1000 καλή 😀'],
    },
    ...['ff', 'c3', 'c0af', 'eda080', 'f4908080', '6162e282'].map(
      (reason): WireCase => ({
        name: `a reason that is no UTF-8: ${reason}`,
        bytes: close(1000, hex(reason)),
        fails: '1007 WEBSOCKET_UTF8',
      }),
    ),
  ]);
});

describe('RFC 6455 §5.5.2 Ping and §5.5.3 Pong', () => {
  itReads([
    { name: 'a ping is answered with its payload', bytes: ping('Hello'), answers: ['pong Hello'] },
    { name: 'an empty one, too', bytes: ping(), answers: ['pong'] },
    { name: 'one of 125 bytes', bytes: ping(longest), answers: [`pong ${longest}`] },
    {
      name: 'any bytes will do',
      bytes: [ping(hex('00ff')), pong(hex('c3 28'))],
      answers: ['pong \0\ufffd'],
      calls: ['pong \ufffd('],
    },
    {
      name: 'several pings, each its pong, in order',
      bytes: [ping('1'), text('a'), ping('2'), ping('3')],
      calls: ['text a'],
      answers: ['pong 1', 'pong 2', 'pong 3'],
    },
    { name: 'a pong that nobody asked for is told and not answered', bytes: pong('hi'), calls: ['pong hi'] },
    {
      name: 'more control frames in a second than are taken',
      bytes: Array.from({ length: 4 }, (_, i) => (i % 2 === 0 ? ping(String(i)) : pong(String(i)))),
      calls: ['pong 1'],
      answers: ['pong 0', 'pong 2'],
      fails: '1008 WEBSOCKET_TOO_MANY_CONTROL_FRAMES',
      options: { limits: { maxControlFramesPerSecond: 3 } },
    },
  ]);

  it('a ping of ours is answered by a pong with its payload', async () => {
    const far = await socketWire();
    far.socket.ping('data');
    far.socket.ping();
    const [first, second] = await far.takeFrames();
    await far.pass(50);
    expect([first?.opcode, second?.opcode]).to.deep.equal([9, 9]);
    far.send(Buffer.concat([pong(first?.payload), pong(second?.payload)]));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'pong data', 'pong 50']);
  });
});
