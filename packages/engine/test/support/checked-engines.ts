/**
 * Engines for tests with real sockets, each stopped and checked after its test: no channel, timer or socket is left, and
 * nothing was reported unseen.
 */
import { Clock, container, Engine, Logger, Resolver } from '@inseam/engine';
import { expect } from 'chai';
import { afterEach, beforeEach } from 'mocha';
import { EventLog } from './event-log.js';
import { recordingLogger } from './test-engine.js';

export interface CheckedEngine {
  engine: Engine;
  /** As in `testEngines`. */
  reports: EventLog;
}

/** To be called in a `describe`: the maker of its engines, on the system's clock and resolver unless told otherwise. */
export function checkedEngines(): (parts?: { clock?: Clock; resolver?: Resolver }) => CheckedEngine {
  let made: CheckedEngine[] = [];
  let socketsBefore = 0;
  beforeEach(() => {
    socketsBefore = sockets();
  });
  afterEach(async () => {
    const engines = made;
    made = [];
    for (const { engine, reports } of engines) {
      await engine.stop();
      expect(engine.stats().channels, 'open channels').to.equal(0);
      expect(engine.stats().timers, 'pending timers').to.equal(0);
      expect(reports.take(), 'reported and not expected').to.deep.equal([]);
    }
    // The far ends, which are the tests' own, may need a turn more; one that never closes is a test that times out.
    while (sockets() > socketsBefore) await new Promise((resolve) => setImmediate(resolve));
  });
  return ({ clock, resolver } = {}) => {
    const reports = new EventLog();
    const parts = container.createChildContainer();
    parts.register(Logger, { useValue: recordingLogger(reports) });
    if (clock !== undefined) parts.register(Clock, { useValue: clock });
    if (resolver !== undefined) parts.register(Resolver, { useValue: resolver });
    const checked = { engine: new Engine(parts), reports };
    made.push(checked);
    return checked;
  };
}

/** Connections of this process; what listens is a channel, or the test's own. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCPSocket|Pipe)Wrap$/.test(name)).length;
}

/** A Resolver that knows `hosts` and nothing else; an address is IPv6 if there is a colon in it. */
export function resolverOf(hosts: Readonly<Record<string, readonly string[]>>): Resolver {
  return {
    resolve: async (host) => {
      const addresses = hosts[host];
      if (addresses === undefined) throw Object.assign(new Error(`no ${host}`), { code: 'ENOTFOUND' });
      return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
}
