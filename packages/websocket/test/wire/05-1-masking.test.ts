import { expect } from 'chai';
import {
  BINARY,
  binary,
  close,
  continuation,
  frame,
  hex,
  PING,
  PONG,
  ping,
  TEXT,
  text,
} from '../support/frames.js';
import { Echo, socketWire } from '../support/wire.js';
import { itReads } from '../support/wire-cases.js';

describe('RFC 6455 §5.1 A client masks, a server does not', () => {
  itReads([
    ...[0, 1, 3, 4, 5, 63, 64, 65, 71, 125, 126, 300].map((length) => ({
      name: `a payload of ${length} bytes under a key of four different bytes`,
      bytes: text('abcdefg'.repeat(43).slice(0, length)),
      calls: [length > 64 ? `text of ${length}` : `text ${'abcdefg'.repeat(43).slice(0, length)}`.trimEnd()],
    })),
    { name: 'a key of zeros', bytes: text('Hello', { key: [0, 0, 0, 0] }), calls: ['text Hello'] },
    { name: 'a key with zeros in it', bytes: text('Hello', { key: [0, 7, 0, 0] }), calls: ['text Hello'] },
    {
      name: 'a key of ones',
      bytes: binary(hex('00ff10'), { key: [255, 255, 255, 255] }),
      calls: ['binary 00ff10'],
    },
    {
      name: 'a key of its own for each frame',
      bytes: [
        text('One', { fin: false, key: [1, 2, 3, 4] }),
        ping('', { key: [5, 6, 7, 8] }),
        continuation(' two', { key: [250, 251, 252, 253] }),
      ],
      calls: ['text One two'],
      answers: ['pong'],
    },
    ...[TEXT, BINARY, PING, PONG].map((opcode) => ({
      name: `a frame without a mask, opcode ${opcode}`,
      bytes: [text('before'), frame({ opcode, payload: 'Hello', key: null })],
      calls: ['text before'],
      fails: '1002 WEBSOCKET_MASK' as const,
    })),
    { name: 'a Close without a mask', bytes: close(1000, '', { key: null }), fails: '1002 WEBSOCKET_MASK' },
    {
      name: 'a continuation without a mask',
      bytes: [text('a', { fin: false }), continuation('b', { key: null })],
      fails: '1002 WEBSOCKET_MASK',
    },
    { name: 'an empty frame without a mask', bytes: hex('81 00'), fails: '1002 WEBSOCKET_MASK' },
  ]);

  it('a server’s frames have none, of any kind and length', async () => {
    const far = await socketWire(Echo);
    far.send(Buffer.concat([ping('p'), text('t'.repeat(70_000)), binary('b'.repeat(300)), close(1000)]));
    const frames = await far.takeFrames();
    expect(frames.map(({ isMasked, payload }) => [isMasked, payload.length])).to.deep.equal([
      [false, 1],
      [false, 70_000],
      [false, 300],
      [false, 2],
    ]);
  });
});
