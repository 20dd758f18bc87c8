import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import { FrameScanner } from '#websocket/protocol/frame-scanner.js';
import { compress, packed } from '../support/deflate.js';
import { binary, close, continuation, frame, hex, ping, pong, RSV1, text } from '../support/frames.js';
import { inflateFor, Reading } from '../support/reader.js';

const more = { fin: false };
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('protocol: FrameReader tells the first thing that is wrong, at once', () => {
  // Two mistakes each; `ws` would tell the first in a later tick, and the scanner sees the second only.
  const cases: { name: string; frames: Uint8Array[]; events: string[] }[] = [
    {
      name: 'a reserved bit, then bad text',
      frames: [text('a', { rsv: 2 }), text(hex('ff'), more)],
      events: ['WEBSOCKET_RESERVED_BITS'],
    },
    {
      name: 'a reserved bit on bad text',
      frames: [text(hex('ff'), { rsv: 2, fin: false })],
      events: ['WEBSOCKET_RESERVED_BITS'],
    },
    {
      name: 'a length that is too long in a frame that is not masked',
      frames: [text('a', { key: null, form: 16 })],
      events: ['WEBSOCKET_MASK'],
    },
    {
      name: 'bad text in a continuation that continues nothing',
      frames: [text('a'), continuation(hex('ff'))],
      events: ['text a', 'WEBSOCKET_OPCODE'],
    },
    {
      name: 'bad text that is longer than a message may be',
      frames: [frame({ payload: hex('ff'), length: 5_000 })],
      events: ['WEBSOCKET_MESSAGE_TOO_LARGE'],
    },
    {
      name: 'a reserved bit on what is longer than a message may be',
      frames: [binary('x'.repeat(950), more), continuation('y'.repeat(51), { rsv: 2 })],
      events: ['WEBSOCKET_RESERVED_BITS'],
    },
    {
      name: 'a continuation of what is over, which would be too long with it',
      frames: [text('x'.repeat(950)), continuation('y'.repeat(51))],
      events: [`text ${'x'.repeat(950)}`, 'WEBSOCKET_OPCODE'],
    },
    {
      name: 'bad text, then a reserved bit',
      frames: [text(hex('ff'), more), text('a', { rsv: 2 })],
      events: ['WEBSOCKET_UTF8'],
    },
    {
      name: 'Close, then anything',
      frames: [close(1000), text('a', { rsv: 2 }), text(hex('ff'))],
      events: ['close 1000 '],
    },
  ];
  for (const { name, frames, events } of cases) {
    it(name, () => {
      for (const inflate of [false, true]) {
        for (const { way, chunks } of feedEveryWay(Buffer.concat(frames))) {
          const reading = new Reading({
            limits: { maxMessageBytes: 1_000 },
            inflate: inflate ? inflateFor() : null,
          });
          expect(reading.push(...chunks).events, way).to.deep.equal(events);
          expect(reading.reader.isBusy, way).to.equal(false);
        }
      }
    });
  }

  it('and nothing after it, however much more is pushed', async () => {
    const reading = new Reading().push(hex('83 80 00000000'));
    for (let i = 0; i < 3; i++) {
      reading.push(text('late'), close(1000));
      await turn();
    }
    expect(reading.events).to.deep.equal(['WEBSOCKET_OPCODE']);
  });

  it('with its cause, where that is `ws`’s', () => {
    const { error } = new Reading().push(hex('83 80 00000000'));
    expect(error?.cause).to.include({ code: 'WS_ERR_INVALID_OPCODE' });
  });

  it('nothing after close() in the middle of a chunk', () => {
    const reading = new Reading();
    reading.onEvent = () => reading.reader.close();
    reading.push(Buffer.concat([text('one'), text('two'), ping('p'), pong('p'), close(1000)]));
    expect(reading.events).to.deep.equal(['text one']);
  });
});

describe('protocol: FrameReader as a client', () => {
  it('takes frames without a mask, and no others', () => {
    const reading = new Reading({ isServer: false });
    reading.push(text('a', { key: null }), binary('b', { key: null }), ping('c', { key: null }), text('d'));
    expect(reading.events).to.deep.equal(['text a', 'binary 62', 'ping 63', 'WEBSOCKET_MASK']);
  });

  it('refuses text with its first wrong byte, too', () => {
    const reading = new Reading({ isServer: false });
    reading.push(frame({ payload: 'abc', length: 100, key: null }));
    expect(reading.events).to.deep.equal([]);
    expect(reading.push(hex('ff')).events).to.deep.equal(['WEBSOCKET_UTF8']);
  });
});

describe('protocol: FrameReader holding back', () => {
  it('reads nothing of a chunk while it is held', () => {
    const reading = new Reading();
    reading.reader.isHeld = true;
    reading.push(text('a'), text('b'));
    expect({ events: reading.events, isBusy: reading.reader.isBusy }).to.deep.equal({
      events: [],
      isBusy: true,
    });
    reading.reader.isHeld = false;
    expect(reading.events).to.deep.equal(['text a', 'text b']);
    expect(reading.reader.isBusy).to.equal(false);
  });

  it('with deflate, goes on frame by frame', () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.onEvent = () => {
      reading.reader.isHeld = true;
    };
    reading.push(Buffer.concat([text('a'), text('b'), text('c')]));
    expect(reading.events).to.deep.equal(['text a']);
    reading.reader.isHeld = false;
    expect(reading.events).to.deep.equal(['text a', 'text b']);
    reading.push(text('d'));
    reading.onEvent = () => undefined;
    reading.reader.isHeld = false;
    expect(reading.events).to.deep.equal(['text a', 'text b', 'text c', 'text d']);
  });

  it('does not say that it can go on while it is held', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.onEvent = () => {
      reading.reader.isHeld = true;
    };
    reading.push(Buffer.concat([packed(compress('one')), packed(compress('two'))]));
    await reading.until(() => reading.events.length === 1);
    for (let i = 0; i < 20; i++) await turn();
    expect({ ready: reading.ready, isBusy: reading.reader.isBusy }).to.deep.equal({ ready: 0, isBusy: true });
    reading.reader.isHeld = false;
    await reading.until(() => reading.ready > 0);
    expect(reading.events).to.deep.equal(['text one', 'text two']);
  });

  it('says when it can go on after inflating, once everything has been read', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.push(Buffer.concat([packed(compress('one')), text('two'), packed(compress('three'))]));
    expect(reading.reader.isBusy).to.equal(true);
    expect(reading.ready).to.equal(0);
    await reading.until(() => reading.ready > 0);
    expect(reading.events).to.deep.equal(['text one', 'text two', 'text three']);
    expect(reading.reader.isBusy).to.equal(false);
  });

  it('what is pushed while it inflates waits its turn', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.push(packed(compress('one')), text('two'), packed(compress('three')), text('four'));
    await reading.until(() => reading.events.length === 4);
    expect(reading.events).to.deep.equal(['text one', 'text two', 'text three', 'text four']);
  });
});

describe('protocol: FrameReader closed while something is being inflated', () => {
  const large = packed(compress(Buffer.alloc(500_000, 'Inseam ')));

  it('tells nothing more, and `ws` survives it', async () => {
    for (let turns = 0; turns < 6; turns++) {
      const reading = new Reading({ inflate: inflateFor() });
      reading.push(text('before'), large, text('after'));
      for (let i = 0; i < turns; i++) await turn();
      const { ready, events } = reading;
      const told = { ready, events: [...events] };
      reading.reader.close();
      for (let i = 0; i < 50; i++) await turn();
      expect({ ready: reading.ready, events }).to.deep.equal(told);
    }
  });

  it('also in the turn in which it began, behind frames that are read already', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.push(Buffer.concat([text('before'), ping('p'), large]));
    reading.reader.close();
    for (let i = 0; i < 100; i++) await turn();
    expect(reading.events).to.deep.equal(['text before', 'ping 70']);
  });

  it('from inside the message that was inflated', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.onEvent = () => reading.reader.close();
    reading.push(packed(compress('one')), packed(compress('two')));
    await reading.until(() => reading.events.length > 0);
    for (let i = 0; i < 50; i++) await turn();
    expect(reading.events).to.deep.equal(['text one']);
  });

  it('after data that could not be inflated', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.push(packed(hex('07 00')), text('late'));
    await reading.until(() => reading.events.length > 0);
    reading.reader.close();
    reading.reader.close();
    await turn();
    expect(reading.events).to.deep.equal(['WEBSOCKET_DEFLATE']);
  });

  it('lets go of zlib’s memory once it has ended', async () => {
    for (let turns = 0; turns < 6; turns++) {
      const inflate = inflateFor();
      const reading = new Reading({ inflate }).push(large);
      for (let i = 0; i < turns; i++) await turn();
      reading.reader.close();
      const parts = inflate as unknown as { _inflate: object | null };
      await reading.until(() => parts._inflate === null);
      for (let i = 0; i < 20; i++) await turn();
      expect(parts._inflate).to.equal(null);
    }
  });

  it('many times over: what inflates for others is not used up', async () => {
    for (let i = 0; i < 40; i++) {
      const reading = new Reading({ inflate: inflateFor() });
      reading.push(i % 2 === 0 ? large : packed(hex('07 00')));
      if (i % 3 === 0) await turn();
      reading.reader.close();
    }
    const last = new Reading({ inflate: inflateFor() }).push(packed(compress('still here')));
    await last.until(() => last.events.length > 0);
    expect(last.events).to.deep.equal(['text still here']);
  });
});

describe('protocol: FrameReader’s memory', () => {
  const held = () => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };

  it('a frame that comes byte by byte takes little more than its bytes', () => {
    const length = 400_000;
    const bytes = binary('x'.repeat(length));
    const before = held();
    const reading = new Reading();
    for (let at = 0; at < bytes.length - 1; at++) reading.reader.push(bytes.subarray(at, at + 1));
    // Each byte as a Buffer of its own, as `ws` would keep them, is more than 30 MB.
    expect(held() - before).to.be.below(16_000_000);
    reading.push(bytes.subarray(-1));
    expect(reading.messages[0]?.toString()).to.equal('x'.repeat(length));
  });

  for (const size of [1, 3, 100, 1_023, 1_024, 1_025, 5_000, 16_384, 20_000]) {
    it(`a frame in pieces of ${size} is the frame, masked or not, whatever follows`, () => {
      for (const isServer of [true, false]) {
        const payload = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 31) % 251));
        const rest = isServer ? {} : { key: null };
        const bytes = Buffer.concat([
          text('a', rest),
          binary(payload, rest),
          text('b', rest),
          binary(payload, rest),
        ]);
        const reading = new Reading({ isServer });
        for (let at = 0; at < bytes.length; at += size) reading.push(bytes.subarray(at, at + size));
        expect(reading.messages.map((message) => message.length)).to.deep.equal([1, 50_000, 1, 50_000]);
        expect(reading.messages[1]?.equals(payload) && reading.messages[3]?.equals(payload)).to.equal(true);
      }
    });
  }

  it('a few bytes do not keep the chunk alive that they came in', () => {
    const small = binary('x'.repeat(4_095));
    const large = binary('y'.repeat(4_096));
    const reading = new Reading();
    reading.reader.push(
      Buffer.concat([small, large, Buffer.alloc(0)], 20_000).subarray(0, small.length + large.length),
    );
    const [copy, view] = reading.messages.map((message) => message.buffer.byteLength);
    expect(copy).to.be.at.most(Buffer.poolSize);
    expect(view).to.be.at.least(8_192);
    expect(reading.messages[0]?.toString()).to.equal('x'.repeat(4_095));
  });

  it('nor what is inflated', async () => {
    const reading = new Reading({ inflate: inflateFor() });
    reading.push(packed(compress('a few bytes'), { opcode: 2 }));
    await reading.until(() => reading.messages.length === 1);
    expect(reading.messages[0]?.buffer.byteLength).to.be.at.most(Buffer.poolSize);
  });
});

describe('protocol: FrameScanner', () => {
  const scanOf = (bytes: Uint8Array, isFrameWanted = false) => {
    const scanner = new FrameScanner(1_000);
    const chunk = Buffer.from(bytes);
    const end = scanner.scan(chunk, 0, isFrameWanted);
    return { scanner, chunk, end };
  };

  it('unmasks in place, and leaves a mask of zeros', () => {
    const { chunk, end } = scanOf(Buffer.concat([text('Hello'), binary(''), binary('x'.repeat(200))]));
    const expected = [
      hex('81 85 00000000 48656c6c6f'),
      hex('82 80 00000000'),
      hex('82 fe 00c8 00000000'),
      Buffer.alloc(200, 'x'),
    ];
    expect(chunk.equals(Buffer.concat(expected))).to.equal(true);
    expect(end).to.equal(chunk.length);
  });

  it('leaves what is not masked as it is', () => {
    const bytes = Buffer.concat([text('Hello', { key: null }), binary('abc', { key: null })]);
    expect(scanOf(bytes).chunk.equals(bytes)).to.equal(true);
  });

  it('goes to the end of a frame where one is wanted, an empty one, too', () => {
    const bytes = Buffer.concat([text('ab'), text(''), text('c', { key: null }), text('', { key: null })]);
    const scanner = new FrameScanner(1_000);
    const ends: number[] = [];
    const chunk = Buffer.from(bytes);
    for (let at = 0; at < chunk.length; ) {
      at = scanner.scan(chunk, at, true);
      ends.push(at);
    }
    expect(ends).to.deep.equal([8, 14, 17, 19]);
  });

  it('knows how much of a payload is to come', () => {
    const scanner = new FrameScanner(1_000);
    const bytes = binary('Hello');
    const left = [...bytes].map((byte) => {
      scanner.scan(Buffer.from([byte]), 0, false);
      return scanner.left;
    });
    expect(left).to.deep.equal([0, 0, 0, 0, 0, 5, 4, 3, 2, 1, 0]);
  });

  it('stops before what is wrong', () => {
    const fine = text('fine');
    const length = text('a', { form: 16 });
    expect(scanOf(Buffer.concat([fine, length])).end).to.equal(fine.length + 3);
    const wrong = scanOf(Buffer.concat([fine, text(hex('61 ff'), more)]));
    expect(wrong.end).to.equal(fine.length + 6);
    expect(wrong.scanner.error?.code).to.equal('WEBSOCKET_UTF8');
  });

  it('does not look at what is compressed, nor at what continues it', () => {
    const bytes = Buffer.concat([
      text(hex('ff'), { rsv: RSV1, fin: false }),
      ping(hex('ff')),
      continuation(hex('ff')),
    ]);
    const { scanner, end } = scanOf(bytes);
    expect(scanner.error).to.equal(null);
    expect(end).to.equal(bytes.length);
  });
});
