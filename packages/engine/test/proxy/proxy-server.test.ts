import { inspect } from 'node:util';
import {
  Server,
  type ServerOptions,
  Stream,
  type StreamAddress,
  type Transport,
  UsageError,
} from '@inseam/engine';
import { feedEveryWay, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { RecordingStream } from '../support/recording-stream.js';
import { settled, testEngines } from '../support/test-engine.js';

const PROXY: StreamAddress = { host: '10.1.2.3', port: 4711, family: 4 };
const CLIENT = { host: '203.0.113.9', port: 51_234, family: 4 } as const;
const SERVER = { host: '198.51.100.7', port: 443, family: 4 } as const;
const V1 = Buffer.from('PROXY TCP4 203.0.113.9 198.51.100.7 51234 443\r\n');
/** The same in binary: version 2, PROXY, TCP over IPv4, 12 bytes of addresses. */
const V2 = Buffer.from([
  ...Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  ...[0x21, 0x11, 0, 12, 203, 0, 113, 9, 198, 51, 100, 7, 0xc8, 0x22, 0x01, 0xbb],
]);
const LOCAL = Buffer.from([...Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), 0x20, 0, 0, 0]);

describe('Server, proxyProtocol', () => {
  const newEngine = testEngines();

  function newServer(options: Partial<ServerOptions<RecordingStream>> = {}) {
    const test = newEngine();
    const server = new Server({
      engine: test.engine,
      ConnectionClass: RecordingStream,
      proxyProtocol: ['10.0.0.0/8'],
      ...options,
    });
    return { ...test, server };
  }

  function arrive(server: Server<RecordingStream>, remoteAddress: StreamAddress | null = PROXY) {
    const [near, far] = memoryPair({ remoteAddress });
    const seen = new RecordingSink();
    far.open(seen);
    return { stream: server.accept(near), near, far, seen };
  }

  for (const [version, header] of [
    ['1', V1],
    ['2', V2],
  ] as const) {
    it(`a header of version ${version} comes first, and says whose connection it is`, async () => {
      const { server } = newServer();
      const { stream, far } = arrive(server);
      expect([stream?.connecting, stream?.remoteAddress, stream?.localAddress]).to.deep.equal([
        true,
        null,
        null,
      ]);
      expect(() => stream?.write('too early'))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_NOT_CONNECTED');
      await settled();
      expect([stream?.log.events, server.channels.size]).to.deep.equal([[], 1]);
      far.write(header);
      await settled();
      expect(stream?.log.events).to.deep.equal(['connect']);
      expect([stream?.remoteAddress, stream?.localAddress]).to.deep.equal([CLIENT, SERVER]);
      far.write('hello');
      stream?.write('answer');
      await settled();
      expect(stream?.log.events).to.have.members(['connect', 'read hello', 'write']);
      far.end();
      await settled();
      expect([stream?.log.events.at(-1), stream?.remoteAddress]).to.deep.equal(['close', CLIENT]);
    });

    it(`a header of version ${version} may come cut in any way, with bytes and the end right behind it`, async () => {
      const { server } = newServer();
      for (const { way, chunks } of feedEveryWay(Buffer.concat([header, Buffer.from('hello')]))) {
        const { stream, far } = arrive(server);
        for (const chunk of chunks) far.write(chunk);
        far.end();
        await settled();
        const events = stream?.log.events ?? [];
        const read = events.filter((event) => event.startsWith('read')).map((event) => event.slice(5));
        expect([read.join(''), events[0], ...events.slice(-2)], way).to.deep.equal([
          'hello',
          'connect',
          'end',
          'close',
        ]);
      }
    });
  }

  it('bytes and the end behind the header wait for a stream that is paused in onConnect', async () => {
    class Paused extends RecordingStream {
      override onConnect() {
        this.pause();
        return super.onConnect();
      }
    }
    const { server } = newServer({ ConnectionClass: Paused });
    const { stream, far } = arrive(server);
    far.write(Buffer.concat([V1, Buffer.from('hello')]));
    far.write(' and more');
    far.end();
    await settled();
    expect(stream?.log.events).to.deep.equal(['connect']);
    stream?.resume();
    await settled();
    expect(stream?.log.events).to.deep.equal(['connect', 'read hello', 'read  and more', 'end', 'close']);
  });

  for (const [name, header] of [
    ['LOCAL', LOCAL],
    ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n')],
  ] as const) {
    it(`a header that says ${name} leaves the connection its own addresses`, async () => {
      const { server } = newServer();
      const { stream, far } = arrive(server);
      far.write(header);
      await settled();
      expect([stream?.log.events, stream?.remoteAddress]).to.deep.equal([['connect'], PROXY]);
      server.abort();
      await settled();
    });
  }

  for (const [name, remote] of [
    ['another address', { host: '11.1.2.3', port: 1, family: 4 }],
    ['a Unix socket', { path: '/run/x' }],
    ['nobody knows where', null],
  ] as [string, StreamAddress | null][]) {
    it(`from ${name} a header is data like any other: nobody else may claim an address`, async () => {
      const { server } = newServer();
      const { stream, far } = arrive(server, remote);
      expect([stream?.connected, stream?.remoteAddress]).to.deep.equal([true, remote]);
      far.write(V1);
      await settled();
      expect(stream?.log.events).to.deep.equal(['connect', `read ${V1}`]);
      server.abort();
      await settled();
    });
  }

  for (const [trusted, remote] of [
    [['loopback'], { host: '127.0.0.9', port: 1, family: 4 }],
    [['loopback'], { host: '::1', port: 1, family: 6 }],
    [['10.1.2.3'], PROXY],
    [['192.0.2.1', '10.0.0.0/8'], PROXY],
    [['unix'], { path: '/run/x' }],
    [['2001:db8::/32'], { host: '2001:db8::1', port: 1, family: 6 }],
  ] as [string[], StreamAddress][]) {
    it(`${inspect(trusted)} demands a header from ${inspect(remote, { breakLength: 200 })}`, async () => {
      const { server } = newServer({ proxyProtocol: trusted });
      const { stream, far } = arrive(server, remote);
      far.write(V1);
      await settled();
      expect([stream?.log.events, stream?.remoteAddress]).to.deep.equal([['connect'], CLIENT]);
      server.abort();
      await settled();
    });
  }

  for (const proxyProtocol of [undefined, []]) {
    it(`${inspect(proxyProtocol)} trusts nobody`, async () => {
      const { server } = newServer({ proxyProtocol });
      const { stream } = arrive(server);
      expect(stream?.connected).to.equal(true);
      server.abort();
      await settled();
    });
  }

  for (const bad of [
    ['nonsense'],
    ['10.0.0.0/33'],
    [''],
    ['10.0.0'],
    ['Loopback'],
    [5],
    [null],
    'loopback',
    5,
    null,
    {},
  ]) {
    it(`proxyProtocol: ${inspect(bad)} is a UsageError`, () => {
      expect(() => newServer({ proxyProtocol: bad as string[] }))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_OPTION');
    });
  }

  for (const [name, bytes] of [
    ['of another protocol', 'GET / HTTP/1.1\r\n'],
    ['of a family that there is not', 'PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n'],
    ['with a bare line feed', 'PROXY TCP4 203.0.113.9 198.51.100.7 51234 443\n'],
    ['of TLS', '\x16\x03\x01'],
  ] as const) {
    it(`a beginning ${name} is no connection: onConnectError once, then onClose`, async () => {
      const { server } = newServer();
      const { stream, far, seen } = arrive(server);
      far.write(bytes);
      await settled();
      far.write('more');
      await settled();
      expect(stream?.log.events).to.deep.equal([
        'connect error ENGINE_PROXY_HEADER',
        'close ENGINE_PROXY_HEADER',
      ]);
      expect([server.channels.size, stream?.remoteAddress]).to.deep.equal([0, PROXY]);
      expect(seen.events.at(-1)).to.match(/^close/);
    });
  }

  it('an end before the header is complete is no connection', async () => {
    const { server } = newServer();
    for (const bytes of ['', 'P', 'PROXY TCP4 203.0.113.9']) {
      const { stream, far } = arrive(server);
      if (bytes !== '') far.write(bytes);
      far.end();
      await settled();
      expect(stream?.log.events).to.deep.equal([
        'connect error ENGINE_PROXY_HEADER',
        'close ENGINE_PROXY_HEADER',
      ]);
    }
  });

  it('a connection lost before the header is complete is no connection', async () => {
    const { server } = newServer();
    const { stream, far } = arrive(server);
    far.write('PROXY');
    far.abort();
    await settled();
    expect(stream?.log.events).to.deep.equal([
      'connect error ENGINE_CONNECT_FAILED',
      'close ENGINE_CONNECT_FAILED',
    ]);
  });

  it('a header that does not come, or not to its end, is awaited for connectTimeoutMs', async () => {
    const { server, clock, engine } = newServer({ connectTimeoutMs: 2000 });
    const { stream, far } = arrive(server);
    const { stream: slow, far: slowFar } = arrive(server);
    for (let i = 0; i < 4; i++) {
      clock.advance(500);
      slowFar.write(V1.subarray(i, i + 1));
      await settled();
      if (i < 3) expect([stream?.log.events, slow?.log.events]).to.deep.equal([[], []]);
    }
    for (const one of [stream, slow])
      expect(one?.log.events).to.deep.equal([
        'connect error ENGINE_CONNECT_TIMEOUT',
        'close ENGINE_CONNECT_TIMEOUT',
      ]);
    far.write(V1);
    await settled();
    expect([server.channels.size, engine.stats().timers]).to.deep.equal([0, 0]);
  });

  it('its time is over with the header: a connection may then be as idle as it likes', async () => {
    const { server, clock } = newServer({ connectTimeoutMs: 2000 });
    const { stream, far } = arrive(server);
    far.write(V1);
    await settled();
    clock.advance(1e6);
    await settled();
    expect(stream?.log.events).to.deep.equal(['connect']);
    server.abort();
    await settled();
  });

  it('without an onConnectError of its own a stream reports it', async () => {
    const { server, reports } = newServer({ ConnectionClass: Stream as typeof RecordingStream });
    arrive(server).far.write('nonsense');
    await settled();
    expect(reports.take()).to.deep.equal(['warn: Stream could not connect: ENGINE_PROXY_HEADER']);
  });

  it('onAccept sees the proxy', async () => {
    const { server } = newServer();
    const hosts: unknown[] = [];
    server.onAccept = (transport: Transport) => {
      hosts.push(transport.remoteAddress);
      return false;
    };
    const { seen } = arrive(server);
    await settled();
    expect([hosts, seen.events.at(-1)]).to.deep.equal([[PROXY], 'close: the other end was closed']);
  });

  it('counts what is behind the header as read', async () => {
    const { server, engine } = newServer();
    const { stream, far } = arrive(server);
    far.write(Buffer.concat([V2, Buffer.from('hello')]));
    await settled();
    expect([stream?.bytesRead, engine.stats().bytesRead]).to.deep.equal([5, 5]);
    server.abort();
    await settled();
  });

  describe('with maxConnections', () => {
    it('one whose header is awaited has its place', async () => {
      const { server } = newServer({ maxConnections: 1 });
      const first = arrive(server);
      const second = arrive(server);
      second.far.write(Buffer.concat([V1, Buffer.from('hello')]));
      await settled();
      expect([second.stream, second.far.pendingBytes]).to.deep.equal([null, V1.length + 5]);
      first.far.write(V1);
      await settled();
      expect(first.stream?.log.events).to.deep.equal(['connect']);
      expect(second.far.pendingBytes).to.equal(V1.length + 5);
      first.far.end();
      await settled();
      const [stream] = server.channels;
      expect([stream?.log.events, stream?.remoteAddress]).to.deep.equal([['connect', 'read hello'], CLIENT]);
      server.abort();
      await settled();
    });

    for (const [name, fail] of [
      ['a bad header', (far: { write(text: string): void; end(): void }) => far.write('nonsense')],
      ['an end', (far: { write(text: string): void; end(): void }) => far.end()],
    ] as const) {
      it(`a place that ${name} frees goes to the next`, async () => {
        const { server } = newServer({ maxConnections: 1 });
        const first = arrive(server);
        const second = arrive(server);
        second.far.write(V2);
        fail(first.far);
        await settled();
        expect(first.stream?.log.events.at(-1)).to.equal('close ENGINE_PROXY_HEADER');
        expect([...server.channels].map((stream) => stream.log.events)).to.deep.equal([['connect']]);
        server.abort();
        await settled();
      });
    }

    it('silent ones hold their places no longer than connectTimeoutMs', async () => {
      const { server, clock } = newServer({ maxConnections: 2, connectTimeoutMs: 1000 });
      const silent = [arrive(server), arrive(server)];
      const next = arrive(server);
      next.far.write(V1);
      clock.advance(1000);
      await settled();
      expect(silent.map(({ stream }) => stream?.log.events.at(-1))).to.deep.equal([
        'close ENGINE_CONNECT_TIMEOUT',
        'close ENGINE_CONNECT_TIMEOUT',
      ]);
      expect([...server.channels].map((stream) => stream.log.events)).to.deep.equal([['connect']]);
      server.abort();
      await settled();
    });
  });

  for (const [name, leave] of [
    ['server.abort()', (server: Server<RecordingStream>) => server.abort()],
    ['stream.close()', (server: Server<RecordingStream>) => [...server.channels][0]?.close()],
    ['engine.stop()', (server: Server<RecordingStream>) => server.engine.stop()],
  ] as const) {
    it(`${name} while the header is awaited: onClose alone`, async () => {
      const { server } = newServer();
      const { stream, far, seen } = arrive(server);
      far.write('PROXY ');
      await settled();
      await leave(server);
      far.write('TCP4 203.0.113.9 198.51.100.7 51234 443\r\n');
      await settled();
      expect(stream?.log.events).to.deep.equal(['close']);
      expect([server.channels.size, seen.events.at(-1)?.startsWith('close')]).to.deep.equal([0, true]);
    });
  }
});
