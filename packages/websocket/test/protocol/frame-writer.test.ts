import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import {
  type Agreement,
  acceptOffer,
  DEFLATE_DEFAULTS,
  type DeflateSettings,
} from '#websocket/protocol/deflate.js';
import { FrameWriter } from '#websocket/protocol/frame-writer.js';
import { Message } from '#websocket/protocol/message.js';
import { PING } from '#websocket/protocol/opcodes.js';
import { inflate } from '../support/deflate.js';
import { framesIn, say } from '../support/frames.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const LONG = 'Inseam '.repeat(20_000);

interface Options {
  isServer?: boolean;
  deflate?: Partial<DeflateSettings> | null;
  offer?: string;
}

function writing({ isServer = true, deflate = null, offer = 'permessage-deflate' }: Options = {}) {
  const chunks: Uint8Array[] = [];
  const state = { isFull: false };
  const output = {
    write(bytes: Uint8Array): boolean {
      chunks.push(bytes);
      return !state.isFull;
    },
    writeLatin1(text: string): boolean {
      return output.write(Buffer.from(text, 'latin1'));
    },
  };
  const settings = deflate === null ? null : { ...DEFLATE_DEFAULTS, ...deflate };
  const agreement: Agreement | null = settings === null ? null : acceptOffer(offer, settings, 1 << 20);
  const writer = new FrameWriter(output, isServer, agreement);
  const frames = () => framesIn(Buffer.concat(chunks)).frames;
  const words = () =>
    frames().map((one) =>
      one.rsv === 0 ? say(one) : say({ ...one, rsv: 0, payload: inflate(one.payload) }),
    );
  const idle = async () => {
    while (!writer.isIdle) await turn();
  };
  return { writer, chunks, state, agreement, frames, words, idle };
}

describe('protocol: FrameWriter', () => {
  it('writes at once what need not be compressed, and says what the output says', () => {
    const { writer, state, words } = writing();
    expect(writer.message(new Message('a'))).to.equal(true);
    state.isFull = true;
    expect(writer.message(new Message(Buffer.from('b')))).to.equal(false);
    expect(writer.send(PING, Buffer.from('p'))).to.equal(false);
    writer.sendClose(1000, 'bye');
    expect(words()).to.deep.equal(['text a', 'binary 62', 'ping p', 'close 1000 bye']);
    expect([writer.isIdle, writer.pendingBytes]).to.deep.equal([true, 0]);
  });

  it('joins short frames, and leaves long payloads where they are', () => {
    const { writer, chunks } = writing();
    const short = Buffer.alloc(16_384, 's');
    const long = Buffer.alloc(16_385, 'l');
    writer.message(new Message(short));
    writer.message(new Message(long));
    expect(chunks.map((chunk) => chunk.length)).to.deep.equal([16_388, 4, 16_385]);
    expect(chunks[2]).to.equal(long);
  });

  it('keeps the order behind a compression, and tells what waits', async () => {
    const { writer, words, idle, chunks } = writing({ deflate: {} });
    let idles = 0;
    writer.onIdle = () => void idles++;
    writer.message(new Message(LONG));
    writer.message(new Message('short'));
    writer.send(PING, Buffer.from('p'));
    writer.message(new Message(Buffer.from(LONG)));
    writer.sendClose(1000, '');
    expect(chunks).to.have.length(0);
    expect([writer.isIdle, writer.pendingBytes]).to.deep.equal([false, 2 * LONG.length + 5 + 1 + 2]);
    await idle();
    expect(words()).to.deep.equal([
      `text ${LONG}`,
      'text short',
      'ping p',
      `binary ${Buffer.from(LONG).toString('hex')}`,
      'close 1000',
    ]);
    expect([writer.pendingBytes, idles]).to.deep.equal([0, 1]);
  });

  it('writes nothing after close(), and is idle', async () => {
    for (const contextTakeover of [false, true]) {
      const { writer, chunks } = writing({ deflate: { contextTakeover } });
      writer.message(new Message(LONG));
      writer.message(new Message('short'));
      writer.message(new Message(LONG));
      await turn();
      writer.close();
      expect([writer.isIdle, writer.pendingBytes]).to.deep.equal([true, 0]);
      for (let i = 0; i < 50; i++) await turn();
      expect(chunks).to.have.length(0);
    }
  });

  it('survives the end of the reader’s side, whose compression it shares, in any order', async () => {
    for (const order of ['reader first', 'writer first']) {
      const { writer, chunks, agreement } = writing({ deflate: { contextTakeover: true } });
      writer.message(new Message(LONG));
      writer.message(new Message(`${LONG}2`));
      await turn();
      if (order === 'writer first') writer.close();
      agreement?.inflate.cleanup();
      if (order === 'reader first') writer.close();
      for (let i = 0; i < 50; i++) await turn();
      expect(chunks, order).to.have.length(order === 'writer first' ? 0 : chunks.length);
      expect(writer.isIdle, order).to.equal(true);
    }
  });

  it('below the threshold nothing is compressed', async () => {
    const { writer, frames, idle } = writing({ deflate: { threshold: 10 } });
    for (const text of ['123456789', '1234567890', 'é'.repeat(5), 'é'.repeat(4)])
      writer.message(new Message(text));
    await idle();
    expect(frames().map(({ rsv }) => rsv)).to.deep.equal([0, 4, 4, 0]);
  });
});

describe('protocol: FrameWriter as a client', () => {
  it('masks every frame, each under a key of its own, and leaves the payload as it is', () => {
    const { writer, frames, words } = writing({ isServer: false });
    const payload = Buffer.alloc(70_000, 'x');
    const message = new Message(payload);
    for (let i = 0; i < 3; i++) writer.message(message);
    writer.message(new Message('short'));
    writer.message(new Message(''));
    writer.sendClose(1000, 'bye');
    const keys = frames().map(({ raw, payload: { length } }) => raw.readUInt32BE(raw.length - length - 4));
    expect(new Set(keys).size).to.equal(6);
    expect(frames().every(({ isMasked }) => isMasked)).to.equal(true);
    expect(words().slice(3)).to.deep.equal(['text short', 'text', 'close 1000 bye']);
    expect(frames()[1]?.payload.equals(payload)).to.equal(true);
    expect(payload.equals(Buffer.alloc(70_000, 'x'))).to.equal(true);
  });

  it('keys do not run out, and do not come again', () => {
    const { writer, frames } = writing({ isServer: false });
    for (let i = 0; i < 5_000; i++) writer.send(PING, Buffer.alloc(0));
    const keys = frames().map(({ raw }) => raw.readUInt32BE(2));
    // Of 5,000 numbers of 32 bits, two are equal once in 340 times; never ten.
    expect(new Set(keys).size).to.be.above(4_990);
  });

  it('lengths in every form', () => {
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536]) {
      const { writer, frames } = writing({ isServer: false });
      writer.message(new Message(Buffer.alloc(length, 7)));
      expect(frames()[0]?.payload.equals(Buffer.alloc(length, 7)), String(length)).to.equal(true);
      expect(frames()[0]?.raw.length).to.equal(length + (length < 126 ? 6 : length < 65_536 ? 8 : 14));
    }
  });
});

describe('protocol: Message', () => {
  it('text is UTF-8, bytes are as they are, not copied', () => {
    const bytes = new Uint8Array([0, 1, 2, 3]).subarray(1, 3);
    const buffer = Buffer.from('x');
    expect(new Message('é')).to.deep.include({ opcode: 1, payload: Buffer.from([0xc3, 0xa9]) });
    expect(new Message(bytes).payload.buffer).to.equal(bytes.buffer);
    expect([...new Message(bytes).payload]).to.deep.equal([1, 2]);
    expect(new Message(buffer).payload).to.equal(buffer);
    expect(new Message(buffer).opcode).to.equal(2);
  });

  for (const data of [
    undefined,
    null,
    1,
    true,
    {},
    [1, 2],
    new ArrayBuffer(2),
    new DataView(new ArrayBuffer(2)),
    new Uint16Array(2),
  ]) {
    it(`${Object.prototype.toString.call(data)} is neither: UsageError`, () => {
      expect(() => new Message(data as string))
        .to.throw(UsageError)
        .that.includes({ code: 'WEBSOCKET_DATA' });
    });
  }

  it('is framed once for all', () => {
    for (const data of ['Hello', 'é', 'x'.repeat(20_000), Buffer.from('Hello')]) {
      const message = new Message(data);
      expect(message.unmasked).to.equal(message.unmasked);
    }
    const message = new Message(Buffer.from('Hello'));
    const first = writing();
    const second = writing();
    first.writer.message(message);
    second.writer.message(message);
    expect(first.chunks[0]).to.equal(second.chunks[0]);
  });

  it('is compressed once for all who have the same window and no context', async () => {
    const message = new Message(LONG);
    const all = [
      writing({ deflate: {} }),
      writing({ deflate: {} }),
      writing({ deflate: {}, offer: 'permessage-deflate; server_max_window_bits=10' }),
      writing({ deflate: { level: 1 } }),
      writing({ deflate: { contextTakeover: true } }),
      writing(),
    ];
    for (const { writer } of all) writer.message(message);
    for (const { idle } of all) await idle();
    const late = writing({ deflate: {} });
    late.writer.message(message);
    expect(late.writer.isIdle).to.equal(true);
    for (const { words } of [...all, late]) expect(words()).to.deep.equal([`text ${LONG}`]);
    const [first, second, window, level, context, plain] = all.map(({ chunks }) => chunks[0]);
    expect(second).to.equal(first);
    expect(late.chunks[0]).to.equal(first);
    expect(new Set([first, window, level, context, plain]).size).to.equal(5);
  });

  it('one of those may be gone meanwhile', async () => {
    const message = new Message(LONG);
    const gone = writing({ deflate: {} });
    const other = writing({ deflate: {} });
    gone.writer.message(message);
    other.writer.message(message);
    gone.writer.close();
    await other.idle();
    expect([gone.chunks.length, other.words().length]).to.deep.equal([0, 1]);
  });
});
