import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, ENGINE_LIMITS, type InseamError, TransportError } from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { checkedEngines, resolverOf } from '../support/checked-engines.js';
import { Dialler, FAILED } from '../support/dialler.js';
import {
  hasIPv6,
  LISTENING,
  LoopbackHosts,
  REFUSING,
  SILENT,
  UNREACHABLE,
} from '../support/loopback-hosts.js';
import { startChild } from '../support/run-child.js';
import { settled } from '../support/test-engine.js';

const { attemptDelayMs } = ENGINE_LIMITS;
const REASON = new TransportError('OURS', 'we had enough', 'read');

describe('dialling hosts that refuse, are silent, or listen', () => {
  if (process.platform !== 'linux') return;
  const hosts = new LoopbackHosts();
  before(() => hosts.open());
  after(() => hosts.close());
  const newEngine = checkedEngines();
  afterEach(() => hosts.closeServers());

  /** Dials a name that has these addresses, on a clock that stands still. */
  function dial(...addresses: string[]) {
    const clock = fakeClock();
    const { engine } = newEngine({ clock, resolver: resolverOf({ 'a.test': addresses }) });
    const stream = new Dialler({ engine }).connect(['a.test', hosts.port]);
    return { stream, clock, engine };
  }

  /** A literal that nobody answers on. */
  function dialSilent() {
    const clock = fakeClock();
    const { engine } = newEngine({ clock });
    const stream = new Dialler({ engine }).connect([SILENT, hosts.port], { connectTimeoutMs: 1_000 });
    return { stream, clock, engine };
  }

  for (const [name, addresses] of [
    ['refuses', [REFUSING, LISTENING]],
    ['cannot be reached', [UNREACHABLE, LISTENING]],
    ['fails in each way', [UNREACHABLE, REFUSING, UNREACHABLE, LISTENING, SILENT]],
  ] as const) {
    it(`goes on to the next address at once when one ${name}`, async () => {
      await hosts.listen(LISTENING, (socket) => socket.write('welcome'));
      const { stream } = dial(...addresses);
      await stream.log.until('read welcome');
      expect(stream.remoteAddress).to.include({ host: LISTENING });
      stream.close();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'read welcome', 'close']);
    });
  }

  it('goes on to the next address after a while when one is silent, and gives that one up when it has connected', async () => {
    await hosts.listen(LISTENING);
    const { stream, clock, engine } = dial(SILENT, SILENT, LISTENING);
    await settled();
    clock.advance(attemptDelayMs - 1);
    await settled();
    expect(stream.connecting).to.equal(true);
    clock.advance(1);
    await stream.log.until('connect');
    expect(stream.remoteAddress).to.include({ host: LISTENING });
    expect(engine.stats().timers).to.equal(0);
    expect(clock.pending).to.equal(0);
  });

  it('tells one error when all fail, which lists them', async () => {
    const { stream, clock } = dial(REFUSING, UNREACHABLE, LISTENING);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(FAILED);
    const texts = [
      `connect ECONNREFUSED ${REFUSING}:${hosts.port}`,
      `connect ENETUNREACH ${UNREACHABLE}:${hosts.port}`,
      `connect ECONNREFUSED ${LISTENING}:${hosts.port}`,
    ];
    expect(stream.error?.message).to.match(/^could not connect \(/);
    for (const text of texts) expect(stream.error?.message).to.include(text);
    const { errors } = (stream.error as { cause?: unknown }).cause as AggregateError;
    expect(errors.map(({ code }) => code)).to.deep.equal(['ECONNREFUSED', 'ENETUNREACH', 'ECONNREFUSED']);
    expect(clock.pending).to.equal(0);
  });

  it('gives all of them up at connectTimeoutMs', async () => {
    const { stream, clock } = dial(SILENT, REFUSING, SILENT);
    await settled();
    clock.advance(attemptDelayMs);
    await settled();
    clock.advance(40_000);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal([
      'connect error ENGINE_CONNECT_TIMEOUT',
      'close ENGINE_CONNECT_TIMEOUT',
    ]);
    expect(clock.pending).to.equal(0);
  });

  it('gives a silent literal up at connectTimeoutMs', async () => {
    const { stream, clock } = dialSilent();
    clock.advance(999);
    await settled();
    expect(stream.connecting).to.equal(true);
    clock.advance(250);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal([
      'connect error ENGINE_CONNECT_TIMEOUT',
      'close ENGINE_CONNECT_TIMEOUT',
    ]);
  });

  it("gives a silent literal up at its signal's word", async () => {
    const { engine } = newEngine();
    const abort = new AbortController();
    const stream = new Dialler({ engine }).connect([SILENT, hosts.port], { signal: abort.signal });
    await settled();
    abort.abort();
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal([
      'connect error ENGINE_CONNECT_ABORTED',
      'close ENGINE_CONNECT_ABORTED',
    ]);
  });

  const ways: { name: string; act: (stream: Dialler) => unknown; reason?: InseamError }[] = [
    { name: 'close()', act: (stream) => stream.close() },
    { name: 'close(false)', act: (stream) => stream.close(false) },
    { name: 'abort()', act: (stream) => stream.abort() },
    { name: 'abort(reason)', act: (stream) => stream.abort(REASON), reason: REASON },
    { name: 'engine.stop()', act: (stream) => void stream.engine.stop() },
  ];
  for (const { name, act, reason } of ways) {
    const CLOSED = [reason === undefined ? 'close' : `close ${reason.code}`];

    it(`${name} ends the wait for a silent literal`, async () => {
      const { stream } = dialSilent();
      await settled();
      act(stream);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(CLOSED);
    });

    it(`${name} ends the wait for several silent addresses`, async () => {
      const { stream, clock } = dial(SILENT, SILENT, SILENT);
      for (let attempt = 0; attempt < 3; attempt++) {
        await settled();
        clock.advance(attemptDelayMs);
      }
      act(stream);
      expect(stream.log.events).to.deep.equal([]);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(CLOSED);
      clock.advance(attemptDelayMs);
      expect(clock.pending).to.equal(0);
    });

    for (const [what, dialListening] of [
      ['a literal', () => new Dialler(newEngine()).connect([LISTENING, hosts.port])],
      ['a name', () => dial(LISTENING).stream],
    ] as const) {
      it(`${name} in the turn in which ${what} is dialled is in time: it does not connect`, async () => {
        await hosts.listen(LISTENING);
        const stream = dialListening();
        act(stream);
        await stream.log.until('close');
        for (let turn = 0; turn < 5; turn++) await settled();
        expect(stream.log.events).to.deep.equal(CLOSED);
      });
    }
  }

  describe('does not hold the process once it is connected', () => {
    const child = (source: string) =>
      startChild(`
        import { container, Engine, Resolver, Stream } from '@inseam/engine';
        const known = (...addresses) => ({ resolve: async () => addresses.map((address) => ({ address, family: 4 })) });
        const parts = container.createChildContainer();
        class Client extends Stream {
          onConnect() { console.log('connected'); }
          onRead(data) { console.log('read ' + data); }
          onClose() { console.log('closed'); }
        }
        const dial = (...addresses) => {
          parts.register(Resolver, { useValue: known(...addresses) });
          return new Client({ engine: new Engine(parts) }).connect(['a.test', ${hosts.port}]);
        };
        ${source}`);

    /** An attempt that is under way does, in Node; it ends with connectTimeoutMs. */
    const free: { name: string; source: () => string }[] = [
      { name: 'a literal', source: () => `new Client().connect(['${LISTENING}', ${hosts.port}]).unref();` },
      { name: 'a name, before it is known', source: () => `dial('${LISTENING}').unref();` },
      {
        name: 'a name, whose addresses are tried',
        source: () => `const c = dial('${LISTENING}'); for (let i = 0; i < 8; i++) await null; c.unref();`,
      },
      {
        name: 'a name, whose addresses are tried later',
        source: () => `dial('${REFUSING}', '${REFUSING}', '${LISTENING}').unref();`,
      },
    ];
    for (const { name, source } of free) {
      it(`when it was unreferenced meanwhile: ${name}`, async () => {
        await hosts.listen(LISTENING);
        const end = await child(source()).end;
        expect(end).to.deep.equal({ code: 0, signal: null, stdout: 'connected\n', stderr: '' });
      });
    }

    const held: { name: string; source: () => string }[] = [
      {
        name: 'a literal',
        source: () => `const c = new Client().connect(['${LISTENING}', ${hosts.port}]); c.unref(); c.ref();`,
      },
      {
        name: 'a name, before it is known',
        source: () => `const c = dial('${LISTENING}'); c.unref(); c.ref();`,
      },
      {
        name: 'a name, whose addresses are tried',
        // The address is tried by then, and has not yet answered.
        source: () =>
          `const c = dial('${LISTENING}'); c.unref(); for (let i = 0; i < 8; i++) await null; c.ref();`,
      },
    ];
    for (const { name, source } of held) {
      it(`but does when it is referenced again: ${name}`, async () => {
        let socket: Socket | null = null;
        await hosts.listen(LISTENING, (accepted) => {
          socket = accepted;
        });
        const { printed, end } = child(source());
        // Nothing else keeps it until it is told to go.
        await printed('connected');
        (socket as Socket | null)?.end('go');
        await printed('read go');
        expect(await end).to.include({ code: 0, stdout: 'connected\nread go\nclosed\n' });
      });
    }
  });
});

describe('dialling', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  let servers: Server[] = [];
  afterEach(() => {
    for (const server of servers) server.close();
    servers = [];
  });
  const newEngine = checkedEngines();
  after(() => rmSync(folder, { recursive: true }));

  async function listen(...where: [path: string] | [port: number, host: string]): Promise<number> {
    const server = createServer((socket) => socket.on('error', () => {}).end('welcome'));
    servers.push(server);
    await once(server.listen(...(where as [string])), 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? (address as AddressInfo).port : 0;
  }

  async function expectWelcome(address: Address) {
    const { engine } = newEngine();
    const stream = new Dialler({ engine }).connect(address);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(['connect', 'read welcome', 'end', 'close']);
    return stream;
  }

  it('a path', async () => {
    const path = join(folder, 'socket');
    await listen(path);
    for (const address of [path, { path }]) {
      const stream = await expectWelcome(address);
      expect([stream.remoteAddress, stream.localAddress]).to.deep.equal([{ path }, { path }]);
    }
  });

  for (const [name, make, code] of [
    ['is not there', () => {}, 'ENOENT'],
    ['is a file', (path: string) => writeFileSync(path, ''), 'ECONNREFUSED'],
    ['is a folder', (path: string) => mkdirSync(path), 'ECONNREFUSED'],
    ['lies in a file', (path: string) => writeFileSync(join(path, '..'), ''), 'ENOTDIR'],
  ] as const) {
    it(`a path that ${name}: onConnectError once, then onClose`, async () => {
      const { engine } = newEngine();
      const path = join(folder, name, 'x');
      if (name !== 'lies in a file') mkdirSync(join(folder, name), { recursive: true });
      make(path);
      const stream = new Dialler({ engine }).connect(path);
      const opened = stream.opened().catch((error: unknown) => error);
      await stream.log.until('close');
      await settled();
      expect(stream.log.events).to.deep.equal(FAILED);
      expect(stream.error).to.have.nested.property('cause.code', code);
      expect(await opened).to.equal(stream.error);
    });
  }

  it('a name of the system’s, by the system’s resolver', async () => {
    const port = await listen(0, '127.0.0.1');
    for (const address of [port, ['localhost', port], { host: 'localhost', port }] as const) {
      await expectWelcome(address);
    }
  });

  it('a name that cannot be: onConnectError once, then onClose', async () => {
    const { engine } = newEngine();
    // Longer than a label may be, so that nobody is asked.
    const stream = new Dialler({ engine }).connect([`${'a'.repeat(64)}.invalid`, 80]);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(FAILED);
    expect(stream.error).to.have.nested.property('cause.code', 'ENOTFOUND');
  });

  describe(`IPv6${hasIPv6 ? '' : ' (left out: this machine has no ::1)'}`, () => {
    if (!hasIPv6) return;
    for (const [name, address] of [
      ['a pair', (port: number) => ['::1', port]],
      ['an object', (port: number) => ({ host: '::1', port })],
      ["the system's four values", (port: number) => ['::1', port, 0, 0]],
      ['a literal in full', (port: number) => ['0:0:0:0:0:0:0:1', port]],
    ] as const) {
      it(`by ${name}`, async () => {
        const port = await listen(0, '::1');
        const stream = await expectWelcome(address(port) as Address);
        expect(stream.remoteAddress).to.deep.equal({ host: '::1', port, family: 6 });
        expect(stream.localAddress).to.include({ host: '::1', family: 6 });
      });
    }

    it('by an interface that is not there: onConnectError once, then onClose', async () => {
      const { engine } = newEngine();
      const stream = new Dialler({ engine }).connect(['fe80::1', 80, 0, 99_999]);
      await stream.log.until('close');
      await settled();
      expect(stream.log.events).to.deep.equal(FAILED);
    });

    it('by a name that has both families, of which one listens', async () => {
      const port = await listen(0, '::1');
      const { engine } = newEngine({ resolver: resolverOf({ 'a.test': ['127.0.0.1', '::1'] }) });
      const stream = new Dialler({ engine }).connect(['a.test', port]);
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'read welcome', 'end', 'close']);
      expect(stream.remoteAddress).to.include({ host: '::1' });
    });
  });

  it('port 0, on which nobody can listen: onConnectError once, then onClose', async () => {
    const { engine } = newEngine();
    const stream = new Dialler({ engine }).connect(['127.0.0.1', 0]);
    await stream.log.until('close');
    await settled();
    expect(stream.log.events).to.deep.equal(FAILED);
  });

  it('a broadcast address, where connect() itself fails: the same', async () => {
    const { engine } = newEngine();
    const stream = new Dialler({ engine }).connect([UNREACHABLE, 80]);
    expect(stream.log.events).to.deep.equal([]);
    await stream.log.until('close');
    await settled();
    expect(stream.log.events).to.deep.equal(FAILED);
  });
});
