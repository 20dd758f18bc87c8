import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { expect } from 'chai';
import { compress, packed, zeros } from '../support/deflate.js';
import { BINARY, binary, continuation, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';
import { DEFLATE, itReads, type WireCase } from '../support/wire-cases.js';

const MIB = 1 << 20;
const REFUSED = 'close 1009 a message is longer than maxMessageBytes';

const { createInflateRaw } = zlib;

function setCreateInflateRaw(value: typeof createInflateRaw): void {
  Object.defineProperty(zlib, 'createInflateRaw', { value, configurable: true, enumerable: true });
}

/** Counts what is inflated from now on, until the end of the test. */
function inflated(): { bytes: number } {
  const count = { bytes: 0 };
  setCreateInflateRaw((options) => {
    const stream = createInflateRaw(options);
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, ...rest) => {
      count.bytes += chunk?.length ?? 0;
      return push(chunk, ...rest);
    };
    return stream;
  });
  return count;
}

describe('RFC 7692 §7.2.2: maxMessageBytes is what a message has once it is inflated', () => {
  const noise = (length: number) => randomBytes(length);
  const limits = { maxMessageBytes: 1_000 };
  const whole = (bytes: Buffer) => packed(compress(bytes), { opcode: BINARY });
  const half = (length: number) => Buffer.concat([compress(noise(length)), Buffer.from([0, 0, 0xff, 0xff])]);
  const inTwo = (first: number, second: number) => [
    packed(half(first), { opcode: BINARY, fin: false }),
    continuation(compress(noise(second))),
  ];
  itReads(
    [
      { name: 'bytes that grow by compression', bytes: whole(noise(1_000)) },
      { name: 'one more', bytes: whole(noise(1_001)), isTooLong: true },
      { name: 'many more', bytes: whole(noise(1_100)), isTooLong: true },
      { name: 'in two fragments', bytes: inTwo(500, 500) },
      { name: 'one more, in two fragments', bytes: inTwo(500, 501), isTooLong: true },
      { name: 'one more, in many fragments', bytes: [...inTwo(1, 1_000)], isTooLong: true },
      { name: 'not compressed', bytes: binary(noise(1_000)) },
      { name: 'not compressed, one more', bytes: binary(noise(1_001)), isTooLong: true },
      {
        name: 'not compressed, in fragments, one more',
        bytes: [binary('x'.repeat(999), { fin: false }), continuation('yz')],
        isTooLong: true,
      },
      {
        name: 'not compressed behind compressed',
        bytes: [whole(noise(1_000)), binary(noise(1_000))],
        isTwice: true,
      },
    ].map(
      ({ isTooLong, isTwice, ...one }): WireCase => ({
        ...one,
        only: 'deflate',
        options: { limits },
        ...(isTooLong
          ? { fails: '1009 WEBSOCKET_MESSAGE_TOO_LARGE' }
          : { calls: isTwice ? ['binary of 1000', 'binary of 1000'] : ['binary of 1000'] }),
      }),
    ),
  );
});

describe('RFC 7692 §7.2.2: what compression makes longer', () => {
  it('1 MiB of noise is a message of 1 MiB, and one byte more is not', async () => {
    const far = await socketWire(undefined, DEFLATE);
    const noise = randomBytes(MIB);
    const compressed = compress(noise);
    expect(compressed.length).to.be.above(MIB + 64);
    far.send(packed(compressed, { opcode: BINARY }));
    far.send(packed(compress(randomBytes(MIB + 1)), { opcode: BINARY }));
    await far.until(() => far.ended);
    expect(far.messages).to.deep.equal([noise]);
    expect(await far.take()).to.deep.equal([REFUSED]);
  });
});

describe('RFC 7692 §8 Security: a few bytes that become many', () => {
  afterEach(() => setCreateInflateRaw(createInflateRaw));

  it('1 MiB that would be 1 GiB is inflated no further than maxMessageBytes', async () => {
    const bomb = zeros(1_024 * MIB);
    expect(bomb.length).to.be.below(MIB);
    const far = await socketWire(undefined, DEFLATE);
    const count = inflated();
    far.send(packed(bomb));
    await far.until(() => far.ended);
    expect(await far.take()).to.deep.equal([REFUSED]);
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_MESSAGE_TOO_LARGE)']);
    expect(count.bytes).to.be.within(MIB, MIB + 4 * 16_384);
  });

  it('nor in fragments that are each short enough', async () => {
    const far = await socketWire(undefined, DEFLATE);
    const count = inflated();
    const part = Buffer.concat([compress(Buffer.alloc(MIB / 2)), Buffer.from([0, 0, 0xff, 0xff])]);
    far.send(packed(part, { fin: false }));
    for (let i = 0; i < 20; i++) far.send(continuation(part, { fin: false }));
    await far.until(() => far.ended);
    expect(await far.take()).to.deep.equal([REFUSED]);
    expect(count.bytes).to.be.within(MIB, 2 * MIB);
  });

  it('nor behind one that is just short enough', async () => {
    const far = await socketWire(undefined, DEFLATE);
    far.send(Buffer.concat([packed(compress(Buffer.alloc(MIB))), packed(compress(Buffer.alloc(MIB + 1)))]));
    await far.until(() => far.ended);
    expect(await far.take()).to.deep.equal([REFUSED]);
    expect(far.calls).to.deep.equal([
      'connect',
      `text of ${MIB}`,
      'close 1006 (WEBSOCKET_MESSAGE_TOO_LARGE)',
    ]);
  });

  it('while a handler’s promise is pending, messages behind it are not inflated', async () => {
    const far = await socketWire(undefined, DEFLATE);
    far.socket.onRead = () => new Promise(() => undefined);
    const count = inflated();
    const message = packed(compress(Buffer.alloc(MIB)));
    for (let i = 0; i < 50; i++) far.send(message);
    await far.until(() => far.calls.length + count.bytes > MIB);
    for (let round = 0; round < 50; round++) await far.settle();
    expect(count.bytes).to.equal(MIB);
  });

  it('others are served meanwhile, and after it', async () => {
    const bomb = zeros(256 * MIB);
    const far = await socketWire(undefined, DEFLATE);
    const others = await Promise.all(Array.from({ length: 30 }, () => far.anotherSocket()));
    for (const [i, other] of others.entries()) other.send(packed(i % 2 === 0 ? bomb : compress(`text ${i}`)));
    await far.until(() => others.every(({ calls }) => calls.length > 1));
    far.send(Buffer.concat([packed(compress('after')), text('it')]));
    await far.until(() => far.calls.length === 3);
    expect(others.map(({ calls }) => calls[1])).to.deep.equal(
      others.map((_, i) => (i % 2 === 0 ? 'close 1006 (WEBSOCKET_MESSAGE_TOO_LARGE)' : `text text ${i}`)),
    );
  });
});
