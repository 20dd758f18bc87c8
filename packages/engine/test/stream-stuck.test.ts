import type { InseamError, TransportSink } from '@inseam/engine';
import { type MemoryTransport, memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, type TestEngine, testEngines } from './support/test-engine.js';

/** Stays open when a piece is too long, and does nothing about it. */
class Stuck extends RecordingStream {
  override onOverflowError(error: InseamError): unknown {
    this.log.add(`overflow ${error.code} at ${this.bufferedBytes}`);
    return undefined;
  }
}

/** Stays open, and does `remedy` at once. */
class Remedied extends RecordingStream {
  remedy: () => unknown = () => {};
  override onOverflowError(): unknown {
    this.log.add('overflow');
    return this.remedy();
  }
}

describe('Stream, held back', () => {
  const newEngine = testEngines();

  /** Aborts `stream` and lets everything come to rest. */
  const done = async (stream: RecordingStream, { clock }: TestEngine) => {
    stream.abort();
    await settled();
    clock.advance(0);
  };

  describe('a stream that is left open', () => {
    /** Cuts by lines of at most 3 bytes, has got one that is too long, and its peer goes on. */
    async function stuckStream(test: TestEngine) {
      const connection = connect(test.engine, Stuck);
      const { stream, far } = connection;
      stream.bufferSize = 3;
      stream.readDelimiter = '\n';
      far.write('one\nfour\nfive\n');
      await settled();
      far.write('six\n');
      await settled();
      test.clock.advance(1_000);
      expect(stream.log.take()).to.deep.equal([
        'connect',
        'read one',
        'overflow ENGINE_BUFFER_OVERFLOW at 10',
      ]);
      expect([stream.bufferedBytes, far.pendingBytes], 'nothing more is read').to.deep.equal([10, 4]);
      return connection;
    }

    const remedies: { name: string; remedy: (stream: Stuck) => void; reads: string[] }[] = [
      {
        name: 'bufferSize',
        remedy: (stream) => {
          stream.bufferSize = 4;
        },
        reads: ['read four', 'read five', 'read six'],
      },
      {
        name: 'readDelimiter',
        remedy: (stream) => {
          stream.readDelimiter = 5;
        },
        reads: ['read four\n', 'read five\n'],
      },
      {
        name: 'readDelimiter, to null',
        remedy: (stream) => {
          stream.readDelimiter = null;
        },
        reads: ['read four\nfive\n', 'read six\n'],
      },
    ];
    for (const { name, remedy, reads } of remedies) {
      it(`reads on, in the next turn, when ${name} is set`, async () => {
        const test = newEngine();
        const { stream, far } = await stuckStream(test);
        remedy(stream);
        expect(stream.log.take()).to.deep.equal([]);
        test.clock.advance(0);
        await settled();
        expect(stream.log.take()).to.deep.equal(reads);
        expect(far.pendingBytes).to.equal(0);
        await done(stream, test);
      });
    }

    it('does not read on for what does not help, and says so again', async () => {
      const test = newEngine();
      const { stream } = await stuckStream(test);
      stream.bufferSize = 2;
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal(['overflow ENGINE_BUFFER_OVERFLOW at 10']);
      stream.readDelimiter = '\n';
      test.clock.advance(0);
      expect(stream.log.take()).to.deep.equal(['overflow ENGINE_BUFFER_OVERFLOW at 10']);
      await done(stream, test);
    });

    it('is not read on by resume alone', async () => {
      const test = newEngine();
      const { stream, far } = await stuckStream(test);
      stream.pause();
      stream.resume();
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal([]);
      expect(far.pendingBytes).to.equal(4);
      await done(stream, test);
    });

    it('stays paused when it was paused meanwhile', async () => {
      const test = newEngine();
      const { stream, far } = await stuckStream(test);
      stream.pause();
      stream.bufferSize = 9;
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal([]);
      expect(far.pendingBytes).to.equal(4);
      stream.resume();
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal(['read four', 'read five', 'read six']);
      await done(stream, test);
    });

    it("is told of the peer's end when it has read on", async () => {
      const test = newEngine();
      const { stream, far } = await stuckStream(test);
      far.end();
      await settled();
      expect(stream.log.take()).to.deep.equal([]);
      stream.bufferSize = 4;
      test.clock.advance(0);
      await settled();
      expect(stream.log.events).to.deep.equal(['read four', 'read five', 'read six', 'end', 'close']);
      test.clock.advance(0);
    });

    for (const delimiter of [';', /;/]) {
      it(`reads on behind a TLS handshake, which takes what was too long, by ${delimiter}`, async () => {
        const test = newEngine();
        const [near, far] = memoryPair();
        const open = near.open.bind(near);
        let sink: TransportSink | undefined;
        // A handshake that succeeds at once.
        Object.assign(near, {
          open(opened: TransportSink) {
            sink = opened;
            open(opened);
          },
          startTls: () => sink?.onSecure(),
        });
        const stream = new Stuck({ engine: test.engine });
        stream.attach(near);
        stream.bufferSize = 3;
        stream.readDelimiter = delimiter;
        far.write('12345');
        await settled();
        stream.startTls();
        await settled();
        far.write('67;');
        await settled();
        expect(stream.log.events).to.deep.equal([
          'connect',
          'overflow ENGINE_BUFFER_OVERFLOW at 5',
          'read 67',
        ]);
        await done(stream, test);
      });
    }

    it('can be closed, and what was written is sent', async () => {
      const test = newEngine();
      const { stream, far, seen } = await stuckStream(test);
      stream.write('too long');
      stream.close();
      far.end();
      await settled();
      expect(seen.text).to.equal('too long');
      expect(stream.log.events).to.deep.equal(['close']);
    });

    it('lets go of what it held at once when it is aborted', async () => {
      const test = newEngine();
      const { stream } = await stuckStream(test);
      stream.abort();
      expect(stream.bufferedBytes).to.equal(0);
      await done(stream, test);
    });

    it('reads on in the next turn when its handler has made room', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = () => {
        stream.bufferSize++;
      };
      stream.bufferSize = 3;
      stream.readDelimiter = ';';
      far.write('1;12345;');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'read 1', 'overflow']);
      far.write('2;');
      test.clock.advance(0);
      await settled();
      test.clock.advance(0);
      await settled();
      expect(stream.log.events).to.deep.equal(['overflow', 'read 12345', 'read 2']);
      await done(stream, test);
    });

    it('reads on when its handler has set another delimiter, also an async one', async () => {
      for (const isLate of [false, true]) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, Remedied);
        stream.remedy = async () => {
          if (isLate) await settled();
          stream.readDelimiter = 4;
        };
        stream.bufferSize = 3;
        stream.readDelimiter = ';';
        far.write('12345678');
        await settled();
        await settled();
        test.clock.advance(0);
        expect(stream.log.events).to.deep.equal(['connect', 'overflow', 'read 1234', 'read 5678']);
        await done(stream, test);
      }
    });

    it("is told of an overflow and then of the end, when the peer's end came first", async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = () => {
        stream.bufferSize = 4;
      };
      stream.pause();
      stream.readDelimiter = null;
      far.write('1234\n');
      far.end();
      await settled();
      stream.readDelimiter = '\n';
      stream.bufferSize = 3;
      stream.resume();
      await settled();
      test.clock.advance(0);
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'overflow', 'read 1234', 'end', 'close']);
      test.clock.advance(0);
    });

    it('is not asked again by a handler that sets the same bufferSize time and again', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = () => {
        stream.bufferSize = 4;
      };
      stream.bufferSize = 3;
      stream.readDelimiter = ';';
      for (const chunk of ['1234', '5', '6']) far.write(chunk);
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'overflow']);
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal(['overflow']);
      expect(test.clock.pending, 'nothing left to be done').to.equal(0);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([5, 1]);
      stream.bufferSize = 6;
      far.write(';');
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal(['read 123456']);
      await done(stream, test);
    });

    it('a throw in the handler is reported; nothing else is read', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = () => {
        throw new Error('no');
      };
      stream.bufferSize = 1;
      stream.readDelimiter = ';';
      far.write('12;3;');
      far.write('4;');
      await settled();
      test.clock.advance(0);
      expect(stream.log.events).to.deep.equal(['connect', 'overflow']);
      expect(test.reports.take()).to.deep.equal(['error: Remedied.onOverflowError threw: no']);
      expect(far.pendingBytes).to.equal(2);
      await done(stream, test);
    });
  });

  describe('a peer that does not take its answers', () => {
    it('is read on while the last quarter is on its way, and not before', async () => {
      const test = newEngine();
      const MIB = 1_048_576;
      class Large extends RecordingStream {
        override onRead(data: Buffer) {
          super.onRead(data);
          this.write(Buffer.alloc(MIB));
        }
      }
      const { stream, far, seen } = connect(test.engine, Large);
      stream.highWaterMark = MIB;
      let most = MIB / 2;
      const { onChunk } = seen;
      seen.onChunk = (chunk) => {
        onChunk.call(seen, chunk);
        if (seen.length >= most) far.pause();
      };
      far.write('a');
      far.write('b');
      await settled();
      expect([seen.length, stream.log.take()]).to.deep.equal([MIB / 2, ['connect', 'read a']]);
      most = 0.75 * MIB;
      far.resume();
      await settled();
      expect([seen.length, stream.log.take()]).to.deep.equal([0.75 * MIB, ['read b']]);
      await done(stream, test);
    });
  });

  describe('a peer that sends without end', () => {
    const CHUNK = 1_000;
    /** Writes 100 chunks; gives the most that the stream held meanwhile. */
    async function flood(
      { clock }: TestEngine,
      stream: RecordingStream,
      far: MemoryTransport,
    ): Promise<number> {
      let most = 0;
      for (let i = 0; i < 100; i++) {
        far.write('x'.repeat(CHUNK));
        await settled();
        clock.advance(0);
        most = Math.max(most, stream.bufferedBytes);
      }
      return most;
    }

    class Holding extends Stuck {
      hold = () => this.holdReading();
    }
    const reasons: { name: string; begin: (stream: Holding) => void; most: number }[] = [
      { name: 'is stuck', begin: () => {}, most: 2_500 + CHUNK },
      { name: 'is paused', begin: (stream) => stream.pause(), most: 0 },
      { name: 'is held by its protocol', begin: (stream) => stream.hold(), most: 0 },
      { name: 'is read by a loop that does not ask', begin: (stream) => void stream.pieces(), most: CHUNK },
      {
        name: 'is stuck, with a handler that never makes enough room',
        begin: (stream) => {
          let calls = 0;
          stream.onOverflowError = () => {
            if (calls++ < 200) stream.readDelimiter = ';';
          };
        },
        most: 2_500 + CHUNK,
      },
      {
        name: 'is read by a loop that has got what it asked for',
        begin: (stream) => {
          stream.readDelimiter = 10;
          void stream.pieces().next();
        },
        most: CHUNK - 10,
      },
    ];
    for (const { name, begin, most } of reasons) {
      it(`is made to wait by a stream that ${name}, in bounded memory`, async () => {
        const test = newEngine();
        const { stream, far } = connect(test.engine, Holding);
        stream.bufferSize = 2_500;
        stream.readDelimiter = ';';
        begin(stream);
        expect(await flood(test, stream, far)).to.equal(Math.min(most, 3_000));
        expect(far.pendingBytes + stream.bytesRead).to.equal(100 * CHUNK);
        expect(stream.bytesRead).to.be.at.most(3 * CHUNK);
        await done(stream, test);
      });
    }

    it('fills no more than bufferSize and a chunk before it is refused', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.bufferSize = 2_500;
      stream.readDelimiter = ';';
      expect(await flood(test, stream, far)).to.be.at.most(2_500);
      expect(stream.bytesRead).to.equal(3_000);
      expect(test.reports.take()).to.have.lengthOf(1);
    });
  });
});
