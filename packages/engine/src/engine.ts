/**
 * The Engine: one clock, one queue of timers, the set of open channels, and a clean stop.
 *
 * Node's event loop does the waiting, so there is no poller to own: sockets and timers work from the moment
 * they are set up. `start()` holds the process until `stop()`; it is not needed for anything to run.
 *
 * The file is longer than 300 lines because its public members stand here with their contracts, and because timers
 * and channels meet in the one turn that `poll` runs and `stop` waits for.
 */
import { type Channel, isThenable } from './channel.js';
import { Clock, LONGEST_WAIT_MS } from './clock.js';
import { container, type DependencyContainer, instanceCachingFactory } from './container.js';
import { diagnostics } from './diagnostics.js';
import { type InseamError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { Logger } from './logger.js';
import { Resolver } from './resolver.js';
import { TimeoutSweep } from './timeout-sweep.js';
import { type Timer, TimerQueue } from './timer-queue.js';
import type { DialParts } from './transports/socket-transport.js';

/**
 * A TimerHandle cancels its timer when called, by `cancel()`, or at the end of a `using` block. Cancelling twice is
 * fine.
 */
export interface TimerHandle extends Disposable {
  (): void;
  cancel(): void;
}

export interface StopOptions {
  /**
   * How long to wait for work in flight before the rest is closed, in milliseconds; 0 for not at all. Default 10,000.
   */
  stopTimeoutMs?: number | undefined;
}

/** What an engine has done so far, and how it is now. Bytes and milliseconds. */
export interface EngineStats {
  /** Open now: servers, streams, datagram sockets. */
  readonly channels: number;
  /** Timers set now. */
  readonly timers: number;
  /** Connections accepted, and connections dialled. */
  readonly accepted: number;
  readonly dialled: number;
  /** What came and went, as the channels saw it: before TLS on the way out, after it on the way in. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Throws and rejections of user code, and channels that ended with a reason. */
  readonly errors: number;
  /** How late the latest timed turn began, and the latest one ever: what blocks the event loop shows here. */
  readonly loopLagMs: number;
  readonly maxLoopLagMs: number;
}

/** Loops tick no faster than this, in milliseconds, so that one of them does not keep a core busy. */
const LOOP_TICK_MS = 1;

/** A stream with bytes to send. The engine flushes all of them once, when the current turn's work is done. */
export interface Flushable {
  flush(): void;
}

export class Engine {
  readonly clock: Clock;
  readonly logger: Logger;
  /** For streams that dial out. */
  readonly dialParts: DialParts;
  readonly #timers = new TimerQueue();
  readonly #channels = new Set<Channel>();
  #latestPollTime: number;
  #cancelWake: (() => void) | null = null;
  #wakeAt = Number.POSITIVE_INFINITY;
  /** For channels: what `stats()` sums up. */
  readonly counters = { accepted: 0, dialled: 0, errors: 0 };
  /** Those of channels that are closed. */
  #bytesRead = 0;
  #bytesWritten = 0;
  #loopLagMs = 0;
  #maxLoopLagMs = 0;
  readonly #sweep = new TimeoutSweep(this);
  #unflushed: Flushable[] = [];
  #started: { promise: Promise<void>; resolve: () => void; hold: NodeJS.Timeout } | null = null;
  #stopping: { promise: Promise<void>; resolve: () => void } | null = null;
  /**
   * What the end of `stopTimeoutMs` found open. What is opened later, by a client that reconnects, is not waited for.
   */
  #overdue: Set<Channel> | null = null;

  /** An engine of its own, apart from `Engine.instance()`; `parts` supplies its Clock and Logger. */
  constructor(parts: DependencyContainer = container) {
    this.clock = parts.resolve(Clock);
    this.logger = parts.resolve(Logger);
    this.dialParts = {
      resolver: parts.resolve(Resolver),
      delay: (ms, wake) => this.clock.after(ms, wake),
    };
    this.#latestPollTime = this.clock.now();
  }

  /**
   * The process's own engine, which every channel uses that is not given another. A child container with a Clock
   * of its own has an engine of its own: `Engine.instance(child)`.
   */
  static instance(parts: DependencyContainer = container): Engine {
    if (parts !== container && parts.isRegistered(Clock) && !parts.isRegistered(Engine)) {
      parts.register(Engine, { useValue: new Engine(parts) });
    }
    return parts.resolve(Engine);
  }

  /** When the current or latest turn began, on the engine's monotonic clock, in milliseconds. */
  get latestPollTime(): number {
    return this.#latestPollTime;
  }

  /** Every open channel: servers, and streams that are connecting, connected or closing. */
  get channels(): ReadonlySet<Channel> {
    return this.#channels;
  }

  /** True from `stop()` until everything is closed. */
  get stopping(): boolean {
    return this.#stopping !== null;
  }

  /** Counters since the engine was made, and gauges of this moment; costs nothing until it is called. */
  stats(): EngineStats {
    let [bytesRead, bytesWritten] = [this.#bytesRead, this.#bytesWritten];
    for (const channel of this.#channels) {
      bytesRead += channel.bytesRead;
      bytesWritten += channel.bytesWritten;
    }
    return {
      channels: this.#channels.size,
      timers: this.#timers.size,
      ...this.counters,
      bytesRead,
      bytesWritten,
      loopLagMs: this.#loopLagMs,
      maxLoopLagMs: this.#maxLoopLagMs,
    };
  }

  /**
   * The one hook for errors of user code: what a handler or a timer throws, or its promise rejects with. Assign or
   * override it; the default tells the logger. `message` says where; `channel` is null for a timer. Nothing else
   * happens: the channel stays open.
   */
  onError(error: unknown, message: string, channel: Channel | null): void {
    (channel ?? this).logger.error(message, error);
  }

  /** Calls `fn` once in the next turn. */
  callback<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): TimerHandle {
    return this.#handle(this.#timers.callback(this.#bind(fn, args)));
  }

  /**
   * Calls `fn` every turn until cancelled. A turn comes whenever something is due, and each millisecond while
   * there is a loop: for work at a steady pace, `cycle` is the lighter choice.
   */
  loop<A extends unknown[]>(fn: (...args: A) => unknown, ...args: A): TimerHandle {
    return this.#handle(this.#timers.loop(this.#bind(fn, args)));
  }

  /** Calls `fn` once, `delayMs` milliseconds from now. A UsageError unless that is finite and above 0. */
  defer<A extends unknown[]>(delayMs: number, fn: (...args: A) => unknown, ...args: A): TimerHandle {
    requireDelay(delayMs);
    return this.#handle(this.#timers.at(this.clock.now() + delayMs, this.#bind(fn, args)));
  }

  /**
   * Calls `fn` every `intervalMs` milliseconds until cancelled, on a fixed grid: it does not drift, and beats
   * missed during a stall are dropped. A UsageError unless the interval is finite and above 0.
   */
  cycle<A extends unknown[]>(intervalMs: number, fn: (...args: A) => unknown, ...args: A): TimerHandle {
    requireDelay(intervalMs);
    return this.#handle(this.#timers.at(this.clock.now() + intervalMs, this.#bind(fn, args), intervalMs));
  }

  /** Runs one turn now: callbacks and loops, then what is due. The engine does this by itself; tests may too. */
  poll(): void {
    this.#latestPollTime = this.clock.now();
    this.#timers.run(this.#latestPollTime, this.#reportTimer);
    this.#arm();
  }

  /**
   * Holds the process until `stop()` has finished. Called again meanwhile it returns the same promise; after a
   * stop it may be called anew.
   */
  start(): Promise<void> {
    if (this.#started === null) {
      const { promise, resolve } = settleable();
      // Unlike every other timer this one is to hold the process, so it is not the Clock's; nothing happens in it.
      this.#started = { promise, resolve, hold: setInterval(() => {}, LONGEST_WAIT_MS) };
    }
    return this.#started.promise;
  }

  /**
   * Stops cleanly: servers stop listening, work in flight is finished, what is left after `stopTimeoutMs` is
   * closed. Resolves when none of them is open. Timers stay set, and the engine can be used again.
   */
  stop({ stopTimeoutMs = ENGINE_LIMITS.stopTimeoutMs }: StopOptions = {}): Promise<void> {
    if (!(stopTimeoutMs >= 0)) throw usageError('ENGINE_OPTION', `stopTimeoutMs: ${stopTimeoutMs}`);
    if (this.#stopping !== null) return this.#stopping.promise;
    const stopping = settleable();
    this.#stopping = stopping;
    for (const channel of [...this.#channels]) {
      this.#observe(`${channel.constructor.name}.shutdown`, channel, () => channel.shutdown());
    }
    const abortAll = () => {
      this.#overdue = new Set(this.#channels);
      for (const channel of this.#overdue) channel.giveUp(transportError('ENGINE_STOP_TIMEOUT'));
    };
    const patience =
      stopTimeoutMs > 0
        ? this.defer(Math.min(stopTimeoutMs, LONGEST_WAIT_MS), abortAll)
        : this.callback(abortAll);
    const whenStopped = stopping.promise.then(() => patience.cancel());
    if (this.#channels.size === 0) this.#stopped();
    return whenStopped;
  }

  /**
   * Calls `stop()` at the first of these signals (SIGINT and SIGTERM by default). The second one ends the process
   * as if nobody listened. Returns what takes the listeners away again.
   */
  stopOnSignals(signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM']): Disposable {
    const forget = () => {
      for (const signal of signals) process.removeListener(signal, onSignal);
    };
    const onSignal = () => {
      forget();
      void this.stop();
    };
    for (const signal of signals) process.on(signal, onSignal);
    return { [Symbol.dispose]: forget };
  }

  /** `stop()` at the end of an `await using` block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** For channels: counts `channel` as open. */
  addChannel(channel: Channel): void {
    this.#channels.add(channel);
    if (diagnostics.open.hasSubscribers) diagnostics.open.publish({ channel });
  }

  /** For channels: counts `channel` as closed; `reason` is what its `onClose` got. */
  removeChannel(channel: Channel, reason: InseamError | null): void {
    if (!this.#channels.delete(channel)) return;
    this.#sweep.unwatch(channel);
    this.#bytesRead += channel.bytesRead;
    this.#bytesWritten += channel.bytesWritten;
    if (reason !== null) this.counters.errors++;
    if (diagnostics.close.hasSubscribers) diagnostics.close.publish({ channel, reason });
    this.#overdue?.delete(channel);
    if (this.#channels.size === 0 || this.#overdue?.size === 0) this.#stopped();
  }

  /**
   * For channels: calls `channel.checkTimeouts` from time to time until it is removed, at least four times in
   * `shortestMs`; Infinity ends that.
   */
  watch(channel: Channel, shortestMs: number): void {
    if (shortestMs === Number.POSITIVE_INFINITY) this.#sweep.unwatch(channel);
    else this.#sweep.watch(channel, shortestMs);
  }

  /** For channels: user code failed; `message` says where. */
  report(error: unknown, message: string, channel: Channel | null): void {
    this.counters.errors++;
    if (diagnostics.error.hasSubscribers) diagnostics.error.publish({ error, message, channel });
    const fail = (second: unknown) => {
      this.logger.error('Engine.onError failed', second);
      this.logger.error(message, error);
    };
    try {
      const result: unknown = this.onError(error, message, channel);
      if (isThenable(result)) result.then(undefined, fail);
    } catch (second) {
      fail(second);
    }
  }

  /** For streams: flushes `stream` when the work of this turn is done, so that many small writes leave as one. */
  flushSoon(stream: Flushable): void {
    if (this.#unflushed.push(stream) === 1) process.nextTick(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    const streams = this.#unflushed;
    this.#unflushed = [];
    for (const stream of streams) {
      try {
        stream.flush();
      } catch (error) {
        this.report(error, 'a flush threw', null);
      }
    }
  };

  readonly #reportTimer = (error: unknown): void => this.report(error, 'a timer threw', null);

  /** Runs user code: a throw or a rejected promise is reported, never fatal. */
  #observe(where: string, channel: Channel | null, call: () => unknown): void {
    try {
      const result = call();
      if (isThenable(result)) {
        result.then(undefined, (error) => this.report(error, `${where} rejected`, channel));
      }
    } catch (error) {
      this.report(error, `${where} threw`, channel);
    }
  }

  #bind<A extends unknown[]>(fn: (...args: A) => unknown, args: A): () => void {
    if (typeof fn !== 'function') throw usageError('ENGINE_FUNCTION');
    return () => this.#observe('a timer', null, () => fn(...args));
  }

  #handle(timer: Timer): TimerHandle {
    this.#arm();
    const cancel = () => {
      this.#timers.cancel(timer);
      if (this.#timers.size === 0) this.#arm();
    };
    return Object.assign(cancel, { cancel, [Symbol.dispose]: cancel });
  }

  /** Sees to it that the next turn comes in time. A wake-up that proves too early only looks again. */
  #arm(): void {
    const timers = this.#timers;
    const now = this.clock.now();
    let at = timers.nextDeadline ?? Number.POSITIVE_INFINITY;
    if (timers.loops > 0) at = Math.min(at, now + LOOP_TICK_MS);
    if (timers.callbacks > 0) at = Number.NEGATIVE_INFINITY;
    const isWokenEarlier = this.#cancelWake !== null && this.#wakeAt <= at;
    if (isWokenEarlier && at !== Number.POSITIVE_INFINITY) return;
    this.#cancelWake?.();
    this.#cancelWake = null;
    this.#wakeAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#cancelWake =
      at === Number.NEGATIVE_INFINITY
        ? this.clock.soon(this.#wake)
        : this.clock.after(Math.max(at - now, LOOP_TICK_MS), this.#wake);
  }

  readonly #wake = (): void => {
    this.#cancelWake = null;
    if (this.#wakeAt !== Number.NEGATIVE_INFINITY) {
      this.#loopLagMs = Math.max(0, this.clock.now() - this.#wakeAt);
      this.#maxLoopLagMs = Math.max(this.#maxLoopLagMs, this.#loopLagMs);
    }
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.poll();
  };

  #stopped(): void {
    if (this.#stopping === null) return;
    this.#stopping.resolve();
    this.#stopping = this.#overdue = null;
    if (this.#started === null) return;
    clearInterval(this.#started.hold);
    this.#started.resolve();
    this.#started = null;
  }
}

container.register(Engine, { useFactory: instanceCachingFactory(() => new Engine(container)) });

function requireDelay(ms: number): void {
  if (!(Number.isFinite(ms) && ms > 0)) throw usageError('ENGINE_TIMER_DELAY', String(ms));
}

function settleable(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
