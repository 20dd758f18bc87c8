import type { Socket } from 'node:dgram';
import { type Address, Clock, ENGINE_LIMITS, Logger } from '@inseam/engine';
import { expect } from 'chai';
import { Datagram, type DatagramOptions } from '#src/datagram';
import { DatagramServer } from '#src/datagram-server';
import { EventLog } from './support/event-log.js';
import {
  engineWithHosts,
  itIPv6,
  Peer,
  record,
  thrown,
  usage,
  watchingSockets,
} from './support/recording-datagram.js';
import { settled, testEngines } from './support/test-engine.js';

describe('Datagram', () => {
  const newEngine = testEngines();

  describe('refuses, with a UsageError', () => {
    const noAddresses: { name: string; address: unknown }[] = [
      { name: 'a Unix socket path', address: '/tmp/x' },
      { name: 'a path in an object', address: { path: '/tmp/x' } },
      { name: 'port 0', address: 0 },
      { name: 'port 0 of a host', address: ['127.0.0.1', 0] },
      { name: 'a port that is none', address: 65_536 },
      { name: 'a host alone', address: '127.0.0.1' },
      { name: 'null', address: null },
      { name: 'an empty object', address: {} },
    ];
    for (const { name, address } of noAddresses) {
      it(`${name} as an address`, () => {
        const { engine } = newEngine();
        const datagram = new Datagram({ engine });
        expect(thrown(() => datagram.write('x', address as Address))).to.deep.equal(usage('ENGINE_ADDRESS'));
        expect(thrown(() => datagram.connect(address as Address))).to.deep.equal(usage('ENGINE_ADDRESS'));
        expect(engine.channels.size).to.equal(0);
      });
    }

    const badOptions: { name: string; options: unknown }[] = [
      { name: 'an unknown one', options: { timeToLive: 1 } },
      { name: 'null', options: null },
      { name: 'ttl 0', options: { ttl: 0 } },
      { name: 'ttl 256', options: { ttl: 256 } },
      { name: 'ttl 1.5', options: { ttl: 1.5 } },
      { name: 'multicastTtl -1', options: { multicastTtl: -1 } },
      { name: 'multicastTtl 256', options: { multicastTtl: 256 } },
    ];
    for (const { name, options } of badOptions) {
      it(`${name} as options`, () => {
        expect(thrown(() => new Datagram(options as DatagramOptions))).to.deep.equal(usage('ENGINE_OPTION'));
      });
    }

    it('data that is neither text nor bytes', () => {
      const datagram = new Datagram({ engine: newEngine().engine });
      for (const data of [1, null, undefined, ['x'], new ArrayBuffer(1)]) {
        expect(thrown(() => datagram.write(data as unknown as string, 9))).to.deep.equal(
          usage('ENGINE_DATA'),
        );
      }
      expect(datagram.pendingBytes).to.equal(0);
    });

    it('timeouts that are none', () => {
      const datagram = new Datagram({ engine: newEngine().engine });
      for (const ms of [0, -1, Number.NaN, '1']) {
        const set = (name: 'idleTimeoutMs' | 'readTimeoutMs') => () => {
          datagram[name] = ms as number;
        };
        expect(thrown(set('idleTimeoutMs'))).to.deep.equal(usage('ENGINE_OPTION'));
        expect(thrown(set('readTimeoutMs'))).to.deep.equal(usage('ENGINE_OPTION'));
      }
      expect([datagram.idleTimeoutMs, datagram.readTimeoutMs]).to.deep.equal([Infinity, Infinity]);
    });

    it('to write without an address, and with one beside the peer', async () => {
      const datagram = new Datagram({ engine: newEngine().engine });
      expect(thrown(() => datagram.write('x'))).to.deep.equal(usage('ENGINE_NO_REMOTE'));
      const log = record(datagram.connect(9));
      expect(thrown(() => datagram.write('x', 9))).to.deep.equal(usage('ENGINE_ADDRESS'));
      datagram.abort();
      await log.until('close');
    });

    it('to connect twice, after a write, and after close', async () => {
      const { engine } = newEngine();
      const connected = new Datagram({ engine }).connect(9);
      const written = new Datagram({ engine });
      written.write('x', 9);
      const closed = new Datagram({ engine });
      closed.close();
      for (const datagram of [connected, written, closed]) {
        expect(thrown(() => datagram.connect(9))).to.deep.equal(usage('ENGINE_STREAM_IN_USE'));
        datagram.abort();
      }
      await settled();
    });

    it('to write after close', async () => {
      const { engine } = newEngine();
      for (const end of ['close', 'abort'] as const) {
        const datagram = new Datagram({ engine });
        datagram.write('x', 9);
        datagram[end]();
        expect(datagram.closed).to.equal(true);
        expect(thrown(() => datagram.write('x', 9))).to.deep.equal(usage('ENGINE_STREAM_CLOSED'));
        datagram.abort();
      }
      await settled();
    });
  });

  describe('without a peer', () => {
    it('sends one packet for each write, in order: text as UTF-8, bytes, a part of a buffer, nothing', async () => {
      const { engine } = newEngine();
      const [a, b] = [await Peer.bind(), await Peer.bind()];
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      expect([datagram.localAddress, engine.channels.size]).to.deep.equal([null, 0]);
      expect(datagram.write('ü', a.address)).to.equal(true);
      expect(engine.channels.has(datagram)).to.equal(true);
      datagram.write(Buffer.from([0, 255]), a.address);
      datagram.write(Buffer.from('abcdef').subarray(2, 4), a.address);
      datagram.write('for b', { host: b.address[0], port: b.address[1] });
      datagram.write('', a.address);
      datagram.write('end', a.address);
      expect(datagram.pendingBytes).to.equal(14);
      await a.log.until('end');
      await b.log.until('for b');
      expect(a.log.take()).to.deep.equal(['\xc3\xbc', '\0\xff', 'cd', '', 'end']);
      expect(b.log.take()).to.deep.equal(['for b']);
      await log.until('write');
      expect(log.take(), 'onWrite once, when all is out').to.deep.equal(['write']);
      expect([datagram.pendingBytes, datagram.bytesWritten, engine.stats().bytesWritten]).to.deep.equal([
        0, 14, 14,
      ]);
      expect(datagram.localAddress).to.deep.equal({ host: '0.0.0.0', port: a.remote?.port, family: 4 });
      datagram.write('more', a.address);
      await log.until('write');
      datagram.close();
      await log.until('close');
      expect(datagram.localAddress?.port, 'still there').to.equal(a.remote?.port);
      await Promise.all([a.close(), b.close()]);
    });

    it('hears everybody, one onRead for each packet, and can answer', async () => {
      const { engine } = newEngine();
      const [a, b] = [await Peer.bind(), await Peer.bind()];
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('hello', a.address);
      await a.log.until('hello');
      const here: [string, number] = ['127.0.0.1', a.remote?.port ?? 0];
      const reads = new EventLog();
      datagram.onRead = (data, remote) => {
        reads.add(data.toString());
        expect(Buffer.isBuffer(data)).to.equal(true);
        expect(remote).to.deep.equal({ host: '127.0.0.1', port: b.address[1], family: 4 });
        datagram.write(`${data}!`, remote);
      };
      await b.send('one', here);
      await b.send('', here);
      await b.send('two', here);
      await b.log.until('two!');
      expect(reads.take()).to.deep.equal(['one', '', 'two']);
      expect(b.log.take()).to.deep.equal(['one!', '!', 'two!']);
      expect([datagram.bytesRead, engine.stats().bytesRead]).to.deep.equal([6, 6]);
      expect([datagram.remoteAddress, datagram.connected]).to.deep.equal([null, false]);
      datagram.close();
      await log.until('close');
      await Promise.all([a.close(), b.close()]);
    });

    itIPv6('reaches IPv4 too when the first address is of IPv6, and shows it as such', async () => {
      const { engine } = newEngine();
      const [four, six] = [await Peer.bind('127.0.0.1'), await Peer.bind('::1')];
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('6', six.address);
      datagram.write('4', four.address);
      datagram.write('mapped', [`::ffff:${four.address[0]}`, four.address[1]]);
      await six.log.until('6');
      await four.log.until('mapped');
      expect(four.log.take()).to.deep.equal(['4', 'mapped']);
      const remotes = new EventLog();
      datagram.onRead = (_data, { host, family }) => remotes.add(`${host} ${family}`);
      await four.send('x', ['127.0.0.1', four.remote?.port ?? 0]);
      await six.send('x', ['::1', six.remote?.port ?? 0]);
      await remotes.until('::1');
      expect(remotes.take()).to.deep.equal(['127.0.0.1 4', '::1 6']);
      datagram.close();
      await log.until('close');
      await Promise.all([four.close(), six.close()]);
    });

    it('says that IPv6 cannot be reached when the first address was of IPv4', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      const failures: unknown[] = [];
      datagram.onWriteError = (error, remote) => failures.push([error.code, error.message, remote]);
      datagram.write('a', peer.address);
      await log.until('write');
      log.take();
      datagram.write('lost', ['::1', 9]);
      expect(failures, 'not from within the call').to.deep.equal([]);
      datagram.write('b', [`::ffff:${peer.address[0]}`, peer.address[1]]);
      await log.until('write');
      expect(failures).to.deep.equal([
        [
          'ENGINE_SEND_FAILED',
          'a datagram could not be sent (::1 cannot be reached by an IPv4 socket)',
          { host: '::1', port: 9, family: 6 },
        ],
      ]);
      await peer.log.until('b');
      expect(peer.log.take()).to.deep.equal(['a', 'b']);
      expect(datagram.bytesWritten, 'what was not sent does not count').to.equal(2);
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('sends to this machine when there is a port alone', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      datagram.write('x', peer.address[1]);
      await peer.log.until('x');
      datagram.abort();
      await peer.close();
    });
  });

  describe('with names', () => {
    it('sends to the first address within reach, and holds up nobody else', async () => {
      const test = newEngine();
      const peer = await Peer.bind();
      const port = peer.address[1];
      let answer: (addresses: string[]) => void = () => {};
      const later = new Promise<string[]>((resolve) => {
        answer = resolve;
      });
      const engine = engineWithHosts(test, { later, here: ['::1', '127.0.0.1'], nowhere: [] });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.onWriteError = ({ cause }) => log.add(`write error ${(cause as Error).message}`);
      datagram.write('a', ['later', port]);
      datagram.write('direct', ['127.0.0.1', port]);
      datagram.write('b', ['later', port]);
      datagram.write('here', ['here', port]);
      await peer.log.until('here');
      expect(peer.log.take()).to.deep.equal(['direct', 'here']);
      expect(log.take(), 'something waits').to.deep.equal([]);
      answer(['127.0.0.1']);
      await peer.log.until('b');
      expect(peer.log.take(), 'in order').to.deep.equal(['a', 'b']);
      datagram.write('1', ['unknown', port]);
      datagram.write('2', ['nowhere', port]);
      await log.until('write error nowhere');
      await settled();
      expect(log.take()).to.deep.equal([
        'write',
        'write error no unknown',
        'write error nowhere has no address',
        'write',
      ]);
      datagram.write('again', ['here', port]);
      await peer.log.until('again');
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('connects to the first address of a name', async () => {
      const test = newEngine();
      const peer = await Peer.bind('127.0.0.2');
      const engine = engineWithHosts(test, { peer: ['127.0.0.2', '127.0.0.1'] });
      const datagram = new Datagram({ engine }).connect(['peer', peer.address[1]]);
      const log = record(datagram);
      datagram.write('x');
      await peer.log.until('x');
      expect(datagram.remoteAddress).to.deep.equal({ host: '127.0.0.2', port: peer.address[1], family: 4 });
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('asks the system by default', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine }).connect(['localhost', 9]);
      const log = record(datagram);
      await log.until('connect');
      expect(datagram.remoteAddress?.host).to.be.oneOf(['127.0.0.1', '::1']);
      datagram.close();
      await log.until('close');
    });
  });

  describe('connect', () => {
    it('fixes the peer: write needs no address, and only it is heard', async () => {
      const { engine } = newEngine();
      const [peer, stranger] = [await Peer.bind(), await Peer.bind()];
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      expect(datagram.connect(peer.address)).to.equal(datagram);
      expect([engine.channels.has(datagram), datagram.connected]).to.deep.equal([true, false]);
      datagram.write('early');
      await log.until('connect');
      expect(datagram.connected).to.equal(true);
      expect(datagram.remoteAddress).to.deep.equal({ host: '127.0.0.1', port: peer.address[1], family: 4 });
      datagram.write('late');
      await peer.log.until('late');
      expect(peer.log.take()).to.deep.equal(['early', 'late']);
      expect(datagram.localAddress).to.deep.equal({ host: '127.0.0.1', port: peer.remote?.port, family: 4 });
      const here: [string, number] = ['127.0.0.1', peer.remote?.port ?? 0];
      await stranger.send('stranger', here);
      await peer.send('peer', here);
      await log.until('read');
      datagram.close();
      await log.until('close');
      expect(log.take().filter((event) => event !== 'write')).to.deep.equal([
        'connect',
        'read peer',
        'close',
      ]);
      expect([datagram.connected, datagram.remoteAddress?.port]).to.deep.equal([false, peer.address[1]]);
      await Promise.all([peer.close(), stranger.close()]);
    });

    it('does not hear what came before the system knew the peer', async () => {
      const { engine } = newEngine();
      const [peer, stranger] = [await Peer.bind(), await Peer.bind()];
      const elsewhere = await Peer.bind('127.0.0.2', peer.address[1]);
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      const sendFirst = async (call: () => unknown, socket: Socket) => {
        const { port } = socket.address();
        await stranger.send('stranger', ['127.0.0.1', port]);
        await elsewhere.send('stranger', ['127.0.0.1', port]);
        call();
      };
      await watchingSockets('connect', sendFirst, async () => {
        datagram.connect(peer.address);
        await log.until('connect');
      });
      await peer.send('peer', ['127.0.0.1', datagram.localAddress?.port ?? 0]);
      await log.until('read');
      expect(log.take()).to.deep.equal(['connect', 'read peer']);
      expect(datagram.bytesRead).to.equal(4);
      datagram.close();
      await log.until('close');
      await Promise.all([peer.close(), stranger.close(), elsewhere.close()]);
    });

    itIPv6('takes IPv6', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind('::1');
      const datagram = new Datagram({ engine }).connect(peer.address);
      const log = record(datagram);
      datagram.write('x');
      await peer.log.until('x');
      await peer.send('y', ['::1', peer.remote?.port ?? 0]);
      await log.until('read y');
      expect(datagram.localAddress).to.deep.equal({ host: '::1', port: peer.remote?.port, family: 6 });
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('tells of a failure once, by onConnectError and then onClose, and drops what waits', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, {});
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      let cause: unknown;
      datagram.onConnectError = (error) => {
        log.add(`connect error ${error.code}`);
        cause = error.cause;
      };
      datagram.connect(['unknown', 9]);
      datagram.write('x');
      const drained = datagram.drained();
      await log.until('close');
      await drained;
      expect(log.take()).to.deep.equal([
        'connect error ENGINE_CONNECT_FAILED',
        'close ENGINE_CONNECT_FAILED',
      ]);
      expect(cause).to.have.property('message', 'no unknown');
      expect(datagram.write('x'), 'no program can know that in time').to.equal(false);
      expect([engine.channels.size, datagram.pendingBytes, engine.stats().errors]).to.deep.equal([0, 0, 1]);
    });

    it('reports a failure, by default, and one of the system, too', async () => {
      const { engine, reports } = newEngine();
      // A port of a broadcast address is refused unless `broadcast` is set.
      new Datagram({ engine }).connect(['127.255.255.255', 9]);
      await reports.until('warn');
      expect(reports.take()).to.deep.equal(['warn: Datagram could not connect: ENGINE_CONNECT_FAILED']);
      await settled();
    });

    it('gives up a name after connectTimeoutMs', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.connect(['slow', 9]);
      test.clock.advance(ENGINE_LIMITS.connectTimeoutMs - 1);
      await settled();
      expect(log.take()).to.deep.equal([]);
      test.clock.advance(2 * ENGINE_LIMITS.sweepMs);
      await log.until('close');
      expect(log.take()).to.deep.equal([
        'connect error ENGINE_CONNECT_TIMEOUT',
        'close ENGINE_CONNECT_TIMEOUT',
      ]);
      expect(engine.channels.size).to.equal(0);
    });
  });

  describe('settings', () => {
    const settings: { options: DatagramOptions; method: string; args: unknown[] }[] = [
      { options: { ttl: 7 }, method: 'setTTL', args: [7] },
      { options: { broadcast: true }, method: 'setBroadcast', args: [true] },
      { options: { multicastTtl: 0 }, method: 'setMulticastTTL', args: [0] },
      { options: { multicastInterface: '127.0.0.1' }, method: 'setMulticastInterface', args: ['127.0.0.1'] },
      { options: { multicastLoopback: false }, method: 'setMulticastLoopback', args: [false] },
    ];
    for (const { options, method, args } of settings) {
      it(`${Object.keys(options)[0]} is the system's ${method}`, async () => {
        const { engine } = newEngine();
        const calls: unknown[][] = [];
        const note = (call: () => unknown, _socket: Socket, given: unknown[]) => {
          calls.push(given);
          return call();
        };
        await watchingSockets(method, note, async () => {
          for (const used of [options, {}]) {
            const datagram = new Datagram({ engine, ...used });
            const log = record(datagram);
            datagram.connect(9);
            await log.until('connect');
            const sender = new Datagram({ engine, ...used });
            sender.write('', 9);
            const server = await new DatagramServer({ engine, ...used }).listen(['127.0.0.1', 0]);
            for (const each of [datagram, sender, server]) each.close();
            await log.until('close');
            await settled();
          }
        });
        expect(calls, 'of connect, write and listen').to.deep.equal([args, args, args]);
      });
    }

    it('broadcast packets leave with broadcast only', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind('0.0.0.0');
      const everybody: Address = ['127.255.255.255', peer.address[1]];
      const shy = new Datagram({ engine });
      const shyLog = record(shy);
      shy.write('no', everybody);
      await shyLog.until('write error ENGINE_SEND_FAILED');
      const loud = new Datagram({ engine, broadcast: true });
      loud.write('yes', everybody);
      await peer.log.until('yes');
      expect(peer.log.take()).to.deep.equal(['yes']);
      for (const datagram of [shy, loud]) datagram.close();
      await settled();
      await peer.close();
    });

    it('takes engine and logger as a Stream does', async () => {
      const { parts, clock, engine } = newEngine();
      const child = parts.createChildContainer();
      const messages: string[] = [];
      const warn = (message: string) => messages.push(message);
      child.register(Logger, { useValue: { warn, debug: warn, info: warn, error: warn } });
      const datagram = new Datagram({ container: child });
      expect(datagram.engine).to.equal(engine);
      expect(parts.resolve(Clock)).to.equal(clock);
      datagram.logger.warn('here');
      expect(messages).to.deep.equal(['here']);
    });
  });
});
