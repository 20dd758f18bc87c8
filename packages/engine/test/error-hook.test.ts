import { type Channel, type Engine, type InseamError, Server, Stream } from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { runChild } from './support/run-child.js';
import { settled, testEngines } from './support/test-engine.js';

/** A stream whose handler `name` fails with `how`. */
function failing(name: string, how: () => unknown): typeof RecordingStream {
  class Failing extends RecordingStream {}
  Object.defineProperty(Failing.prototype, name, { value: how });
  return Failing;
}

/** A promise of another make. */
class Rejecting {
  // biome-ignore lint/suspicious/noThenProperty: that is what it is to be
  get then() {
    return (_: unknown, no: (error: Error) => void) => no(new Error('mine'));
  }
}

const ways: [string, () => unknown, string][] = [
  [
    'throws',
    () => {
      throw new Error('mine');
    },
    'threw',
  ],
  ['rejects', () => Promise.reject(new Error('mine')), 'rejected'],
  [
    'rejects later',
    () => new Promise((_, reject) => setImmediate(() => reject(new Error('mine')))),
    'rejected',
  ],
  ['answers with a thenable that rejects', () => new Rejecting(), 'rejected'],
];

describe('engine.onError', () => {
  const newEngine = testEngines();

  /** Hooks the engine, and keeps what it hears. */
  function hook(engine: Engine): [unknown, string, Channel | null][] {
    const heard: [unknown, string, Channel | null][] = [];
    engine.onError = (...what) => {
      heard.push(what);
    };
    return heard;
  }

  /** What makes each handler of a stream be called. */
  const handlers: Record<string, (connection: ReturnType<typeof connect>) => void | Promise<void>> = {
    onConnect: () => {},
    onRead: ({ far }) => far.write('x'),
    onChunk: ({ far }) => far.write('x'),
    onWrite: ({ stream }) => void stream.write('x'),
    onEnd: ({ far }) => far.end(),
    onClose: ({ stream }) => stream.abort(),
    onOverflowError: ({ stream, far }) => {
      stream.bufferSize = 1;
      stream.readDelimiter = '\n';
      far.write('xx');
    },
    onReadError: ({ stream, far }) => {
      stream.readDelimiter = {
        cut() {
          throw new Error('no');
        },
      };
      far.write('x');
    },
    onError: ({ stream, far }) => {
      stream.onOverflowError = (error) => Stream.prototype.onOverflowError.call(stream, error);
      stream.bufferSize = 1;
      stream.readDelimiter = '\n';
      far.write('xx');
    },
    onWriteError: async ({ stream }) => {
      await stream.writeFile('/nowhere/file').catch(() => {});
    },
    onTimeout: ({ stream }) => {
      stream.idleTimeoutMs = 100;
    },
  };
  for (const [name, provoke] of Object.entries(handlers)) {
    for (const [way, how, verb] of ways) {
      // A chunk is handled when the call returns.
      if (name === 'onChunk' && verb === 'rejected') continue;
      it(`hears of ${name} that ${way}, once, and nothing else happens`, async () => {
        const { engine, clock, reports } = newEngine();
        const heard = hook(engine);
        const connection = connect(engine, failing(name, how) as typeof RecordingStream);
        const { stream } = connection;
        await provoke(connection);
        await settled();
        clock.advance(name === 'onTimeout' ? 100 : 0);
        await settled();
        await settled();
        expect(heard).to.have.length(1);
        const [[error, message, channel]] = heard as [(typeof heard)[number]];
        // What the default of another handler calls is a part of that one.
        const told = name === 'onError' ? 'onOverflowError' : name;
        expect([(error as Error).message, channel]).to.deep.equal(['mine', stream]);
        expect(message).to.match(
          name === 'onEnd' ? /^Failing\.onEnd / : new RegExp(`^Failing\\.${told} ${verb}$`),
        );
        expect(engine.stats().errors).to.equal(1);
        // Nothing would ever come on a stream whose peer has ended.
        const isOver = name === 'onClose' || name === 'onEnd';
        expect([reports.take(), stream.closed]).to.deep.equal([[], isOver]);
        stream.abort();
        await settled();
      });
    }
  }

  it('hears of handlers of connections that fail', async () => {
    for (const [, how, verb] of ways) {
      const { engine } = newEngine();
      const heard = hook(engine);
      const [near] = memoryPair();
      near.open = (sink) => queueMicrotask(() => sink.onClose(new Error('refused')));
      new (failing('onConnectError', how))({ engine }).attach(near);
      await settled();
      await settled();
      expect(heard.map(([, message]) => message)).to.deep.equal([`Failing.onConnectError ${verb}`]);
    }
  });

  it('hears of handlers of servers', async () => {
    const { engine } = newEngine();
    const heard = hook(engine);
    const fail = (what: string) => () => {
      throw new Error(what);
    };
    const server = new Server({ engine });
    Object.assign(server, { onListen: fail('a'), onAccept: fail('b'), onClose: fail('c') });
    await server.listen(['127.0.0.1', 0]);
    server.accept(memoryPair()[0]);
    server.close();
    expect(
      heard.map(([error, message, channel]) => [(error as Error).message, message, channel]),
    ).to.deep.equal([
      ['a', 'Server.onListen threw', server],
      ['b', 'Server.accept threw', server],
      ['c', 'Server.onClose threw', server],
    ]);
  });

  it('hears of timers of every kind, for no channel', async () => {
    const { engine, clock } = newEngine();
    const heard = hook(engine);
    let runs = 0;
    const fail = (way: string) => () => {
      runs++;
      if (way === 'throws') throw new Error(way);
      return Promise.reject(new Error(way));
    };
    for (const way of ['throws', 'rejects']) {
      const timers = [
        engine.callback(fail(way)),
        engine.loop(fail(way)),
        engine.defer(1, fail(way)),
        engine.cycle(1, fail(way)),
      ];
      clock.advance(2);
      await settled();
      for (const timer of timers) timer.cancel();
    }
    expect(heard).to.have.length(runs);
    expect(runs).to.be.at.least(8);
    expect(
      new Set(heard.map(([error, message, channel]) => [(error as Error).message, message, channel].join())),
    ).to.deep.equal(new Set(['throws,a timer threw,', 'rejects,a timer rejected,']));
    expect(engine.stats().errors).to.equal(runs);
  });

  it('gets what was thrown, whatever it is', async () => {
    const { engine } = newEngine();
    const heard = hook(engine);
    for (const thrown of [null, undefined, 0, 'text', { code: 5 }]) {
      engine.callback(() => {
        throw thrown;
      });
      engine.poll();
      expect(heard.at(-1)?.[0]).to.equal(thrown);
    }
    expect(heard).to.have.length(5);
  });

  it('tells the logger unless it is replaced: the channel’s own, or the engine’s', async () => {
    const { engine, reports } = newEngine();
    const { stream } = connect(
      engine,
      failing('onConnect', () => Promise.reject(new Error('first'))),
    );
    engine.callback(() => {
      throw new Error('second');
    });
    engine.poll();
    await settled();
    expect(reports.take().toSorted()).to.deep.equal([
      'error: Failing.onConnect rejected: first',
      'error: a timer threw: second',
    ]);
    stream.abort();
    await settled();
  });

  it('may be overridden in a subclass’s way, and call what it overrides', async () => {
    const { engine, reports } = newEngine();
    const { onError } = engine;
    engine.onError = (error, message, channel) => onError.call(engine, error, `mine: ${message}`, channel);
    engine.callback(() => {
      throw new Error('x');
    });
    engine.poll();
    expect(reports.take()).to.deep.equal(['error: mine: a timer threw: x']);
  });

  for (const [way, how] of ways) {
    it(`that ${way} itself hides neither error`, async () => {
      const { engine, reports } = newEngine();
      engine.onError = how as Engine['onError'];
      engine.callback(() => {
        throw new Error('first');
      });
      engine.poll();
      await settled();
      await settled();
      expect(reports.take()).to.deep.equal([
        'error: Engine.onError failed: mine',
        'error: a timer threw: first',
      ]);
      expect(engine.stats().errors, 'one error of user code').to.equal(1);
    });
  }

  it('does not hear of channels that fail: that is their own onError', async () => {
    const { engine, reports } = newEngine();
    const heard = hook(engine);
    const { stream, far } = connect(engine, Stream as typeof RecordingStream);
    stream.bufferSize = 1;
    stream.readDelimiter = '\n';
    far.write('xx');
    await settled();
    expect([heard, reports.take()]).to.deep.equal([[], ['warn: Stream failed: ENGINE_BUFFER_OVERFLOW']]);
  });

  it('an error of a stream’s default handlers reaches its onError, async or not', async () => {
    const { engine } = newEngine();
    const heard = hook(engine);
    const reached: string[] = [];
    class Own extends Stream {
      override async onError(error: InseamError): Promise<void> {
        reached.push(error.code);
        throw new Error('async');
      }
    }
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    const stream = new Own({ engine }).attach(near);
    stream.bufferSize = 1;
    stream.readDelimiter = '\n';
    far.write('xx');
    void stream.writeFile('/nowhere/file').catch(() => {});
    while (reached.length < 2) await settled();
    await settled();
    expect(reached.toSorted()).to.deep.equal(['ENGINE_BUFFER_OVERFLOW', 'ENGINE_FILE_FAILED']);
    expect(heard.map(([, message]) => message).toSorted()).to.deep.equal([
      'Own.onOverflowError rejected',
      'Own.onWriteError rejected',
    ]);
    stream.abort();
    await settled();
  });

  it('without a hook, nothing that user code does ends the process', async () => {
    const end = await runChild(`
      import { container, Engine, Logger, Server, Stream } from '@inseam/engine';
      const lines = [];
      const log = (message) => lines.push(message);
      container.register(Logger, { useValue: { debug: log, info: log, warn: log, error: log } });
      const engine = Engine.instance();
      class Bad extends Stream {
        async onConnect() { this.write('x'); throw 1; }
        async onRead() { this.close(); throw 2; }
        async onWrite() { throw 3; }
        async onClose() { server.close(); throw 4; }
      }
      const server = new Server({ ConnectionClass: Bad });
      server.onListen = async () => { throw 5; };
      await server.listen(['127.0.0.1', 0]);
      new Bad().connect(['127.0.0.1', server.port]);
      engine.callback(async () => { throw 6; });
      process.on('exit', () => console.log([...new Set(lines)].sort().join()));`);
    expect(end).to.deep.equal({
      code: 0,
      signal: null,
      stdout:
        'Bad.onClose rejected,Bad.onConnect rejected,Bad.onRead rejected,Bad.onWrite rejected,Server.onListen rejected,a timer rejected\n',
      stderr: '',
    });
  });
});
