import { type StreamOwner, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, type TestEngine, testEngines } from './support/test-engine.js';

/** Hands itself over at the word 'up', with what is given as leftover. */
class Upgrading extends RecordingStream {
  take(owner: StreamOwner, leftover = ''): void {
    this.handOver(owner, Buffer.from(leftover));
  }
}

describe('Stream, reading', () => {
  const newEngine = testEngines();

  /** Aborts `stream` and lets everything come to rest. */
  const done = async (stream: RecordingStream, { clock }: TestEngine) => {
    stream.abort();
    await settled();
    clock.advance(0);
  };

  it('hands out each chunk as it comes without a delimiter', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    far.write('one');
    far.write('two');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read one', 'read two']);
    await done(stream, test);
  });

  it('hands out bytes to keep', async () => {
    const test = newEngine();
    const kept: Buffer[] = [];
    class Keeping extends RecordingStream {
      override onRead(data: Buffer) {
        kept.push(data);
      }
    }
    const { stream, far } = connect(test.engine, Keeping);
    far.write('whole');
    await settled();
    stream.readDelimiter = 2;
    far.write('abcd');
    await settled();
    // The memory transport has overwritten its chunks by now.
    expect(kept.map(String)).to.deep.equal(['whole', 'ab', 'cd']);
    await done(stream, test);
  });

  it('aborting inside onRead is the last read, and nothing can be written', async () => {
    const test = newEngine();
    class Aborts extends RecordingStream {
      override onRead(data: Buffer) {
        super.onRead(data);
        this.abort();
        this.log.add(`closed ${this.closed}`);
        expect(() => this.write('x')).to.throw(UsageError);
      }
    }
    const { stream, far } = connect(test.engine, Aborts);
    stream.readDelimiter = ' ';
    far.write('a b c ');
    far.write('d ');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read a', 'closed true', 'close']);
  });

  describe('pause and resume', () => {
    it('a paused stream reads nothing, and its peer feels it', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.pause();
      far.write('x');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect']);
      expect(far.pendingBytes).to.equal(1);
      stream.resume();
      await settled();
      expect(stream.log.events).to.deep.equal(['read x']);
      expect(far.pendingBytes).to.equal(0);
      await done(stream, test);
    });

    it('pausing inside onRead stops at that piece; resume goes on with what is buffered', async () => {
      const test = newEngine();
      class OneByOne extends RecordingStream {
        override onRead(data: Buffer) {
          super.onRead(data);
          this.pause();
        }
      }
      const { stream, far } = connect(test.engine, OneByOne);
      stream.readDelimiter = ' ';
      far.write('a b ');
      far.write('c ');
      far.end();
      for (const expected of [['connect', 'read a'], ['read b'], ['read c'], ['end', 'close']]) {
        await settled();
        test.clock.advance(0);
        await settled();
        expect(stream.log.take()).to.deep.equal(expected);
        stream.resume();
      }
      test.clock.advance(0);
    });

    it('holds when it is paused before it is connected', async () => {
      const test = newEngine();
      class Paused extends RecordingStream {
        constructor(options: object) {
          super(options);
          this.pause();
        }
      }
      const { stream, far } = connect(test.engine, Paused);
      far.write('x');
      await settled();
      expect(far.pendingBytes, 'left with the peer').to.equal(1);
      stream.resume();
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'read x']);
      await done(stream, test);
    });

    it("hands out what is buffered before the peer's end", async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = '|';
      far.write('a;b;');
      await settled();
      stream.readDelimiter = ';';
      // The end comes before the turn in which the new delimiter would cut.
      far.end();
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'read a', 'read b', 'end', 'close']);
      test.clock.advance(0);
    });
  });

  describe("the peer's end", () => {
    /** Stays open: it goes on sending. */
    class HalfOpen extends RecordingStream {
      override onEnd() {
        this.log.add('end');
      }
    }

    it('drops an incomplete piece and closes, by default', async () => {
      const test = newEngine();
      const { stream, far, seen } = connect(test.engine);
      stream.readDelimiter = '\n';
      far.write('one\ntw');
      far.end();
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'read one', 'end', 'close']);
      expect(seen.events.at(-1)).to.equal('close');
    });

    it('is told once, whatever follows', async () => {
      const test = newEngine();
      const { stream, far, seen } = connect(test.engine, HalfOpen);
      far.end();
      await settled();
      stream.pause();
      stream.resume();
      stream.resume();
      stream.readDelimiter = '\n';
      test.clock.advance(0);
      expect(stream.log.take()).to.deep.equal(['connect', 'end']);
      stream.write('answer');
      stream.close();
      await settled();
      expect(seen.text).to.equal('answer');
      expect(stream.log.events).to.deep.equal(['close']);
    });
  });

  describe('handOver', () => {
    /** An owner that writes into the stream's log. */
    const ownerOf = (stream: RecordingStream): StreamOwner => ({
      onRead: (data) => stream.log.add(`owner read ${data}`),
      onWrite: () => stream.log.add('owner write'),
      onEnd: () => stream.log.add('owner end'),
      onClose: (reason) => stream.log.add(`owner close ${reason?.code}`),
    });

    it('gives what is left, and everything after it, to the owner', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Upgrading);
      stream.readDelimiter = ' ';
      stream.take(ownerOf(stream), 'left over ');
      test.clock.advance(0);
      far.write('later ');
      stream.write('x');
      await settled();
      far.end();
      await settled();
      stream.abort();
      await settled();
      expect(stream.log.events).to.deep.equal([
        'connect',
        'owner read left',
        'owner read over',
        'owner write',
        'owner read later',
        'owner end',
        'owner close undefined',
      ]);
    });

    it('keeps the order when more comes before the next turn', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Upgrading);
      stream.take(ownerOf(stream), 'first, ');
      far.write('second');
      await settled();
      test.clock.advance(0);
      expect(stream.log.events).to.deep.equal(['connect', 'owner read first, second']);
      await done(stream, test);
    });

    it('tells the owner of an end that came before', async () => {
      const test = newEngine();
      class HalfOpen extends Upgrading {
        override onEnd() {
          this.log.add('end');
        }
      }
      const { stream, far } = connect(test.engine, HalfOpen);
      far.end();
      await settled();
      stream.take(ownerOf(stream));
      test.clock.advance(0);
      expect(stream.log.events).to.deep.equal(['connect', 'end', 'owner end']);
      await done(stream, test);
    });

    it('closes at the end for an owner that does not care', async () => {
      const test = newEngine();
      const { stream, far, seen } = connect(test.engine, Upgrading);
      stream.take({ onRead: () => {} });
      far.end();
      await settled();
      expect(seen.events.at(-1)).to.equal('close');
      expect(stream.closed).to.equal(true);
    });
  });

  it('holdReading is not undone by resume, nor pause by releaseReading', async () => {
    class Held extends RecordingStream {
      hold = () => this.holdReading();
      release = () => this.releaseReading();
    }
    const { stream, far } = connect(newEngine().engine, Held);
    stream.hold();
    stream.pause();
    far.write('a');
    stream.resume();
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    stream.pause();
    stream.release();
    await settled();
    expect(stream.log.take()).to.deep.equal([]);
    stream.resume();
    await settled();
    expect(stream.log.take()).to.deep.equal(['read a']);
    stream.abort();
    await settled();
  });
});
