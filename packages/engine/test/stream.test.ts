import { inspect } from 'node:util';
import { Stream, UsageError } from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, testEngines } from './support/test-engine.js';

describe('Stream', () => {
  const newEngine = testEngines();

  it('is idle, then connected, then closed, and counted by its engine while it is open', async () => {
    const { engine } = newEngine();
    const states: unknown[] = [];
    class Watched extends RecordingStream {
      note() {
        states.push([this.connecting, this.connected, this.closed, engine.channels.has(this)]);
      }
      override onConnect() {
        this.note();
      }
      override onClose() {
        this.note();
      }
    }
    const stream = new Watched({ engine });
    stream.note();
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    stream.attach(near);
    stream.close();
    stream.note();
    far.end();
    await settled();
    stream.note();
    expect(states).to.deep.equal([
      [false, false, false, false],
      [false, true, false, true],
      [false, true, true, true],
      [false, false, true, true],
      [false, false, true, false],
    ]);
  });

  it('says who is at the other end, also in onClose', async () => {
    const { engine } = newEngine();
    const remoteAddress = { host: '192.0.2.1', port: 5, family: 4 } as const;
    const [near] = memoryPair({ remoteAddress });
    const seen: unknown[] = [];
    const stream = new (class extends Stream {
      override onClose() {
        seen.push(this.remoteAddress, this.localAddress);
      }
    })({ engine });
    expect([stream.remoteAddress, stream.localAddress, stream.server]).to.deep.equal([null, null, null]);
    stream.attach(near);
    expect(stream.remoteAddress).to.equal(remoteAddress);
    stream.abort();
    await settled();
    expect(seen).to.deep.equal([remoteAddress, null]);
  });

  it('connects once', async () => {
    const { engine } = newEngine();
    const { stream } = connect(engine);
    expect(() => stream.connect(1))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STREAM_IN_USE');
    expect(() => stream.attach(memoryPair()[0]))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STREAM_IN_USE');
    stream.abort();
    await settled();
  });

  it('a bad address is a UsageError and leaves the stream as it was', async () => {
    const { engine } = newEngine();
    const stream = new Stream({ engine });
    expect(() => stream.connect(-1))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_ADDRESS');
    stream.attach(memoryPair()[0]);
    expect(stream.connected).to.equal(true);
    stream.abort();
    await settled();
  });

  it('a plain Stream reads and ignores, and closes when the peer does', async () => {
    const { engine } = newEngine();
    const [near, far] = memoryPair();
    const seen = new RecordingSink();
    far.open(seen);
    new Stream({ engine }).attach(near);
    far.write('anything');
    far.end();
    await settled();
    expect(seen.events).to.deep.equal(['open', 'drain', 'end', 'close']);
  });

  describe('a handler that fails is reported, and the stream stays open', () => {
    const fail = {
      threw: () => {
        throw new Error('no');
      },
      rejected: () => Promise.reject(new Error('no')),
    };
    for (const [way, failure] of Object.entries(fail)) {
      for (const handler of ['onConnect', 'onRead', 'onWrite'] as const) {
        it(`${handler} ${way}`, async () => {
          const { engine, reports } = newEngine();
          class Failing extends RecordingStream {}
          Failing.prototype[handler] = failure;
          const { stream, far, seen } = connect(engine, Failing);
          stream.write('x');
          far.write('y');
          await settled();
          expect(reports.take()).to.deep.equal([`error: Failing.${handler} ${way}: no`]);
          expect(stream.connected).to.equal(true);
          stream.write(' still here');
          await settled();
          expect(seen.text).to.equal('x still here');
          if (handler === 'onWrite') reports.take();
          stream.abort();
          await settled();
        });
      }

      it(`onEnd ${way}, and the stream is closed, since nobody else would`, async () => {
        const { engine, reports } = newEngine();
        class Failing extends RecordingStream {
          override onEnd = failure;
        }
        const { stream, far } = connect(engine, Failing);
        far.end();
        await stream.log.until('close');
        expect(reports.take()).to.deep.equal([`error: Failing.onEnd ${way}: no`]);
      });

      it(`onOverflowError ${way}`, async () => {
        const { engine, reports } = newEngine();
        class Failing extends RecordingStream {
          override onOverflowError = failure;
        }
        const { stream, far } = connect(engine, Failing);
        stream.readDelimiter = '\n';
        stream.bufferSize = 1;
        far.write('xy');
        await settled();
        expect(reports.take()).to.deep.equal([`error: Failing.onOverflowError ${way}: no`]);
        expect(stream.connected).to.equal(true);
        stream.abort();
        await settled();
      });

      it(`onClose ${way}, and the stream is forgotten all the same`, async () => {
        const { engine, reports } = newEngine();
        class Failing extends RecordingStream {
          override onClose = failure;
        }
        const { stream } = connect(engine, Failing);
        stream.abort();
        await settled();
        expect(reports.take()).to.deep.equal([`error: Failing.onClose ${way}: no`]);
        expect(engine.channels.size).to.equal(0);
      });
    }
  });

  for (const bytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`bufferSize = ${inspect(bytes)} is a UsageError`, () => {
      const stream = new Stream({ engine: newEngine().engine });
      expect(() => {
        stream.bufferSize = bytes;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_BUFFER_SIZE');
      expect(stream.bufferSize).to.equal(65_536);
    });
  }

  it('a bad readDelimiter is a UsageError and the old one stays', () => {
    const stream = new Stream({ engine: newEngine().engine });
    stream.readDelimiter = '\n';
    expect(() => {
      stream.readDelimiter = '';
    })
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_READ_DELIMITER');
    expect(stream.readDelimiter).to.equal('\n');
  });
});
