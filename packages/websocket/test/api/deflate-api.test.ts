import { randomBytes } from 'node:crypto';
import { WebSocket, type WebSocketOptions } from '@inseam/websocket';
import { expect } from 'chai';
import { deflated, inflated } from '../support/deflated.js';
import { close, type Frame, ping, text } from '../support/frames.js';
import { Echo, type SocketWire, socketWire } from '../support/wire.js';

const LONG = 'so long, and thanks for all the fish; '.repeat(100);
const OFFER = 'permessage-deflate';

function compressing<T extends WebSocket = WebSocket>(
  perMessageDeflate: WebSocketOptions['perMessageDeflate'] = true,
  options: WebSocketOptions = {},
  Class = WebSocket as unknown as new () => T,
): Promise<SocketWire<T>> {
  return socketWire(Class, { offer: OFFER, perMessageDeflate, ...options });
}

/** So many frames, as they come. */
async function frames(far: SocketWire, count: number): Promise<Frame[]> {
  const got: Frame[] = [];
  while (got.length < count) {
    await far.settle();
    got.push(...(await far.takeFrames()));
  }
  return got;
}

describe('api: permessage-deflate', () => {
  it('is off unless it is asked for, by both', async () => {
    for (const options of [
      { offer: OFFER },
      { offer: OFFER, perMessageDeflate: false },
      { perMessageDeflate: true },
    ]) {
      const far = await socketWire(WebSocket, options);
      expect([far.socket.extensions, /extensions/i.test(far.answer)]).to.deep.equal(['', false]);
      far.socket.write(LONG);
      expect((await frames(far, 1)).map(({ rsv }) => rsv)).to.deep.equal([0]);
    }
  });

  it('compresses from the threshold on', async () => {
    const far = await compressing();
    for (const length of [1_023, 1_024, 1_025]) far.socket.write('x'.repeat(length));
    expect((await frames(far, 3)).map(({ rsv }) => rsv)).to.deep.equal([0, 4, 4]);
    const all = await compressing({ threshold: 0 });
    for (const data of ['x', '']) all.socket.write(data);
    const got = await frames(all, 2);
    expect(got.map((frame) => [frame.rsv, inflated(frame)])).to.deep.equal([
      [4, 'x'],
      [4, ''],
    ]);
  });

  it('keeps the order of compressed and plain messages, pings and Close', async () => {
    const far = await compressing();
    const { socket } = far;
    socket.write(LONG);
    socket.write('short');
    socket.ping('ping');
    socket.write(Buffer.from(LONG));
    far.send(ping('pong'));
    await far.settle();
    socket.write('last');
    socket.close(1000, 'done');
    const got = await frames(far, 7);
    const said = got.map((frame) => `${frame.opcode} ${inflated(frame).slice(0, 4)}`);
    const at = said.indexOf('10 pong');
    expect(at).to.be.above(-1);
    said.splice(at, 1);
    expect(said).to.deep.equal(['1 so l', '1 shor', '9 ping', '2 so l', '1 last', '8 \x03\xe8do']);
  });

  it('every message comes whole, whatever its size', async () => {
    const far = await compressing();
    const messages = [1_024, 70_000, 2_000, 1_000_000, 5_000].map((size) =>
      randomBytes(size / 2).toString('hex'),
    );
    for (const message of messages) far.socket.write(message);
    const got = await frames(far, messages.length);
    expect(got.map(inflated).every((message, i) => message === messages[i])).to.equal(true);
  });

  it('close() right behind a big message loses nothing of it', async () => {
    const far = await compressing();
    const message = randomBytes(1_000_000).toString('hex');
    far.socket.write(message);
    far.socket.close();
    const [first, second] = await frames(far, 2);
    expect(inflated(first as Frame) === message).to.equal(true);
    expect(second?.opcode).to.equal(8);
    far.send(close(1000));
    await far.until(() => far.socket.closed);
    expect(far.calls).to.deep.equal(['connect', 'close 1000']);
  });

  it('nor do the peer’s Close, a mistake of its, or engine.stop() right behind one', async () => {
    const ends: [string, (far: SocketWire) => unknown, number][] = [
      ['Close', ({ send }) => send(close(1000)), 1000],
      ['mistake', ({ send }) => send(text(Buffer.from([0xff]))), 1007],
      ['stop', ({ engine }) => void engine.stop(), 1001],
    ];
    for (const [what, end, code] of ends) {
      const far = await compressing();
      far.socket.write(LONG.repeat(100));
      end(far);
      const [first, second] = await frames(far, 2);
      expect(inflated(first as Frame), what).to.equal(LONG.repeat(100));
      expect(second?.payload.readUInt16BE(0), what).to.equal(code);
      if (what === 'stop') far.send(close(1001));
      await far.until(() => far.socket.closed && far.ended);
    }
  });

  it('bufferedAmount counts what waits to be compressed, and what waits behind', async () => {
    const far = await compressing();
    far.socket.write(LONG);
    far.socket.write('four');
    expect(far.socket.bufferedAmount).to.equal(LONG.length + 4);
    await frames(far, 2);
    expect(far.socket.bufferedAmount).to.equal(0);
  });

  it('write answers false while 64 KiB wait to be compressed; onWrite and drained() follow', async () => {
    const far = await compressing();
    await far.settle();
    const before = far.writes;
    expect(far.socket.write('x'.repeat(65_535))).to.equal(true);
    expect(far.socket.write('x')).to.equal(false);
    await far.socket.drained();
    expect(far.socket.bufferedAmount).to.be.below(65_536);
    await far.until(() => far.writes > before);
    expect(far.socket.bufferedAmount).to.equal(0);
    expect(await frames(far, 2)).to.have.length(2);
  });

  it('onWrite waits for what is compressed, drained() for that or the end', async () => {
    const far = await compressing();
    await far.settle();
    const before = far.writes;
    far.socket.write('short');
    far.socket.write(LONG);
    // No thread of zlib has its turn among ticks.
    for (let i = 0; i < 50; i++) await new Promise<void>((resolve) => process.nextTick(resolve));
    expect([far.writes, far.sink.text.endsWith('short')]).to.deep.equal([before, true]);
    await far.until(() => far.writes > before);
    far.socket.write(LONG);
    const drained = far.socket.drained();
    far.socket.abort();
    await drained;
  });

  it('what waits to be compressed counts for maxBufferedBytes', async () => {
    const limits = { maxBufferedBytes: 10_000 };
    const far = await compressing(true, { limits, slowReader: 'drop' });
    for (let i = 0; i < 3; i++) far.socket.write('x'.repeat(4_000));
    expect(far.socket.dropped).to.equal(1);
    expect(await frames(far, 2)).to.have.length(2);
    const closed = await compressing(true, { limits });
    for (let i = 0; i < 3; i++) closed.socket.write('x'.repeat(4_000));
    expect(closed.socket.write('x')).to.equal(false);
    expect(await frames(closed, 4)).to.have.length(4);
    await closed.pass(1_100);
    expect(closed.calls).to.deep.equal(['connect']);
  });

  const takeOvers: [string, WebSocketOptions['perMessageDeflate'], number][] = [
    ['without context take-over each message stands for itself', true, 1],
    ['with it, the second of two that are the same is short', { contextTakeover: true }, 0.2],
  ];
  for (const [what, options, ratio] of takeOvers) {
    it(what, async () => {
      const far = await compressing(options);
      const message = randomBytes(2_000).toString('hex');
      far.socket.write(message);
      far.socket.write(message);
      const [first, second] = (await frames(far, 2)).map(({ payload }) => payload.length);
      expect(second).to.be.at.most((first ?? 0) * ratio);
    });
  }

  it('the peer waits while a message is inflated', async () => {
    const far = await compressing();
    const rest = text('x'.repeat(10_000));
    far.send(deflated(LONG.repeat(100)));
    for (let i = 0; i < 50; i++) far.send(rest);
    // No thread of zlib has its turn among microtasks.
    for (let i = 0; i < 200; i++) await Promise.resolve();
    expect(far.client.pendingBytes).to.be.at.least(49 * rest.length);
    await far.until(() => far.messages.length === 51);
    expect(far.client.pendingBytes).to.equal(0);
  });

  it('levels reach zlib', async () => {
    const sizes: number[] = [];
    const message = Array.from({ length: 3_000 }, (_, i) => (i * i).toString(36)).join(' ');
    for (const options of [{ level: 1, memLevel: 1 }, { level: 9 }]) {
      const far = await compressing(options);
      far.socket.write(message);
      const [only] = await frames(far, 1);
      expect(inflated(only as Frame)).to.equal(message);
      sizes.push(only?.payload.length ?? 0);
    }
    expect(sizes[1]).to.be.below(sizes[0] ?? 0);
  });

  it('compressed messages are read in order with plain ones and with pings', async () => {
    const far = await compressing(true, {}, Echo);
    far.send(
      Buffer.concat([deflated('one'), text('two'), ping('p'), deflated(''), text('three'), close(1000)]),
    );
    const said = (await frames(far, 6)).map((frame) => `${frame.opcode} ${inflated(frame).slice(0, 5)}`);
    expect(said.filter((words) => !words.startsWith('10'))).to.deep.equal([
      '1 one',
      '1 two',
      '1 ',
      '1 three',
      '8 \x03\xe8',
    ]);
    await far.until(() => far.socket.closed);
    expect(far.calls).to.deep.equal(['connect', 'text one', 'text two', 'text', 'text three', 'close 1000']);
  });

  const leaves: [string, (far: SocketWire) => unknown][] = [
    ['the peer resets', ({ client }) => client.abort()],
    ['abort() is called', ({ socket }) => socket.abort()],
    ['the peer ends', ({ client }) => client.end()],
  ];
  for (const [what, leave] of leaves) {
    it(`nothing goes wrong where ${what} while messages are compressed and inflated`, async () => {
      const far = await compressing({ contextTakeover: true }, {}, Echo);
      for (let i = 0; i < 5; i++) {
        far.socket.write(LONG.repeat(50));
        far.send(deflated(LONG.repeat(50)));
      }
      await Promise.resolve();
      leave(far);
      await far.until(() => far.socket.closed);
      for (let i = 0; i < 20; i++) await far.settle();
      expect(far.log.entries).to.deep.equal([]);
      expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
    });
  }

  it('a compressor that one client shares with another outlives it', async () => {
    const far = await compressing();
    const other = await far.anotherSocket();
    far.socket.write(LONG.repeat(200));
    other.socket.write(LONG);
    far.client.abort();
    const [only] = await frames(other, 1);
    expect(inflated(only as Frame)).to.equal(LONG);
    await far.settle();
  });
});
