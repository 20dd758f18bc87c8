import { type Channel, channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Engine, type InseamError, Server, type Stream } from '@inseam/engine';
import { usageError } from '@inseam/engine/errors';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { Echo } from './support/echo-server.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { systemEngine } from './support/system-engine.js';
import { settled, testEngines } from './support/test-engine.js';

const NAMES = [
  'inseam:channel:open',
  'inseam:channel:close',
  'inseam:server:accept',
  'inseam:error',
] as const;

interface Event {
  readonly name: string;
  readonly message: unknown;
}

describe('diagnostics_channel', () => {
  const newEngine = testEngines();
  let events: Event[] = [];
  const hear = (message: unknown, name: string | symbol) => {
    events.push({ name: String(name), message });
  };

  beforeEach(() => {
    events = [];
    for (const name of NAMES) subscribe(name, hear);
  });
  afterEach(() => {
    for (const name of NAMES) unsubscribe(name, hear);
  });

  const names = () => events.map(({ name }) => name.replace('inseam:', ''));
  const take = () => events.splice(0).map(({ name, message }) => [name.replace('inseam:', ''), message]);

  it('a stream: opened when it is attached, closed after onClose, each with the stream itself', async () => {
    const { engine } = newEngine();
    const order: string[] = [];
    class Ordered extends RecordingStream {
      override onConnect(): unknown {
        order.push(`onConnect after ${names()}`);
        return undefined;
      }
      override onClose(): void {
        order.push(`onClose after ${names()}`);
      }
    }
    const { stream } = connect(engine, Ordered);
    expect(take()).to.deep.equal([['channel:open', { channel: stream }]]);
    const reason = usageError('ENGINE_DATA');
    stream.abort(reason);
    expect(take(), 'not before it is closed').to.deep.equal([]);
    await settled();
    expect(order).to.deep.equal(['onConnect after channel:open', 'onClose after ']);
    expect(take()).to.deep.equal([['channel:close', { channel: stream, reason }]]);
  });

  it('the reason is the very object that onClose has got; null for good order', async () => {
    const { engine } = newEngine();
    const reasons: (InseamError | null)[] = [];
    class Kept extends RecordingStream {
      override onClose(reason: InseamError | null): void {
        reasons.push(reason);
      }
    }
    const one = connect(engine, Kept);
    const other = connect(engine, Kept);
    one.far.end();
    await settled();
    other.far.abort();
    await settled();
    const told = events
      .filter(({ name }) => name.endsWith('close'))
      .map(({ message }) => (message as { reason: unknown }).reason);
    expect(told).to.deep.equal(reasons);
    expect(told[0]).to.equal(null);
    expect(told[1]).to.equal(reasons[1]);
    expect(reasons[1]?.code).to.equal('ENGINE_CONNECTION_LOST');
  });

  it('a server on real sockets: the exact order of a connection’s life', async () => {
    const { engine } = systemEngine();
    const server = new Server({ engine, ConnectionClass: Echo });
    const listening = server.listen(['127.0.0.1', 0]);
    expect(take(), 'while it is about to listen').to.deep.equal([['channel:open', { channel: server }]]);
    await listening;
    const client = new RecordingStream({ engine }).connect(['127.0.0.1', server.port ?? 0]);
    expect(take(), 'while it is connecting').to.deep.equal([['channel:open', { channel: client }]]);
    client.onConnect = () => {
      client.write('hello');
      return client.log.add('connect');
    };
    await client.log.until('read hello');
    const [stream] = server.channels;
    expect(take()).to.deep.equal([
      ['server:accept', { stream, server }],
      ['channel:open', { channel: stream }],
    ]);
    client.close();
    await client.log.until('close');
    await (stream as Echo).log.until('close');
    await settled();
    expect(take().toSorted((a, b) => Number(a[1] === client) - Number(b[1] === client))).to.have.deep.members(
      [
        ['channel:close', { channel: stream, reason: null }],
        ['channel:close', { channel: client, reason: null }],
      ],
    );
    server.close();
    expect(take()).to.deep.equal([['channel:close', { channel: server, reason: null }]]);
    await engine.stop();
  });

  it('a server that cannot listen was opened and closed', async () => {
    const { engine } = newEngine();
    const server = new Server({ engine });
    await server.listen('/nowhere/socket').catch(() => {});
    expect(take()).to.deep.equal([
      ['channel:open', { channel: server }],
      ['channel:close', { channel: server, reason: null }],
    ]);
  });

  it('a connection that is refused, or whose stream cannot be made, is not accepted', async () => {
    const { engine } = newEngine();
    const server = new Server({ engine });
    server.onAccept = () => false;
    server.accept(memoryPair()[0]);
    expect(take()).to.deep.equal([]);
    server.onAccept = () => {
      throw new Error('no');
    };
    engine.onError = () => {};
    server.accept(memoryPair()[0]);
    expect(names()).to.deep.equal(['error']);
  });

  it('a connection that waits for a place is accepted when it has one', async () => {
    const { engine } = newEngine();
    const server = new Server({ engine, maxConnections: 1 });
    const first = server.accept(memoryPair()[0]);
    server.accept(memoryPair()[0]);
    expect(names()).to.deep.equal(['server:accept', 'channel:open']);
    first?.abort();
    await settled();
    expect(names().slice(2)).to.deep.equal(['channel:close', 'server:accept', 'channel:open']);
    server.abort();
    await settled();
  });

  it('a connection that fails is closed with why', async () => {
    const { engine } = newEngine();
    const [near] = memoryPair();
    near.open = (sink) => queueMicrotask(() => sink.onClose(new Error('refused')));
    const stream = new RecordingStream({ engine }).attach(near);
    await settled();
    const [opened, closed] = take();
    expect(opened).to.deep.equal(['channel:open', { channel: stream }]);
    expect(closed?.[0]).to.equal('channel:close');
    expect(closed?.[1]).to.have.nested.property('reason.code', 'ENGINE_CONNECT_FAILED');
  });

  it('errors of user code: what was thrown, where, and whose', async () => {
    const { engine, reports } = newEngine();
    const thrown = new Error('mine');
    class Failing extends RecordingStream {
      override onConnect(): unknown {
        throw thrown;
      }
    }
    const { stream } = connect(engine, Failing);
    expect(take()).to.deep.equal([
      ['channel:open', { channel: stream }],
      ['error', { error: thrown, message: 'Failing.onConnect threw', channel: stream }],
    ]);
    engine.callback(() => Promise.reject(thrown));
    engine.poll();
    await settled();
    expect(take()).to.deep.equal([['error', { error: thrown, message: 'a timer rejected', channel: null }]]);
    expect(reports.take()).to.have.length(2);
    stream.abort();
    await settled();
  });

  it('an error is published before the hook hears of it, and also when the hook fails', () => {
    const { engine, reports } = newEngine();
    const order: string[] = [];
    engine.onError = () => {
      order.push(`hook after ${names()}`);
      throw new Error('hook');
    };
    engine.callback(() => {
      throw new Error('mine');
    });
    engine.poll();
    expect([order, names()]).to.deep.equal([['hook after error'], ['error']]);
    expect(reports.take()).to.have.length(2);
  });

  it('streams of several engines are told apart by their engine', async () => {
    const engines = [newEngine().engine, newEngine().engine];
    const streams = engines.map((engine: Engine) => connect(engine).stream);
    expect(
      events.map(({ message }) => engines.indexOf((message as { channel: Stream }).channel.engine)),
    ).to.deep.equal([0, 1]);
    for (const stream of streams) stream.abort();
    await settled();
  });

  it('nothing is made or published while nobody subscribes', async () => {
    for (const name of NAMES) unsubscribe(name, hear);
    const published: string[] = [];
    for (const name of NAMES) Object.assign(channel(name), { publish: () => published.push(name) });
    try {
      const { engine, reports } = newEngine();
      const server = await new Server({ engine }).listen(['127.0.0.1', 0]);
      const [near, far] = memoryPair();
      far.open(new RecordingSink());
      server.accept(near);
      engine.callback(() => {
        throw new Error('x');
      });
      engine.poll();
      server.abort();
      await settled();
      expect(reports.take()).to.have.length(1);
      expect(published).to.deep.equal([]);
    } finally {
      for (const name of NAMES) delete (channel(name) as Partial<Channel>).publish;
    }
  });

  it('each of the names has a subscriber of its own', async () => {
    for (const name of NAMES) unsubscribe(name, hear);
    for (const name of NAMES) {
      subscribe(name, hear);
      const { engine, reports } = newEngine();
      const server = new Server({ engine });
      const stream = server.accept(memoryPair()[0]);
      engine.callback(() => {
        throw new Error('x');
      });
      engine.poll();
      stream?.abort();
      await settled();
      expect(take().map(([told]) => `inseam:${told}`)).to.deep.equal([name]);
      reports.take();
      unsubscribe(name, hear);
    }
  });
});
