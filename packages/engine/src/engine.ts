/**
 * The Engine: one clock, one queue of timers, the set of open channels, and a clean stop.
 *
 * Node's event loop does the waiting, so there is no poller to own: sockets and timers work from the moment
 * they are set up. `start()` holds the process until `stop()`; it is not needed for anything to run.
 */
import { type Channel, observe } from './channel.js';
import { Clock } from './clock.js';
import { container, type DependencyContainer, instanceCachingFactory } from './container.js';
import { transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { Logger } from './logger.js';
import { type Timer, TimerQueue } from './timer-queue.js';

/** A TimerHandle cancels its timer when called, by `cancel()`, or at the end of a `using` block. Cancelling twice is fine. */
export interface TimerHandle extends Disposable {
  (): void;
  cancel(): void;
}

export interface StopOptions {
  /** How long to wait for work in flight before the rest is closed, in milliseconds; 0 for not at all. Default 10,000. */
  stopTimeoutMs?: number | undefined;
}

/** Loops tick no faster than this, in milliseconds, so that one of them does not keep a core busy. */
const LOOP_TICK_MS = 1;
/** A timer that only holds the process: how often it fires does not matter. */
const HOLD_MS = 0x7fffffff;

/** A stream with bytes to send. The engine flushes all of them once, when the current turn's work is done. */
export interface Flushable {
  flush(): void;
}

export class Engine {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #timers = new TimerQueue();
  readonly #channels = new Set<Channel>();
  #latestPollTime: number;
  #cancelWake: (() => void) | null = null;
  #wakeAt = Number.POSITIVE_INFINITY;
  #unflushed: Flushable[] = [];
  #started: { promise: Promise<void>; resolve: () => void; hold: NodeJS.Timeout } | null = null;
  #stopping: { promise: Promise<void>; resolve: () => void } | null = null;

  /** An engine of its own, apart from `Engine.instance()`; `parts` supplies its Clock and Logger. */
  constructor(parts: DependencyContainer = container) {
    this.clock = parts.resolve(Clock);
    this.logger = parts.resolve(Logger);
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
      // Unlike every other timer this one is to hold the process, so it is not the Clock's.
      this.#started = { promise, resolve, hold: setInterval(() => {}, HOLD_MS) };
    }
    return this.#started.promise;
  }

  /**
   * Stops cleanly: servers stop listening, work in flight is finished, what is left after `stopTimeoutMs` is
   * closed. Resolves when no channel is open. Timers stay set, and the engine can be used again.
   */
  stop({ stopTimeoutMs = ENGINE_LIMITS.stopTimeoutMs }: StopOptions = {}): Promise<void> {
    if (!(stopTimeoutMs >= 0)) throw usageError('ENGINE_OPTION', `stopTimeoutMs: ${stopTimeoutMs}`);
    if (this.#stopping !== null) return this.#stopping.promise;
    const stopping = settleable();
    this.#stopping = stopping;
    for (const channel of [...this.#channels]) observe(this.logger, 'shutdown', () => channel.shutdown());
    const abortAll = () => {
      for (const channel of [...this.#channels]) channel.abort(transportError('ENGINE_STOP_TIMEOUT'));
    };
    const patience =
      stopTimeoutMs > 0 ? this.defer(Math.min(stopTimeoutMs, HOLD_MS), abortAll) : this.callback(abortAll);
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

  /** For channels: counts `channel` as open. */
  addChannel(channel: Channel): void {
    this.#channels.add(channel);
  }

  /** For channels: counts `channel` as closed. */
  removeChannel(channel: Channel): void {
    this.#channels.delete(channel);
    if (this.#channels.size === 0) this.#stopped();
  }

  /** For streams: flushes `stream` when the work of this turn is done, so that many small writes leave as one. */
  flushSoon(stream: Flushable): void {
    if (this.#unflushed.push(stream) === 1) process.nextTick(this.#flushAll);
  }

  readonly #flushAll = (): void => {
    const streams = this.#unflushed;
    this.#unflushed = [];
    for (const stream of streams) stream.flush();
  };

  readonly #reportTimer = (error: unknown): void => this.logger.error('a timer threw', error);

  #bind<A extends unknown[]>(fn: (...args: A) => unknown, args: A): () => void {
    if (typeof fn !== 'function') throw usageError('ENGINE_FUNCTION');
    return () => observe(this.logger, 'a timer', () => fn(...args));
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
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.poll();
  };

  #stopped(): void {
    if (this.#stopping === null) return;
    this.#stopping.resolve();
    this.#stopping = null;
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
