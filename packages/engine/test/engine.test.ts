import { inspect } from 'node:util';
import { Channel, type Engine, type InseamError, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { EventLog } from './support/event-log.js';
import { settled, testEngines } from './support/test-engine.js';

/** A channel that is open from the start, and closes when it is told to let go. */
class TestChannel extends Channel {
  readonly log = new EventLog();
  constructor(engine: Engine) {
    super(engine);
    engine.addChannel(this);
  }
  close(): void {
    this.log.add('close');
  }
  abort(reason?: InseamError): void {
    this.log.add(`abort ${reason?.code}`);
    this.finish();
  }
  finish(): void {
    this.engine.removeChannel(this, null);
  }
}

describe('Engine', () => {
  const newEngine = testEngines();

  describe('timers', () => {
    it('callback runs once, in the next turn, with its arguments', () => {
      const { engine, clock } = newEngine();
      const ran: unknown[] = [];
      engine.callback((a: number, b: string) => ran.push([a, b]), 1, 'x');
      expect(ran).to.deep.equal([]);
      clock.advance(0);
      clock.advance(1000);
      expect(ran).to.deep.equal([[1, 'x']]);
    });

    it('a callback from a callback runs in the next turn', () => {
      const { engine } = newEngine();
      const ran: string[] = [];
      engine.callback(() => {
        ran.push('first');
        engine.callback(() => ran.push('second'));
      });
      engine.poll();
      expect(ran).to.deep.equal(['first']);
      engine.poll();
      expect(ran).to.deep.equal(['first', 'second']);
    });

    it('loop runs every turn, a millisecond apart, until cancelled', () => {
      const { engine, clock } = newEngine();
      const at: number[] = [];
      const loop = engine.loop((name: string) => at.push(clock.now() + name.length), '');
      clock.advance(3);
      expect(at).to.deep.equal([1, 2, 3]);
      engine.callback(() => at.push(-1));
      clock.advance(0);
      expect(at).to.deep.equal([1, 2, 3, 3, -1]);
      loop.cancel();
      clock.advance(10);
      expect(at).to.have.length(5);
    });

    it('defer runs once, when its time has come, and counts from the call', () => {
      const { engine, clock } = newEngine();
      const at: [number, string][] = [];
      clock.advance(100);
      engine.defer(20, (name: string) => at.push([clock.now(), name]), 'later');
      engine.defer(10.5, (name: string) => at.push([clock.now(), name]), 'sooner');
      clock.advance(10);
      expect(at).to.deep.equal([]);
      clock.advance(1000);
      expect(at).to.deep.equal([
        [110.5, 'sooner'],
        [120, 'later'],
      ]);
    });

    it('cycle beats on its grid, with its arguments', () => {
      const { engine, clock } = newEngine();
      const at: [number, string][] = [];
      const cycle = engine.cycle(10, (name: string) => at.push([clock.now(), name]), 'x');
      clock.advance(35);
      cycle();
      clock.advance(100);
      expect(at).to.deep.equal([
        [10, 'x'],
        [20, 'x'],
        [30, 'x'],
      ]);
    });

    it('cycle neither drifts nor bursts when turns come late', () => {
      const { engine, clock } = newEngine();
      const at: number[] = [];
      const cycle = engine.cycle(10, () => {
        at.push(clock.now());
        // A stall inside the function: the clock goes on, no turn is run.
        if (at.length === 1) clock.advance(27);
      });
      clock.advance(70);
      // One beat comes late, one is dropped, and the grid is kept.
      expect(at).to.deep.equal([10, 38, 40, 50, 60, 70]);
      cycle.cancel();
    });

    it('a deferral too small to move the clock waits for the next turn', () => {
      const { engine, clock } = newEngine();
      clock.advance(1);
      const ran: string[] = [];
      engine.callback(() => engine.defer(Number.MIN_VALUE, () => ran.push('deferred')));
      engine.poll();
      expect(ran).to.deep.equal([]);
      engine.poll();
      expect(ran).to.deep.equal(['deferred']);
      clock.advance(1);
    });

    for (const delay of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
      for (const kind of ['defer', 'cycle'] as const) {
        it(`${kind}(${inspect(delay)}) is a UsageError`, () => {
          const { engine } = newEngine();
          expect(() => engine[kind](delay, () => {}))
            .to.throw(UsageError)
            .with.property('code', 'ENGINE_TIMER_DELAY');
        });
      }
    }

    it('a timer without a function is a UsageError', () => {
      const { engine } = newEngine();
      const nothing = undefined as unknown as () => void;
      const calls = [
        () => engine.callback(nothing),
        () => engine.loop(nothing),
        () => engine.defer(1, nothing),
        () => engine.cycle(1, nothing),
      ];
      for (const call of calls) expect(call).to.throw(UsageError).with.property('code', 'ENGINE_FUNCTION');
    });

    it('a handle cancels when called, by cancel() and by using, any number of times', () => {
      const { engine, clock } = newEngine();
      const ran: string[] = [];
      const set = () => engine.defer(1, () => ran.push('x'));
      set()();
      set().cancel();
      set()[Symbol.dispose]();
      const handle = set();
      handle();
      handle.cancel();
      handle();
      expect(clock.pending, 'nothing to wake up for').to.equal(0);
      clock.advance(10);
      expect(ran).to.deep.equal([]);
    });

    it('cancelling the nearest keeps the others', () => {
      const { engine, clock } = newEngine();
      const ran: string[] = [];
      const first = engine.defer(1, () => ran.push('first'));
      engine.defer(2, () => ran.push('second'));
      first.cancel();
      clock.advance(2);
      expect(ran).to.deep.equal(['second']);
    });

    it('reports a throw and a rejected promise, and goes on', async () => {
      const { engine, clock, reports } = newEngine();
      const ran: string[] = [];
      engine.callback(() => {
        throw new Error('thrown');
      });
      engine.callback(async () => {
        throw new Error('rejected');
      });
      engine.callback(() => ran.push('after'));
      clock.advance(0);
      await settled();
      expect(ran).to.deep.equal(['after']);
      expect(reports.take()).to.deep.equal([
        'error: a timer threw: thrown',
        'error: a timer rejected: rejected',
      ]);
    });

    it('looks again when the clock wakes it too early', () => {
      const { engine, clock } = newEngine();
      const ran: number[] = [];
      engine.defer(10, () => ran.push(clock.now()));
      engine.poll();
      clock.advance(9);
      engine.poll();
      expect(ran).to.deep.equal([]);
      clock.advance(1);
      expect(ran).to.deep.equal([10]);
    });

    it('an earlier timer moves the wake-up forward', () => {
      const { engine, clock } = newEngine();
      const at: number[] = [];
      engine.defer(100, () => at.push(clock.now()));
      engine.defer(10, () => at.push(clock.now()));
      engine.callback(() => at.push(clock.now()));
      expect(clock.pending, 'one wake-up for all of them').to.equal(1);
      clock.advance(100);
      expect(at).to.deep.equal([0, 10, 100]);
    });

    it('latestPollTime is when the turn began', () => {
      const { engine, clock } = newEngine();
      expect(engine.latestPollTime).to.equal(0);
      clock.advance(7);
      engine.poll();
      expect(engine.latestPollTime).to.equal(7);
      engine.callback(() => clock.advance(5));
      clock.advance(0);
      expect(engine.latestPollTime).to.equal(7);
    });
  });

  describe('flushSoon', () => {
    it('flushes every stream once, after the work of this turn', async () => {
      const { engine } = newEngine();
      const flushed: string[] = [];
      for (const name of ['a', 'b']) engine.flushSoon({ flush: () => flushed.push(name) });
      expect(flushed).to.deep.equal([]);
      await settled();
      expect(flushed).to.deep.equal(['a', 'b']);
    });
  });

  describe('start and stop', () => {
    it('start resolves with stop, and the engine can be started again', async () => {
      const { engine } = newEngine();
      for (let run = 0; run < 2; run++) {
        const started = engine.start();
        expect(engine.start(), 'called again').to.equal(started);
        await engine.stop();
        await started;
        expect(engine.stopping).to.equal(false);
      }
    });

    it('stop without channels or start resolves', async () => {
      const { engine } = newEngine();
      await engine.stop();
    });

    it('stop closes every channel and waits for the last', async () => {
      const { engine, clock } = newEngine();
      const channels = [new TestChannel(engine), new TestChannel(engine)];
      const log = new EventLog();
      void engine.start().then(() => log.add('started'));
      void engine.stop().then(() => log.add('stopped'));
      expect(engine.stopping).to.equal(true);
      for (const channel of channels) expect(channel.log.events).to.deep.equal(['close']);
      channels[0]?.finish();
      await settled();
      expect(log.events).to.deep.equal([]);
      channels[1]?.finish();
      await settled();
      expect(log.events).to.have.members(['started', 'stopped']);
      expect(clock.pending, 'its patience is cancelled').to.equal(0);
    });

    it('stop called again waits for the same end', async () => {
      const { engine } = newEngine();
      const channel = new TestChannel(engine);
      const stops = [engine.stop(), engine.stop()];
      expect(channel.log.events).to.deep.equal(['close']);
      channel.finish();
      await Promise.all(stops);
    });

    for (const stopTimeoutMs of [undefined, 50]) {
      it(`aborts what is open after ${stopTimeoutMs ?? 'the default of 10,000'} ms`, async () => {
        const { engine, clock } = newEngine();
        const channel = new TestChannel(engine);
        const stopped = engine.stop(stopTimeoutMs === undefined ? {} : { stopTimeoutMs });
        clock.advance((stopTimeoutMs ?? 10_000) - 1);
        expect(channel.log.take()).to.deep.equal(['close']);
        clock.advance(1);
        expect(channel.log.take()).to.deep.equal(['abort ENGINE_STOP_TIMEOUT']);
        await stopped;
      });
    }

    it('waits for as long as it takes with a stopTimeoutMs of Infinity', async () => {
      const { engine, clock } = newEngine();
      const channel = new TestChannel(engine);
      const stopped = engine.stop({ stopTimeoutMs: Number.POSITIVE_INFINITY });
      clock.advance(1e9);
      expect(channel.log.take()).to.deep.equal(['close']);
      channel.finish();
      await stopped;
    });

    it('a shutdown that throws is reported and hinders no other', async () => {
      const { engine, reports } = newEngine();
      const bad = new TestChannel(engine);
      bad.shutdown = () => {
        throw new Error('no');
      };
      const good = new TestChannel(engine);
      const stopped = engine.stop();
      expect(good.log.events).to.deep.equal(['close']);
      expect(reports.take()).to.deep.equal(['error: TestChannel.shutdown threw: no']);
      bad.finish();
      good.finish();
      await stopped;
    });

    it('a stopTimeoutMs that is no number of milliseconds is a UsageError', () => {
      const { engine } = newEngine();
      expect(() => engine.stop({ stopTimeoutMs: -1 })).to.throw(UsageError);
      expect(() => engine.stop({ stopTimeoutMs: Number.NaN })).to.throw(UsageError);
      expect(engine.stopping).to.equal(false);
    });

    it('timers stay set across a stop', async () => {
      const { engine, clock } = newEngine();
      const ran: string[] = [];
      engine.defer(10, () => ran.push('x'));
      await engine.stop();
      clock.advance(10);
      expect(ran).to.deep.equal(['x']);
    });
  });
});
