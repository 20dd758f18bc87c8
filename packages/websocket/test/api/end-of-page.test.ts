/** A browser whose page has gone says Close, and keeps the connection for seconds. */
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close } from '../support/frames.js';
import { socketWire } from '../support/wire.js';

describe('a peer that keeps the connection behind its Close', () => {
  it('is told to onClose at once, and once', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    expect(await far.exchange(close(1001))).to.deep.equal(['close 1001']);
    expect(far.calls).to.deep.equal(['connect', 'close 1001']);
    expect(far.socket.closed).to.equal(true);
    expect(far.engine.channels.size, 'connections').to.equal(1);
    await far.pass(2_000);
    expect(far.calls).to.deep.equal(['connect', 'close 1001']);
  });

  it('is told to onClose at once where it answers a Close of ours', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    far.socket.close(4_000, 'enough');
    expect(await far.take()).to.deep.equal(['close 4000 enough']);
    expect(far.calls).to.deep.equal(['connect']);
    expect(await far.exchange(close(4_000, 'enough'))).to.deep.equal([]);
    expect(far.calls).to.deep.equal(['connect', 'close 4000 enough']);
    await far.pass(2_000);
    expect(far.calls).to.have.lengthOf(2);
  });
});
