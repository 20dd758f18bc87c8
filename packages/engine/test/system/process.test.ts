import { expect } from 'chai';
import { runChild, startChild } from '../support/run-child.js';

const IMPORT = "import { container, Clock, Engine, Logger, Server, Stream } from '@inseam/engine';";

/** What has to end by itself with code 0, and what it prints until then. */
const ends: { name: string; source: string; stdout?: string }[] = [
  { name: 'an engine that nobody uses', source: 'Engine.instance();' },
  { name: 'a deferral still to come', source: 'Engine.instance().defer(1e6, () => console.log("never"));' },
  { name: 'a cycle', source: 'Engine.instance().cycle(1e6, () => {});' },
  { name: 'a loop', source: 'Engine.instance().loop(() => {});' },
  {
    name: 'callbacks, after they have run',
    source: 'const e = Engine.instance(); e.callback(() => e.callback(() => console.log("ran")));',
    stdout: 'ran\n',
  },
  { name: 'a server that is unreferenced', source: 'const s = await new Server().listen(0); s.unref();' },
  { name: 'a server that was closed', source: 'const s = await new Server().listen(0); s.close();' },
  {
    name: 'a connection, unreferenced at both ends',
    source: `
      class Free extends Stream { onConnect() { this.unref(); console.log('connected'); } }
      const server = await new Server({ ConnectionClass: Free }).listen(['127.0.0.1', 0]);
      server.unref();
      new Free().connect(['127.0.0.1', server.port]);`,
    stdout: 'connected\nconnected\n',
  },
  {
    name: 'start(), once stop() is done',
    source: `
      const engine = Engine.instance();
      engine.start().then(() => console.log('stopped'));
      engine.defer(5, () => engine.stop());`,
    stdout: 'stopped\n',
  },
  {
    name: 'start(), with a server and a connection, after stop()',
    source: `
      class Client extends Stream { onConnect() { engine.stop(); } onClose() { console.log('closed'); } }
      const engine = Engine.instance();
      const server = await new Server().listen(['127.0.0.1', 0]);
      new Client().connect(['127.0.0.1', server.port]);
      await engine.start();
      console.log('stopped');`,
    stdout: 'closed\nstopped\n',
  },
  {
    name: 'handlers and timers that fail',
    source: `
      container.register(Logger, { useValue: { error: (message) => console.log(message), warn() {}, info() {}, debug() {} } });
      class Bad extends Stream { onConnect() { this.close(); throw new Error('x'); } async onClose() { throw new Error('y'); } }
      const server = await new Server().listen(['127.0.0.1', 0]);
      Engine.instance().callback(() => { throw null; });
      server.onAccept = () => { Engine.instance().callback(() => server.close()); return true; };
      new Bad().connect(['127.0.0.1', server.port]);`,
    stdout: 'a timer threw\nBad.onConnect threw\nBad.onClose rejected\n',
  },
];

/** What has to stay until it is told to go. */
const holds: { name: string; source: string }[] = [
  { name: 'start()', source: 'Engine.instance().start();' },
  { name: 'a server that listens', source: 'await new Server().listen(0);' },
  {
    name: 'a server that is referenced again',
    source: 'const s = await new Server().listen(0); s.unref(); s.ref();',
  },
  {
    name: 'an open connection alone',
    source: `
      const server = await new Server().listen(['127.0.0.1', 0]);
      server.onAccept = () => { server.close(); return true; };
      new Stream().connect(['127.0.0.1', server.port]);`,
  },
];

describe('a process', () => {
  for (const { name, source, stdout } of ends) {
    it(`is not held by ${name}`, async () => {
      const end = await runChild(`${IMPORT}\n${source}`);
      expect(end).to.deep.equal({ code: 0, signal: null, stdout: stdout ?? '', stderr: '' });
    });
  }

  for (const { name, source } of holds) {
    it(`is held by ${name}`, async () => {
      // The timer holds nothing: it comes only to a process that something else keeps alive.
      const end = await runChild(`${IMPORT}
        process.on('beforeExit', () => process.exit(9));
        ${source}
        setTimeout(() => process.exit(7), 50).unref();`);
      expect(end).to.include({ code: 7, signal: null });
    });
  }

  it('uses no CPU while its engine is idle', async () => {
    const end = await runChild(`${IMPORT}
      let wakes = 0;
      const { systemClock } = await import('./dist/clock.js');
      const count = (wake) => () => { wakes++; wake(); };
      const clock = { ...systemClock, after: (ms, wake) => systemClock.after(ms, count(wake)), soon: (wake) => systemClock.soon(count(wake)) };
      container.register(Clock, { useValue: clock });
      const engine = Engine.instance();
      engine.start();
      await new Server().listen(0);
      engine.defer(1e6, () => {});
      engine.defer(100, () => { console.log(wakes); engine.stop(); });`);
    // Once for the one timer that was due; the system's timers may be a fraction of a millisecond early.
    expect(Number(end.stdout)).to.be.within(1, 3);
  });

  it('stopOnSignals stops cleanly at the first signal', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const child = startChild(`${IMPORT}
        const engine = Engine.instance();
        engine.stopOnSignals();
        await new Server().listen(0);
        const started = engine.start();
        console.log('ready');
        await started;
        console.log('stopped');`);
      await child.printed('ready');
      child.process.kill(signal);
      expect(await child.end).to.deep.equal({
        code: 0,
        signal: null,
        stdout: 'ready\nstopped\n',
        stderr: '',
      });
    }
  });

  it('the second signal ends it at once', async () => {
    const child = startChild(`${IMPORT}
      const engine = Engine.instance();
      engine.stopOnSignals(['SIGTERM']);
      // A channel that does not let go.
      class Stuck extends Stream { shutdown() { console.log('stopping'); } }
      const server = await new Server({ ConnectionClass: Stuck }).listen(['127.0.0.1', 0]);
      new Stuck().connect(['127.0.0.1', server.port]).onConnect = () => console.log('ready');
      await engine.start();`);
    await child.printed('ready');
    child.process.kill('SIGTERM');
    await child.printed('stopping');
    child.process.kill('SIGTERM');
    expect(await child.end).to.include({ code: null, signal: 'SIGTERM' });
  });

  it('stopOnSignals disposed leaves the signals alone', async () => {
    const child = startChild(`${IMPORT}
      const engine = Engine.instance();
      engine.stopOnSignals()[Symbol.dispose]();
      engine.start();
      console.log('ready');`);
    await child.printed('ready');
    child.process.kill('SIGTERM');
    expect(await child.end).to.include({ code: null, signal: 'SIGTERM' });
  });

  it('reports on stderr by default, one line each', async () => {
    const end = await runChild(`${IMPORT}
      Engine.instance().callback(() => { throw new Error('first\\nsecond \\x1b[2J'); });`);
    expect(end.code).to.equal(0);
    expect(end.stderr).to.match(
      /^inseam error: a timer threw: Error: first \| second \?\[2J \| at [^\n]*\n$/,
    );
  });
});
