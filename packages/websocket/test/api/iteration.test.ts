import { UsageError } from '@inseam/engine';
import { upgrade, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { binary, close, frame, text } from '../support/frames.js';
import { type Gate, gate } from '../support/gate.js';
import { handshake, type SocketWire, socketWire, wire } from '../support/wire.js';

/** Reads by a loop, and writes down what it gets and how it ends. */
class Looping extends WebSocket {
  readonly got: unknown[] = [];
  /** Each turn waits for one of these, if there is one. */
  readonly gates: Gate[] = [];
  last: unknown = null;

  override async onConnect(): Promise<void> {
    try {
      for await (const message of this) {
        this.got.push(message);
        if (message === this.last) break;
        await this.gates.shift()?.opened;
      }
      this.got.push('(end)');
    } catch (error) {
      this.got.push(`(${(error as { code?: string }).code})`);
    }
  }
}

async function looping(behind?: Buffer): Promise<SocketWire<Looping>> {
  return socketWire(Looping, behind === undefined ? {} : { behind });
}

describe('api: for await', () => {
  it('gives the messages in order, those in the segment of the handshake, too', async () => {
    const far = await looping(Buffer.concat([text('a'), binary('b')]));
    far.send(text('c'));
    await far.settle();
    far.send(text('d'));
    await far.settle();
    expect(far.socket.got).to.deep.equal(['a', Buffer.from('b'), 'c', 'd']);
    expect(far.messages).to.deep.equal([]);
  });

  it('gives one at a time, and the peer waits for a slow loop', async () => {
    const far = await looping();
    const door = gate();
    far.socket.gates.push(door);
    for (let i = 0; i < 50; i++) far.send(text(`${i}${'x'.repeat(10_000)}`));
    await far.settle();
    expect(far.socket.got).to.have.length(1);
    expect(far.client.pendingBytes).to.be.above(400_000);
    door.open();
    await far.settle();
    expect(far.socket.got).to.have.length(50);
  });

  it('break closes with 1000', async () => {
    const far = await looping();
    far.socket.last = 'b';
    far.send(Buffer.concat([text('a'), text('b'), text('c')]));
    expect(await far.take()).to.deep.equal(['close 1000']);
    far.send(close(1000));
    await far.settle();
    expect(far.socket.got).to.deep.equal(['a', 'b', '(end)']);
    expect(far.calls).to.deep.equal(['connect', 'close 1000']);
  });

  it('a throw in the loop closes with 1000, and is reported', async () => {
    const failure = new Error('in the loop');
    class Throwing extends WebSocket {
      override async onConnect(): Promise<void> {
        for await (const _ of this) throw failure;
      }
    }
    const far = await socketWire(Throwing);
    expect(await far.exchange(text('a'))).to.deep.equal(['close 1000']);
    expect(far.log.entries.map(({ error }) => error)).to.deep.equal([failure]);
  });

  it('ends at a Close, behind the messages before it', async () => {
    const far = await looping();
    const door = gate();
    far.socket.gates.push(door);
    far.send(Buffer.concat([text('a'), text('b'), text('c'), close(4000, 'why')]));
    await far.settle();
    expect([far.socket.got, far.socket.closed]).to.deep.equal([['a'], false]);
    door.open();
    await far.settle();
    expect(far.socket.got).to.deep.equal(['a', 'b', 'c', '(end)']);
    expect(far.calls.at(-1)).to.equal('close 4000 why');
  });

  const ends: [string, (far: SocketWire<Looping>) => unknown, string][] = [
    ['our own close()', ({ socket }) => socket.close(), '(end)'],
    ['our own abort()', ({ socket }) => socket.abort(), '(end)'],
    ['a Close', ({ send }) => send(close(1001)), '(end)'],
    ['a Close without a code', ({ send }) => send(close()), '(end)'],
    ['engine.stop()', ({ engine }) => void engine.stop(), '(end)'],
    ['an end without a Close', ({ client }) => client.end(), '(WEBSOCKET_NO_CLOSE)'],
    ['a reset', ({ client }) => client.abort(), '(ENGINE_CONNECTION_LOST)'],
    ['a frame that is wrong', ({ send }) => send(frame({ opcode: 3 })), '(WEBSOCKET_OPCODE)'],
    ['text that is none', ({ send }) => send(text(Buffer.from([0xff]))), '(WEBSOCKET_UTF8)'],
  ];
  for (const [what, end, last] of ends) {
    it(`comes to ${last} by ${what}`, async () => {
      const far = await looping(text('a'));
      await far.settle();
      end(far);
      await far.settle();
      expect(far.socket.got).to.deep.equal(['a', last]);
      far.client.end();
      await far.settle();
      expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
    });

    it(`comes to ${last} by ${what} while a turn is at work`, async () => {
      const far = await looping();
      const door = gate();
      far.socket.gates.push(door);
      far.send(text('a'));
      await far.settle();
      end(far);
      await far.settle();
      expect(far.socket.got).to.deep.equal(['a']);
      door.open();
      await far.settle();
      expect(far.socket.got).to.deep.equal(['a', last]);
      far.client.end();
      await far.settle();
      expect(far.socket.closed).to.equal(true);
      expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
    });
  }

  it('there is one loop at a time', async () => {
    const far = await looping();
    expect(() => far.socket[Symbol.asyncIterator]())
      .to.throw(UsageError)
      .with.property('code', 'WEBSOCKET_READ_IN_USE');
    expect(() => new Looping()[Symbol.asyncIterator]())
      .to.throw(UsageError)
      .with.property('code', 'WEBSOCKET_NOT_CONNECTED');
  });

  it('a loop that begins after the end is over at once', async () => {
    const far = await socketWire();
    far.send(close(1000));
    await far.settle();
    const got = [];
    for await (const message of far.socket) got.push(message);
    expect(got).to.deep.equal([]);
  });

  it('a loop that begins after an end that was none throws its error', async () => {
    const far = await socketWire();
    far.client.abort();
    await far.settle();
    const iterator = far.socket[Symbol.asyncIterator]();
    const error = await iterator.next().catch((thrown: unknown) => thrown);
    expect(error).to.equal(far.error);
    expect((await iterator.next()).done).to.equal(true);
  });

  it('loops behind `await upgrade`, and misses nothing', async () => {
    const got: unknown[] = [];
    const far = wire(async (request) => {
      const socket = await upgrade(request);
      for await (const message of socket ?? []) got.push(message);
      got.push('(end)');
    });
    far.send(Buffer.concat([Buffer.from(handshake()), text('a'), text('b'), close(1000)]));
    await far.takeHead();
    await far.take();
    expect(got).to.deep.equal(['a', 'b', '(end)']);
    expect(far.log.entries).to.deep.equal([]);
  });

  it('pause() holds a loop, too', async () => {
    const far = await looping();
    far.socket.pause();
    far.send(text('a'));
    await far.settle();
    expect(far.socket.got).to.deep.equal([]);
    far.socket.resume();
    await far.settle();
    expect(far.socket.got).to.deep.equal(['a']);
  });

  it('several next() at once are answered in order', async () => {
    const far = await socketWire();
    const iterator = far.socket[Symbol.asyncIterator]();
    const three = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
    far.send(Buffer.concat([text('a'), text('b'), close(1000)]));
    await far.settle();
    expect(await three).to.deep.equal([
      { done: false, value: 'a' },
      { done: false, value: 'b' },
      { done: true, value: undefined },
    ]);
  });
});
