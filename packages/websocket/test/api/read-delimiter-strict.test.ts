import { NetStruct, type ReadDelimiter, Struct, UsageError } from '@inseam/engine';
import { ENTIRE_MESSAGE, type MessageDelimiter, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { counted, cutting } from '../support/cutting.js';
import { binary, close, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';

describe('api: readDelimiter is strict', () => {
  const wrong: [string, MessageDelimiter, Buffer[], number, string][] = [
    ['text for a Buffer', Buffer.from(','), [text('a')], 1003, 'WEBSOCKET_DATA_TYPE'],
    ['text for a Struct', new Struct('B'), [text('a')], 1003, 'WEBSOCKET_DATA_TYPE'],
    ['text for a NetStruct', new NetStruct('B$'), [text('a')], 1003, 'WEBSOCKET_DATA_TYPE'],
    ['text for a Cutter', counted, [text('a')], 1003, 'WEBSOCKET_DATA_TYPE'],
    ['bytes behind the beginning of text', '\n', [text('a'), binary('\n')], 1003, 'WEBSOCKET_DATA_TYPE'],
    ['text behind the beginning of bytes', '\n', [binary('a'), text('\n')], 1003, 'WEBSOCKET_DATA_TYPE'],
    [
      'text that is too long',
      '\n',
      [text('x'.repeat(60)), text('x'.repeat(41))],
      1009,
      'WEBSOCKET_MESSAGE_TOO_LARGE',
    ],
    [
      'bytes that are too many',
      '\n',
      [binary('x'.repeat(60)), binary('x'.repeat(41))],
      1009,
      'WEBSOCKET_MESSAGE_TOO_LARGE',
    ],
    [
      'a piece too long behind its end',
      '\n',
      [text('x'.repeat(60)), text(`${'x'.repeat(41)}\n`)],
      1009,
      'WEBSOCKET_MESSAGE_TOO_LARGE',
    ],
    [
      'too much for a Cutter',
      counted,
      [binary(`${'\xff'}`), binary('x'.repeat(99)), binary('x')],
      1009,
      'WEBSOCKET_MESSAGE_TOO_LARGE',
    ],
  ];
  for (const [what, delimiter, frames, code, error] of wrong) {
    it(`${code} for ${what}`, async () => {
      const far = await socketWire(cutting(delimiter), { limits: { maxMessageBytes: 100 } });
      for (const bytes of frames) far.send(bytes);
      const told = await far.take();
      expect(told.map((words) => words.slice(0, 10))).to.deep.equal([`close ${code}`]);
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', `close 1006 (${error})`]);
    });
  }

  it('a piece of just the size that is taken passes', async () => {
    const far = await socketWire(cutting('\n'), { limits: { maxMessageBytes: 100 } });
    far.send(Buffer.concat([text('x'.repeat(100)), text('\n'), binary('x'.repeat(100)), binary('\n')]));
    await far.settle();
    expect(far.messages).to.deep.equal(['x'.repeat(100), Buffer.from('x'.repeat(100))]);
  });

  it('text and bytes may alternate between pieces, and empty messages stand anywhere', async () => {
    const far = await socketWire(cutting('\n'));
    far.send(Buffer.concat([text('a\n'), binary('b\n'), text(), text('c'), binary(), text('d\n')]));
    await far.settle();
    expect(far.messages).to.deep.equal(['a', Buffer.from('b'), 'cd']);
  });

  const broken: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('broken');
      },
    ],
    ['answers nonsense', () => ({ data: 'x', consumed: 0 })],
  ];
  for (const [what, cut] of broken) {
    it(`a Cutter that ${what} is reported, and closes with 1011`, async () => {
      const far = await socketWire(cutting({ cut } as unknown as ReadDelimiter));
      expect(await far.exchange(binary('a'))).to.deep.equal(['close 1011 a message could not be read']);
      expect(far.log.entries.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'error Cutting.readDelimiter threw',
      ]);
      far.send(close(1011));
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'close 1011']);
    });
  }

  it('a RegExp that proves to match nothing is reported, and closes with 1011', async () => {
    const far = await socketWire(cutting(/(?=\p{Script=Greek})/u));
    expect(await far.exchange(text('αβγ'))).to.deep.equal(['close 1011 a message could not be read']);
    expect(far.log.codes).to.deep.equal(['WEBSOCKET_DELIMITER']);
  });

  for (const delimiter of [
    '',
    0,
    -1,
    1.5,
    Number.NaN,
    Buffer.alloc(0),
    {},
    undefined,
    true,
    Symbol('x'),
    /x*/,
  ]) {
    it(`${String(delimiter)} is a UsageError, before and after onConnect`, async () => {
      const { socket } = await socketWire();
      for (const one of [socket, new WebSocket()]) {
        expect(() => {
          one.readDelimiter = delimiter as ReadDelimiter;
        }).to.throw(UsageError);
        expect(one.readDelimiter).to.equal(ENTIRE_MESSAGE);
      }
    });
  }
});
