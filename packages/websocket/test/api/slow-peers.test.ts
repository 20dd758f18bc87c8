import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, ping } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

const MIB = 1_048_576;

/** A client that takes one chunk, of 64 KiB, each time it is told to. */
function slowly(far: SocketWire): () => Promise<void> {
  const take = far.sink.onChunk.bind(far.sink);
  far.sink.onChunk = (chunk) => {
    take(chunk);
    far.client.pause();
  };
  far.client.pause();
  return async () => {
    far.client.resume();
    await far.settle();
  };
}

describe('A peer that is slow, and takes what it is sent', () => {
  it('gets all of it before close() gives up on its Close', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    const take = slowly(far);
    for (let i = 0; i < 4; i++) far.socket.write(Buffer.alloc(MIB));
    far.socket.close(1000, 'done');
    for (let i = 0; i < 70; i++) {
      await take();
      await far.pass(250);
    }
    expect(far.calls).to.deep.equal(['connect']);
    expect(far.socket.bufferedAmount).to.equal(0);
    far.send(close(1000));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'close 1000']);
  });

  it('is given up all the same when it takes nothing any more', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    const take = slowly(far);
    far.socket.write(Buffer.alloc(MIB));
    far.socket.close();
    await take();
    await far.pass(4_000);
    expect(far.calls).to.deep.equal(['connect']);
    await far.pass(2_500);
    expect(far.calls.at(-1)).to.equal('close 1006 (WEBSOCKET_CLOSE_TIMEOUT)');
  });

  it('is not taken for dead by the keep-alive, whose ping stands behind it', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    const take = slowly(far);
    for (let i = 0; i < 6; i++) far.socket.write(Buffer.alloc(MIB));
    for (let i = 0; i < 80; i++) {
      await take();
      await far.pass(1_000);
    }
    expect(far.calls).to.deep.equal(['connect']);
    expect(far.socket.bufferedAmount).to.be.above(0);
    await far.pass(55_000);
    expect(far.calls.at(-1)).to.equal('close 1006 (WEBSOCKET_PONG_TIMEOUT)');
  });

  it('gets no pongs beyond maxBufferedBytes', async () => {
    const far = await socketWire(WebSocket, { lingers: true, limits: { maxBufferedBytes: 1_000 } });
    far.client.pause();
    for (let i = 0; i < 50; i++) far.send(ping('x'.repeat(100)));
    await far.settle();
    expect(far.socket.bufferedAmount).to.be.within(900, 1_200);
    expect(far.socket.connected).to.equal(true);
  });
});
