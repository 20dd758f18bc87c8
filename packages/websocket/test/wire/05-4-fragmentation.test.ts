import { expect } from 'chai';
import { binary, close, continuation, hex, ping, pong, text } from '../support/frames.js';
import { Echo, socketWire } from '../support/wire.js';
import { itReads } from '../support/wire-cases.js';

const more = { fin: false };

describe('RFC 6455 §5.4 Fragmentation', () => {
  itReads([
    {
      name: 'two fragments are one message',
      bytes: [text('Hel', more), continuation('lo')],
      calls: ['text Hello'],
    },
    {
      name: 'many fragments are, too',
      bytes: [binary('a', more), ...[...'bcdefg'].map((one) => continuation(one, more)), continuation('h')],
      calls: ['binary 6162636465666768'],
    },
    {
      name: 'two messages of fragments, text and binary',
      bytes: [text('a', more), continuation('b'), binary('c', more), continuation('d')],
      calls: ['text ab', 'binary 6364'],
    },
    { name: 'an empty message', bytes: text(), calls: ['text'] },
    { name: 'an empty message of bytes', bytes: binary(), calls: ['binary'] },
    { name: 'an empty message of fragments', bytes: [text('', more), continuation()], calls: ['text'] },
    {
      name: 'empty fragments at the beginning, in the middle and at the end',
      bytes: [
        text('', more),
        continuation('a', more),
        continuation('', more),
        continuation('b', more),
        continuation(),
      ],
      calls: ['text ab'],
    },
    {
      name: 'a character over several fragments',
      bytes: [
        text(hex('f0'), more),
        continuation(hex('9f 98'), more),
        continuation('', more),
        continuation(hex('80')),
      ],
      calls: ['text 😀'],
    },
    {
      name: 'control frames between fragments are answered before the message is whole',
      bytes: [text('a', more), ping('1'), pong('2'), continuation('b', more), ping('3'), continuation('c')],
      calls: ['pong 2', 'text abc'],
      answers: ['pong 1', 'pong 3'],
    },
    {
      name: 'Close between fragments ends the message',
      bytes: [text('a', more), close(1000, 'enough')],
      calls: ['close 1000 enough'],
      answers: ['close 1000 enough'],
    },
    {
      name: 'what is not whole is not told',
      bytes: [text('before'), text('a', more), continuation('b', more)],
      calls: ['text before'],
      isPart: true,
    },
    {
      name: 'a continuation without a beginning',
      bytes: [text('before'), continuation('b')],
      calls: ['text before'],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'one that says that there is more',
      bytes: continuation('b', more),
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'a continuation behind the last fragment',
      bytes: [text('a', more), continuation('b'), continuation('c')],
      calls: ['text ab'],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'a continuation of what is no text, behind a text',
      bytes: [text('a'), continuation(hex('ff'))],
      calls: ['text a'],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'a new message inside of one',
      bytes: [text('a', more), text('b')],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'a new fragmented message inside of one',
      bytes: [text('a', more), binary(hex('ff'), more)],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    {
      name: 'a new text inside of binary, which is no text either',
      bytes: [binary('a', more), text(hex('ff'))],
      fails: '1002 WEBSOCKET_OPCODE',
    },
    ...[ping, pong].map((control) => ({
      name: `a fragmented ${control('').equals(ping('')) ? 'ping' : 'pong'}`,
      bytes: [text('before'), control('a', more), continuation('b')],
      calls: ['text before'],
      fails: '1002 WEBSOCKET_CONTROL_FRAME' as const,
    })),
    { name: 'a fragmented Close', bytes: close(1000, '', more), fails: '1002 WEBSOCKET_CONTROL_FRAME' },
    {
      name: 'as many fragments as are taken',
      bytes: [
        text('a', more),
        ...Array.from({ length: 8 }, () => continuation('b', more)),
        continuation('c'),
      ],
      calls: ['text abbbbbbbbc'],
      options: { limits: { maxFragments: 10 } },
    },
    {
      name: 'one more than are taken',
      bytes: [text('a', more), ...Array.from({ length: 10 }, () => continuation('b', more))],
      fails: '1008 WEBSOCKET_TOO_MANY_FRAGMENTS',
      options: { limits: { maxFragments: 10 } },
    },
    {
      name: 'one more than are taken, all empty',
      bytes: [text('', more), ...Array.from({ length: 10 }, () => continuation('', more))],
      fails: '1008 WEBSOCKET_TOO_MANY_FRAGMENTS',
      options: { limits: { maxFragments: 10 } },
    },
    {
      name: 'fragments are counted for each message',
      bytes: [0, 1, 2].flatMap(() => [text('a', more), continuation('b')]),
      calls: ['text ab', 'text ab', 'text ab'],
      options: { limits: { maxFragments: 2 } },
    },
  ]);

  it('a server sends whole messages', async () => {
    const far = await socketWire(Echo);
    far.send(Buffer.concat([text('a', more), continuation('b'), text('c'.repeat(100_000))]));
    const frames = await far.takeFrames();
    expect(frames.map(({ fin, opcode }) => [fin, opcode])).to.deep.equal([
      [true, 1],
      [true, 1],
    ]);
  });
});
