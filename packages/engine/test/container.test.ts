import { Clock, container, Engine, Logger, Server, Stream } from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { systemClock } from '#src/clock';
import { stderrLogger } from '#src/logger';
import { EventLog } from './support/event-log.js';
import { recordingLogger } from './support/test-engine.js';

describe('wiring', () => {
  it("Engine.instance() is the process's own, with the system's clock and the default logger", () => {
    const engine = Engine.instance();
    expect(Engine.instance()).to.equal(engine);
    expect(container.resolve(Engine)).to.equal(engine);
    expect(engine.clock).to.equal(systemClock);
    expect(engine.logger).to.equal(stderrLogger);
    expect(new Engine()).not.to.equal(engine);
  });

  it('servers and streams use it unless they are told otherwise', () => {
    for (const channel of [new Server(), new Stream()]) {
      expect(channel.engine).to.equal(Engine.instance());
      expect(channel.logger).to.equal(stderrLogger);
    }
  });

  it('a child container with a Clock has one engine of its own', () => {
    const clock = fakeClock();
    const child = container.createChildContainer();
    child.register(Clock, { useValue: clock });
    const engine = Engine.instance(child);
    expect(engine).not.to.equal(Engine.instance());
    expect(engine.clock).to.equal(clock);
    expect(Engine.instance(child)).to.equal(engine);
    expect(new Server({ container: child }).engine).to.equal(engine);
    expect(new Stream({ container: child }).engine).to.equal(engine);
    expect(Engine.instance().clock, 'the other is as it was').to.equal(systemClock);
  });

  it('a child container with a Logger replaces that part and shares the engine', () => {
    const logger = recordingLogger(new EventLog());
    const child = container.createChildContainer();
    child.register(Logger, { useValue: logger });
    const server = new Server({ container: child });
    expect(server.engine).to.equal(Engine.instance());
    expect(server.logger).to.equal(logger);
    expect(new Stream({ server }).logger, "a stream has its server's").to.equal(logger);
    expect(new Stream({ container: child }).logger).to.equal(logger);
  });

  it("a channel that is given an engine has the engine's logger", () => {
    const logger = recordingLogger(new EventLog());
    const child = container.createChildContainer();
    child.register(Logger, { useValue: logger });
    const engine = new Engine(child);
    expect(new Server({ engine }).logger).to.equal(logger);
    expect(new Stream({ engine }).logger).to.equal(logger);
  });

  it("a container's own Logger wins over the engine's", () => {
    const logger = recordingLogger(new EventLog());
    const child = container.createChildContainer();
    child.register(Logger, { useValue: logger });
    const engine = new Engine();
    expect(new Server({ engine, container: child }).logger).to.equal(logger);
    expect(new Server({ engine, container: container.createChildContainer() }).logger).to.equal(
      engine.logger,
    );
  });
});
