import { fakeClock, feedEveryWay, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { settled } from './support/test-engine.js';

describe('testing tools', () => {
  describe('fakeClock', () => {
    it('stands still until it is moved, on both sides', () => {
      const clock = fakeClock(1000);
      expect([clock.now(), clock.date()]).to.deep.equal([0, 1000]);
      clock.advance(5);
      expect([clock.now(), clock.date()]).to.deep.equal([5, 1005]);
    });

    it('wakes who is due, in order, at their time; also those that they set', () => {
      const clock = fakeClock();
      const woken: [string, number][] = [];
      const wake = (name: string) => () => {
        woken.push([name, clock.now()]);
      };
      clock.after(20, wake('late'));
      clock.after(10, () => {
        wake('early')();
        clock.after(5, wake('set meanwhile'));
      });
      clock.soon(wake('soon'));
      clock.after(31, wake('never'))();
      clock.after(31, wake('not yet'));
      expect(clock.pending).to.equal(4);
      clock.advance(30);
      expect(woken).to.deep.equal([
        ['soon', 0],
        ['early', 10],
        ['set meanwhile', 15],
        ['late', 20],
      ]);
      expect([clock.now(), clock.pending]).to.deep.equal([30, 1]);
    });
  });

  describe('feedEveryWay', () => {
    it('always yields the same bytes: whole, one by one, and in two pieces at every place', () => {
      const bytes = Buffer.from('0123456789');
      const ways = [...feedEveryWay(bytes)];
      for (const { way, chunks } of ways) expect(Buffer.concat(chunks).equals(bytes), way).to.equal(true);
      const lengths = ways.map(({ chunks }) => chunks.map((chunk) => chunk.length).join());
      expect(lengths).to.include.members(['10', '1,1,1,1,1,1,1,1,1,1', '1,9', '5,5', '9,1']);
      expect(new Set(ways.map(({ way }) => way)).size).to.equal(ways.length);
    });

    it('does not grow with the square of a long input', () => {
      expect([...feedEveryWay(Buffer.alloc(100_000))].length).to.be.lessThan(80);
    });

    it('takes an empty input', () => {
      for (const { chunks } of feedEveryWay(Buffer.alloc(0)))
        expect(Buffer.concat(chunks).length).to.equal(0);
    });
  });

  it('memoryPair overwrites a chunk after the call, so that keeping it is noticed', async () => {
    const [server, client] = memoryPair();
    const kept: Buffer[] = [];
    server.open(
      new (class extends RecordingSink {
        override onChunk(chunk: Buffer) {
          kept.push(chunk);
          super.onChunk(chunk);
        }
      })(),
    );
    client.open(new RecordingSink());
    client.write('abc');
    await settled();
    expect(kept).to.deep.equal([Buffer.alloc(3)]);
    client.abort();
    await settled();
  });

  it('RecordingSink copies chunks, and lets a test wait', async () => {
    const sink = new RecordingSink();
    const waiting = sink.until(() => sink.text === 'ab').then(() => sink.closed());
    const chunk = Buffer.from('ab');
    sink.onChunk(chunk);
    chunk.fill(0);
    sink.onClose(new Error('gone'));
    await waiting;
    expect([sink.text, sink.length, sink.events]).to.deep.equal(['ab', 2, ['close: gone']]);
  });
});
