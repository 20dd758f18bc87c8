import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';

describe('api: close() inside of onRead', () => {
  it('of an async onRead whose promise stays pending: the peer’s Close is read all the same', async () => {
    class Leaver extends WebSocket {
      override onRead(): Promise<void> {
        this.close(1000, 'done');
        return new Promise(() => undefined);
      }
    }
    const far = await socketWire(Leaver);
    expect(await far.exchange(text('go'))).to.deep.equal(['close 1000 done']);
    await far.exchange(close(1000));
    expect(far.calls).to.deep.equal(['connect', 'text go', 'close 1000']);
  });

  it('pause() after close() does not keep the peer’s Close out', async () => {
    const far = await socketWire();
    far.socket.close(1000);
    far.socket.pause();
    await far.take();
    await far.exchange(close(1000));
    expect(far.calls).to.deep.equal(['connect', 'close 1000']);
  });
});
