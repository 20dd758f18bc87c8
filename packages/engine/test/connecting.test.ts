import { createServer } from 'node:net';
import {
  type Address,
  type ConnectOptions,
  type InseamError,
  type Resolver,
  Stream,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { checkedEngines, resolverOf } from './support/checked-engines.js';
import { closedPort, Dialler, FAILED, HeldResolver, listenFor, outcome } from './support/dialler.js';
import { settled } from './support/test-engine.js';

const REASON = new TransportError('OURS', 'we had enough', 'read');

describe('connecting', () => {
  const newEngine = checkedEngines();

  it('calls no handler during the call, then onConnect', async () => {
    const { engine } = newEngine();
    const { port } = await listenFor();
    const stream = new Dialler({ engine });
    expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([false, false, false]);
    expect(stream.connect(['127.0.0.1', port])).to.equal(stream);
    expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([true, false, false]);
    expect(stream.log.events).to.deep.equal([]);
    expect(engine.channels.has(stream)).to.equal(true);
    await stream.log.until('connect');
    expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([false, true, false]);
    expect(stream.remoteAddress).to.deep.equal({ host: '127.0.0.1', port, family: 4 });
    expect(engine.stats()).to.include({ dialled: 1, accepted: 0, timers: 0 });
    stream.close();
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  for (const [name, host] of [
    ['a name', 'a.test'],
    ['a literal', '127.0.0.1'],
  ] as const) {
    it(`while it is paused reads nothing, also of ${name}, until it is resumed`, async () => {
      const { engine } = newEngine({ resolver: resolverOf({ 'a.test': ['127.0.0.1'] }) });
      const { port, sockets } = await listenFor();
      const stream = new Dialler({ engine }).connect([host, port]);
      stream.pause();
      await stream.opened();
      while (sockets.length === 0) await settled();
      await new Promise<void>((resolve) => sockets[0]?.write('welcome', () => resolve()));
      for (let turn = 0; turn < 10; turn++) await settled();
      expect(stream.bytesRead).to.equal(0);
      stream.resume();
      await stream.log.until('read welcome');
    });
  }

  describe('that fails: onConnectError once, then onClose, with the same error, when', () => {
    const noSuchHost = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    const refusals: {
      name: string;
      resolver: Resolver;
      message: RegExp;
      code?: string | undefined;
    }[] = [
      {
        name: 'the name is not known',
        resolver: { resolve: () => Promise.reject(noSuchHost) },
        message: /^could not connect \(getaddrinfo ENOTFOUND\)$/,
        code: 'ENOTFOUND',
      },
      {
        name: 'the name has no address',
        resolver: resolverOf({ 'a.test': [] }),
        message: /the host has no address/,
        code: 'ENOTFOUND',
      },
      {
        name: 'a Resolver throws',
        resolver: {
          resolve: () => {
            throw noSuchHost;
          },
        },
        message: /getaddrinfo/,
        code: 'ENOTFOUND',
      },
      {
        name: 'a Resolver rejects with what is no Error',
        resolver: { resolve: () => Promise.reject('a word') },
        message: /a word/,
      },
      {
        name: 'a Resolver rejects with nothing',
        resolver: { resolve: () => Promise.reject() },
        message: /undefined/,
      },
      {
        name: 'a Resolver answers with no list',
        resolver: { resolve: () => Promise.resolve(null as never) },
        message: /./,
      },
      {
        name: 'a Resolver answers with a list of nothing',
        resolver: { resolve: () => Promise.resolve([null as never]) },
        message: /./,
      },
      {
        name: 'a Resolver answers with a list of text',
        resolver: { resolve: () => Promise.resolve(['127.0.0.1' as never]) },
        message: /not an IP address/,
      },
      {
        name: 'a Resolver answers with what are no addresses',
        resolver: resolverOf({ 'a.test': ['b.test', ''] }),
        message: /not an IP address: 'b\.test'; .*not an IP address: ''/,
      },
    ];
    for (const { name, resolver, message, code } of refusals) {
      it(name, async () => {
        const { engine } = newEngine({ resolver, clock: fakeClock() });
        const stream = new Dialler({ engine });
        const opened = outcome(stream.opened());
        stream.connect(['a.test', 80]);
        expect(stream.log.events).to.deep.equal([]);
        await stream.log.until('close');
        await settled();
        expect(stream.log.events).to.deep.equal(FAILED);
        expect(stream.error).to.be.instanceOf(TransportError).with.property('phase', 'connect');
        expect(stream.error?.message).to.match(message);
        if (code !== undefined) expect(stream.error).to.have.nested.property('cause.code', code);
        expect(stream.reason).to.equal(stream.error);
        expect(await opened).to.equal(stream.error);
        expect(await outcome(stream.opened())).to.equal(stream.error);
        expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([false, false, true]);
        expect([stream.remoteAddress, stream.localAddress]).to.deep.equal([null, null]);
        expect(engine.stats()).to.include({ channels: 0, timers: 0, dialled: 1, errors: 1 });
      });
    }

    it('the port is refused', async () => {
      const { engine } = newEngine();
      const port = await closedPort();
      const stream = new Dialler({ engine }).connect(['127.0.0.1', port]);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(FAILED);
      expect(stream.error?.message).to.equal(`could not connect (connect ECONNREFUSED 127.0.0.1:${port})`);
      expect(stream.error).to.have.nested.property('cause.code', 'ECONNREFUSED');
    });

    it('all addresses of a name refuse: the cause lists every one', async () => {
      const resolver = resolverOf({ 'a.test': ['127.0.0.1', '127.0.0.2', '127.0.0.1'] });
      const { engine } = newEngine({ resolver });
      const port = await closedPort();
      const stream = new Dialler({ engine }).connect(['a.test', port]);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(FAILED);
      const texts = ['127.0.0.1', '127.0.0.2'].map((host) => `connect ECONNREFUSED ${host}:${port}`);
      expect(stream.error?.message).to.equal(`could not connect (${texts.join('; ')})`);
      const { cause } = stream.error as { cause?: unknown };
      expect(cause).to.be.instanceOf(AggregateError);
      expect((cause as AggregateError).errors.map(({ message }) => message)).to.deep.equal(texts);
      expect(cause).to.have.property('code', 'ECONNREFUSED');
    });

    it('a handler that throws is reported, and onClose follows', async () => {
      class Throws extends Dialler {
        override onConnectError(error: InseamError) {
          super.onConnectError(error);
          throw new Error('thrown');
        }
      }
      const { engine, reports } = newEngine({ resolver: resolverOf({}) });
      const stream = new Throws({ engine }).connect(['a.test', 80]);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(FAILED);
      expect(reports.take()).to.deep.equal(['error: Throws.onConnectError threw: thrown']);
    });

    it('onConnectError closes or aborts the stream, which changes nothing', async () => {
      for (const how of ['close', 'abort'] as const) {
        class Closes extends Dialler {
          override onConnectError(error: InseamError) {
            super.onConnectError(error);
            this[how]();
          }
        }
        const { engine } = newEngine({ resolver: resolverOf({}) });
        const stream = new Closes({ engine }).connect(['a.test', 80]);
        await stream.log.until('close');
        await settled();
        expect(stream.log.events).to.deep.equal(FAILED);
      }
    });

    it('nobody handles it: it is reported, unless opened() was told', async () => {
      class Plain extends Stream {}
      const { engine, reports } = newEngine({ resolver: resolverOf({}) });
      const error = await outcome(new Plain({ engine }).connect(['a.test', 80]).opened());
      expect(error).to.have.property('code', 'ENGINE_CONNECT_FAILED');
      expect(reports.take()).to.deep.equal([]);
      new Plain({ engine }).connect(['a.test', 80]);
      await reports.until('warn');
      expect(reports.take()).to.deep.equal(['warn: Plain could not connect: ENGINE_CONNECT_FAILED']);
    });
  });

  describe('through the addresses of a name', () => {
    it('takes the next one when one refuses', async () => {
      const { port, sockets } = await listenFor();
      const { engine } = newEngine({ resolver: resolverOf({ 'a.test': ['127.0.0.2', '127.0.0.1'] }) });
      const stream = new Dialler({ engine }).connect(['a.test', port]);
      await stream.log.until('connect');
      expect(stream.remoteAddress).to.deep.equal({ host: '127.0.0.1', port, family: 4 });
      expect(stream.localAddress).to.include({ family: 4 });
      stream.close();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'close']);
      expect(sockets).to.have.length(1);
    });

    it('asks for localhost when only a port is given, and for no literal', async () => {
      const { port } = await listenFor(3);
      const resolver = new HeldResolver();
      const { engine } = newEngine({ resolver });
      for (const [index, address] of (
        [port, ['', port], { host: '127.0.0.1', port }] as Address[]
      ).entries()) {
        const stream = new Dialler({ engine }).connect(address);
        if (index < 2) await settled();
        resolver.answer(['127.0.0.1']);
        await stream.opened();
        stream.close();
        await stream.log.until('close');
      }
      expect(resolver.asked).to.deep.equal(['localhost', 'localhost']);
    });
  });

  describe('opened()', () => {
    it('resolves to the stream, for everybody who waits and who asks later', async () => {
      const { engine } = newEngine();
      const { port } = await listenFor();
      const stream = new Dialler({ engine });
      const early = stream.opened();
      stream.connect(['127.0.0.1', port]);
      expect(await Promise.all([early, stream.opened()])).to.deep.equal([stream, stream]);
      expect(await stream.opened()).to.equal(stream);
    });

    it('finds the stream open, behind onConnect', async () => {
      const { engine } = newEngine();
      const { port } = await listenFor();
      const stream = new Dialler({ engine }).connect(['127.0.0.1', port]);
      await stream.opened();
      expect([stream.connected, stream.log.events]).to.deep.equal([true, ['connect']]);
    });

    it('rejects once it is closed, with what ended it', async () => {
      const { engine } = newEngine();
      for (const reason of [null, REASON]) {
        const { port } = await listenFor();
        const stream = await new Dialler({ engine }).connect(['127.0.0.1', port]).opened();
        stream.abort(reason);
        expect(await outcome(stream.opened())).to.have.property(
          'code',
          reason?.code ?? 'ENGINE_STREAM_CLOSED',
        );
        await stream.log.until('close');
        expect(await outcome(stream.opened())).to.have.property(
          'code',
          reason?.code ?? 'ENGINE_STREAM_CLOSED',
        );
      }
    });
  });

  describe('refuses at the call, with nothing changed', () => {
    const addresses: { name: string; address: unknown }[] = [
      ...[-1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map((address) => ({
        name: `the port ${address}`,
        address,
      })),
      { name: 'a port that is text', address: '80' },
      { name: 'a host without a port', address: 'localhost' },
      { name: 'no text', address: '' },
      { name: 'undefined', address: undefined },
      { name: 'null', address: null },
      { name: 'an empty object', address: {} },
      { name: 'an empty list', address: [] },
      { name: 'a list of a host', address: ['localhost'] },
      { name: 'a list of three', address: ['::1', 80, 0] },
      { name: 'a list with flow information', address: ['::1', 80, 1, 0] },
      { name: 'a list of four with an IPv4 address', address: ['127.0.0.1', 80, 0, 0] },
      { name: 'a list of four with a name', address: ['localhost', 80, 0, 0] },
      { name: 'a scope below 0', address: ['::1', 80, 0, -1] },
      { name: 'a host that is a number', address: [1, 80] },
      { name: 'a host with NUL', address: ['a\0.test', 80] },
      { name: 'a port in a list that is text', address: ['localhost', '80'] },
      { name: 'a port in an object that is text', address: { host: 'localhost', port: '80' } },
      { name: 'an empty path', address: { path: '' } },
      { name: 'a path with NUL', address: '/a\0b' },
      { name: 'a path that is too long for the system', address: `/${'x'.repeat(107)}` },
      { name: 'a descriptor, which is for servers', address: { fd: 3 } },
      { name: 'a net.Server, which is for servers', address: createServer() },
    ];
    const options: { name: string; options: unknown; says: RegExp }[] = [
      ...[0, -1, Number.NaN, '5', null, {}].map((connectTimeoutMs) => ({
        name: `connectTimeoutMs: ${connectTimeoutMs}`,
        options: { connectTimeoutMs },
        says: /connectTimeoutMs/,
      })),
      ...['x', null, {}, 5, new AbortController()].map((signal) => ({
        name: `a signal that is none (${signal})`,
        options: { signal },
        says: /signal/,
      })),
      { name: 'an unknown option', options: { timeout: 5 }, says: /"timeout"/ },
      { name: 'null', options: null, says: /null/ },
      { name: 'a number', options: 5, says: /5/ },
    ];

    async function expectRefusal(address: unknown, more: unknown, code: string, says: RegExp) {
      const { engine } = newEngine();
      const { port } = await listenFor();
      const stream = new Dialler({ engine });
      const connect = () => stream.connect(address as Address, more as ConnectOptions);
      expect(connect).to.throw(UsageError, says).with.property('code', code);
      expect(engine.stats()).to.include({ channels: 0, dialled: 0, timers: 0 });
      expect([stream.connecting, stream.closed]).to.deep.equal([false, false]);
      await stream.connect(['127.0.0.1', port]).opened();
    }

    for (const { name, address } of addresses) {
      it(`an address: ${name}`, () => expectRefusal(address, {}, 'ENGINE_ADDRESS', /./));
    }
    for (const { name, options: more, says } of options) {
      it(`options: ${name}`, () => expectRefusal(['127.0.0.1', 9], more, 'ENGINE_OPTION', says));
    }

    it('a second connect: meanwhile, afterwards, and when it is over', async () => {
      const { engine } = newEngine();
      const { port } = await listenFor();
      const stream = new Dialler({ engine }).connect(['127.0.0.1', port]);
      const again = () =>
        expect(() => stream.connect(['127.0.0.1', port]))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_STREAM_IN_USE');
      again();
      await stream.opened();
      again();
      stream.close();
      again();
      await stream.log.until('close');
      again();
      expect(engine.stats().dialled).to.equal(1);
      expect(stream.log.events).to.deep.equal(['connect', 'close']);
    });

    it('writing, a file and the end, before it stands', async () => {
      const { engine } = newEngine({ resolver: new HeldResolver() });
      const stream = new Dialler({ engine });
      for (const state of ['idle', 'connecting']) {
        if (state === 'connecting') stream.connect(['a.test', 80]);
        for (const call of [
          () => stream.write('x'),
          () => void stream.writeFile('/dev/null'),
          () => stream.end(),
        ]) {
          expect(call, state).to.throw(UsageError).with.property('code', 'ENGINE_NOT_CONNECTED');
        }
      }
      stream.close();
      await stream.log.until('close');
    });
  });
});
