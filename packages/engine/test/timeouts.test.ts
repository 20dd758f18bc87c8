import { connect as netConnect, type Socket } from 'node:net';
import { inspect } from 'node:util';
import {
  ENGINE_LIMITS,
  type Engine,
  type InseamError,
  Server,
  type Stream,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { type FakeClock, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { toNet } from './support/echo-server.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { systemEngine } from './support/system-engine.js';
import { settled, testEngines } from './support/test-engine.js';

const SETTINGS = ['idleTimeoutMs', 'readTimeoutMs', 'writeTimeoutMs'] as const;

/** Tells of its timeouts, and stays open. */
class Patient extends RecordingStream {
  override onTimeout(error: InseamError): unknown {
    this.log.add(`timeout ${error.code} at ${this.engine.clock.now()}`);
    return undefined;
  }
  /** When it has been told so far. */
  timeouts(): string[] {
    return this.log.events.filter((event) => event.startsWith('timeout'));
  }
}

/** A transport that is never open: a connection that is being made. */
function neverOpen() {
  const [near] = memoryPair();
  near.open = (sink) => {
    near.abort = () => queueMicrotask(() => sink.onClose(null));
  };
  return near;
}

describe('Stream, timeouts', () => {
  const newEngine = testEngines();

  /** Moves time on in steps, so that what is written or read between them has its effect. */
  async function pass(clock: FakeClock, ms: number): Promise<void> {
    clock.advance(ms);
    await settled();
  }

  async function abort(stream: Stream): Promise<void> {
    stream.abort();
    await settled();
  }

  for (const setting of SETTINGS) {
    describe(setting, () => {
      it('is never, at first', async () => {
        const { engine, clock } = newEngine();
        const { stream } = connect(engine, Patient);
        expect(stream[setting]).to.equal(Number.POSITIVE_INFINITY);
        await pass(clock, 1e9);
        expect([stream.timeouts(), engine.stats().timers]).to.deep.equal([[], 0]);
        await abort(stream);
      });

      for (const bad of [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, '5', null, undefined, 5n, true]) {
        it(`refuses ${inspect(bad)} and stays as it was`, async () => {
          const { stream } = connect(newEngine().engine, Patient);
          for (const before of [Number.POSITIVE_INFINITY, 5]) {
            stream[setting] = before;
            expect(() => Object.assign(stream, { [setting]: bad }))
              .to.throw(UsageError, setting)
              .with.property('code', 'ENGINE_OPTION');
            expect(stream[setting]).to.equal(before);
          }
          await abort(stream);
        });
      }

      it('may be set before the stream is connected, and counts from onConnect', async () => {
        const { engine, clock } = newEngine();
        const stream = new Patient({ engine });
        stream[setting] = 1000;
        expect([stream[setting], engine.stats().timers]).to.deep.equal([1000, 0]);
        await pass(clock, 5000);
        const [near, far] = memoryPair();
        far.open(new RecordingSink());
        far.pause();
        stream.attach(near);
        stream.write('x');
        await pass(clock, 999);
        expect(stream.timeouts()).to.deep.equal([]);
        await pass(clock, 1);
        expect(stream.timeouts()).to.have.length(1);
        await abort(stream);
      });

      it('is told again after as long, as long as the stream is left open', async () => {
        const { engine, clock } = newEngine();
        const { stream, far } = connect(engine, Patient);
        far.pause();
        stream[setting] = 400;
        stream.write('x');
        await pass(clock, 0);
        for (let i = 0; i < 17; i++) await pass(clock, 100);
        const code = `ENGINE_${setting.replace('TimeoutMs', '').toUpperCase()}_TIMEOUT`;
        expect(stream.timeouts()).to.deep.equal(
          [400, 800, 1200, 1600].map((at) => `timeout ${code} at ${at}`),
        );
        await abort(stream);
        await pass(clock, 1000);
        expect(stream.timeouts()).to.have.length(4);
      });

      it('may be changed: shorter, longer, never', async () => {
        const { engine, clock } = newEngine();
        const { stream, far } = connect(engine, Patient);
        far.pause();
        stream.write('x');
        stream[setting] = 10_000;
        await pass(clock, 2000);
        stream[setting] = 2400;
        await pass(clock, 399);
        expect(stream.timeouts(), 'since when nothing has moved stays the same').to.deep.equal([]);
        await pass(clock, 601);
        expect(stream.timeouts()).to.have.length(1);
        stream[setting] = 20_000;
        await pass(clock, 15_000);
        expect(stream.timeouts()).to.have.length(1);
        stream[setting] = Number.POSITIVE_INFINITY;
        expect(engine.stats().timers).to.equal(0);
        await pass(clock, 1e6);
        expect(stream.timeouts()).to.have.length(1);
        await abort(stream);
      });

      it('that fails in its handler is reported, and the stream stays', async () => {
        const { engine, clock, reports } = newEngine();
        class Failing extends RecordingStream {
          calls = 0;
          override onTimeout(): unknown {
            if (++this.calls === 1) throw new Error('first');
            return Promise.reject(new Error('second'));
          }
        }
        const { stream, far } = connect(engine, Failing);
        far.pause();
        stream.write('x');
        stream[setting] = 100;
        await pass(clock, 100);
        await pass(clock, 100);
        expect(reports.take()).to.deep.equal([
          'error: Failing.onTimeout threw: first',
          'error: Failing.onTimeout rejected: second',
        ]);
        expect(stream.connected).to.equal(true);
        await abort(stream);
      });
    });
  }

  describe('idleTimeoutMs', () => {
    for (const [what, move] of [
      ['comes', ({ far }: ReturnType<typeof connect>) => far.write('x')],
      ['goes', ({ stream }: ReturnType<typeof connect>) => stream.write('x')],
    ] as const) {
      it(`begins anew with what ${what}`, async () => {
        const { engine, clock } = newEngine();
        const connection = connect(engine, Patient);
        const { stream } = connection;
        stream.idleTimeoutMs = 1000;
        for (let i = 0; i < 5; i++) {
          await pass(clock, 750);
          move(connection as unknown as ReturnType<typeof connect>);
          await settled();
        }
        expect(stream.timeouts()).to.deep.equal([]);
        await pass(clock, 1250);
        expect((stream as Patient).timeouts()).to.deep.equal(['timeout ENGINE_IDLE_TIMEOUT at 5000']);
        await abort(stream);
      });
    }

    it('counts while reading is paused: nothing moves, for whatever reason', async () => {
      const { engine, clock } = newEngine();
      const { stream } = connect(engine, Patient);
      stream.idleTimeoutMs = 1000;
      stream.pause();
      await pass(clock, 1000);
      expect(stream.timeouts()).to.have.length(1);
      await abort(stream);
    });

    it('counts after end(), so that a peer which never ends is not waited for', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine);
      stream.idleTimeoutMs = 1000;
      stream.end();
      await pass(clock, 1000);
      far.end();
      await settled();
      expect(stream.log.events.at(-1)).to.equal('close ENGINE_IDLE_TIMEOUT');
    });
  });

  describe('readTimeoutMs', () => {
    it('begins anew with what comes, and not with what goes', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine, Patient);
      stream.readTimeoutMs = 1000;
      await pass(clock, 750);
      far.write('x');
      await settled();
      await pass(clock, 750);
      expect(stream.timeouts()).to.deep.equal([]);
      stream.write('x');
      await pass(clock, 500);
      expect(stream.timeouts()).to.deep.equal(['timeout ENGINE_READ_TIMEOUT at 2000']);
      await abort(stream);
    });

    it('does not count while reading is paused, and counts from the end of the pause', async () => {
      const { engine, clock } = newEngine();
      const { stream } = connect(engine, Patient);
      stream.readTimeoutMs = 1000;
      await pass(clock, 750);
      stream.pause();
      await pass(clock, 10_000);
      expect(stream.timeouts()).to.deep.equal([]);
      stream.resume();
      await pass(clock, 750);
      expect(stream.timeouts()).to.deep.equal([]);
      await pass(clock, 500);
      expect(stream.timeouts()).to.have.length(1);
      await abort(stream);
    });

    it('does not count while a protocol holds reading back', async () => {
      class Busy extends Patient {
        hold() {
          this.holdReading();
        }
        release() {
          this.releaseReading();
        }
      }
      const { engine, clock } = newEngine();
      const { stream } = connect(engine, Busy);
      stream.readTimeoutMs = 1000;
      stream.hold();
      await pass(clock, 10_000);
      expect(stream.timeouts()).to.deep.equal([]);
      stream.release();
      await pass(clock, 1500);
      expect(stream.timeouts()).to.have.length(1);
      await abort(stream);
    });

    it('does not count while a loop is busy with the piece before', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine, Patient);
      stream.readDelimiter = '\n';
      stream.readTimeoutMs = 1000;
      const pieces = stream.pieces();
      far.write('one\ntwo\n');
      expect(String((await pieces.next()).value)).to.equal('one');
      await pass(clock, 10_000);
      expect(stream.timeouts(), 'the loop is not asking').to.deep.equal([]);
      expect(String((await pieces.next()).value)).to.equal('two');
      const asking = pieces.next();
      await pass(clock, 1500);
      expect(stream.timeouts(), 'now it is').to.have.length(1);
      await abort(stream);
      expect(await asking).to.deep.equal({ done: true, value: undefined });
    });
  });

  describe('writeTimeoutMs', () => {
    it('counts only while something waits to be sent', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine, Patient);
      stream.writeTimeoutMs = 1000;
      await pass(clock, 10_000);
      stream.write('taken at once');
      await settled();
      await pass(clock, 10_000);
      expect(stream.timeouts()).to.deep.equal([]);
      far.pause();
      stream.write('x');
      await pass(clock, 750);
      expect(stream.timeouts()).to.deep.equal([]);
      await pass(clock, 500);
      expect(stream.timeouts()).to.deep.equal(['timeout ENGINE_WRITE_TIMEOUT at 21000']);
      await abort(stream);
    });

    it('begins anew with what the peer takes, however little, and not with what comes or is written', async () => {
      const { engine, clock } = newEngine();
      const { stream, far, seen } = connect(engine, Patient);
      seen.onChunk = () => far.pause();
      far.pause();
      stream.writeTimeoutMs = 1000;
      stream.write(Buffer.alloc(4 * 65_536));
      await settled();
      for (let i = 0; i < 3; i++) {
        await pass(clock, 750);
        far.resume();
        await settled();
        expect(stream.pendingBytes).to.be.above(0);
      }
      expect(stream.timeouts()).to.deep.equal([]);
      await pass(clock, 500);
      far.write('x');
      stream.write('more');
      await pass(clock, 750);
      expect(stream.timeouts()).to.have.length(1);
      await abort(stream);
    });
  });

  it('of several the code says which, one at a time', async () => {
    const { engine, clock } = newEngine();
    const { stream, far } = connect(engine, Patient);
    far.pause();
    stream.write('x');
    stream.idleTimeoutMs = 3000;
    stream.readTimeoutMs = 2000;
    stream.writeTimeoutMs = 1000;
    await settled();
    for (let i = 0; i < 14; i++) await pass(clock, 250);
    expect(stream.timeouts()).to.deep.equal([
      'timeout ENGINE_WRITE_TIMEOUT at 1000',
      'timeout ENGINE_WRITE_TIMEOUT at 2000',
      'timeout ENGINE_WRITE_TIMEOUT at 3000',
    ]);
    stream.writeTimeoutMs = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 8; i++) await pass(clock, 250);
    expect(stream.timeouts().slice(3)).to.deep.equal(['timeout ENGINE_READ_TIMEOUT at 5000']);
    await abort(stream);
  });

  it('its error is a TransportError of a phase of its own', async () => {
    const { engine, clock } = newEngine();
    const errors: InseamError[] = [];
    class Curious extends RecordingStream {
      override onTimeout(error: InseamError): unknown {
        errors.push(error);
        return super.onTimeout(error);
      }
    }
    const { stream, far } = connect(engine, Curious);
    stream.readTimeoutMs = 100;
    await pass(clock, 100);
    expect(errors[0])
      .to.be.instanceOf(TransportError)
      .and.include({ code: 'ENGINE_READ_TIMEOUT', phase: 'timeout' });
    far.end();
    await settled();
  });

  describe('by default', () => {
    it('close in good order when nothing waits to be sent, with the timeout as the reason', async () => {
      const { engine, clock } = newEngine();
      const { stream, far, seen } = connect(engine);
      stream.write('all of it');
      await settled();
      stream.idleTimeoutMs = 1000;
      await pass(clock, 1000);
      expect([stream.closed, seen.text, seen.events.at(-1)]).to.deep.equal([true, 'all of it', 'end']);
      expect(stream.log.events.at(-1), 'not before the peer has ended').not.to.match(/^close/);
      far.end();
      await settled();
      expect(stream.log.events.at(-1)).to.equal('close ENGINE_IDLE_TIMEOUT');
      expect(engine.stats().errors).to.equal(1);
    });

    it('wait for the peer’s end no longer than close() does', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine);
      stream.idleTimeoutMs = 1000;
      await pass(clock, 1000);
      await pass(clock, ENGINE_LIMITS.lingerTimeoutMs);
      expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_IDLE_TIMEOUT']);
      far.abort();
      await settled();
    });

    it('close at once when the peer takes nothing', async () => {
      const { engine, clock } = newEngine();
      const { stream, near, far, seen } = connect(engine);
      const aborts: unknown[] = [];
      const { abort: abortNear } = near;
      near.abort = (isFailure?: boolean) => {
        aborts.push(isFailure);
        abortNear.call(near);
      };
      far.pause();
      stream.write('x');
      stream.writeTimeoutMs = 1000;
      await settled();
      await pass(clock, 1000);
      expect(aborts, 'a reset, where there is such a thing').to.deep.equal([true]);
      expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_WRITE_TIMEOUT']);
      expect(seen.events).not.to.include('end');
    });

    it('throw into a loop', async () => {
      const { engine, clock } = newEngine();
      const { stream, far } = connect(engine);
      stream.readTimeoutMs = 1000;
      const next = stream.pieces().next();
      const outcome = next.then(
        () => 'a piece',
        (error: InseamError) => error.code,
      );
      await pass(clock, 1000);
      far.end();
      await settled();
      expect(await outcome).to.equal('ENGINE_READ_TIMEOUT');
    });

    describe('over TCP', () => {
      let { engine, reports } = systemEngine();
      beforeEach(() => {
        ({ engine, reports } = systemEngine());
      });
      afterEach(async () => {
        await engine.stop();
        expect(reports.take()).to.deep.equal([]);
      });

      async function seenBy(client: Socket): Promise<string[]> {
        const events: string[] = [];
        client
          .on('end', () => events.push('end'))
          .on('error', (error: NodeJS.ErrnoException) => events.push(String(error.code)));
        await new Promise((resolve) => client.once('close', resolve));
        return events;
      }

      class Brief extends RecordingStream {
        override onConnect(): unknown {
          this.idleTimeoutMs = 20;
          return super.onConnect();
        }
      }

      it('an idle peer sees the end', async () => {
        const server = await new Server({ engine, ConnectionClass: Brief }).listen(['127.0.0.1', 0]);
        const client = netConnect(toNet(server.localAddress));
        expect(await seenBy(client.resume())).to.deep.equal(['end']);
      });

      it('a peer that takes nothing is left without the rest', async () => {
        class Flood extends Brief {
          override onConnect(): unknown {
            this.write(Buffer.alloc(64 << 20));
            return super.onConnect();
          }
          override onClose(reason: InseamError | null): void {
            super.onClose(reason);
            expect(reason?.code).to.equal('ENGINE_IDLE_TIMEOUT');
            client.resume();
          }
        }
        const server = await new Server({ engine, ConnectionClass: Flood }).listen(['127.0.0.1', 0]);
        const client = netConnect(toNet(server.localAddress));
        let length = 0;
        client.pause().on('data', (chunk) => {
          length += chunk.length;
        });
        await seenBy(client);
        expect(length).to.be.below(64 << 20);
      });
    });
  });

  describe('connectTimeoutMs', () => {
    const attached = (engine: Engine, server?: Server) =>
      new RecordingStream({ engine, ...(server && { server }) }).attach(neverOpen());

    it('is 30 seconds for a transport of your own; onConnectError once, then onClose', async () => {
      const { engine, clock } = newEngine();
      await pass(clock, 100_000);
      const stream = attached(engine);
      const opened = stream.opened().catch((error: InseamError) => error.code);
      await pass(clock, ENGINE_LIMITS.connectTimeoutMs - 1);
      expect(stream.log.events).to.deep.equal([]);
      await pass(clock, 1);
      expect(stream.log.events).to.deep.equal([
        'connect error ENGINE_CONNECT_TIMEOUT',
        'close ENGINE_CONNECT_TIMEOUT',
      ]);
      expect(await opened).to.equal('ENGINE_CONNECT_TIMEOUT');
    });

    it('of a server is that of its connections', async () => {
      const { engine, clock } = newEngine();
      const server = new Server({ engine, ConnectionClass: RecordingStream, connectTimeoutMs: 500 });
      const stream = server.accept(neverOpen());
      await pass(clock, 499);
      expect([stream?.log.events, server.channels.size]).to.deep.equal([[], 1]);
      await pass(clock, 1);
      expect(stream?.log.events.at(-1)).to.equal('close ENGINE_CONNECT_TIMEOUT');
      expect(server.channels.size).to.equal(0);
    });

    it('of Infinity is never', async () => {
      const { engine, clock } = newEngine();
      const server = new Server({ engine, connectTimeoutMs: Number.POSITIVE_INFINITY });
      const stream = attached(engine, server as unknown as Server);
      expect(engine.stats().timers).to.equal(0);
      await pass(clock, 1e9);
      expect(stream.log.events).to.deep.equal([]);
      await abort(stream);
    });

    it('is over with onConnect', async () => {
      const { engine, clock } = newEngine();
      const server = new Server({ engine, ConnectionClass: Patient, connectTimeoutMs: 500 });
      const [near, far] = memoryPair();
      far.open(new RecordingSink());
      const stream = server.accept(near);
      await pass(clock, 10_000);
      expect(stream?.log.events).to.deep.equal(['connect']);
      expect(engine.stats().timers).to.equal(0);
      server.abort();
      await settled();
    });
  });

  describe('from one sweep', () => {
    it('a thousand streams have one timer, and none when they are closed', async () => {
      const { engine, clock } = newEngine();
      const streams = Array.from({ length: 1000 }, () => connect(engine, Patient).stream);
      expect(engine.stats().timers).to.equal(0);
      for (const [i, stream] of streams.entries()) {
        stream.idleTimeoutMs = 1000 + i;
        stream.readTimeoutMs = 5000;
        stream.writeTimeoutMs = 60_000;
      }
      for (let i = 0; i < 500; i++) attachedTo(engine);
      expect([engine.stats().timers, clock.pending]).to.deep.equal([1, 1]);
      await pass(clock, 2500);
      expect(streams.every((stream) => stream.timeouts().length > 0)).to.equal(true);
      expect(engine.stats().timers).to.equal(1);
      for (const channel of [...engine.channels].slice(1)) channel.abort();
      await settled();
      expect(engine.stats().timers).to.equal(1);
      for (const channel of engine.channels) channel.abort();
      await settled();
      expect([engine.stats().timers, clock.pending]).to.deep.equal([0, 0]);
    });

    const attachedTo = (engine: Engine) => new RecordingStream({ engine }).attach(neverOpen());

    it('streams that come all the time do not put it off', async () => {
      const { engine, clock } = newEngine();
      const { stream } = connect(engine, Patient);
      stream.idleTimeoutMs = 1000;
      for (let i = 0; i < 15; i++) {
        await pass(clock, 100);
        connect(engine).stream.idleTimeoutMs = 60_000 - i;
      }
      expect(stream.timeouts()).to.have.length(1);
      for (const channel of engine.channels) channel.abort();
      await settled();
    });

    it('what one does in it hinders no other: closing itself, others, setting timeouts', async () => {
      const { engine, clock } = newEngine();
      const told: number[] = [];
      const streams: Stream[] = [];
      class Meddler extends RecordingStream {
        override onTimeout(): unknown {
          const i = streams.indexOf(this);
          told.push(i);
          if (i === 0) streams[1]?.abort();
          if (i === 2) this.abort();
          if (i === 3) this.idleTimeoutMs = Number.POSITIVE_INFINITY;
          if (i === 4) connect(engine).stream.readTimeoutMs = 50;
          return undefined;
        }
      }
      for (let i = 0; i < 6; i++) {
        const { stream } = connect(engine, Meddler);
        streams.push(stream);
        stream.idleTimeoutMs = 1000;
      }
      await pass(clock, 1000);
      expect(told).to.deep.equal([0, 2, 3, 4, 5]);
      for (const channel of engine.channels) channel.abort();
      await settled();
    });

    it('a check that throws is reported, and hinders no other', async () => {
      const { engine, clock, reports } = newEngine();
      class Broken extends Patient {
        override checkTimeouts(): void {
          throw new Error('no');
        }
      }
      for (const ConnectionClass of [Broken, Patient])
        connect(engine, ConnectionClass).stream.idleTimeoutMs = 1000;
      const [, good] = engine.channels;
      await pass(clock, 1000);
      expect((good as Patient).timeouts()).to.have.length(1);
      expect(new Set(reports.take())).to.deep.equal(new Set(['error: Broken.checkTimeouts threw: no']));
      for (const channel of engine.channels) channel.abort();
      await settled();
    });

    it('the shortest timeout that can be written takes a millisecond', async () => {
      const { engine, clock } = newEngine();
      const { stream } = connect(engine, Patient);
      stream.idleTimeoutMs = Number.MIN_VALUE;
      await pass(clock, 1);
      expect(stream.timeouts()).to.deep.equal(['timeout ENGINE_IDLE_TIMEOUT at 1']);
      await abort(stream);
    });

    it('none comes early, and none more than two sweeps late, whenever something moved', async () => {
      const { engine, clock } = newEngine();
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 50, max: 30_000 })),
          fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 4 }),
          fc.integer({ min: 0, max: 1500 }),
          async (timeoutMs, gaps, offset) => {
            const { stream, far } = connect(engine, Patient);
            // Another one, whose sweep is under way.
            const { stream: other } = connect(engine);
            other.idleTimeoutMs = 1e9;
            await pass(clock, offset);
            stream.readTimeoutMs = timeoutMs;
            let last = clock.now();
            for (const gap of gaps.filter((ms) => ms < timeoutMs)) {
              await pass(clock, gap);
              if (stream.timeouts().length > 0) break;
              far.write('x');
              await settled();
              last = clock.now();
            }
            const before = stream.timeouts().length;
            expect(before, 'early').to.equal(0);
            await pass(clock, timeoutMs - 1);
            expect(stream.timeouts(), 'early').to.deep.equal([]);
            const late = Math.max(2, Math.min(2000, timeoutMs / 2));
            await pass(clock, last + timeoutMs + late - clock.now());
            expect(stream.timeouts().length, 'late').to.be.at.least(1);
            stream.abort();
            other.abort();
            await settled();
          },
        ),
        { numRuns: 200 },
      );
    });
  });
});
