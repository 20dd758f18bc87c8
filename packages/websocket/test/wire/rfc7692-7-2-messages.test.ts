import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { compress, inflate, packed } from '../support/deflate.js';
import { BINARY, close, continuation, hex, ping, RSV1, text } from '../support/frames.js';
import { Echo, type SocketWireOptions, socketWire } from '../support/wire.js';
import { itReads } from '../support/wire-cases.js';

const more = { fin: false };
const only = 'deflate';
const TAKEN_OVER: SocketWireOptions = { perMessageDeflate: { contextTakeover: true, threshold: 0 } };

describe('RFC 7692 §7.2.3 Examples, as a client has to send them', () => {
  itReads([
    { name: '§7.2.3.1 one message', bytes: packed(hex('f2 48 cd c9 c9 07 00')), calls: ['text Hello'], only },
    {
      name: '§7.2.3.1 in two fragments',
      bytes: [packed(hex('f2 48 cd'), more), continuation(hex('c9 c9 07 00'))],
      calls: ['text Hello'],
      only,
    },
    {
      name: '§7.2.3.2 the second message refers to the first',
      bytes: [packed(hex('f2 48 cd c9 c9 07 00')), packed(hex('f2 00 11 00 00'))],
      calls: ['text Hello', 'text Hello'],
      only,
      options: TAKEN_OVER,
    },
    {
      name: '§7.2.3.2 the second message refers to the first, which was not agreed on',
      bytes: [packed(hex('f2 48 cd c9 c9 07 00')), packed(hex('f2 00 11 00 00'))],
      calls: ['text Hello'],
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
    },
    {
      name: '§7.2.3.3 a block without compression',
      bytes: packed(hex('00 05 00 fa ff 48 65 6c 6c 6f 00')),
      calls: ['text Hello'],
      only,
    },
    {
      name: '§7.2.3.4 a block with BFINAL, and a message behind it',
      bytes: [packed(hex('f3 48 cd c9 c9 07 00 00')), packed(hex('f2 48 cd c9 c9 07 00'))],
      calls: ['text Hello', 'text Hello'],
      only,
    },
    {
      name: '§7.2.3.5 two blocks',
      bytes: packed(hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00')),
      calls: ['text Hello'],
      only,
    },
    { name: '§7.2.3.6 an empty message', bytes: packed(hex('00')), calls: ['text'], only },
    {
      name: 'the unmasked examples are not for a server',
      bytes: hex('c1 07 f2 48 cd c9 c9 07 00'),
      fails: '1002 WEBSOCKET_MASK',
      only,
    },
  ]);
});

describe('RFC 7692 §6 and §7.2.2 Receiving', () => {
  const long = compress('Inseam '.repeat(300));
  itReads([
    {
      name: 'messages that are compressed and that are not, in turns, keep their order',
      bytes: [
        text('1'),
        packed(compress('2')),
        text('3', more),
        continuation('4'),
        packed(compress('5')),
        text('6'),
      ],
      calls: ['text 1', 'text 2', 'text 34', 'text 5', 'text 6'],
      only,
    },
    {
      name: 'control frames, between compressed fragments, are not compressed',
      bytes: [
        packed(long.subarray(0, 9), more),
        ping('ping'),
        continuation(long.subarray(9, 12), more),
        ping('pong'),
        continuation(long.subarray(12)),
      ],
      calls: ['text of 2100'],
      answers: ['pong ping', 'pong pong'],
      only,
    },
    {
      name: 'a fragment for each byte',
      bytes: [
        packed(Buffer.alloc(0), more),
        ...[...long].map((byte) => continuation([byte] as unknown as Uint8Array, more)),
        continuation(),
      ],
      calls: ['text of 2100'],
      only,
    },
    {
      name: 'bytes',
      bytes: packed(compress(hex('00 ff')), { opcode: BINARY }),
      calls: ['binary 00ff'],
      only,
    },
    {
      name: 'Close behind a compressed message comes behind it',
      bytes: [packed(long), ping('p'), close(1000)],
      calls: ['text of 2100', 'close 1000'],
      answers: ['pong p', 'close 1000'],
      only,
    },
    {
      name: 'text that is no UTF-8 once it is inflated',
      bytes: [packed(compress('before')), packed(compress(hex('48 ed a0 80')))],
      calls: ['text before'],
      fails: '1007 WEBSOCKET_UTF8',
      only,
    },
    {
      name: 'a type of block that there is not',
      bytes: [packed(compress('before')), packed(hex('07 00'))],
      calls: ['text before'],
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
    },
    {
      name: 'a block whose length and its complement differ',
      bytes: packed(hex('00 05 00 00 00 48 65 6c 6c 6f 00')),
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
    },
    {
      name: 'a reference to what was never said',
      bytes: packed(hex('f2 00 11 00 00')),
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
      options: TAKEN_OVER,
    },
    {
      name: 'broken data in the second fragment',
      bytes: [packed(hex('f2 48 05 00 00 00 ff ff'), more), continuation(hex('07 00'))],
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
    },
    {
      name: 'broken data, and whatever behind it',
      bytes: [packed(hex('07 00')), packed(compress('late')), hex('ff ff')],
      fails: '1007 WEBSOCKET_DEFLATE',
      only,
    },
    {
      name: 'RSV1 on the second fragment',
      bytes: [packed(long.subarray(0, 5), more), continuation(long.subarray(5), { rsv: RSV1 })],
      fails: '1002 WEBSOCKET_RESERVED_BITS',
      only,
    },
    {
      name: 'RSV1 on a ping between fragments',
      bytes: [packed(long.subarray(0, 5), more), ping('', { rsv: RSV1 })],
      fails: '1002 WEBSOCKET_RESERVED_BITS',
      only,
    },
  ]);

  it('a window is taken over along many messages', async () => {
    const far = await socketWire(undefined, { ...TAKEN_OVER, offer: 'permessage-deflate' });
    let before = Buffer.alloc(0);
    const messages = Array.from(
      { length: 40 },
      (_, i) => `message ${i}: ${'the same text again '.repeat(i)}`,
    );
    for (const message of messages) {
      far.send(packed(compress(message, { before })));
      before = Buffer.concat([before, Buffer.from(message)]);
    }
    await far.until(() => far.messages.length === messages.length);
    expect(far.messages).to.deep.equal(messages);
  });
});

describe('RFC 7692 §7.2.1 Sending', () => {
  const offer = 'permessage-deflate';

  it('from the threshold on, with RSV1 on the one frame of each message', async () => {
    const far = await socketWire(Echo, { perMessageDeflate: { threshold: 5 }, offer });
    far.send(Buffer.concat([text('four'), text('five!'), text(), text('longer than five')]));
    await far.until(() => far.messages.length === 4 && far.socket.bufferedAmount === 0);
    const frames = await far.takeFrames();
    expect(frames.map(({ fin, rsv }) => [fin, rsv])).to.deep.equal([
      [true, 0],
      [true, 4],
      [true, 0],
      [true, 4],
    ]);
    expect(
      frames.map(({ rsv, payload }) => (rsv === 0 ? payload : inflate(payload)).toString()),
    ).to.deep.equal(['four', 'five!', '', 'longer than five']);
  });

  it('from 1,024 bytes on by default', async () => {
    const far = await socketWire(Echo, { perMessageDeflate: true, offer });
    far.send(Buffer.concat([text('a'.repeat(1_023)), text('b'.repeat(1_024)), text('c')]));
    await far.until(() => far.messages.length === 3 && far.socket.bufferedAmount === 0);
    expect((await far.takeFrames()).map(({ rsv }) => rsv)).to.deep.equal([0, 4, 0]);
  });

  it('each message for itself without context take-over, an empty one, too', async () => {
    const far = await socketWire(Echo, { perMessageDeflate: { threshold: 0 }, offer });
    far.send(Buffer.concat([text('Hello'), text('Hello'), text(), text('Hello')]));
    await far.until(() => far.messages.length === 4 && far.socket.bufferedAmount === 0);
    const frames = await far.takeFrames();
    expect(frames.map(({ payload }) => payload.toString('hex'))).to.deep.equal([
      'f248cdc9c90700',
      'f248cdc9c90700',
      '00',
      'f248cdc9c90700',
    ]);
  });

  it('with reference to earlier ones with context take-over', async () => {
    const far = await socketWire(Echo, { ...TAKEN_OVER, offer });
    const messages = ['Hello', 'Hello', '', '', `Hello, ${'x'.repeat(1_000)}`, 'Hello'];
    for (const message of messages) far.send(text(message));
    await far.until(() => far.messages.length === messages.length && far.socket.bufferedAmount === 0);
    let before = Buffer.alloc(0);
    const frames = await far.takeFrames();
    const read = frames.map(({ payload }) => {
      const message = inflate(payload, { before });
      before = Buffer.concat([before, message]);
      return message.toString();
    });
    expect(read).to.deep.equal(messages);
    expect(frames[1]?.payload.length).to.be.below(frames[0]?.payload.length ?? 0);
  });

  it('pings, pongs and Close wait their turn, and are not compressed', async () => {
    class Speaker extends WebSocket {
      override onRead(): void {
        this.write('x'.repeat(100_000));
        this.ping('ping');
        this.write('short');
        this.write(Buffer.alloc(50_000));
        this.close(1000, 'done');
      }
    }
    const far = await socketWire(Speaker, { perMessageDeflate: true, offer });
    far.send(text('speak'));
    await far.until(() => far.sink.bytes.includes('done'));
    const frames = await far.takeFrames();
    expect(frames.map(({ opcode, rsv }) => [opcode, rsv])).to.deep.equal([
      [1, 4],
      [9, 0],
      [1, 0],
      [2, 4],
      [8, 0],
    ]);
    expect(inflate(frames[0]?.payload ?? Buffer.alloc(0)).length).to.equal(100_000);
    expect(inflate(frames[3]?.payload ?? Buffer.alloc(0)).length).to.equal(50_000);
  });
});
