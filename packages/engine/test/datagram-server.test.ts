import type { Socket } from 'node:dgram';
import {
  type Address,
  ENGINE_LIMITS,
  Engine,
  type EngineErrorCode,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { expect } from 'chai';
import type { DatagramAddress } from '#src/datagram';
import { type DatagramListenOptions, DatagramServer, type DatagramServerOptions } from '#src/datagram-server';
import type { Cutter, ReadDelimiter } from '#src/delimiters/read-delimiter';
import { Resolver } from '#src/resolver';
import { collectGarbage } from './support/collect-garbage.js';
import type { EventLog } from './support/event-log.js';
import { itIPv6, Peer, record, thrown, usage, watchingSockets } from './support/recording-datagram.js';
import { settled, testEngines } from './support/test-engine.js';

async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it should have been rejected');
}

/** The port of a server that listens, on 127.0.0.1. */
function addressOf(server: DatagramServer): [host: string, port: number] {
  return ['127.0.0.1', server.port ?? 0];
}

/** A server on the loopback, what it is told, and `count` plain sockets. */
async function start(engine: Engine, count: number, options: DatagramServerOptions = {}) {
  const server = await new DatagramServer({ engine, ...options }).listen(['127.0.0.1', 0]);
  const log = record(server);
  const peers = await Promise.all(Array.from({ length: count }, () => Peer.bind()));
  /** Sends each of `packets` by the peer of that index and waits until the server has had them all. */
  const send = async (...packets: (readonly [peer: number, text: string])[]) => {
    let bytes = server.bytesRead;
    for (const [i, text] of packets) {
      await peers[i]?.send(Buffer.from(text, 'latin1'), addressOf(server));
      bytes += text.length;
    }
    while (server.bytesRead < bytes) await settled();
  };
  const end = async () => {
    server.close();
    await log.until('close');
    await Promise.all(peers.map((peer) => peer.close()));
  };
  return { server, log, peers, send, end };
}

describe('DatagramServer', () => {
  const newEngine = testEngines();

  describe('listen', () => {
    it('resolves to the server, tells of it, and hears until it is closed', async () => {
      const { engine } = newEngine();
      const server = new DatagramServer({ engine });
      const log = record(server);
      expect([server.port, server.listening, server.localAddress]).to.deep.equal([null, false, null]);
      const listening = server.listen(['127.0.0.1', 0]);
      expect(engine.channels.has(server)).to.equal(true);
      expect(await listening).to.equal(server);
      expect(log.take()).to.deep.equal(['listen']);
      const { port } = server;
      expect(server.listening).to.equal(true);
      expect(server.localAddress).to.deep.equal({ host: '127.0.0.1', port, family: 4 });
      const peer = await Peer.bind();
      await peer.send('x', addressOf(server));
      await log.until('read x');
      server.close();
      await log.until('close');
      expect(log.take()).to.deep.equal(['read x', 'close']);
      expect([server.port, server.listening, server.localAddress?.port]).to.deep.equal([null, false, port]);
      await peer.close();
    });

    const refusals: { name: string; address: unknown; options?: unknown; code: EngineErrorCode }[] = [
      { name: 'a path', address: '/tmp/x', code: 'ENGINE_ADDRESS' },
      { name: 'a port that is none', address: -1, code: 'ENGINE_ADDRESS' },
      { name: 'nothing', address: undefined, code: 'ENGINE_ADDRESS' },
      { name: 'an unknown option', address: 0, options: { backlog: 1 }, code: 'ENGINE_OPTION' },
      { name: 'options that are none', address: 0, options: null, code: 'ENGINE_OPTION' },
    ];
    for (const { name, address, options, code } of refusals) {
      it(`refuses ${name}`, async () => {
        const { engine } = newEngine();
        const server = new DatagramServer({ engine });
        const error = await rejection(server.listen(address as Address, options as DatagramListenOptions));
        expect(error).to.be.instanceOf(UsageError).with.property('code', code);
        expect(engine.channels.size).to.equal(0);
      });
    }

    it('refuses options of the server that it does not know or that cannot be', () => {
      const { engine } = newEngine();
      for (const options of [
        { maxSender: 1 },
        { maxSenders: 0 },
        { maxSenders: 1.5 },
        { senderTimeoutMs: 0 },
        { senderTimeoutMs: Number.NaN },
        { ttl: 0 },
      ]) {
        expect(() => new DatagramServer({ engine, ...options }), JSON.stringify(options))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_OPTION');
      }
    });

    it('is refused a second time, after a write, after connect and after close', async () => {
      const { engine } = newEngine();
      const listening = await new DatagramServer({ engine }).listen(['127.0.0.1', 0]);
      const written = new DatagramServer({ engine });
      written.write('x', 9);
      const connected = new DatagramServer({ engine }).connect(9);
      const closed = new DatagramServer({ engine });
      closed.close();
      for (const server of [listening, written, connected, closed]) {
        const error = await rejection(server.listen(0));
        expect(error).to.be.instanceOf(UsageError).with.property('code', 'ENGINE_SERVER_IN_USE');
        server.abort();
      }
      await settled();
    });

    it('rejects with the cause where the address is taken, says what is lost, and may be called again', async () => {
      const { engine } = newEngine();
      const taken = await Peer.bind();
      const server = new DatagramServer({ engine });
      const log = record(server);
      const listening = server.listen(taken.address);
      server.write('lost', taken.address);
      server.write(Buffer.alloc(ENGINE_LIMITS.highWaterMark), taken.address);
      const drained = server.drained();
      const error = await rejection(listening);
      expect(error).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_LISTEN_FAILED');
      expect(error.cause).to.have.property('code', 'EADDRINUSE');
      await drained;
      expect(log.take()).to.deep.equal(['write error ENGINE_SEND_FAILED']);
      expect([engine.channels.size, server.pendingBytes]).to.deep.equal([0, 0]);
      await server.listen(['127.0.0.1', 0]);
      server.write('found', taken.address);
      await taken.log.until('found');
      expect(taken.log.take()).to.deep.equal(['found']);
      server.close();
      await log.until('close');
      await taken.close();
    });

    it('that has failed leaves it as it was: write opens a socket, and close says nothing', async () => {
      const { engine } = newEngine();
      const taken = await Peer.bind();
      const [server, unused] = [new DatagramServer({ engine }), new DatagramServer({ engine })];
      const logs = [record(server), record(unused)];
      for (const each of [server, unused]) await rejection(each.listen(taken.address));
      server.write('x', taken.address);
      unused.close();
      await taken.log.until('x');
      server.close();
      await logs[0]?.until('close');
      expect(logs.map((log) => log.take())).to.deep.equal([['write', 'close'], []]);
      await taken.close();
    });

    it('that fails after abort stays closed', async () => {
      const { engine } = newEngine();
      const taken = await Peer.bind();
      const server = new DatagramServer({ engine });
      const log = record(server);
      const listening = server.listen(taken.address);
      server.abort();
      expect(await rejection(listening)).to.have.property('code', 'ENGINE_LISTEN_FAILED');
      await settled();
      expect(log.take()).to.deep.equal(['close']);
      expect(server.closed).to.equal(true);
      await taken.close();
    });

    it('that fails while it closes says why what was written is lost', async () => {
      const { engine } = newEngine();
      const taken = await Peer.bind();
      const server = new DatagramServer({ engine });
      const log = record(server);
      const listening = server.listen(taken.address);
      server.write('lost', taken.address);
      server.close();
      expect(await rejection(listening)).to.have.property('code', 'ENGINE_LISTEN_FAILED');
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_SEND_FAILED']);
      await taken.close();
    });

    it('ends when close comes meanwhile, and the port is free again', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const [, port] = peer.address;
      await peer.close();
      const server = new DatagramServer({ engine });
      const log = record(server);
      const listening = server.listen(['127.0.0.1', port]);
      server.close();
      expect(await listening).to.equal(server);
      await settled();
      expect(log.take()).to.deep.equal(['close']);
      await (await Peer.bind('127.0.0.1', port)).close();
    });

    it('takes a name', async () => {
      const { parts, engine } = newEngine();
      parts.register(Resolver, { useValue: { resolve: async () => [{ address: '127.0.0.3', family: 4 }] } });
      const server = await new DatagramServer({ engine: new Engine(parts) }).listen(['here', 0]);
      expect(server.localAddress?.host).to.equal('127.0.0.3');
      server.close();
      await settled();
      expect(engine.channels.size).to.equal(0);
    });

    it('shares a port with reuseAddress only', async () => {
      const { engine } = newEngine();
      const options = { reuseAddress: true };
      const first = await new DatagramServer({ engine }).listen(['127.0.0.1', 0], options);
      const second = await new DatagramServer({ engine }).listen(addressOf(first), options);
      expect(second.port).to.equal(first.port);
      const error = await rejection(new DatagramServer({ engine }).listen(addressOf(first)));
      expect(error).to.have.property('code', 'ENGINE_LISTEN_FAILED');
      first.close();
      second.close();
      await settled();
    });

    itIPv6('on a port alone hears both families, shows IPv4 as such, and answers', async () => {
      const { engine } = newEngine();
      for (const host of [null, '::', '127.0.0.1', '::1', '::ffff:127.0.0.1']) {
        const server = await new DatagramServer({ engine }).listen(host === null ? 0 : [host, 0]);
        const log = record(server);
        server.onRead = (data, remote) => {
          log.add(`${remote.host} ${remote.family}`);
          server.write(data as Buffer, remote);
        };
        const expected = host?.includes('127')
          ? ['127.0.0.1 4']
          : host === '::1'
            ? ['::1 6']
            : ['127.0.0.1 4', '::1 6'];
        for (const each of expected) {
          const [peerHost = ''] = each.split(' ');
          const peer = await Peer.bind(peerHost);
          await peer.send('x', [peerHost, server.port ?? 0]);
          await peer.log.until('x');
          await peer.close();
        }
        await log.until('write');
        expect(
          log.take().filter((event) => event !== 'write'),
          String(host),
        ).to.deep.equal(expected);
        server.close();
        await log.until('close');
      }
    });

    it('on a port alone is of IPv4 where there is no IPv6, unless ipv6Only is wanted', async () => {
      const { engine } = newEngine();
      for (const code of ['EAFNOSUPPORT', 'EADDRNOTAVAIL']) {
        const withoutIPv6 = (call: () => unknown, socket: Socket, [options]: unknown[]) => {
          if ((options as { address: string }).address !== '::') return call();
          return socket.emit('error', Object.assign(new Error(code), { code }));
        };
        await watchingSockets('bind', withoutIPv6, async () => {
          const server = await new DatagramServer({ engine }).listen(0);
          expect(server.localAddress).to.deep.equal({ host: '0.0.0.0', port: server.port, family: 4 });
          server.close();
          for (const [address, options] of [
            [0, { ipv6Only: true }],
            [['::', 0], {}],
          ] as const) {
            const error = await rejection(new DatagramServer({ engine }).listen(address, options));
            expect(error).to.have.nested.property('cause.code', code);
          }
        });
      }
      await settled();
    });

    itIPv6('on a port alone wants both families where there are both', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind('::1');
      const error = await rejection(new DatagramServer({ engine }).listen(peer.address[1]));
      expect(error).to.have.nested.property('cause.code', 'EADDRINUSE');
      await peer.close();
    });

    itIPv6('with ipv6Only leaves IPv4 to another, and does not reach it', async () => {
      const { engine } = newEngine();
      const six = await new DatagramServer({ engine }).listen(0, { ipv6Only: true });
      const four = await new DatagramServer({ engine }).listen(['0.0.0.0', six.port ?? 0]);
      const [sixLog, fourLog] = [record(six), record(four)];
      const [sixPeer, fourPeer] = [await Peer.bind('::1'), await Peer.bind()];
      await fourPeer.send('4', ['127.0.0.1', six.port ?? 0]);
      await sixPeer.send('6', ['::1', six.port ?? 0]);
      await fourLog.until('read 4');
      await sixLog.until('read 6');
      six.write('x', fourPeer.address);
      await sixLog.until('write error');
      expect([sixLog.take(), fourLog.take()]).to.deep.equal([
        ['read 6', 'write error ENGINE_SEND_FAILED', 'write'],
        ['read 4'],
      ]);
      const parts = newEngine().parts.createChildContainer();
      const addresses = [
        { address: '127.0.0.1', family: 4 } as const,
        { address: '::1', family: 6 } as const,
      ];
      parts.register(Resolver, { useValue: { resolve: async () => addresses } });
      const named = await new DatagramServer({ engine: new Engine(parts) }).listen(['::1', 0], {
        ipv6Only: true,
      });
      named.write('by name', ['both', sixPeer.address[1]]);
      await sixPeer.log.until('by name');
      named.close();
      six.close();
      four.close();
      await settled();
      await Promise.all([sixPeer.close(), fourPeer.close()]);
    });
  });

  describe('without a readDelimiter', () => {
    it('hears everybody, one onRead for each packet, exactly', async () => {
      const { engine } = newEngine();
      const { server, log, peers, send, end } = await start(engine, 2);
      const big = 'x'.repeat(65_507);
      await send([0, 'one\n'], [1, ''], [0, 'two\nthree'], [1, big], [1, 'end']);
      await log.until('read end');
      expect(log.take()).to.deep.equal(['read one\n', 'read ', 'read two\nthree', `read ${big}`, 'read end']);
      expect(server.bytesRead).to.equal(engine.stats().bytesRead);
      server.write('to you', peers[1]?.address);
      await peers[1]?.log.until('to you');
      expect([server.remoteAddress, server.connected]).to.deep.equal([null, false]);
      await end();
    });
  });

  describe('with a readDelimiter', () => {
    /** `length` bytes of text behind one byte that says how many. */
    const lengthPrefixed: Cutter<Buffer> = {
      cut(buffer) {
        const end = 1 + (buffer[0] ?? 0);
        return buffer.length < end ? NEED_MORE : { data: buffer.subarray(1, end), consumed: end };
      },
    };
    const kinds: { name: string; delimiter: ReadDelimiter; packets: [number, string][]; expect: string[] }[] =
      [
        {
          name: 'text',
          delimiter: '\n',
          packets: [
            [0, 'a'],
            [1, 'x\ny'],
            [0, 'b\n'],
            [1, '\n'],
          ],
          expect: ['1 x', '0 ab', '1 y'],
        },
        { name: 'bytes', delimiter: Buffer.from([0]), packets: [[0, 'a\0b\0']], expect: ['0 a', '0 b'] },
        {
          name: 'a number',
          delimiter: 3,
          packets: [
            [0, 'ab'],
            [1, '12'],
            [0, 'cdef'],
            [1, '3'],
          ],
          expect: ['0 abc', '0 def', '1 123'],
        },
        {
          name: 'a RegExp',
          delimiter: /--+;/,
          packets: [
            [0, 'a-'],
            [1, 'x--'],
            [0, '-;b'],
            [1, ';'],
          ],
          expect: ['0 a', '1 x'],
        },
        {
          name: 'a Cutter',
          delimiter: lengthPrefixed,
          packets: [
            [0, '\x02'],
            [1, '\x01x\x01'],
            [0, 'ab'],
            [1, 'y'],
          ],
          expect: ['1 x', '0 ab', '1 y'],
        },
      ];
    for (const { name, delimiter, packets, expect: expected } of kinds) {
      it(`gathers what each sender sends and cuts it by ${name}`, async () => {
        const { engine } = newEngine();
        const { server, log, peers, send, end } = await start(engine, 2);
        server.readDelimiter = delimiter;
        expect(server.readDelimiter).to.equal(delimiter);
        const ports = peers.map((peer) => peer.address[1]);
        server.onRead = (data, { host, port }) => {
          expect(host).to.equal('127.0.0.1');
          log.add(`${ports.indexOf(port)} ${data}`);
        };
        await send(...packets);
        expect(log.take()).to.deep.equal(expected);
        await end();
      });
    }

    it('refuses one that could not cut, and a bufferSize that is none', () => {
      const server = new DatagramServer({ engine: newEngine().engine });
      expect(() => {
        server.readDelimiter = '';
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_READ_DELIMITER');
      expect(() => {
        server.bufferSize = 0;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_BUFFER_SIZE');
      expect([server.readDelimiter, server.bufferSize]).to.deep.equal([null, ENGINE_LIMITS.bufferSize]);
    });

    it('one that is set inside onRead governs what is there already', async () => {
      const { engine } = newEngine();
      const { server, log, send, end } = await start(engine, 1);
      server.readDelimiter = '\n';
      const next: ReadDelimiter[] = [3, /;/, null];
      server.onRead = (data) => {
        log.add(String(data));
        const delimiter = next.shift();
        if (delimiter !== undefined) server.readDelimiter = delimiter;
      };
      await send([0, 'line\nabcde;rest\n'], [0, 'packet\n']);
      expect(log.take()).to.deep.equal(['line', 'abc', 'de', 'rest\n', 'packet\n']);
      await end();
    });

    it('one that is set later cuts what every sender has there, in the next turn', async () => {
      const { engine, clock } = newEngine();
      const { server, log, send, end } = await start(engine, 2);
      server.readDelimiter = '\n';
      await send([0, 'a;b'], [1, 'c;d']);
      server.readDelimiter = ';';
      expect(log.take()).to.deep.equal([]);
      clock.advance(0);
      expect(log.take()).to.deep.equal(['read a', 'read c']);
      const before = engine.stats().timers;
      server.readDelimiter = null;
      server.readDelimiter = ',';
      expect(engine.stats().timers - before, 'once for all').to.equal(1);
      clock.advance(0);
      expect(log.take()).to.deep.equal([]);
      server.readDelimiter = null;
      await send([1, 'packet']);
      expect(log.take(), 'nobody waits for that turn').to.deep.equal(['read d', 'read packet']);
      clock.advance(0);
      expect(log.take()).to.deep.equal(['read b']);
      expect(clock.pending, 'nothing to expire').to.equal(0);
      await end();
    });

    it('drops a piece that is longer than bufferSize, reports whose, and hears the others', async () => {
      const { engine, reports } = newEngine();
      const { server, log, peers, send, end } = await start(engine, 2);
      server.readDelimiter = '\n';
      server.bufferSize = 4;
      await send([1, 'fine'], [0, 'good\ntoo l']);
      expect(log.take()).to.deep.equal(['read good', 'overflow ENGINE_BUFFER_OVERFLOW']);
      const remotes: DatagramAddress[] = [];
      server.onOverflowError = (_error, remote) => remotes.push(remote);
      await send([0, 'ong\n'], [0, 'again\n'], [1, '\n']);
      expect(log.take()).to.deep.equal(['read ong', 'read fine']);
      expect(remotes).to.deep.equal([{ host: '127.0.0.1', port: peers[0]?.address[1], family: 4 }]);
      Reflect.deleteProperty(server, 'onOverflowError');
      await send([0, 'again\n']);
      expect(reports.take()).to.deep.equal([
        "warn: DatagramServer dropped a sender's input: ENGINE_BUFFER_OVERFLOW",
      ]);
      await end();
    });

    it('what a Cutter throws goes to onReadError with the sender, whose input is dropped', async () => {
      const { engine } = newEngine();
      const { server, log, peers, send, end } = await start(engine, 1);
      const boo = new Error('boo');
      server.readDelimiter = {
        cut(buffer) {
          if (buffer[0] === 0x21) throw boo;
          return { data: buffer, consumed: buffer.length };
        },
      };
      const seen: unknown[] = [];
      server.onReadError = (error, remote) => seen.push(error.code, error.cause, remote?.port);
      await send([0, '!x'], [0, 'y']);
      expect(seen).to.deep.equal(['ENGINE_CUT', boo, peers[0]?.address[1]]);
      expect(log.take()).to.deep.equal(['read y']);
      server.readDelimiter = { cut: () => ({ data: null, consumed: 0 }) };
      await send([0, 'z']);
      expect(seen.slice(3)).to.deep.equal(['ENGINE_CUT', undefined, peers[0]?.address[1]]);
      await end();
    });

    it('drops an unfinished piece senderTimeoutMs after the last packet', async () => {
      const { engine, clock } = newEngine();
      for (const senderTimeoutMs of [undefined, 1000]) {
        const { server, log, send, end } = await start(engine, 2, { senderTimeoutMs });
        const limit = senderTimeoutMs ?? ENGINE_LIMITS.senderTimeoutMs;
        server.readDelimiter = '\n';
        expect(clock.pending).to.equal(0);
        await send([0, 'a'], [1, 'x']);
        clock.advance(limit * 0.75);
        await send([0, 'b']);
        clock.advance(limit * 0.75);
        await send([0, '\n'], [1, 'y\n']);
        expect(log.take(), 'the one that was heard is kept').to.deep.equal(['read ab', 'read y']);
        await send([0, 'c']);
        clock.advance(2 * limit);
        expect(clock.pending, 'no sweep without unfinished pieces').to.equal(0);
        await send([0, 'd\n']);
        expect(log.take()).to.deep.equal(['read d']);
        await end();
      }
    });

    it('keeps maxSenders unfinished pieces, the latest', async () => {
      const { engine } = newEngine();
      const { server, log, send, end } = await start(engine, 3, { maxSenders: 2 });
      server.readDelimiter = '\n';
      await send([0, 'a'], [1, 'b'], [2, 'c'], [0, '\n'], [1, '\n'], [2, '\n']);
      expect(log.take()).to.deep.equal(['read ', 'read b', 'read c']);
      await end();
    });

    it('closing inside onRead drops the rest', async () => {
      const { engine } = newEngine();
      const { server, log, peers, end } = await start(engine, 1);
      server.readDelimiter = '\n';
      server.onRead = (data) => {
        log.add(`read ${data}`);
        server.close();
      };
      await peers[0]?.send('a\nb\nc', addressOf(server));
      await log.until('close');
      expect(log.events).to.deep.equal(['read a', 'close']);
      await end();
    });

    it('closing inside onRead for what was there drops the packet, too', async () => {
      const { engine, clock } = newEngine();
      const { server, log, peers, send, end } = await start(engine, 1);
      server.readDelimiter = '\n';
      await send([0, 'rest']);
      server.readDelimiter = null;
      server.onRead = (data) => {
        log.add(`read ${data}`);
        server.close();
      };
      await peers[0]?.send('packet', addressOf(server));
      await log.until('close');
      expect(log.events).to.deep.equal(['read rest', 'close']);
      clock.advance(0);
      await end();
    });

    it('a closed server keeps nothing of what was unfinished', async () => {
      const { engine } = newEngine();
      for (const endsInRead of [false, true]) {
        const { server, log, peers, send, end } = await start(engine, 1);
        const kept: WeakRef<ArrayBufferLike>[] = [];
        server.readDelimiter = {
          cut(buffer) {
            kept.push(new WeakRef(buffer.buffer));
            return buffer[0] === 0x21 ? { data: '!', consumed: 1 } : NEED_MORE;
          },
        };
        server.onRead = () => server.close();
        if (endsInRead) {
          await peers[0]?.send(`!${'x'.repeat(10_000)}`, addressOf(server));
          await log.until('close');
        } else {
          await send([0, 'x'.repeat(10_000)]);
          server.close();
        }
        await settled();
        collectGarbage();
        expect(kept.filter((each) => each.deref() !== undefined)).to.deep.equal([]);
        expect(server.closed).to.equal(true);
        await end();
      }
    });

    it('idleTimeoutMs counts for a server, too', async () => {
      const { engine, clock } = newEngine();
      const { server, log, send, end } = await start(engine, 1);
      server.idleTimeoutMs = 1000;
      clock.advance(1000);
      await send([0, 'x']);
      clock.advance(900);
      expect(server.closed).to.equal(false);
      clock.advance(1000);
      await log.until('close');
      expect(log.events).to.deep.equal(['read x', 'close ENGINE_IDLE_TIMEOUT']);
      await end();
    });

    it('handlers that throw stop nothing', async () => {
      const { engine, reports } = newEngine();
      const { server, log, send, end } = await start(engine, 1);
      server.readDelimiter = '\n';
      server.onRead = (data) => {
        log.add(String(data));
        throw new Error('boo');
      };
      await send([0, 'a\nb\n']);
      expect(log.take()).to.deep.equal(['a', 'b']);
      expect(reports.take()).to.deep.equal(Array(2).fill('error: DatagramServer.onRead threw: boo'));
      await end();
    });
  });

  describe('join and leave', () => {
    const GROUP = '239.255.77.77';
    const LOOPBACK = '127.0.0.1';

    /** A server on the port of every member, and what it hears. */
    async function member(engine: Engine, port = 0): Promise<{ server: DatagramServer; log: EventLog }> {
      const server = await new DatagramServer({ engine }).listen(['0.0.0.0', port], { reuseAddress: true });
      return { server, log: record(server) };
    }

    it('hears a group while it is joined', async () => {
      const { engine } = newEngine();
      const first = await member(engine);
      const port = first.server.port ?? 0;
      const second = await member(engine, port);
      const sender = new DatagramServer({ engine, multicastInterface: LOOPBACK });
      await sender.listen([LOOPBACK, 0]);
      first.server.join(GROUP, LOOPBACK);
      second.server.join(GROUP, LOOPBACK);
      sender.write('to both', [GROUP, port]);
      await first.log.until('read to both');
      await second.log.until('read to both');
      first.server.leave(GROUP, LOOPBACK);
      second.server.leave(GROUP, LOOPBACK);
      sender.write('to nobody', [GROUP, port]);
      second.server.join(GROUP, LOOPBACK);
      sender.write('end', [GROUP, port]);
      await second.log.until('read end');
      expect(second.log.take()).to.deep.equal(['read to both', 'read end']);
      for (const server of [first.server, second.server, sender]) server.close();
      await settled();
    });

    itIPv6('hears a group of IPv4 on a socket of both families', async () => {
      const { engine } = newEngine();
      const server = await new DatagramServer({ engine }).listen(0);
      const log = record(server);
      server.join(GROUP, LOOPBACK);
      const sender = await new DatagramServer({ engine, multicastInterface: LOOPBACK }).listen([LOOPBACK, 0]);
      sender.write('x', [GROUP, server.port ?? 0]);
      await log.until('read x');
      server.close();
      sender.close();
      await settled();
    });

    it('refuses what is no group, and what cannot be yet or any more, with a UsageError', async () => {
      const { engine } = newEngine();
      const server = new DatagramServer({ engine });
      const log = record(server);
      const codes = (group: string) =>
        (['join', 'leave'] as const).map((change) => thrown(() => server[change](group, LOOPBACK)));
      const twice = (code: EngineErrorCode) => [usage(code), usage(code)];
      expect(codes(GROUP)).to.deep.equal(twice('ENGINE_NOT_CONNECTED'));
      await server.listen([LOOPBACK, 0]);
      for (const group of [
        '127.0.0.1',
        '223.255.255.255',
        '240.0.0.1',
        '::1',
        'fe80::1',
        'name',
        '',
        '239',
      ]) {
        expect(codes(group), group).to.deep.equal(twice('ENGINE_ADDRESS'));
      }
      for (const group of ['224.0.0.1', '239.255.255.255', 'FF02::1', 'ff0e::1%lo']) {
        try {
          server.leave(group, LOOPBACK);
          expect.fail(`${group} was never joined`);
        } catch (error) {
          expect(error, group).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_LISTEN_FAILED');
        }
      }
      server.close();
      expect(codes(GROUP)).to.deep.equal(twice('ENGINE_STREAM_CLOSED'));
      await log.until('close');
    });

    it('says what the system refuses, with the cause, and goes on listening', async () => {
      const { engine } = newEngine();
      const { server } = await member(engine);
      server.join(GROUP, LOOPBACK);
      for (const [change, networkInterface, cause] of [
        ['join', LOOPBACK, 'EADDRINUSE'],
        ['join', '203.0.113.1', 'ENODEV'],
        ['leave', '203.0.113.1', 'EADDRNOTAVAIL'],
      ] as const) {
        try {
          server[change](GROUP, networkInterface);
          expect.fail(`${change} ${networkInterface} should have failed`);
        } catch (error) {
          expect(error).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_LISTEN_FAILED');
          expect(error).to.have.nested.property('cause.code', cause);
        }
      }
      expect(server.listening).to.equal(true);
      server.close();
      await settled();
    });
  });
});
