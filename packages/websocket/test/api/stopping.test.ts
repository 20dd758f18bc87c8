import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, text } from '../support/frames.js';
import { gate } from '../support/gate.js';
import { Echo, type SocketWire, socketWire } from '../support/wire.js';

/** Stops the engine; whether that has come to its end. */
function stop(far: SocketWire, stopTimeoutMs?: number): () => boolean {
  let stopped = false;
  void far.engine.stop(stopTimeoutMs === undefined ? {} : { stopTimeoutMs }).then(() => {
    stopped = true;
  });
  return () => stopped;
}

describe('api: engine.stop()', () => {
  it('says 1001 to all, and waits for their answers', async () => {
    const one = await socketWire();
    const two = await one.anotherSocket();
    const stopped = stop(one);
    for (const far of [one, two]) expect(await far.take()).to.deep.equal(['close 1001 going away']);
    one.send(close(1001));
    await one.settle();
    expect([one.calls, two.calls, stopped()]).to.deep.equal([['connect', 'close 1001'], ['connect'], false]);
    two.send(close(1001));
    await two.settle();
    expect([two.calls, stopped()]).to.deep.equal([['connect', 'close 1001'], true]);
    expect(one.log.entries).to.deep.equal([]);
  });

  it('sends what was written first', async () => {
    const far = await socketWire();
    far.client.pause();
    for (let i = 0; i < 4; i++) far.socket.write(Buffer.alloc(100_000));
    const stopped = stop(far);
    await far.settle();
    expect(stopped()).to.equal(false);
    far.client.resume();
    const said = await far.take();
    expect([said.length, said.at(-1)]).to.deep.equal([5, 'close 1001 going away']);
    far.send(close(1001));
    await far.settle();
    expect(stopped()).to.equal(true);
  });

  it('waits closeTimeoutMs for an answer that does not come', async () => {
    const far = await socketWire(WebSocket, { limits: { closeTimeoutMs: 2_000 } });
    const stopped = stop(far);
    await far.pass(1_900);
    expect(stopped()).to.equal(false);
    await far.pass(1_000);
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'close 1006 (WEBSOCKET_CLOSE_TIMEOUT)'], true]);
  });

  it('ends it by stopTimeoutMs, if that is shorter', async () => {
    const far = await socketWire();
    const stopped = stop(far, 1_000);
    await far.pass(950);
    expect([far.calls, stopped()]).to.deep.equal([['connect'], false]);
    await far.pass(100);
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'close 1006 (ENGINE_STOP_TIMEOUT)'], true]);
  });

  it('with stopTimeoutMs 0 it ends at once, and onClose is called', async () => {
    const far = await socketWire();
    const stopped = stop(far, 0);
    await far.settle();
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'close 1006 (ENGINE_STOP_TIMEOUT)'], true]);
  });

  it('lets an onRead that is pending finish, and what waits behind it', async () => {
    const door = gate();
    class Slow extends WebSocket {
      override async onRead(): Promise<void> {
        await door.opened;
        this.write('done');
      }
    }
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a'), text('b')]));
    await far.settle();
    const stopped = stop(far);
    expect(await far.take()).to.deep.equal([]);
    door.open();
    expect(await far.take()).to.deep.equal(['text done', 'text done', 'close 1001 going away']);
    far.send(close(1001));
    await far.settle();
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'text a', 'text b', 'close 1001'], true]);
  });

  it('a write that comes too late answers false and is no mistake', async () => {
    const far = await socketWire(Echo);
    void far.engine.stop();
    expect(far.socket.write('x')).to.equal(false);
    far.send(text('y'));
    expect(await far.take()).to.deep.equal(['close 1001 going away']);
    expect([far.socket.connected, far.log.entries]).to.deep.equal([false, []]);
    far.send(close(1001));
    await far.settle();
  });

  it('a close() of ours that is under way goes on', async () => {
    const far = await socketWire();
    far.socket.close(4000, 'ours');
    const stopped = stop(far);
    expect(await far.take()).to.deep.equal(['close 4000 ours']);
    far.send(close(4000));
    await far.settle();
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'close 4000'], true]);
  });

  it('a Close of the peer’s that waits behind a message ends it', async () => {
    class Slow extends WebSocket {
      override onRead(): Promise<never> {
        return new Promise(() => {});
      }
    }
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a'), close(4001, 'theirs')]));
    await far.settle();
    const stopped = stop(far);
    expect(await far.take()).to.deep.equal([]);
    await far.pass(6_000); // For so long a handler is waited for.
    expect(await far.take()).to.deep.equal(['close 1001 going away']);
    expect([far.calls, stopped()]).to.deep.equal([['connect', 'text a', 'close 4001 theirs'], true]);
  });

  it('onClose of one may write to another', async () => {
    const others: WebSocket[] = [];
    class Telling extends WebSocket {
      override onConnect(): void {
        others.push(this);
      }
      override onClose(): void {
        for (const other of others) other.write('gone');
      }
    }
    const one = await socketWire(Telling);
    const two = await one.anotherSocket();
    const stopped = stop(one);
    one.send(close(1001));
    await one.settle();
    two.send(close(1001));
    await two.settle();
    expect([stopped(), one.log.entries]).to.deep.equal([true, []]);
  });
});
