/**
 * Engines on a fake clock, each checked after its test: nothing open, nothing pending, nothing reported unseen, no
 * promise rejected that nobody handles.
 */
import {
  Clock,
  container,
  type DependencyContainer,
  Engine,
  InseamError,
  Logger,
  type Stream,
} from '@inseam/engine';
import { type FakeClock, fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { afterEach, beforeEach } from 'mocha';
import { EventLog } from './event-log.js';

export interface TestEngine {
  engine: Engine;
  clock: FakeClock;
  /** Reports as 'warn: message: CODE'; a test takes those that it expects. */
  reports: EventLog;
  parts: DependencyContainer;
}

/** A Logger that writes into `reports`. */
export function recordingLogger(reports: EventLog): Logger {
  const at = (level: string) => (message: string, error?: unknown) => {
    const detail = error instanceof InseamError ? error.code : error instanceof Error ? error.message : error;
    reports.add([level, message, ...(detail === undefined ? [] : [String(detail)])].join(': '));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** To be called in a `describe`: the maker of its engines, and the check after each of its tests. */
export function testEngines(): () => TestEngine {
  let made: TestEngine[] = [];
  // Mocha lets them pass while anybody listens, and tells them a second time.
  const unhandled = new Set<unknown>();
  const note = (reason: unknown) => unhandled.add(reason);
  beforeEach(() => process.on('unhandledRejection', note));
  afterEach(() => {
    process.off('unhandledRejection', note);
    const engines = made;
    made = [];
    const rejections = [...unhandled];
    unhandled.clear();
    expect(rejections, 'rejections that nobody handled').to.deep.equal([]);
    for (const { engine, clock, reports } of engines) {
      expect(reports.take(), 'reported and not expected').to.deep.equal([]);
      expect(engine.channels.size, 'open channels').to.equal(0);
      expect(clock.pending, 'pending timers').to.equal(0);
    }
    expect(Engine.instance().channels.size, "open channels of the process's engine").to.equal(0);
  });
  return () => {
    const clock = fakeClock();
    const reports = new EventLog();
    const parts = container.createChildContainer();
    parts.register(Clock, { useValue: clock });
    parts.register(Logger, { useValue: recordingLogger(reports) });
    const testEngine = { engine: Engine.instance(parts), clock, reports, parts };
    made.push(testEngine);
    return testEngine;
  };
}

/** One turn of the event loop: every microtask and tick that was due, and those that they asked for, has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Lets everything come to rest, and the callbacks of the next turn run. */
export async function rest({ clock }: TestEngine): Promise<void> {
  await settled();
  clock.advance(0);
  await settled();
}

/** The end of a test: `stream` is closed, and comes to rest. */
export async function done(stream: Stream, test: TestEngine): Promise<void> {
  stream.abort();
  await rest(test);
}
