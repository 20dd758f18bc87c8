/** Channel: what streams and servers have in common, above all how user code is called. */
import type { Engine } from './engine.js';
import type { InseamError } from './errors.js';
import type { Logger } from './logger.js';

export abstract class Channel {
  /** The engine that counts this channel while it is open. */
  readonly engine: Engine;
  /** Where errors go that no handler takes. */
  readonly logger: Logger;

  constructor(engine: Engine, logger: Logger = engine.logger) {
    this.engine = engine;
    this.logger = logger;
  }

  /** Bytes that have come and gone so far. */
  get bytesRead(): number {
    return 0;
  }
  get bytesWritten(): number {
    return 0;
  }

  /** Closes in good order: what is written already is sent first, unless `flush` is false. Idempotent. */
  abstract close(flush?: boolean): void;

  /** Closes at once and drops what is unsent; `reason` is what `onClose` gets. Idempotent. */
  abstract abort(reason?: InseamError): void;

  /** `abort` by the engine or a default handler, which no program can know of in time. */
  giveUp(reason: InseamError): void {
    this.abort(reason);
  }

  /** The engine is stopping: finish what is in flight, then close. */
  shutdown(): void {
    this.close();
  }

  /** Called once when the channel is closed; `reason` is null when it was closed in good order. */
  onClose(_reason: InseamError | null): void {}

  /** Called for every error without a handler of its own. The default reports it and closes at once. */
  onError(error: InseamError): unknown {
    this.logger.warn(`${this.constructor.name} failed`, error);
    this.giveUp(error);
    return undefined;
  }

  /** For the engine's sweep, of channels that asked for it with `engine.watch`: ends what has waited too long. */
  checkTimeouts(_now: number): void {}

  /** Calls a handler of the user's: what it throws, or its promise rejects with, is reported and goes no further. */
  protected notify(handler: string, call: () => unknown): void {
    try {
      this.observeResult(handler, call());
    } catch (error) {
      this.reportThrow(handler, error);
    }
  }

  /** `notify` for calls that come too often for a closure: after the call, for what it returned. */
  protected observeResult(handler: string, result: unknown): void {
    if (isThenable(result)) result.then(undefined, (error) => this.reportRejection(handler, error));
  }

  /** What the promise of a handler rejected with. */
  protected reportRejection(handler: string, error: unknown): void {
    this.engine.report(error, `${this.constructor.name}.${handler} rejected`, this);
  }

  /** `notify` for calls that come too often for a closure: for what it threw. */
  protected reportThrow(handler: string, error: unknown): void {
    this.engine.report(error, `${this.constructor.name}.${handler} threw`, this);
  }
}

/** Whether a handler answered with a promise, of whatever make. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
