import { getEventListeners } from 'node:events';
import {
  type Address,
  type ConnectOptions,
  type Engine,
  type InseamError,
  TransportError,
  type TransportSink,
  UsageError,
} from '@inseam/engine';
import { type FakeClock, fakeClock, memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { checkedEngines } from './support/checked-engines.js';
import { Dialler, HeldResolver, listenFor, outcome } from './support/dialler.js';
import { settled } from './support/test-engine.js';

const REASON = new TransportError('OURS', 'we had enough', 'read');

describe('connecting, given up before it is done', () => {
  const newEngine = checkedEngines();

  describe('given up', () => {
    /** What is under way when it is given up. */
    const phases: { name: string; address: Address; prepare?: (resolver: HeldResolver) => unknown }[] = [
      { name: 'at once, before the name is known', address: ['a.test', 9] },
      { name: 'while the name is asked for', address: ['a.test', 9], prepare: settled },
      {
        name: 'while an address of several is tried',
        address: ['a.test', 9],
        prepare: async (resolver) => {
          await settled();
          // A connection that is not yet refused, or not yet told to be.
          resolver.answer(['127.0.0.2', '127.0.0.3']);
          await Promise.resolve();
          await Promise.resolve();
          await Promise.resolve();
        },
      },
      { name: 'while a literal is tried', address: ['127.0.0.1', 9] },
      { name: 'while a path is tried', address: '/nowhere/socket' },
    ];
    const ways: { name: string; act: (stream: Dialler) => unknown; reason?: InseamError }[] = [
      { name: 'close()', act: (stream) => stream.close() },
      { name: 'close(false)', act: (stream) => stream.close(false) },
      { name: 'abort()', act: (stream) => stream.abort() },
      { name: 'abort(reason)', act: (stream) => stream.abort(REASON), reason: REASON },
      {
        name: 'each of them',
        act: (stream) => {
          stream.abort(REASON);
          stream.close();
          stream.abort();
          stream.abort(new TransportError('LATE', 'late', 'read'));
        },
        reason: REASON,
      },
      { name: 'engine.stop()', act: (stream) => void stream.engine.stop() },
    ];
    for (const { name: phase, address, prepare } of phases) {
      for (const { name, act, reason } of ways) {
        it(`${phase}, by ${name}: onClose alone`, async () => {
          const resolver = new HeldResolver();
          const { engine } = newEngine({ resolver, clock: fakeClock() });
          const stream = new Dialler({ engine });
          const opened = outcome(stream.opened());
          stream.connect(address);
          await prepare?.(resolver);
          act(stream);
          expect(stream.log.events, 'told during the call').to.deep.equal([]);
          await stream.log.until('close');
          resolver.answer(['127.0.0.1']);
          await settled();
          await settled();
          expect(stream.log.events).to.deep.equal([reason === undefined ? 'close' : `close ${reason.code}`]);
          expect(stream.reason).to.equal(reason ?? null);
          expect(await opened).to.have.property('code', reason?.code ?? 'ENGINE_STREAM_CLOSED');
          expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([false, false, true]);
          expect(engine.stats()).to.include({ channels: 0, timers: 0 });
        });
      }
    }

    it('in onConnect: onClose follows', async () => {
      for (const { act, reason } of ways) {
        const { port } = await listenFor();
        class Leaves extends Dialler {
          override onConnect() {
            super.onConnect();
            act(this);
          }
        }
        const { engine } = newEngine();
        const stream = new Leaves({ engine }).connect(['127.0.0.1', port]);
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal([
          'connect',
          reason === undefined ? 'close' : `close ${reason.code}`,
        ]);
      }
    });

    it('when the transport has opened meanwhile, which it tells too late: onClose alone', async () => {
      for (const { act, reason } of ways) {
        const { engine } = newEngine();
        const [transport] = memoryPair();
        let sink: TransportSink | null = null;
        transport.open = (owner) => {
          sink = owner;
        };
        transport.abort = () =>
          queueMicrotask(() => {
            const owner = sink;
            sink = null;
            owner?.onOpen();
            owner?.onClose(null);
          });
        const stream = new Dialler({ engine }).attach(transport);
        act(stream);
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal([reason === undefined ? 'close' : `close ${reason.code}`]);
      }
    });

    it('before connect: it connects no more, and opened() says so', async () => {
      const { engine } = newEngine();
      for (const how of ['close', 'abort'] as const) {
        const stream = new Dialler({ engine });
        const opened = outcome(stream.opened());
        stream[how]();
        expect(await opened)
          .to.be.instanceOf(UsageError)
          .with.property('code', 'ENGINE_STREAM_CLOSED');
        expect(() => stream.connect(80))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_STREAM_IN_USE');
        expect([stream.closed, stream.log.events]).to.deep.equal([true, []]);
      }
    });
  });

  describe('in no longer than connectTimeoutMs', () => {
    /** Dials a name whose addresses never come; the clock is the test's. */
    function dial(options?: ConnectOptions): { stream: Dialler; clock: FakeClock; engine: Engine } {
      const clock = fakeClock();
      const { engine } = newEngine({ resolver: new HeldResolver(), clock });
      clock.advance(5_000);
      return { stream: new Dialler({ engine }).connect(['a.test', 80], options), clock, engine };
    }

    for (const [name, options, limitMs] of [
      ['30 seconds unless told otherwise', undefined, 30_000],
      ['an own limit', { connectTimeoutMs: 2_000 }, 2_000],
      ['a very short one', { connectTimeoutMs: 1 }, 1],
      ['one that is no whole number', { connectTimeoutMs: 1.5 }, 1.5],
    ] as const) {
      it(`${name}: not before, and at most a quarter of it or a second after`, async () => {
        const { stream, clock } = dial(options);
        const opened = outcome(stream.opened());
        clock.advance(limitMs - 0.5);
        await settled();
        expect(stream.log.events).to.deep.equal([]);
        clock.advance(0.5 + Math.min(1_000, Math.max(1, limitMs / 4)));
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal([
          'connect error ENGINE_CONNECT_TIMEOUT',
          'close ENGINE_CONNECT_TIMEOUT',
        ]);
        expect(stream.error).to.be.instanceOf(TransportError).with.property('phase', 'timeout');
        expect(await opened).to.equal(stream.error);
        expect(clock.pending).to.equal(0);
      });
    }

    it('Infinity waits for ever, and costs no timer', async () => {
      const { stream, clock, engine } = dial({ connectTimeoutMs: Number.POSITIVE_INFINITY });
      expect(engine.stats().timers).to.equal(0);
      clock.advance(1e9);
      await settled();
      expect(stream.connecting).to.equal(true);
    });

    it('does not count once it is connected', async () => {
      const clock = fakeClock();
      const { engine } = newEngine({ clock });
      const { port } = await listenFor();
      const stream = new Dialler({ engine }).connect(['127.0.0.1', port], { connectTimeoutMs: 1_000 });
      await stream.opened();
      expect(engine.stats().timers).to.equal(0);
      clock.advance(1e6);
      await settled();
      expect(stream.connected).to.equal(true);
    });

    it('costs one timer, however many are connecting', () => {
      const clock = fakeClock();
      const { engine } = newEngine({ resolver: new HeldResolver(), clock });
      const streams = Array.from({ length: 100 }, () => new Dialler({ engine }).connect(['a.test', 80]));
      expect(engine.stats()).to.include({ timers: 1, channels: 100 });
      for (const stream of streams) stream.abort();
    });
  });

  describe('until an AbortSignal says no', () => {
    const ABORTED = ['connect error ENGINE_CONNECT_ABORTED', 'close ENGINE_CONNECT_ABORTED'];

    for (const [name, address] of [
      ['a name', ['a.test', 80]],
      ['a literal', ['127.0.0.1', 9]],
      ['a path', '/nowhere/socket'],
    ] as const) {
      it(`before it begins (${name})`, async () => {
        const { engine } = newEngine({ resolver: new HeldResolver(), clock: fakeClock() });
        const stream = new Dialler({ engine });
        stream.connect(address, { signal: AbortSignal.abort(new Error('too late')) });
        expect(stream.log.events).to.deep.equal([]);
        const opened = outcome(stream.opened());
        await stream.log.until('close');
        await settled();
        expect(stream.log.events).to.deep.equal(ABORTED);
        expect(stream.error?.message).to.equal('connecting was aborted by its signal (too late)');
        expect(await opened).to.equal(stream.error);
      });

      it(`while it is under way (${name})`, async () => {
        const { engine } = newEngine({ resolver: new HeldResolver(), clock: fakeClock() });
        const abort = new AbortController();
        const stream = new Dialler({ engine }).connect(address, { signal: abort.signal });
        abort.abort(new Error('changed my mind'));
        abort.abort(new Error('again'));
        await stream.log.until('close');
        await settled();
        expect(stream.log.events).to.deep.equal(ABORTED);
        expect(stream.error).to.have.nested.property('cause.message', 'changed my mind');
      });
    }

    it('and then out of time: what came first is told', async () => {
      const clock = fakeClock();
      const { engine } = newEngine({ resolver: new HeldResolver(), clock });
      const abort = new AbortController();
      const stream = new Dialler({ engine }).connect(['a.test', 80], { signal: abort.signal });
      abort.abort();
      clock.advance(1e6);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(ABORTED);
    });

    it('and not once the stream has given up: close() has nothing to complain of', async () => {
      const { engine } = newEngine({ resolver: new HeldResolver(), clock: fakeClock() });
      const abort = new AbortController();
      const stream = new Dialler({ engine }).connect(['a.test', 80], { signal: abort.signal });
      stream.close();
      abort.abort();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['close']);
    });

    for (const [name, reason, message] of [
      ['none', undefined, /This operation was aborted/],
      ['text', 'a word', /\(a word\)/],
      ['null', null, /\(null\)/],
    ] as const) {
      it(`whatever its reason is (${name})`, async () => {
        const { engine } = newEngine({ resolver: new HeldResolver(), clock: fakeClock() });
        const signal = AbortSignal.abort(reason);
        const stream = new Dialler({ engine }).connect(['a.test', 80], { signal });
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal(ABORTED);
        expect(stream.error?.message).to.match(message);
      });
    }

    it('and not afterwards', async () => {
      const { engine } = newEngine();
      const { port, sockets } = await listenFor();
      const abort = new AbortController();
      const stream = new Dialler({ engine }).connect(['127.0.0.1', port], { signal: abort.signal });
      await stream.opened();
      abort.abort();
      stream.write('still here');
      await stream.log.until('write');
      expect(stream.connected).to.equal(true);
      stream.close();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'write', 'close']);
      expect(sockets).to.have.length(1);
    });

    it('which is let go as soon as it has no effect: many streams may share one', async () => {
      const { engine } = newEngine();
      const { port } = await listenFor();
      const { signal } = new AbortController();
      const listeners = () => getEventListeners(signal, 'abort').length;
      const connected = new Dialler({ engine }).connect(['127.0.0.1', port], { signal });
      const failed = new Dialler({ engine }).connect('/nowhere/socket', { signal });
      const closed = new Dialler({ engine }).connect('/nowhere/socket', { signal });
      expect(listeners()).to.equal(3);
      closed.close();
      await Promise.all([connected.opened(), failed.log.until('close'), closed.log.until('close')]);
      expect(listeners()).to.equal(0);
      connected.abort();
      await connected.log.until('close');
      expect(listeners()).to.equal(0);
    });
  });
});
