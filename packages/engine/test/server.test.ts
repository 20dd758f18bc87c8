import { inspect } from 'node:util';
import {
  container,
  Logger,
  Server,
  type ServerOptions,
  Stream,
  type StreamOptions,
  type Transport,
  UsageError,
} from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { EventLog } from './support/event-log.js';
import { RecordingStream } from './support/recording-stream.js';
import { recordingLogger, settled, testEngines } from './support/test-engine.js';

/** Brings `server` a connection; answers its stream, and the client's end. */
function arrive<S extends Stream>(server: Server<S>) {
  const [near, far] = memoryPair();
  const seen = new RecordingSink();
  far.open(seen);
  return { stream: server.accept(near), far, seen };
}

const isClosed = (seen: RecordingSink) => seen.events.some((event) => event.startsWith('close'));

describe('Server', () => {
  const newEngine = testEngines();
  const newServer = (options: Omit<ServerOptions<RecordingStream>, 'engine'> = {}) => {
    const test = newEngine();
    const server = new Server({ engine: test.engine, ConnectionClass: RecordingStream, ...options });
    return { ...test, server };
  };

  it('makes a stream of its ConnectionClass of each connection, and counts it while it is open', async () => {
    const { server, engine } = newServer();
    const { stream, far } = arrive(server);
    expect(stream).to.be.instanceOf(RecordingStream);
    expect(stream?.server).to.equal(server);
    expect(stream?.engine).to.equal(engine);
    expect([...server.channels]).to.deep.equal([stream]);
    far.end();
    await settled();
    expect(stream?.log.events).to.deep.equal(['connect', 'end', 'close']);
    expect(server.channels.size).to.equal(0);
  });

  it('makes plain streams unless it is told otherwise', async () => {
    const server = new Server({ engine: newEngine().engine });
    const { stream } = arrive(server);
    expect(stream?.constructor).to.equal(Stream);
    server.abort();
    await settled();
  });

  for (const maxConnections of [0, -1, 1.5, Number.NaN]) {
    it(`maxConnections: ${inspect(maxConnections)} is a UsageError`, () => {
      expect(() => newServer({ maxConnections }))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_OPTION');
    });
  }

  describe('above maxConnections', () => {
    it('connections wait, unread, and are served in order as places become free', async () => {
      const { server } = newServer({ maxConnections: 2 });
      const clients = [1, 2, 3, 4].map(() => arrive(server));
      expect(clients.map((client) => client.stream !== null)).to.deep.equal([true, true, false, false]);
      clients[2]?.far.write('third');
      await settled();
      expect(clients[2]?.far.pendingBytes).to.equal(5);

      clients[0]?.far.end();
      await settled();
      expect(server.channels.size).to.equal(2);
      expect(clients[2]?.far.pendingBytes).to.equal(0);
      expect([...server.channels].map((stream) => stream.log.events)).to.deep.equal([
        ['connect'],
        ['connect', 'read third'],
      ]);
      server.abort();
      await settled();
      expect(clients.every(({ seen }) => isClosed(seen))).to.equal(true);
    });

    it('more than 1024 of them are refused', async () => {
      const { server } = newServer({ maxConnections: 1 });
      const clients = Array.from({ length: 1026 }, () => arrive(server));
      await settled();
      expect(clients.map(({ seen }) => isClosed(seen)).indexOf(true)).to.equal(1025);
      server.abort();
      await settled();
      expect(clients.every(({ seen }) => isClosed(seen))).to.equal(true);
    });

    it('one that is refused leaves its place to the next', async () => {
      const { engine } = newEngine();
      class Picky extends Server<RecordingStream> {
        readonly refused = new Set<Transport>();
        override onAccept(transport: Transport): boolean {
          return !this.refused.has(transport);
        }
      }
      const server = new Picky({ engine, ConnectionClass: RecordingStream, maxConnections: 1 });
      const first = arrive(server);
      for (let i = 0; i < 2; i++) {
        const [near] = memoryPair();
        server.refused.add(near);
        server.accept(near);
      }
      const last = arrive(server);
      last.far.write('hello');
      first.far.end();
      await settled();
      expect([...server.channels].map((stream) => stream.log.events)).to.deep.equal([
        ['connect', 'read hello'],
      ]);
      server.abort();
      await settled();
    });

    it('no more of them wait than the backlog says', async () => {
      const { server } = newServer({ maxConnections: 1 });
      await server.listen(['127.0.0.1', 0], { backlog: 2 });
      const clients = Array.from({ length: 5 }, () => arrive(server));
      await settled();
      expect(clients.map(({ seen }) => isClosed(seen))).to.deep.equal([false, false, false, true, true]);
      // A place among those that wait is free again.
      clients[0]?.far.end();
      await settled();
      const [late, tooLate] = [arrive(server), arrive(server)];
      await settled();
      expect([isClosed(late.seen), isClosed(tooLate.seen)]).to.deep.equal([false, true]);
      expect(server.channels.size).to.equal(1);
      server.abort();
      await settled();
    });

    it('one whose stream cannot be made leaves its place to the next', async () => {
      const { engine, reports } = newEngine();
      let made = 0;
      class Fragile extends RecordingStream {
        constructor(options: StreamOptions) {
          super(options);
          if (++made === 2) throw new Error('no');
        }
      }
      const server = new Server({ engine, ConnectionClass: Fragile, maxConnections: 1 });
      const clients = [arrive(server), arrive(server), arrive(server)];
      clients[0]?.far.end();
      await settled();
      expect(clients.map(({ seen }) => isClosed(seen))).to.deep.equal([true, true, false]);
      expect([...server.channels].map((stream) => stream.log.events)).to.deep.equal([['connect']]);
      expect(reports.take()).to.deep.equal(['error: Server.accept threw: no']);
      server.abort();
      await settled();
    });

    it('one that leaves in onConnect at once leaves its place to the next', async () => {
      class Brief extends RecordingStream {
        override onConnect() {
          super.onConnect();
          this.abort();
        }
      }
      const { engine } = newEngine();
      const server = new Server({ engine, ConnectionClass: Brief, maxConnections: 1 });
      const clients = Array.from({ length: 50 }, () => arrive(server));
      await settled();
      expect(clients.every(({ seen }) => isClosed(seen))).to.equal(true);
      expect([server.channels.size, engine.stats().accepted]).to.deep.equal([0, 50]);
    });

    it('a stream that knows the server and came another way takes no place', async () => {
      const { server, engine } = newServer({ maxConnections: 1 });
      const [near, far] = memoryPair();
      const apart = new RecordingStream({ server: server as unknown as Server });
      apart.attach(near);
      const { stream } = arrive(server);
      expect([stream !== null, server.channels.size, engine.channels.size]).to.deep.equal([true, 1, 2]);
      apart.abort();
      await settled();
      expect([...server.channels]).to.deep.equal([stream]);
      far.abort();
      server.abort();
      await settled();
    });

    it('close refuses those that wait', async () => {
      const { server } = newServer({ maxConnections: 1 });
      const [served, waiting] = [arrive(server), arrive(server)];
      server.close();
      await settled();
      expect([served, waiting].map((client) => client && isClosed(client.seen))).to.deep.equal([false, true]);
      served?.far.end();
      await settled();
      expect(server.channels.size).to.equal(0);
    });
  });

  describe('onAccept', () => {
    it('refuses by answering false', async () => {
      const { server } = newServer();
      server.onAccept = () => false;
      const { stream, seen } = arrive(server);
      expect(stream).to.equal(null);
      await settled();
      expect(isClosed(seen)).to.equal(true);
      expect(server.channels.size).to.equal(0);
    });

    it('a throw in it is reported and refuses', async () => {
      const { server, reports } = newServer();
      server.onAccept = () => {
        throw new Error('no');
      };
      const { stream, seen } = arrive(server);
      await settled();
      expect([stream, isClosed(seen)]).to.deep.equal([null, true]);
      expect(reports.take()).to.deep.equal(['error: Server.accept threw: no']);
    });

    for (const [name, answer, told] of [
      ['true', () => Promise.resolve(true), []],
      ['false', () => Promise.resolve(false), []],
      [
        'nothing, but rejects',
        () => Promise.reject(new Error('no')),
        ['error: Server.onAccept rejected: no'],
      ],
    ] as [string, () => Promise<boolean>, string[]][]) {
      it(`has to answer at once: a promise of ${name} is reported and refuses`, async () => {
        const { server, reports } = newServer();
        Object.assign(server, { onAccept: answer });
        const { stream, seen } = arrive(server);
        await settled();
        expect([stream, isClosed(seen), server.channels.size]).to.deep.equal([null, true, 0]);
        expect(reports.take()).to.deep.equal(['error: Server.accept threw: ENGINE_OPTION', ...told]);
      });
    }

    it('refuses by answering nothing', async () => {
      const { server } = newServer();
      Object.assign(server, { onAccept: () => {} });
      const { stream, seen } = arrive(server);
      await settled();
      expect([stream, isClosed(seen)]).to.deep.equal([null, true]);
    });

    it('a throw in the startTls of the connection is reported, refuses, and keeps no place', async () => {
      class Broken extends RecordingStream {
        override startTls(): this {
          throw new Error('no');
        }
      }
      const { server, engine, reports } = newServer({ ConnectionClass: Broken, maxConnections: 1 });
      server.startTls({ certificateFor: () => null });
      for (let i = 0; i < 2; i++) {
        const { stream, seen } = arrive(server);
        await settled();
        expect([stream, isClosed(seen), server.channels.size]).to.deep.equal([null, true, 0]);
        expect(reports.take()).to.deep.equal(['error: Server.accept threw: no']);
      }
      expect(engine.stats()).to.include({ accepted: 0, channels: 0 });
    });

    it('a throw in the constructor of the connection is reported and refuses', async () => {
      const { engine, reports } = newEngine();
      class Broken extends Stream {
        constructor() {
          super({ engine });
          throw new Error('no');
        }
      }
      const server = new Server({ engine, ConnectionClass: Broken });
      const { stream, seen } = arrive(server);
      await settled();
      expect([stream, isClosed(seen), server.channels.size]).to.deep.equal([null, true, 0]);
      expect(reports.take()).to.deep.equal(['error: Server.accept threw: no']);
    });

    it('a ConnectionClass that keeps its options to itself is reported and refused, one that is no Stream is refused at once', async () => {
      const { engine, reports } = newEngine();
      class Forgetful extends Stream {
        constructor() {
          super({ engine });
        }
      }
      const server = new Server({ engine, ConnectionClass: Forgetful });
      const { stream, seen } = arrive(server);
      await settled();
      expect([stream, isClosed(seen), server.channels.size]).to.deep.equal([null, true, 0]);
      expect(reports.take()).to.deep.equal(['error: Server.accept threw: ENGINE_CONNECTION_CLASS']);
      for (const Class of [5, class {}, () => new Stream(), Stream.prototype]) {
        const bad = { ConnectionClass: Class as unknown as typeof Stream };
        expect(() => new Server(bad))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_CONNECTION_CLASS');
      }
    });
  });

  it('refuses options that it does not know', async () => {
    const { engine } = newEngine();
    const bad = { connectionClass: Stream, engine } as ServerOptions;
    expect(() => new Server(bad)).to.throw(UsageError, '"connectionClass"; there are ConnectionClass');
    expect(() => new Server(null as unknown as ServerOptions)).to.throw(UsageError);
    for (const options of ['127.0.0.1', () => {}, { backlog: 'x' }, { backlog: 0 }, { port: 1 }, null]) {
      const server = new Server({ engine });
      const error = await server.listen(0, options as object).catch((cause: unknown) => cause);
      expect(error, inspect(options)).to.be.instanceOf(UsageError).with.property('code', 'ENGINE_OPTION');
      expect(server.listening).to.equal(false);
    }
  });

  it('close lets open connections be, and accepts no more', async () => {
    const { server, engine } = newServer();
    const { stream, far } = arrive(server);
    server.close();
    server.close();
    const late = arrive(server);
    await settled();
    expect([late.stream, isClosed(late.seen)]).to.deep.equal([null, true]);
    far.write('still');
    await settled();
    expect(stream?.log.take()).to.deep.equal(['connect', 'read still']);
    await Promise.all([engine.stop(), settled().then(() => far.end())]);
    expect(stream?.log.take()).to.deep.equal(['close']);
  });

  it('abort closes every connection at once', async () => {
    const { server } = newServer();
    const clients = [arrive(server), arrive(server)];
    server.abort();
    await settled();
    expect(clients.map(({ stream }) => stream?.log.events)).to.deep.equal([
      ['connect', 'close'],
      ['connect', 'close'],
    ]);
    expect(server.channels.size).to.equal(0);
  });

  it('onListen may fail: that is reported, and the server listens', async () => {
    const { server, reports } = newServer();
    server.onListen = () => {
      throw new Error('first');
    };
    await server.listen(['127.0.0.1', 0]);
    expect([server.listening, reports.take()]).to.deep.equal([true, ['error: Server.onListen threw: first']]);
    server.close();
    const { server: second, reports: later } = newServer();
    second.onListen = async () => {
      throw new Error('second');
    };
    await second.listen(['127.0.0.1', 0]);
    await settled();
    expect(later.take()).to.deep.equal(['error: Server.onListen rejected: second']);
    second.close();
  });

  it('takes connections of other listeners before and without listening, and is then no channel', async () => {
    const { server, engine } = newServer();
    const { stream } = arrive(server);
    expect([server.listening, engine.channels.has(server), engine.channels.size]).to.deep.equal([
      false,
      false,
      1,
    ]);
    server.close();
    expect(arrive(server).stream).to.equal(null);
    stream?.abort();
    await settled();
  });

  it('its connections use its engine and its logger', async () => {
    const { engine, reports } = newEngine();
    const own = new EventLog();
    const parts = container.createChildContainer();
    parts.register(Logger, { useValue: recordingLogger(own) });
    class Loud extends Stream {
      override onConnect() {
        throw new Error('loud');
      }
    }
    const server = new Server({ engine, container: parts, ConnectionClass: Loud });
    const { stream } = arrive(server);
    expect([stream?.engine === engine, reports.take(), own.take()]).to.deep.equal([
      true,
      [],
      ['error: Loud.onConnect threw: loud'],
    ]);
    server.abort();
    await settled();
  });

  for (const connectTimeoutMs of [0, -1, Number.NaN, '5' as unknown as number]) {
    it(`connectTimeoutMs: ${inspect(connectTimeoutMs)} is a UsageError`, () => {
      expect(() => newServer({ connectTimeoutMs }))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_OPTION');
    });
  }

  it('a server that does not listen has no address', () => {
    const { server } = newServer();
    expect([server.listening, server.localAddress, server.port]).to.deep.equal([false, null, null]);
  });
});
