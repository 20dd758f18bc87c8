import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as netConnect } from 'node:net';
import { Clock, container, Engine, type EngineStats, Server, Stream } from '@inseam/engine';
import { type FakeClock, fakeClock, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { Echo, temporaryPaths, toNet } from './support/echo-server.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { systemEngine } from './support/system-engine.js';
import { settled, testEngines } from './support/test-engine.js';

const ZERO: EngineStats = {
  channels: 0,
  timers: 0,
  accepted: 0,
  dialled: 0,
  bytesRead: 0,
  bytesWritten: 0,
  errors: 0,
  loopLagMs: 0,
  maxLoopLagMs: 0,
};

/** A fake clock whose time also goes on while the event loop stands still. */
function stallingClock(): FakeClock & { stall(ms: number): void } {
  const clock = fakeClock();
  let stalled = 0;
  return {
    ...clock,
    get pending() {
      return clock.pending;
    },
    now: () => clock.now() + stalled,
    stall(ms) {
      stalled += ms;
    },
  };
}

describe('engine.stats()', () => {
  const newEngine = testEngines();
  const newPath = temporaryPaths();

  it('is all zeros at first, and a copy', () => {
    const { engine } = newEngine();
    expect(engine.stats()).to.deep.equal(ZERO);
    expect(engine.stats()).not.to.equal(engine.stats());
  });

  it('is exact for a scripted exchange', async () => {
    const { engine } = newEngine();
    const server = new Server({ engine, ConnectionClass: RecordingStream });
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    const stream = server.accept(near);
    expect(engine.stats()).to.deep.equal({ ...ZERO, channels: 1, accepted: 1 });
    far.write('12345');
    await settled();
    expect(engine.stats()).to.deep.equal({ ...ZERO, channels: 1, accepted: 1, bytesRead: 5 });
    stream?.write('äö');
    stream?.write(Buffer.alloc(1000));
    await settled();
    expect(engine.stats()).to.deep.equal({
      ...ZERO,
      channels: 1,
      accepted: 1,
      bytesRead: 5,
      bytesWritten: 1004,
    });
    far.end();
    await settled();
    expect(engine.stats()).to.deep.equal({ ...ZERO, accepted: 1, bytesRead: 5, bytesWritten: 1004 });

    const { stream: other, far: otherFar } = connect(engine);
    otherFar.write('abc');
    other.write('de');
    await settled();
    otherFar.abort();
    await settled();
    expect(engine.stats()).to.deep.equal({
      ...ZERO,
      accepted: 1,
      bytesRead: 8,
      bytesWritten: 1006,
      errors: 1,
    });
  });

  it('counts files as they are read, and bytes that come after close()', async () => {
    const { engine } = newEngine();
    const path = newPath();
    writeFileSync(path, Buffer.alloc(200_000));
    const { stream, far, seen } = connect(engine);
    await stream.writeFile(path, { offset: 50_000 });
    stream.close();
    await seen.until(() => seen.events.includes('end'));
    far.write('late');
    far.end();
    await stream.log.until('close');
    expect(engine.stats()).to.deep.equal({ ...ZERO, bytesRead: 4, bytesWritten: 150_000 });
  });

  it('counts what was written and never sent as written', async () => {
    const { engine } = newEngine();
    const { stream, far } = connect(engine);
    far.pause();
    stream.write(Buffer.alloc(1_000_000));
    stream.abort();
    await settled();
    expect(engine.stats().bytesWritten).to.equal(1_000_000);
  });

  it('counts timers of every kind while they are set', async () => {
    const { engine, clock } = newEngine();
    const timers = [
      engine.callback(() => {}),
      engine.loop(() => {}),
      engine.defer(10, () => {}),
      engine.cycle(10, () => {}),
    ];
    expect(engine.stats().timers).to.equal(4);
    clock.advance(0);
    expect(engine.stats().timers).to.equal(3);
    clock.advance(10);
    expect(engine.stats().timers).to.equal(2);
    for (const timer of timers) timer.cancel();
    expect(engine.stats().timers).to.equal(0);
  });

  it('counts dialled and accepted connections, refused ones too where they were dialled', async () => {
    const { engine, reports } = systemEngine();
    const server = await new Server({ engine, ConnectionClass: Echo }).listen(['127.0.0.1', 0]);
    expect(engine.stats()).to.include({ channels: 1, accepted: 0, dialled: 0 });
    const client = new RecordingStream({ engine }).connect(['127.0.0.1', server.port ?? 0]);
    expect(engine.stats()).to.include({ channels: 2, dialled: 1, accepted: 0 });
    await client.log.until('connect');
    client.write('hello');
    await client.log.until('read hello');
    expect(engine.stats()).to.include({
      channels: 3,
      dialled: 1,
      accepted: 1,
      bytesRead: 10,
      bytesWritten: 10,
    });
    client.close();
    await client.log.until('close');
    const failing = new RecordingStream({ engine }).connect('/nowhere/socket');
    await failing.log.until('close');
    server.onAccept = () => false;
    const refused = netConnect(toNet(server.localAddress)).resume();
    await once(refused, 'close');
    await engine.stop();
    expect(engine.stats()).to.include({
      channels: 0,
      timers: 0,
      dialled: 2,
      accepted: 1,
      bytesRead: 10,
      bytesWritten: 10,
      errors: 1,
    });
    expect(reports.take()).to.deep.equal([]);
  });

  it('counts errors: what user code throws, and channels that end with a reason', async () => {
    const { engine, reports } = newEngine();
    engine.callback(() => {
      throw new Error('a');
    });
    engine.callback(async () => {
      throw new Error('b');
    });
    engine.poll();
    await settled();
    expect(engine.stats().errors).to.equal(2);
    const ends: ((stream: Stream, far: { abort(): void; write(text: string): void }) => void)[] = [
      (stream) => stream.close(false),
      (stream) => stream.abort(),
      (_, far) => far.abort(),
      (stream, far) => {
        stream.bufferSize = 1;
        stream.readDelimiter = '\n';
        far.write('too long');
      },
    ];
    const counts: number[] = [];
    for (const end of ends) {
      const { stream, far } = connect(engine, Stream as typeof RecordingStream);
      end(stream, far);
      await settled();
      counts.push(engine.stats().errors);
    }
    expect(counts).to.deep.equal([2, 2, 3, 4]);
    expect(reports.take()).to.have.length(3);
  });

  it('is of its engine alone', async () => {
    const [one, other] = [newEngine().engine, newEngine().engine];
    const { stream, far } = connect(one);
    far.write('x');
    await settled();
    expect([one.stats().bytesRead, other.stats()]).to.deep.equal([1, ZERO]);
    stream.abort();
    await settled();
  });

  describe('loopLagMs', () => {
    const newStalling = () => {
      const clock = stallingClock();
      const parts = container.createChildContainer();
      parts.register(Clock, { useValue: clock });
      return { clock, engine: Engine.instance(parts) };
    };

    it('is how late the latest timed turn began; maxLoopLagMs, the latest ever', () => {
      const { clock, engine } = newStalling();
      const lags = () => {
        const { loopLagMs, maxLoopLagMs } = engine.stats();
        return [loopLagMs, maxLoopLagMs];
      };
      engine.defer(10, () => {});
      clock.advance(10);
      expect(lags()).to.deep.equal([0, 0]);
      engine.defer(10, () => {});
      clock.stall(250);
      clock.advance(10);
      expect(lags()).to.deep.equal([250, 250]);
      engine.defer(10, () => {});
      clock.stall(50);
      clock.advance(10);
      expect(lags()).to.deep.equal([50, 250]);
      engine.defer(10, () => {});
      clock.advance(10);
      expect(lags()).to.deep.equal([0, 250]);
    });

    it('is seen by whatever timer there is, the sweep over timeouts included', async () => {
      const { clock, engine } = newStalling();
      const { stream } = connect(engine);
      stream.idleTimeoutMs = 100_000;
      clock.stall(3000);
      clock.advance(1000);
      expect(engine.stats().maxLoopLagMs).to.be.at.least(2000);
      stream.abort();
      await settled();
    });

    it('does not count turns without a time', () => {
      const { clock, engine } = newStalling();
      engine.callback(() => {});
      clock.stall(100);
      clock.advance(0);
      engine.poll();
      expect(engine.stats()).to.include({ loopLagMs: 0, maxLoopLagMs: 0 });
    });

    it('shows a loop that is blocked, on the system’s clock', async () => {
      const { engine } = systemEngine();
      const late = new Promise<EngineStats>((resolve) => {
        engine.defer(10, () => resolve(engine.stats()));
      });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 110);
      const { loopLagMs, maxLoopLagMs } = await late;
      // A millisecond for clocks that are read apart.
      expect(loopLagMs).to.be.at.least(99);
      expect(maxLoopLagMs).to.equal(loopLagMs);
    });
  });
});

describe('Engine as a resource', () => {
  const newEngine = testEngines();

  it('Symbol.asyncDispose stops it: resolves when everything is closed', async () => {
    const { engine } = newEngine();
    const { stream, far } = connect(engine);
    let isDisposed = false;
    const disposed = engine[Symbol.asyncDispose]().then(() => {
      isDisposed = true;
    });
    await settled();
    expect([engine.stopping, stream.closed, isDisposed]).to.deep.equal([true, true, false]);
    far.end();
    await disposed;
    expect([engine.stopping, engine.stats().channels]).to.deep.equal([false, 0]);
  });

  it('an `await using` block ends with it', async () => {
    const { engine } = newEngine();
    const events: string[] = [];
    {
      await using owned = engine;
      const { stream, far } = connect(owned);
      stream.onClose = () => {
        events.push('closed');
      };
      far.end();
    }
    events.push('after the block');
    expect(events).to.deep.equal(['closed', 'after the block']);
  });
});
