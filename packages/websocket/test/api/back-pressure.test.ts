import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, text } from '../support/frames.js';
import { Echo, type SocketWire, socketWire } from '../support/wire.js';

const KIB = 1_024;

/** Bytes of a message of `length` on the wire. */
const framed = (length: number) => length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);

/** Whose client does not read. */
async function unread(): Promise<SocketWire> {
  const far = await socketWire();
  far.client.pause();
  return far;
}

function isSettled(promise: Promise<unknown>): () => boolean {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  return () => settled;
}

describe('api: back-pressure of writing', () => {
  it('write answers false from 64 KiB on, and true again when the peer has read', async () => {
    const far = await unread();
    const { socket } = far;
    const length = 16 * KIB;
    const answers = Array.from({ length: 6 }, () => socket.write(Buffer.alloc(length)));
    expect(answers).to.deep.equal([true, true, true, false, false, false]);
    await far.settle();
    expect(socket.write('x')).to.equal(false);
    far.client.resume();
    await far.settle();
    expect(socket.write('x')).to.equal(true);
  });

  it('bufferedAmount counts frames to the byte', async () => {
    const far = await unread();
    const { socket } = far;
    let expected = 0;
    expect(socket.bufferedAmount).to.equal(0);
    for (const length of [0, 1, 125, 126, 65_535, 65_536, 200_000]) {
      socket.write(Buffer.alloc(length));
      expected += framed(length);
      expect(socket.bufferedAmount).to.equal(expected);
    }
    socket.write('€');
    socket.ping('four');
    expected += 5 + 6;
    expect(socket.bufferedAmount).to.equal(expected);
    await far.settle();
    expect(socket.bufferedAmount).to.equal(expected);
    far.client.resume();
    await far.settle();
    expect(socket.bufferedAmount).to.equal(0);
    expect(await far.take()).to.have.length(9);
  });

  it('onWrite is called when everything is with the system, and not before', async () => {
    const far = await unread();
    await far.settle();
    const before = far.writes;
    for (let i = 0; i < 4; i++) far.socket.write(Buffer.alloc(100 * KIB));
    await far.settle();
    expect(far.writes).to.equal(before);
    far.client.resume();
    await far.settle();
    expect(far.writes).to.equal(before + 1);
    await far.settle();
    expect(far.writes).to.equal(before + 1);
  });

  it('onWrite is called for a small write, too', async () => {
    const far = await socketWire();
    await far.settle();
    const before = far.writes;
    far.socket.write('x');
    await far.settle();
    expect(far.writes).to.equal(before + 1);
  });

  it('onWrite is not called for a Close', async () => {
    const far = await socketWire();
    await far.settle();
    const before = far.writes;
    far.socket.close();
    expect(await far.take()).to.deep.equal(['close 1000']);
    expect(far.writes).to.equal(before);
  });

  it('drained() resolves at once below the mark, else when the peer has read', async () => {
    const far = await unread();
    const small = isSettled(far.socket.drained());
    await far.settle();
    expect(small()).to.equal(true);
    far.socket.write(Buffer.alloc(200 * KIB));
    const large = isSettled(far.socket.drained());
    await far.settle();
    expect(large()).to.equal(false);
    far.client.resume();
    await far.settle();
    expect(large()).to.equal(true);
  });

  const ends: [string, (far: SocketWire) => unknown][] = [
    ['a reset', ({ client }) => client.abort()],
    ['abort()', ({ socket }) => socket.abort()],
  ];
  for (const [how, end] of ends) {
    it(`drained() resolves at the end by ${how}`, async () => {
      const far = await unread();
      far.socket.write(Buffer.alloc(200 * KIB));
      const drained = isSettled(far.socket.drained());
      await far.settle();
      end(far);
      await far.settle();
      expect(drained()).to.equal(true);
      expect(isSettled(far.socket.drained())()).to.equal(false);
      await far.socket.drained();
      expect(far.socket.bufferedAmount).to.equal(0);
    });
  }

  it('a loop over write and drained() sends everything in order', async () => {
    const far = await unread();
    const sent: Promise<void> = (async () => {
      for (let i = 0; i < 100; i++)
        if (!far.socket.write(`${i} ${'x'.repeat(10 * KIB)}`)) await far.socket.drained();
    })();
    await far.settle();
    expect(far.socket.bufferedAmount).to.be.below(100 * KIB);
    far.client.resume();
    await sent;
    const got = await far.takeFrames();
    expect(got.map(({ payload }) => Number.parseInt(payload.toString(), 10))).to.deep.equal([
      ...Array(100).keys(),
    ]);
  });

  it('a peer that takes no answers is read no further', async () => {
    const far = await socketWire(Echo);
    far.client.pause();
    for (let i = 0; i < 100; i++) far.send(text('x'.repeat(10 * KIB)));
    await far.settle();
    expect(far.socket.bufferedAmount).to.be.below(200 * KIB);
    expect(far.client.pendingBytes).to.be.above(800 * KIB);
    far.client.resume();
    expect(await far.take()).to.have.length(100);
  });

  it('close() sends what was written first', async () => {
    const far = await unread();
    for (let i = 0; i < 5; i++) far.socket.write(Buffer.alloc(100 * KIB));
    far.socket.close(1000, 'done');
    await far.settle();
    far.client.resume();
    const frames = await far.take();
    expect([frames.length, frames.at(-1)]).to.deep.equal([6, 'close 1000 done']);
    far.send(close(1000));
    await far.settle();
    expect(far.calls.at(-1)).to.equal('close 1000');
  });

  it('an answer to the peer’s Close stands behind what was written', async () => {
    const far = await unread();
    for (let i = 0; i < 5; i++) far.socket.write(Buffer.alloc(100 * KIB));
    far.send(close(1000));
    await far.settle();
    far.client.resume();
    const frames = await far.take();
    expect([frames.length, frames.at(-1)]).to.deep.equal([6, 'close 1000']);
    expect(far.calls.at(-1)).to.equal('close 1000');
  });

  describe('a slow reader', () => {
    const limits = { maxBufferedBytes: 1_000 };

    it('is closed when more than maxBufferedBytes have waited for a second', async () => {
      const far = await socketWire(WebSocket, { limits });
      far.client.pause();
      expect(far.socket.write(Buffer.alloc(494))).to.equal(true);
      expect(far.socket.write(Buffer.alloc(502))).to.equal(true);
      expect([far.socket.bufferedAmount, far.socket.connected]).to.deep.equal([1_004, true]);
      expect(far.socket.write('')).to.equal(false);
      await far.pass(900);
      expect(far.calls).to.deep.equal(['connect']);
      await far.pass(200);
      expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_SLOW_READER)']);
      expect(far.socket.write('x')).to.equal(false);
      expect(far.socket.dropped).to.equal(0);
    });

    it('may be sent much at once: it is no slow reader that takes it in time', async () => {
      for (const slowReader of ['close', 'drop'] as const) {
        const far = await socketWire(WebSocket, { limits, slowReader });
        far.client.pause();
        expect(far.socket.write(Buffer.alloc(5_000))).to.equal(true);
        expect(far.socket.write('x')).to.equal(false);
        expect(far.socket.dropped).to.equal(slowReader === 'drop' ? 1 : 0);
        far.client.resume();
        await far.pass(1_200);
        expect(far.socket.connected).to.equal(true);
      }
    });

    it("loses messages with 'drop', is counted, and gets the next ones when it has read", async () => {
      const far = await socketWire(WebSocket, { limits, slowReader: 'drop' });
      far.client.pause();
      far.socket.write('x'.repeat(900));
      for (const data of ['y'.repeat(200), 'z'.repeat(97), 'w']) far.socket.write(data);
      expect(far.socket.dropped).to.equal(2);
      far.client.resume();
      expect((await far.take()).map((words) => words.length)).to.deep.equal([905, 6]);
      expect(far.socket.write('again')).to.equal(true);
      expect(await far.take()).to.deep.equal(['text again']);
      expect([far.socket.dropped, far.socket.connected]).to.deep.equal([2, true]);
    });

    it('a message that just fits is sent', async () => {
      const far = await socketWire(WebSocket, { limits, slowReader: 'drop' });
      far.client.pause();
      far.socket.write('x'.repeat(500));
      far.socket.write('y'.repeat(1_000 - framed(500)));
      expect([far.socket.dropped, far.socket.bufferedAmount]).to.deep.equal([0, 1_004]);
    });

    it('pings and Close go out all the same', async () => {
      const far = await socketWire(WebSocket, { limits, slowReader: 'drop' });
      far.client.pause();
      far.socket.write('x'.repeat(990));
      far.socket.ping('here');
      far.socket.close();
      far.client.resume();
      expect((await far.take()).slice(1)).to.deep.equal(['ping here', 'close 1000']);
    });
  });
});
