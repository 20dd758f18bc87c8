import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { deflated } from '../support/deflated.js';
import { close, ping, text } from '../support/frames.js';
import { type Gate, gate } from '../support/gate.js';
import { type SocketWire, socketWire } from '../support/wire.js';

/** Takes a message only when the test lets it go on, and counts how many it has at once. */
class Slow extends WebSocket {
  readonly gates: Gate[] = [];
  readonly order: string[] = [];
  atOnce = 0;
  mostAtOnce = 0;

  override async onRead(message: string): Promise<void> {
    this.order.push(`begin ${message}`);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce);
    const door = gate();
    this.gates.push(door);
    await door.opened;
    this.atOnce--;
    this.order.push(`end ${message}`);
  }
  override onClose(code: number): void {
    this.order.push(`close ${code}`);
  }
}

async function openAll(far: SocketWire<Slow>): Promise<void> {
  for (let i = 0; i < far.socket.gates.length; i++) {
    far.socket.gates[i]?.open();
    await far.settle();
  }
}

const segments: [string, (frames: Buffer[]) => Buffer[]][] = [
  ['in one segment', (frames) => [Buffer.concat(frames)]],
  ['in a segment each', (frames) => frames],
  ['byte by byte', (frames) => [...Buffer.concat(frames)].map((byte) => Buffer.from([byte]))],
];

describe('api: reading', () => {
  for (const offer of [undefined, 'permessage-deflate']) {
    describe(offer === undefined ? 'plain' : 'with permessage-deflate', () => {
      const options = offer === undefined ? {} : { offer, perMessageDeflate: true };

      for (const [how, cut] of segments) {
        it(`an async onRead has one message at a time, in order, ${how}`, async () => {
          const far = await socketWire(Slow, options);
          for (const bytes of cut([text('a'), text('b'), text('c')])) far.send(bytes);
          await far.settle();
          expect(far.socket.order).to.deep.equal(['begin a']);
          await openAll(far);
          expect(far.socket.order).to.deep.equal([
            'begin a',
            'end a',
            'begin b',
            'end b',
            'begin c',
            'end c',
          ]);
          expect(far.socket.mostAtOnce).to.equal(1);
        });

        it(`messages and a Close ${how} are all delivered before onClose`, async () => {
          const far = await socketWire(Slow, options);
          for (const bytes of cut([text('a'), text('b'), close(4000, 'bye')])) far.send(bytes);
          await far.settle();
          expect([far.socket.order, await far.take()]).to.deep.equal([['begin a'], []]);
          expect([far.socket.connected, far.socket.closed]).to.deep.equal([true, false]);
          await openAll(far);
          expect(await far.take()).to.deep.equal(['close 4000 bye']);
          expect(far.socket.order).to.deep.equal(['begin a', 'end a', 'begin b', 'end b', 'close 4000']);
          expect(far.calls.at(-1)).to.equal('close 4000 bye');
        });
      }

      it('while a promise is pending the peer waits, and little is held', async () => {
        const far = await socketWire(Slow, options);
        const message = text('x'.repeat(10_000));
        far.send(message);
        await far.settle();
        for (let i = 0; i < 50; i++) far.send(message);
        await far.settle();
        expect(far.client.pendingBytes).to.be.above(47 * message.length);
        expect(far.calls).to.have.length(2);
        far.socket.gates[0]?.open();
        await far.settle();
        expect(far.calls).to.have.length(3);
        expect(far.client.pendingBytes).to.be.above(46 * message.length);
        await openAll(far);
        expect(far.calls).to.have.length(52);
        expect(far.client.pendingBytes).to.equal(0);
      });

      it('pause() and resume() hold it and let it go on', async () => {
        const far = await socketWire(WebSocket, options);
        far.socket.pause();
        const message = text('x'.repeat(10_000));
        for (let i = 0; i < 50; i++) far.send(message);
        await far.settle();
        expect(far.messages).to.have.length(0);
        expect(far.client.pendingBytes).to.equal(50 * message.length);
        far.socket.resume();
        await far.settle();
        expect(far.messages).to.have.length(50);
        expect(far.client.pendingBytes).to.equal(0);
      });

      it('pause() inside onRead holds the rest of the segment', async () => {
        class Pausing extends WebSocket {
          override onRead(): void {
            this.pause();
          }
        }
        const far = await socketWire(Pausing, options);
        far.send(Buffer.concat([text('a'), text('b'), text('c'), close(1000)]));
        for (const seen of [['a'], ['a', 'b'], ['a', 'b', 'c']]) {
          await far.settle();
          expect(far.messages).to.deep.equal(seen);
          expect(far.socket.closed).to.equal(false);
          far.socket.resume();
        }
        await far.settle();
        expect(far.calls.at(-1)).to.equal('close 1000');
      });
    });
  }

  it('resume() does not go past a promise that is pending, nor a promise past pause()', async () => {
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a'), text('b')]));
    await far.settle();
    far.socket.pause();
    far.socket.resume();
    await far.settle();
    expect(far.messages).to.deep.equal(['a']);
    far.socket.pause();
    far.socket.gates[0]?.open();
    await far.settle();
    expect(far.messages).to.deep.equal(['a']);
    far.socket.resume();
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b']);
  });

  it('pause() in onConnect holds what came with the handshake', async () => {
    class Shy extends WebSocket {
      override onConnect(): void {
        this.pause();
      }
    }
    const far = await socketWire(Shy, { behind: Buffer.concat([text('a'), text('b')]) });
    await far.settle();
    expect(far.calls).to.deep.equal(['connect']);
    far.socket.resume();
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b']);
  });

  it('a throw and a rejection are reported, and the next message is read', async () => {
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')];
    class Failing extends WebSocket {
      override onRead(message: string): unknown {
        if (message === 'throw') throw thrown;
        return message === 'reject' ? Promise.reject(rejected) : this.write(message);
      }
    }
    const far = await socketWire(Failing);
    far.send(Buffer.concat([text('throw'), text('1'), text('reject'), text('2')]));
    expect(await far.take()).to.deep.equal(['text 1', 'text 2']);
    expect(far.log.entries).to.deep.equal([
      { level: 'error', message: 'Failing.onRead threw', error: thrown },
      { level: 'error', message: 'Failing.onRead rejected', error: rejected },
    ]);
    expect(far.socket.connected).to.equal(true);
  });

  it('pings are answered while a message is taken, as far as they have been read', async () => {
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a'), ping('here')]));
    expect(await far.take()).to.deep.equal(['pong here']);
    far.send(ping('later'));
    expect(await far.take()).to.deep.equal([]);
    await openAll(far);
    expect(await far.take()).to.deep.equal(['pong later']);
  });

  it('under permessage-deflate nothing is inflated meanwhile, of which little can become much', async () => {
    const far = await socketWire(Slow, { offer: 'permessage-deflate', perMessageDeflate: true });
    far.send(Buffer.concat([deflated('a'), ping('behind'), text('b')]));
    await far.until(() => far.calls.length === 2);
    expect(await far.take()).to.deep.equal([]);
    await openAll(far);
    expect(await far.take()).to.deep.equal(['pong behind']);
    expect(far.messages).to.deep.equal(['a', 'b']);
  });

  it('a thenable is as good as a promise', async () => {
    const goOn: (() => void)[] = [];
    class Odd extends WebSocket {
      override onRead(): unknown {
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what this is about
        return { then: (resolve: () => void) => void goOn.push(resolve) };
      }
    }
    const far = await socketWire(Odd);
    far.send(Buffer.concat([text('a'), text('b')]));
    await far.settle();
    expect(far.messages).to.deep.equal(['a']);
    goOn[0]?.();
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b']);
  });

  it('a deep queue of messages is handed on without a deep stack', async () => {
    const far = await socketWire();
    far.socket.pause();
    far.send(Buffer.concat(Array(10_000).fill(text('x'))));
    await far.settle();
    far.socket.resume();
    await far.settle();
    expect(far.messages).to.have.length(10_000);
  });

  it('resume() and a readDelimiter inside onRead do not call it again before it has returned', async () => {
    let depth = 0;
    let deepest = 0;
    class Fickle extends WebSocket {
      override onRead(): void {
        deepest = Math.max(deepest, ++depth);
        this.pause();
        this.resume();
        this.readDelimiter = 1;
        depth--;
      }
    }
    const far = await socketWire(Fickle);
    far.socket.pause();
    far.send(Buffer.concat(Array(3_000).fill(text('xx'))));
    await far.settle();
    far.socket.resume();
    await far.settle();
    expect([far.messages.length, deepest]).to.deep.equal([5_999, 1]);
  });

  it('messages behind our own Close are passed over', async () => {
    class Leaving extends WebSocket {
      override onRead(): void {
        this.close(4001, 'enough');
      }
    }
    const far = await socketWire(Leaving);
    far.send(Buffer.concat([text('a'), text('b'), text('c')]));
    expect(await far.take()).to.deep.equal(['close 4001 enough']);
    far.send(Buffer.concat([text('d'), close(4001)]));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'text a', 'close 4001']);
  });

  it('close() while onRead is pending does not wait for it', async () => {
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a'), text('b')]));
    await far.settle();
    far.socket.close();
    expect(await far.take()).to.deep.equal(['close 1000']);
    far.send(close(1000));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'text a', 'close 1000']);
    await openAll(far);
    expect([far.socket.order, far.log.entries]).to.deep.equal([['begin a', 'close 1000', 'end a'], []]);
  });
});
