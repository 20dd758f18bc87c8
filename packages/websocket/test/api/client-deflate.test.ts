import { inflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { clientFrames, clientWire, serverFrame } from '../support/client-wire.js';

const EXTENSION = 'Sec-WebSocket-Extensions: permessage-deflate';
const NORMAL = Buffer.from([3, 232]);
/** Long enough for zlib to be at work on them when the next thing happens. */
const LONG = 'what takes a while to be compressed; '.repeat(10_000);

/** A client whose messages refer to earlier ones. */
async function opened() {
  const wire = await clientWire({ perMessageDeflate: { contextTakeover: true } });
  await wire.answer(wire.switching(EXTENSION));
  return wire;
}

/** zlib works in threads of its own: waits for what it hands back. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('client: an end while messages are being compressed', () => {
  let uncaught: unknown[] = [];
  const note = (error: unknown) => void uncaught.push(error);
  let listeners: NodeJS.UncaughtExceptionListener[] = [];
  beforeEach(() => {
    uncaught = [];
    listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', note);
  });
  afterEach(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(uncaught, 'exceptions that nobody caught').to.deep.equal([]);
  });

  /** Long enough for everything that zlib has been given. */
  async function zlibIsIdle(): Promise<void> {
    const { deflateRaw } = await import('node:zlib');
    for (let round = 0; round < 4; round++) {
      await Promise.all(
        Array.from({ length: 8 }, () => new Promise((resolve) => deflateRaw(Buffer.from(LONG), resolve))),
      );
    }
  }

  it('the connection is gone', async () => {
    const wire = await opened();
    for (let i = 0; i < 4; i++) wire.socket.write(LONG);
    wire.server.abort();
    await wire.settle();
    await zlibIsIdle();
    expect(wire.socket.events.at(-1)).to.match(/^close 1006/);
  });

  it('the client aborts', async () => {
    const wire = await opened();
    for (let i = 0; i < 4; i++) wire.socket.write(LONG);
    wire.socket.abort();
    await wire.settle();
    await zlibIsIdle();
    expect(wire.socket.events).to.deep.equal(['connect', 'close 1006  null']);
    expect(wire.log.entries).to.deep.equal([]);
  });

  it('the server says Close: everything is sent, and then the answer', async () => {
    const wire = await opened();
    const start = wire.sink.length;
    for (let i = 0; i < 4; i++) wire.socket.write(LONG);
    await wire.answer(serverFrame(8, NORMAL));
    await until(() => clientFrames(wire.sink.bytes.subarray(start)).length === 5);
    const frames = clientFrames(wire.sink.bytes.subarray(start));
    expect(frames.map(({ opcode }) => opcode)).to.deep.equal([1, 1, 1, 1, 8]);
    wire.server.end();
    await wire.settle();
    await zlibIsIdle();
    expect(wire.socket.events.at(-1)).to.equal('close 1000  null');
  });
});

describe('client: messages that cannot be compressed', () => {
  it('of exactly maxMessageBytes are taken, though their frame is longer', async () => {
    const limits = { maxMessageBytes: 1_000 };
    const wire = await clientWire({ perMessageDeflate: { contextTakeover: true }, limits });
    await wire.answer(wire.switching(EXTENSION));
    const noise = Buffer.from(Array.from({ length: 1_000 }, (_, i) => (i * i * 167 + (i >> 3)) & 0xff));
    // A block as it is (RFC 1951 §3.2.4), and the beginning of the empty one whose end is left out.
    const block = Buffer.concat([Buffer.from([0, 0xe8, 0x03, 0x17, 0xfc]), noise, Buffer.from([0])]);
    expect(
      inflateRawSync(Buffer.concat([block, Buffer.from([0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff])])),
    ).to.deep.equal(noise);
    const header = Buffer.from([0xc2, 126, block.length >> 8, block.length & 0xff]);
    await wire.answer(Buffer.concat([header, block]));
    await until(() => wire.socket.events.length > 1 || wire.log.entries.length > 0);
    expect(wire.socket.events).to.deep.equal(['connect', 'bytes 1000']);
    expect(wire.socket.messages[0]).to.deep.equal(noise);
  });

  it('of one byte more are not', async () => {
    for (const isCompressed of [false, true]) {
      const limits = { maxMessageBytes: 1_000 };
      const wire = await clientWire({ perMessageDeflate: { contextTakeover: true }, limits });
      await wire.answer(wire.switching(EXTENSION));
      const data = Buffer.alloc(1_001, 'x');
      const block = Buffer.concat([Buffer.from([0, 0xe9, 0x03, 0x16, 0xfc]), data, Buffer.from([0])]);
      const payload = isCompressed ? block : data;
      const header = Buffer.from([
        isCompressed ? 0xc2 : 0x82,
        126,
        payload.length >> 8,
        payload.length & 0xff,
      ]);
      await wire.answer(Buffer.concat([header, payload]));
      await until(() => wire.log.entries.length > 0);
      expect(wire.log.entries).to.deep.equal(['WEBSOCKET_MESSAGE_TOO_LARGE']);
      expect(wire.socket.events).to.deep.equal(['connect']);
    }
  });
});
