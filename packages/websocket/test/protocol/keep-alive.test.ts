import { WEBSOCKET_LIMITS } from '@inseam/websocket';
import { expect } from 'chai';
import { KeepAlive } from '#websocket/protocol/keep-alive.js';

const limits = { ...WEBSOCKET_LIMITS, pingIntervalMs: 100, pongTimeoutMs: 50 };

/** At each time, bytes that have come and gone, and whether anything is read: what is to be done. */
function checks(...steps: [now: number, received: number, sent: number, isReading?: boolean][]): unknown[] {
  const keepAlive = new KeepAlive(limits, 0);
  return steps.map(([now, received, sent, isReading = true]) =>
    keepAlive.check({ received, sent, isReading }, now),
  );
}

describe('protocol: KeepAlive', () => {
  it('a ping after the interval, not before', () => {
    expect(checks([0, 0, 0], [99, 0, 0], [100, 0, 0])).to.deep.equal([null, null, 'ping']);
  });

  it('none while both sides speak', () => {
    expect(checks([60, 1, 1], [120, 2, 2], [180, 3, 3], [240, 4, 4])).to.deep.equal([null, null, null, null]);
  });

  it('one when the peer is silent, though we are not', () => {
    expect(checks([60, 0, 1], [120, 0, 2])).to.deep.equal([null, 'ping']);
  });

  it('one when we are silent, though the peer is not', () => {
    expect(checks([60, 1, 0], [120, 2, 0])).to.deep.equal([null, 'ping']);
  });

  it('silence after the ping is a timeout, whatever we send', () => {
    expect(checks([100, 0, 0], [149, 0, 9], [150, 0, 10])).to.deep.equal(['ping', null, 'timeout']);
  });

  it('anything that comes answers the ping, and the interval begins anew', () => {
    expect(checks([100, 0, 0], [140, 1, 9], [200, 1, 9], [239, 1, 18], [240, 1, 18])).to.deep.equal([
      'ping',
      null,
      null,
      null,
      'ping',
    ]);
  });

  it('no timeout while nothing is read, for the pong may be here', () => {
    expect(checks([100, 0, 0], [160, 0, 0, false], [170, 0, 0])).to.deep.equal(['ping', null, null]);
  });

  it('never, where the interval is Infinity', () => {
    const keepAlive = new KeepAlive({ ...limits, pingIntervalMs: Number.POSITIVE_INFINITY }, 0);
    expect(keepAlive.check({ received: 0, sent: 0, isReading: true }, 1e12)).to.equal(null);
  });
});
