import { expect } from 'chai';
import { BINARY, binary, continuation, frame, hex, PING, ping, RSV1, TEXT, text } from '../support/frames.js';
import { Echo, socketWire } from '../support/wire.js';
import { itReads, type WireCase } from '../support/wire-cases.js';

/** The first byte of a frame is judged before anything else has come. */
const HEADER_ONLY = hex('80');

describe('RFC 6455 §5.2 Base Framing: reserved bits', () => {
  const numbers = [1, 2, 3, 5, 6, 7];
  itReads([
    ...numbers.flatMap((rsv) =>
      [TEXT, BINARY, PING].map(
        (opcode): WireCase => ({
          name: `RSV ${rsv.toString(2).padStart(3, '0')} on opcode ${opcode}`,
          bytes: [text('before'), frame({ opcode, rsv, payload: 'Hello' })],
          calls: ['text before'],
          fails: '1002 WEBSOCKET_RESERVED_BITS',
        }),
      ),
    ),
    ...[TEXT, BINARY].map(
      (opcode): WireCase => ({
        name: `RSV1 on opcode ${opcode} without an extension`,
        bytes: frame({ opcode, rsv: RSV1, payload: 'Hello' }),
        fails: '1002 WEBSOCKET_RESERVED_BITS',
        only: 'plain',
      }),
    ),
    ...[PING, 0x8, 0xa].map(
      (opcode): WireCase => ({
        name: `RSV1 on a control frame, opcode ${opcode}`,
        bytes: frame({ opcode, rsv: RSV1 }),
        fails: '1002 WEBSOCKET_RESERVED_BITS',
      }),
    ),
    {
      name: 'RSV1 on a continuation',
      bytes: [text('a', { fin: false }), continuation('b', { rsv: RSV1 })],
      fails: '1002 WEBSOCKET_RESERVED_BITS',
    },
    {
      name: 'RSV2 on a continuation',
      bytes: [text('a', { fin: false }), continuation('b', { rsv: 2 })],
      fails: '1002 WEBSOCKET_RESERVED_BITS',
    },
  ]);
});

describe('RFC 6455 §5.2 Base Framing: opcodes', () => {
  const reserved = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
  itReads([
    { name: '1 is text', bytes: frame({ opcode: 1, payload: 'é' }), calls: ['text é'] },
    { name: '2 is binary', bytes: frame({ opcode: 2, payload: 'é' }), calls: ['binary c3a9'] },
    {
      name: '8 is Close',
      bytes: frame({ opcode: 8, payload: hex('03e8 6279 65') }),
      calls: ['close 1000 bye'],
      answers: ['close 1000 bye'],
    },
    { name: '9 is Ping', bytes: frame({ opcode: 9, payload: 'x' }), answers: ['pong x'] },
    { name: '10 is Pong', bytes: frame({ opcode: 10, payload: 'x' }), calls: ['pong x'] },
    { name: '0 has to follow something', bytes: frame({ opcode: 0 }), fails: '1002 WEBSOCKET_OPCODE' },
    ...reserved.flatMap((opcode): WireCase[] => [
      { name: `${opcode} is reserved`, bytes: frame({ opcode }), fails: '1002 WEBSOCKET_OPCODE' },
      {
        name: `${opcode} is reserved, with a payload, behind a message`,
        bytes: [text('before'), frame({ opcode, payload: 'Hello' })],
        calls: ['text before'],
        fails: '1002 WEBSOCKET_OPCODE',
      },
      {
        name: `${opcode} is reserved, between fragments`,
        bytes: [text('a', { fin: false }), frame({ opcode, fin: opcode < 8 })],
        fails: '1002 WEBSOCKET_OPCODE',
      },
    ]),
  ]);
});

describe('RFC 6455 §5.2 Base Framing: lengths', () => {
  const bytesOf = (length: number) => Buffer.alloc(length, 'Inseam ');
  const shortest: [number, 7 | 16 | 64][] = [
    [0, 7],
    [1, 7],
    [124, 7],
    [125, 7],
    [126, 16],
    [127, 16],
    [128, 16],
    [65_535, 16],
    [65_536, 64],
    [65_537, 64],
  ];
  itReads([
    ...shortest.map(
      ([length, form]): WireCase => ({
        name: `${length} bytes in ${form} bits`,
        bytes: binary(bytesOf(length), { form }),
        calls: [length > 64 ? `binary of ${length}` : `binary ${bytesOf(length).toString('hex')}`.trimEnd()],
      }),
    ),
    ...[0, 1, 124, 125].flatMap((length) =>
      ([16, 64] as const).map(
        (form): WireCase => ({
          name: `${length} in ${form} bits is longer than it needs to be`,
          bytes: [text('before'), binary(bytesOf(length), { form })],
          calls: ['text before'],
          fails: '1002 WEBSOCKET_LENGTH',
        }),
      ),
    ),
    ...[126, 127, 65_535].map(
      (length): WireCase => ({
        name: `${length} in 64 bits is longer than it needs to be`,
        bytes: hex(`82 ff ${length.toString(16).padStart(16, '0')}`),
        fails: '1002 WEBSOCKET_LENGTH',
      }),
    ),
    ...[
      '0000000000100001',
      '0000000100000000',
      '001fffffffffffff',
      '0020000000000000',
      '7fffffffffffffff',
    ].map(
      (length): WireCase => ({
        name: `0x${length} is more than a message may have, which its header tells`,
        bytes: hex(`82 ff ${length}`),
        fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
      }),
    ),
    ...['8000000000000000', 'ffffffffffffffff', '8000000000000005'].map(
      (length): WireCase => ({
        name: `0x${length} has its top bit set`,
        bytes: hex(`82 ff ${length}`),
        fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
      }),
    ),
    {
      name: 'a length of 64 bits whose first 16 would do, with that many bytes behind it',
      bytes: Buffer.concat([hex('82 ff 0080 000000000000'), Buffer.alloc(200)]),
      fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
    },
    {
      name: 'one more than maxMessageBytes',
      bytes: binary(bytesOf(1_001)),
      fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
      options: { limits: { maxMessageBytes: 1_000 } },
    },
    {
      name: 'maxMessageBytes',
      bytes: binary(bytesOf(1_000)),
      calls: ['binary of 1000'],
      options: { limits: { maxMessageBytes: 1_000 } },
    },
    {
      name: 'one more than maxMessageBytes in fragments, known from the last one’s header',
      bytes: [
        binary(bytesOf(600), { fin: false }),
        ping('p'),
        frame({ opcode: 0, length: 401 }).subarray(0, 4),
      ],
      answers: ['pong p'],
      fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
      options: { limits: { maxMessageBytes: 1_000 } },
    },
    {
      name: 'maxMessageBytes in fragments, twice',
      bytes: [0, 1].flatMap(() => [binary(bytesOf(600), { fin: false }), continuation(bytesOf(400))]),
      calls: ['binary of 1000', 'binary of 1000'],
      options: { limits: { maxMessageBytes: 1_000 } },
    },
    {
      name: 'a limit of more than 32 bits is none that is smaller',
      bytes: binary(bytesOf(1_001)),
      calls: ['binary of 1001'],
      options: { limits: { maxMessageBytes: 2 ** 32 + 1_000, maxFragments: 2 ** 32 } },
    },
    {
      name: '2 GiB are still too much where 2 GiB less a byte are allowed',
      bytes: hex('82 ff 00000000 80000000'),
      fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE',
      options: { limits: { maxMessageBytes: 2 ** 31 } },
    },
    {
      name: 'without a limit a header may say what it likes',
      bytes: hex('82 ff 0010000000000000'),
      options: { limits: { maxMessageBytes: Number.POSITIVE_INFINITY } },
      isPart: true,
    },
  ]);

  it('what a header announces is not allocated', async () => {
    const far = await socketWire(undefined, { limits: { maxMessageBytes: Number.POSITIVE_INFINITY } });
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 8; i++) (await far.anotherSocket()).send(hex('82 ff 0000000100000000 00000000'));
    await far.settle();
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1 << 20);
  });

  for (const [length, form] of shortest) {
    it(`a server writes ${length} bytes with a length of ${form} bits`, async () => {
      const far = await socketWire(Echo);
      far.send(binary(bytesOf(length)));
      const [sent] = await far.takeFrames();
      expect(sent?.raw.length).to.equal(length + { 7: 2, 16: 4, 64: 10 }[form]);
      expect(sent?.payload.equals(bytesOf(length))).to.equal(true);
    });
  }

  it('refuses before the frame is whole', async () => {
    const far = await socketWire();
    expect(await far.exchange(HEADER_ONLY)).to.deep.equal([]);
    const [answer] = await far.exchange(hex('fe'));
    expect(answer).to.match(/^close 1002 /);
  });
});
