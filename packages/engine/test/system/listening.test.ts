import { once } from 'node:events';
import { existsSync, renameSync, statSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type ServerOpts } from 'node:net';
import {
  container,
  Engine,
  type ListenAddress,
  type ListenOptions,
  Logger,
  Resolver,
  Server,
} from '@inseam/engine';
import { expect } from 'chai';
import { ask, Echo, failure, LoggedServer, temporaryPaths, toNet } from '../support/echo-server.js';
import { EventLog } from '../support/event-log.js';
import { hasIPv6 } from '../support/loopback-hosts.js';
import { startChild } from '../support/run-child.js';
import { recordingLogger } from '../support/test-engine.js';

/** An address that no machine has (RFC 5737), so that nobody can listen on it. */
const ABSENT = '203.0.113.1';

describe('listening', () => {
  let engine: Engine;
  const reports = new EventLog();
  /** What the engine's Resolver answers. */
  let addresses: string[] = [];
  const newPath = temporaryPaths();

  beforeEach(() => {
    const parts = container.createChildContainer();
    parts.register(Logger, { useValue: recordingLogger(reports) });
    parts.register(Resolver, {
      useValue: {
        resolve: async () =>
          addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }) as const),
      },
    });
    engine = new Engine(parts);
  });
  afterEach(async () => {
    await engine.stop();
    expect(engine.channels.size).to.equal(0);
    expect(reports.take()).to.deep.equal([]);
  });

  const newServer = () => new LoggedServer({ engine, ConnectionClass: Echo });
  const listen = (address: ListenAddress, options?: ListenOptions) => newServer().listen(address, options);

  /** 'answers' or the system's code, of a client that comes to `host`. */
  async function tryHost(host: string, port: number | null): Promise<string> {
    const come = ask({ host, port: port ?? 0 }, 'hello');
    return come.then(
      (answer) => (answer === 'hello' ? 'answers' : answer),
      (error) => error.code,
    );
  }

  describe('on every address', () => {
    if (!hasIPv6) {
      it('is IPv4 alone where there is no IPv6', async () => {
        const { localAddress, port } = await listen(0);
        expect(localAddress).to.deep.equal({ host: '0.0.0.0', port, family: 4 });
        expect(await tryHost('127.0.0.1', port)).to.equal('answers');
      });
      return;
    }

    for (const [name, address] of [
      ['a port', 0],
      ['a port without a host', ['', 0]],
      ['a port by name', { port: 0 } as ListenAddress],
      ['a port by name without a host', { host: '', port: 0 }],
      ['the IPv6 address of all', ['::', 0]],
      ['four values without a host', ['', 0, 0, 0]],
    ] as const) {
      it(`${name} takes both families, and shows clients as of their own`, async () => {
        const server = await listen(address);
        const { port } = server;
        expect(server.localAddress).to.deep.equal({ host: '::', port, family: 6 });
        const hosts: unknown[] = [];
        server.onAccept = (transport) => {
          hosts.push(transport.remoteAddress, transport.localAddress);
          return true;
        };
        for (const [host, family] of [
          ['127.0.0.1', 4],
          ['::1', 6],
        ] as const) {
          expect(await tryHost(host, port)).to.equal('answers');
          const [remote, local] = hosts.splice(0);
          expect(remote).to.include({ host, family });
          expect(local).to.deep.equal({ host, port, family });
        }
      });
    }

    for (const [name, address] of [
      ['a port', 0],
      ['the IPv6 address of all', ['::', 0]],
    ] as const) {
      it(`${name} with ipv6Only leaves IPv4 to others`, async () => {
        const { port } = await listen(address, { ipv6Only: true });
        expect(await tryHost('::1', port)).to.equal('answers');
        expect(await tryHost('127.0.0.1', port)).to.equal('ECONNREFUSED');
        const other = await listen(['0.0.0.0', port ?? 0]);
        expect(other.localAddress).to.deep.equal({ host: '0.0.0.0', port, family: 4 });
        expect(await tryHost('127.0.0.1', port)).to.equal('answers');
        expect(other.log.events).to.include('accept');
      });
    }

    it('the IPv4 address of all leaves IPv6 out', async () => {
      const { port } = await listen(['0.0.0.0', 0]);
      expect(await tryHost('127.0.0.2', port)).to.equal('answers');
      expect(await tryHost('::1', port)).to.equal('ECONNREFUSED');
    });
  });

  describe('on one address', () => {
    for (const [name, address, host] of [
      ['IPv4', ['127.0.0.2', 0], '127.0.0.2'],
      ...(hasIPv6
        ? [
            ['IPv6', ['::1', 0], '::1'] as const,
            ['IPv6 by name', { host: '::1', port: 0 }, '::1'] as const,
            ['IPv6 in four values', ['::1', 0, 0, 0], '::1'] as const,
            ['IPv6 with the scope of the loopback interface', ['::1', 0, 0, 1], '::1'] as const,
          ]
        : []),
    ] as [string, ListenAddress, string][]) {
      it(`${name}, and on no other`, async () => {
        const { localAddress, port } = await listen(address);
        expect(localAddress).to.deep.equal({ host, port, family: host === '::1' ? 6 : 4 });
        expect(await tryHost(host, port)).to.equal('answers');
        expect(await tryHost('127.0.0.1', port)).to.equal('ECONNREFUSED');
      });
    }

    it('on the port that is asked for, again right after close', async () => {
      const first = await listen(['127.0.0.1', 0]);
      const port = first.port ?? 0;
      expect(await tryHost('127.0.0.1', port)).to.equal('answers');
      first.close();
      const second = await listen(['127.0.0.1', port]);
      expect(second.port).to.equal(port);
      expect(await tryHost('127.0.0.1', port)).to.equal('answers');
    });
  });

  describe('on a host name', () => {
    it('is listening on each of its addresses, on one port', async () => {
      addresses = ['127.0.0.2', ...(hasIPv6 ? ['::1'] : []), '127.0.0.3', '127.0.0.2'];
      const server = await listen(['several.test', 0]);
      const { port } = server;
      expect(server.localAddress).to.deep.equal({ host: '127.0.0.2', port, family: 4 });
      for (const host of addresses) expect(await tryHost(host, port)).to.equal('answers');
      expect(await tryHost('127.0.0.1', port), 'and on no other').to.equal('ECONNREFUSED');
      expect(server.log.take().filter((event) => event === 'listen')).to.have.length(1);
      server.close();
      expect([server.localAddress, server.port]).to.deep.equal([null, null]);
      for (const host of addresses) expect(await tryHost(host, port)).to.equal('ECONNREFUSED');
      expect(server.log.take()).to.deep.equal(['close']);
    });

    it('takes the port that is asked for on each', async () => {
      addresses = ['127.0.0.2'];
      const free = await listen(['one.test', 0]);
      const port = free.port ?? 0;
      free.close();
      addresses = ['127.0.0.2', '127.0.0.3'];
      expect((await listen(['two.test', port])).port).to.equal(port);
      for (const host of addresses) expect(await tryHost(host, port)).to.equal('answers');
    });

    for (const order of [
      [ABSENT, '127.0.0.2'],
      ['127.0.0.2', ABSENT],
    ]) {
      it(`does not mind that ${order.indexOf(ABSENT) + 1} of 2 addresses is not this machine's`, async () => {
        addresses = order;
        const server = await listen(['half.test', 0]);
        expect(server.localAddress).to.include({ host: '127.0.0.2' });
        expect(await tryHost('127.0.0.2', server.port)).to.equal('answers');
      });
    }

    it('fails when none of its addresses is', async () => {
      addresses = [ABSENT, '198.51.100.1'];
      const server = newServer();
      expect(await failure(server.listen(['absent.test', 0]))).to.equal('ENGINE_LISTEN_FAILED EADDRNOTAVAIL');
      expect([server.listening, engine.channels.size, server.log.events]).to.deep.equal([false, 0, []]);
    });

    it('fails when it has none, and when nobody knows it', async () => {
      addresses = [];
      const error = await listen(['none.test', 0]).catch((cause: unknown) => cause);
      expect(error).to.include({
        code: 'ENGINE_LISTEN_FAILED',
        message: 'could not listen (the name has no address)',
      });
      // By the system's own resolver.
      const unknown = new Server({ engine: new Engine() });
      expect(await failure(unknown.listen(['host.invalid', 0]))).to.match(/^ENGINE_LISTEN_FAILED E[A-Z_]+$/);
      expect(unknown.listening).to.equal(false);
    });

    it('is listening on none when one is taken', async () => {
      const taken = await listen(['127.0.0.3', 0]);
      const port = taken.port ?? 0;
      for (const order of [
        ['127.0.0.2', '127.0.0.3', '127.0.0.4'],
        ['127.0.0.3', '127.0.0.2'],
      ]) {
        addresses = order;
        const server = newServer();
        expect(await failure(server.listen(['several.test', port]))).to.equal(
          'ENGINE_LISTEN_FAILED EADDRINUSE',
        );
        expect([server.listening, server.localAddress, server.log.events]).to.deep.equal([false, null, []]);
        for (const host of ['127.0.0.2', '127.0.0.4'])
          expect(await tryHost(host, port)).to.equal('ECONNREFUSED');
        addresses = ['127.0.0.2'];
        await server.listen(['one.test', port]);
        expect(await tryHost('127.0.0.2', port), 'another try may succeed').to.equal('answers');
        server.close();
      }
    });

    it('closed while the name is looked up is listening nowhere', async () => {
      addresses = ['127.0.0.2', '127.0.0.3'];
      const probe = await listen(['two.test', 0]);
      const port = probe.port ?? 0;
      probe.close();
      const server = newServer();
      const listening = server.listen(['two.test', port]);
      server.close();
      expect(await listening).to.equal(server);
      expect([server.listening, server.localAddress, server.port]).to.deep.equal([false, null, null]);
      expect(server.log.events).to.deep.equal(['close']);
      for (const host of addresses) expect(await tryHost(host, port)).to.equal('ECONNREFUSED');
    });

    it('asks the system by default', async () => {
      const own = new Engine();
      const server = await new Server({ engine: own, ConnectionClass: Echo }).listen(['localhost', 0]);
      expect(await tryHost('localhost', server.port)).to.equal('answers');
      await own.stop();
    });

    for (const [what, code] of [
      ['holds the process on each address, and lets it go on each', 0],
      ['holds it again', 7],
      ['does not hold it when that was said before', 'before'],
    ] as const) {
      it(what, async () => {
        const child = startChild(`
          import { container, Engine, Resolver, Server } from '@inseam/engine';
          const resolve = async () => ['127.0.0.2', '127.0.0.3'].map((address) => ({ address, family: 4 }));
          container.register(Resolver, { useValue: { resolve } });
          const server = new Server();
          ${code === 'before' ? 'server.unref();' : ''}
          await server.listen(['two.test', 0]);
          ${code === 'before' ? '' : 'server.unref();'}
          ${code === 7 ? 'server.ref();' : ''}
          // Holds nothing itself.
          setTimeout(() => process.exit(7), 50).unref();`);
        expect(await child.end).to.include({ code: code === 7 ? 7 : 0, stderr: '' });
      });
    }
  });

  describe('on a Unix path', () => {
    for (const mode of [0o600, 0o660, 0o777, 0]) {
      it(`gives its file the mode 0o${mode.toString(8)}`, async () => {
        const path = newPath();
        const server = await listen(path, { mode });
        expect(statSync(path).mode & 0o7777).to.equal(mode);
        expect(await ask({ path }, 'hello').catch((error) => error.code)).to.equal(
          mode === 0 && process.getuid?.() !== 0 ? 'EACCES' : 'hello',
        );
        server.close();
        expect(existsSync(path)).to.equal(false);
      });
    }

    it('leaves the process its umask', async () => {
      const umask = process.umask(0o027);
      try {
        const listening = listen(newPath(), { mode: 0o666 });
        // The file is made in a later turn of the promises.
        for (let i = 0; i < 10; i++) {
          expect(process.umask()).to.equal(0o027);
          await Promise.resolve();
        }
        await listening;
        expect(process.umask()).to.equal(0o027);
      } finally {
        process.umask(umask);
      }
    });

    it('leaves the mode to the umask', async () => {
      const path = newPath();
      const umask = process.umask(0o027);
      try {
        await listen({ path });
      } finally {
        process.umask(umask);
      }
      expect(statSync(path).mode & 0o7777).to.equal(0o750);
    });

    it('lets no more than `backlog` wait in the kernel', async () => {
      const path = newPath();
      await listen(path, { backlog: 1 });
      // All in one turn of the event loop: nothing is accepted meanwhile. One more fits than the backlog says.
      const outcomes = await Promise.allSettled(Array.from({ length: 4 }, () => ask({ path }, 'hello')));
      expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code))).to.deep.equal(
        ['hello', 'hello', 'EAGAIN', 'EAGAIN'],
      );
    });
  });

  const badOptions: [string, unknown][] = [
    ['mode below 0', { mode: -1 }],
    ['mode with a sticky bit', { mode: 0o1000 }],
    ['mode of a fraction', { mode: 0.5 }],
    ['mode as text', { mode: '660' }],
    ['mode NaN', { mode: Number.NaN }],
    ['ipv6Only as a number', { ipv6Only: 1 }],
    ['ipv6Only as text', { ipv6Only: 'no' }],
    ['ipv6Only null', { ipv6Only: null }],
    ['backlog 0', { backlog: 0 }],
    ['backlog below 0', { backlog: -1 }],
    ['backlog of a fraction', { backlog: 1.5 }],
    ['backlog as text', { backlog: '10' }],
    ['backlog Infinity', { backlog: Number.POSITIVE_INFINITY }],
    ['an unknown name', { exclusive: true }],
  ];
  for (const [name, options] of badOptions) {
    it(`refuses ${name}, and listens nowhere`, async () => {
      const path = newPath();
      const server = newServer();
      expect(await failure(server.listen(path, options as ListenOptions))).to.equal('ENGINE_OPTION');
      expect([server.listening, existsSync(path), engine.channels.size]).to.deep.equal([false, false, 0]);
      await server.listen(path, { mode: undefined, ipv6Only: undefined, backlog: undefined });
      expect(await ask({ path }, 'hello')).to.equal('hello');
    });
  }

  describe('on a net.Server', () => {
    const kinds: [string, ServerOpts][] = [
      ['of Node’s defaults, which would end with the peer', {}],
      ['with allowHalfOpen', { allowHalfOpen: true }],
      ['with pauseOnConnect', { pauseOnConnect: true }],
    ];
    for (const [name, options] of kinds) {
      for (const kind of ['TCP', 'Unix'] as const) {
        it(`${name}, ${kind}`, async () => {
          const path = newPath();
          const netServer = createServer(options);
          await once(
            netServer.listen(kind === 'TCP' ? { host: '127.0.0.1', port: 0 } : { path }),
            'listening',
          );
          const server = await listen(netServer);
          const { port } = netServer.address() as AddressInfo;
          const expected = kind === 'TCP' ? { host: '127.0.0.1', port, family: 4 } : { path };
          expect(server.localAddress).to.deep.equal(expected);
          expect(server.port).to.equal(kind === 'TCP' ? port : null);
          expect(server.log.take()).to.deep.equal(['listen']);
          const text = 'x'.repeat(1 << 20);
          // The client finishes before it reads: the answer comes all the same.
          expect((await ask(toNet(server.localAddress), text)) === text).to.equal(true);
          expect(server.log.take()).to.deep.equal(['accept']);
          const closed = once(netServer, 'close');
          server.close();
          expect(netServer.listening).to.equal(false);
          await closed;
          const code = kind === 'TCP' ? 'ECONNREFUSED' : 'ENOENT';
          expect(
            await failure(ask(toNet(expected as AddressInfo & { family: 4; host: string }), '')),
          ).to.equal(code);
        });
      }
    }

    it('that came from another process', async () => {
      const netServer = createServer();
      await once(netServer.listen(0, '127.0.0.1'), 'listening');
      const child = startChild(
        `
        import { Server, Stream } from '@inseam/engine';
        class Echo extends Stream { onRead(data) { this.write(data); } }
        process.once('message', async (_, netServer) => {
          const server = await new Server({ ConnectionClass: Echo }).listen(netServer);
          server.onAccept = () => { server.close(); return true; };
          console.log('listens', server.port);
          process.disconnect();
        });`,
        { ipc: true },
      );
      child.process.send?.('server', netServer);
      const { port } = netServer.address() as AddressInfo;
      await child.printed(`listens ${port}`);
      netServer.close();
      expect(await ask({ host: '127.0.0.1', port }, 'hello')).to.equal('hello');
      expect(await child.end).to.include({ code: 0, stderr: '' });
    });

    it('that does not listen, or not any more, is a UsageError', async () => {
      const netServer = createServer();
      const server = newServer();
      expect(await failure(server.listen(netServer))).to.equal('ENGINE_ADDRESS');
      await once(netServer.listen(0), 'listening');
      await once(netServer.close(), 'close');
      expect(await failure(server.listen(netServer))).to.equal('ENGINE_ADDRESS');
      expect(engine.channels.size).to.equal(0);
    });

    it('is its owner’s again after close', async () => {
      const netServer = createServer();
      await once(netServer.listen(0, '127.0.0.1'), 'listening');
      const server = await listen(netServer);
      server.close();
      await once(netServer, 'close');
      expect([netServer.listenerCount('connection'), netServer.listenerCount('error')]).to.deep.equal([0, 0]);
      netServer.on('connection', (socket) => socket.end('mine'));
      await once(netServer.listen(0, '127.0.0.1'), 'listening');
      const { port } = netServer.address() as AddressInfo;
      expect(await ask({ host: '127.0.0.1', port }, '')).to.equal('mine');
      expect(server.log.events).to.deep.equal(['listen', 'close']);
      await once(netServer.close(), 'close');
    });

    it('leaves its connections from before to their owner', async () => {
      const netServer = createServer();
      await once(netServer.listen(0, '127.0.0.1'), 'listening');
      const { port } = netServer.address() as AddressInfo;
      const accepted = once(netServer, 'connection');
      const client = connect(port, '127.0.0.1');
      const [before] = await accepted;
      const server = await listen(netServer);
      expect(await ask({ host: '127.0.0.1', port }, 'hello')).to.equal('hello');
      server.abort();
      before.end('still here');
      const [answer] = await once(client, 'data');
      expect(String(answer)).to.equal('still here');
      client.destroy();
    });
  });

  describe('on a descriptor', () => {
    it('that the process was started with', async () => {
      const netServer = createServer();
      await once(netServer.listen(0, '127.0.0.1'), 'listening');
      const { port } = netServer.address() as AddressInfo;
      const { _handle: handle } = netServer as unknown as { _handle: { fd: number } };
      const child = startChild(
        `
        import { fstatSync } from 'node:fs';
        import { Server, Stream } from '@inseam/engine';
        class Echo extends Stream {
          onRead(data) { this.write(data); }
          onClose() {
            server.close();
            try { fstatSync(3); } catch (error) { console.log(error.code); }
          }
        }
        const server = await new Server({ ConnectionClass: Echo }).listen({ fd: 3 });
        console.log(JSON.stringify(server.localAddress));`,
        { descriptors: [handle.fd] },
      );
      netServer.close();
      await child.printed(JSON.stringify({ host: '127.0.0.1', port, family: 4 }));
      expect(await ask({ host: '127.0.0.1', port }, 'hello')).to.equal('hello');
      const { stdout, ...end } = await child.end;
      expect(end).to.deep.equal({ code: 0, signal: null, stderr: '' });
      expect(stdout.trim().split('\n').at(-1), 'closed with the server').to.equal('EBADF');
    });

    it('of a Unix socket, with a backlog of its own', async () => {
      const path = newPath();
      const netServer = createServer();
      await once(netServer.listen(`${path}.bound`), 'listening');
      // Closing here takes the file away from where it was made.
      renameSync(`${path}.bound`, path);
      const { _handle: handle } = netServer as unknown as { _handle: { fd: number } };
      const child = startChild(
        `
        import { connect } from 'node:net';
        import { Server, Stream } from '@inseam/engine';
        const server = await new Server().listen({ fd: 3 }, { backlog: 1 });
        console.log(JSON.stringify(server.localAddress), server.port);
        server.onAccept = ({ remoteAddress }) => { console.log(JSON.stringify(remoteAddress)); return true; };
        // All in one turn of the event loop: nothing is accepted meanwhile. One more fits than the backlog says.
        const clients = Array.from({ length: 4 }, () => connect(${JSON.stringify(path)}));
        for (const client of clients.slice(2)) client.once('error', (error) => console.log(error.code));
        let left = 2;
        for (const client of clients.slice(0, 2)) {
          client.resume().end();
          client.once('close', () => { if (--left === 0) server.close(); });
        }`,
        { descriptors: [handle.fd] },
      );
      netServer.close();
      expect(await child.end).to.deep.equal({
        code: 0,
        signal: null,
        stdout: '{"path":""} null\nEAGAIN\nEAGAIN\n{"path":""}\n{"path":""}\n',
        stderr: '',
      });
      expect(existsSync(path), 'not ours to remove').to.equal(true);
    });

    for (const [name, open] of [
      ['nothing', () => 9999],
      ['a file', () => 0],
    ] as const) {
      it(`of ${name} is a TransportError`, async () => {
        const child = startChild(`
          import { Server } from '@inseam/engine';
          const server = new Server();
          await server.listen({ fd: ${open()} }).catch((error) => console.log(error.code, error.cause.code));
          console.log(server.listening);`);
        expect(await child.end).to.deep.equal({
          code: 0,
          signal: null,
          stdout: 'ENGINE_LISTEN_FAILED EINVAL\nfalse\n',
          stderr: '',
        });
      });
    }
  });
});
