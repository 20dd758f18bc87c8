import { ENGINE_LIMITS, type Engine, TransportError } from '@inseam/engine';
import { transportError } from '@inseam/engine/errors';
import { expect } from 'chai';
import { Datagram } from '#src/datagram';
import { engineWithHosts, Peer, record, thrown, usage } from './support/recording-datagram.js';
import { settled, testEngines } from './support/test-engine.js';

const HIGH_WATER = ENGINE_LIMITS.highWaterMark;

describe('Datagram, sending and closing', () => {
  const newEngine = testEngines();

  describe('what fails', () => {
    it('a refused packet goes to onReadError, and the socket stays open', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const { address } = peer;
      await peer.close();
      const datagram = new Datagram({ engine }).connect(address);
      const log = record(datagram);
      let seen: unknown[] = [];
      datagram.onReadError = (error, remote) => {
        seen = [error.code, (error.cause as { code?: unknown }).code, remote];
        log.add('read error');
      };
      datagram.write('x');
      await log.until('read error');
      expect(seen).to.deep.equal(['ENGINE_RECEIVE_FAILED', 'ECONNREFUSED', null]);
      const again = await Peer.bind(...address);
      datagram.write('y');
      await again.log.until('y');
      datagram.close();
      await log.until('close');
      expect(log.take().at(-1)).to.equal('close');
      await again.close();
    });

    it('a packet that is too long goes to onWriteError, and the next one out', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      let seen: unknown[] = [];
      datagram.onWriteError = (error, remote) => {
        seen = [error.code, (error.cause as { code?: unknown }).code, remote?.port];
        log.add('write error');
      };
      datagram.write(Buffer.alloc(65_508), peer.address);
      datagram.write(Buffer.alloc(65_507, 'x'), peer.address);
      await peer.log.until('x');
      await log.until('write');
      expect(seen).to.deep.equal(['ENGINE_SEND_FAILED', 'EMSGSIZE', peer.address[1]]);
      expect(log.take()).to.deep.equal(['write error', 'write']);
      expect(datagram.bytesWritten).to.equal(65_507);
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('is reported by default, and the socket stays open', async () => {
      const { engine, reports } = newEngine();
      const peer = await Peer.bind();
      const { address } = peer;
      await peer.close();
      const datagram = new Datagram({ engine }).connect(address);
      datagram.write(Buffer.alloc(65_508));
      datagram.write('x');
      await reports.until('warn: Datagram could not read');
      expect(reports.take().toSorted()).to.deep.equal([
        'warn: Datagram could not read: ENGINE_RECEIVE_FAILED',
        'warn: Datagram could not send: ENGINE_SEND_FAILED',
      ]);
      expect(datagram.closed).to.equal(false);
      datagram.close();
      await settled();
    });

    it('onWriteError may close it, and then nothing more is told', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.onWriteError = () => {
        log.add('write error');
        datagram.abort();
      };
      datagram.write(Buffer.alloc(65_508), 9);
      await log.until('close');
      await settled();
      expect(log.take()).to.deep.equal(['write error', 'close']);
    });

    it('a socket that cannot be had closes it, with the reason', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine, multicastInterface: 'no interface' });
      const log = record(datagram);
      datagram.write('x', 9);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_SEND_FAILED']);
    });

    it('handlers that throw or reject are reported and harm nothing', async () => {
      const { engine, reports } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine }).connect(peer.address);
      const fail = () => {
        throw new Error('boo');
      };
      Object.assign(datagram, { onConnect: fail, onRead: fail, onWrite: async () => fail(), onClose: fail });
      datagram.write('x');
      await peer.log.until('x');
      const here: [string, number] = ['127.0.0.1', peer.remote?.port ?? 0];
      await peer.send('1', here);
      await reports.until('error: Datagram.onRead');
      datagram.onRead = async () => fail();
      await peer.send('2', here);
      await reports.until('error: Datagram.onRead rejected');
      datagram.close();
      await reports.until('error: Datagram.onClose');
      expect(reports.take().toSorted()).to.deep.equal([
        'error: Datagram.onClose threw: boo',
        'error: Datagram.onConnect threw: boo',
        'error: Datagram.onRead rejected: boo',
        'error: Datagram.onRead threw: boo',
        'error: Datagram.onWrite rejected: boo',
      ]);
      await peer.close();
    });
  });

  describe('back-pressure', () => {
    it('write answers false from 64 KiB on, and all of it is sent', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      const half = Buffer.alloc(HIGH_WATER / 2);
      expect(datagram.write(half, peer.address)).to.equal(true);
      expect(datagram.write(half.subarray(1), peer.address)).to.equal(true);
      expect(datagram.write('x', peer.address)).to.equal(false);
      expect(datagram.write('last', peer.address), 'and takes it all the same').to.equal(false);
      expect(datagram.pendingBytes).to.equal(HIGH_WATER + 4);
      await log.until('write');
      expect(datagram.write('y', peer.address)).to.equal(true);
      await peer.log.until('last');
      expect(datagram.bytesWritten).to.be.at.least(HIGH_WATER + 4);
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('drained resolves at once below 64 KiB, and otherwise at a quarter of it', async () => {
      const test = newEngine();
      const answers: ((addresses: string[]) => void)[] = [];
      const names = Array.from({ length: 8 }, (_, i) => `host${i}`);
      const hosts = names.map((name) => [name, new Promise<string[]>((resolve) => answers.push(resolve))]);
      const datagram = new Datagram({ engine: engineWithHosts(test, Object.fromEntries(hosts)) });
      const log = record(datagram);
      await datagram.drained();
      let isDrained = false;
      for (const name of names) {
        await datagram.drained();
        datagram.write(Buffer.alloc(HIGH_WATER / 8), [name, 9]);
      }
      const drained = datagram.drained().then(() => {
        isDrained = true;
      });
      for (const [i, answer] of answers.entries()) {
        expect(isDrained).to.equal(datagram.pendingBytes <= HIGH_WATER / 4);
        answer(['127.0.0.1']);
        while (datagram.pendingBytes > (7 - i) * (HIGH_WATER / 8)) await settled();
      }
      await drained;
      await log.until('write');
      datagram.abort();
      await log.until('close');
    });

    it('drained resolves when the socket is closed', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine });
      datagram.write(Buffer.alloc(HIGH_WATER), 9);
      const drained = datagram.drained();
      datagram.abort();
      await drained;
      await datagram.drained();
    });

    it('counts empty packets, too', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      let written = 1;
      while (datagram.write('', [written > HIGH_WATER / 2 ? 'slow' : 'unknown', 9])) written++;
      expect(written).to.equal(HIGH_WATER);
      let isDrained = false;
      void datagram.drained().then(() => {
        isDrained = true;
      });
      let failed = 0;
      datagram.onWriteError = () => failed++;
      while (failed < HIGH_WATER / 2) await settled();
      await settled();
      expect(isDrained).to.equal(false);
      datagram.abort();
      await settled();
      expect(isDrained).to.equal(true);
    });
  });

  describe('closing', () => {
    it('sends what waits first, also before there is a socket; nothing is read meanwhile', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('a', peer.address);
      datagram.write('b', peer.address);
      datagram.close();
      datagram.close();
      expect([datagram.closed, engine.channels.size]).to.deep.equal([true, 1]);
      await log.until('close');
      await peer.log.until('b');
      expect(log.take()).to.deep.equal(['close']);
      expect(engine.channels.size).to.equal(0);
      await peer.close();
    });

    it('sends what waits for a connection, and says why where there is none', async () => {
      const test = newEngine();
      const peer = await Peer.bind();
      const engine = engineWithHosts(test, { here: ['127.0.0.1'] });
      for (const [host, expected] of [
        ['here', ['close']],
        ['nowhere', ['close ENGINE_CONNECT_FAILED']],
      ] as const) {
        const datagram = new Datagram({ engine }).connect([host, peer.address[1]]);
        const log = record(datagram);
        datagram.write('x');
        datagram.close();
        await log.until('close');
        expect(log.take()).to.deep.equal(expected);
      }
      await peer.log.until('x');
      await peer.close();
    });

    it('close(false) and abort drop what waits', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const reason = transportError('ENGINE_CONNECTION_LOST');
      const ends = [
        (d: Datagram) => d.close(false),
        (d: Datagram) => d.abort(),
        (d: Datagram) => d.abort(reason),
      ];
      const logs = ends.map((end) => {
        const datagram = new Datagram({ engine });
        const log = record(datagram);
        datagram.write('dropped', peer.address);
        end(datagram);
        end(datagram);
        expect(log.events, 'not from within the call').to.deep.equal([]);
        return log;
      });
      for (const log of logs) await log.until('close');
      const open = new Datagram({ engine });
      open.onWrite = () => {
        open.write('in the system already', 9);
        open.close(false);
      };
      open.write('', 9);
      while (!open.closed) await settled();
      await settled();
      expect(open.pendingBytes).to.equal(0);
      expect(logs.flatMap((log) => log.take())).to.deep.equal([
        'close',
        'close',
        'close ENGINE_CONNECTION_LOST',
      ]);
      await peer.send('only this', peer.address);
      await peer.log.until('only');
      expect(peer.log.take()).to.deep.equal(['only this']);
      await peer.close();
    });

    it('abort ends a close that is still sending', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('x', ['slow', 9]);
      datagram.close();
      await settled();
      expect(log.events).to.deep.equal([]);
      datagram.close(false);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close']);
    });

    it('reads nothing while it is still sending', async () => {
      const test = newEngine();
      const peer = await Peer.bind();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('x', peer.address);
      datagram.write('x', ['slow', 9]);
      datagram.close();
      await peer.log.until('x');
      await peer.send('y', ['127.0.0.1', peer.remote?.port ?? 0]);
      // The loop looks at sockets once in each turn.
      for (let turns = 0; turns < 3; turns++) await settled();
      datagram.abort();
      await log.until('close');
      expect(log.take()).to.deep.equal(['close']);
      expect(datagram.bytesRead).to.equal(0);
      await peer.close();
    });

    it('does not care for the address of a name that comes afterwards', async () => {
      const test = newEngine();
      const peer = await Peer.bind();
      let answer: (addresses: string[]) => void = () => {};
      const slow = new Promise<string[]>((resolve) => {
        answer = resolve;
      });
      const engine = engineWithHosts(test, { slow });
      const [open, unopened] = [new Datagram({ engine }), new Datagram({ engine })];
      open.write('x', peer.address);
      await peer.log.until('x');
      for (const datagram of [open, unopened]) {
        datagram.write('late', ['slow', peer.address[1]]);
        datagram.abort();
        expect(datagram.pendingBytes).to.equal(0);
      }
      const unhandled: unknown[] = [];
      const note = (error: unknown) => unhandled.push(error);
      process.on('unhandledRejection', note);
      answer(['127.0.0.1']);
      await settled();
      process.off('unhandledRejection', note);
      expect(unhandled).to.deep.equal([]);
      await peer.send('end', peer.address);
      await peer.log.until('end');
      expect(peer.log.take()).to.deep.equal(['x', 'end']);
      expect([open.pendingBytes, unopened.localAddress]).to.deep.equal([0, null]);
      await peer.close();
    });

    it('gives up, with a reason, when nothing leaves for closeTimeoutMs', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('x', ['slow', 9]);
      datagram.close();
      test.clock.advance(ENGINE_LIMITS.closeTimeoutMs - 1);
      await settled();
      expect(log.events).to.deep.equal([]);
      test.clock.advance(2 * ENGINE_LIMITS.sweepMs);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_CLOSE_TIMEOUT']);
    });

    it('what was never used closes without a word', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.close();
      await settled();
      expect(log.take()).to.deep.equal([]);
      expect(thrown(() => datagram.write('x', 9))).to.deep.equal(usage('ENGINE_STREAM_CLOSED'));
    });

    it('while connecting, calls onClose and nothing else', async () => {
      const { engine } = newEngine();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.connect(9).close();
      await log.until('close');
      await settled();
      expect(log.take()).to.deep.equal(['close']);
    });

    it('inside onRead, reads nothing more', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine }).connect(peer.address);
      const log = record(datagram);
      datagram.onRead = (data) => {
        log.add(`read ${data}`);
        datagram.close();
      };
      datagram.write('x');
      await peer.log.until('x');
      const here: [string, number] = ['127.0.0.1', peer.remote?.port ?? 0];
      await Promise.all([peer.send('1', here), peer.send('2', here)]);
      await log.until('close');
      expect(log.take()).to.deep.equal(['connect', 'write', 'read 1', 'close']);
      await peer.close();
    });

    it('engine.stop closes it when what waits is out', async () => {
      const { engine } = newEngine();
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.write('x', peer.address);
      await engine.stop();
      expect(log.take()).to.deep.equal(['close']);
      await peer.log.until('x');
      await peer.close();
    });
  });

  describe('timeouts', () => {
    /** Connected, and with a packet sent each way. */
    async function talking(engine: Engine) {
      const peer = await Peer.bind();
      const datagram = new Datagram({ engine }).connect(peer.address);
      const log = record(datagram);
      datagram.write('x');
      await peer.log.until('x');
      const here: [string, number] = ['127.0.0.1', peer.remote?.port ?? 0];
      const hear = async () => {
        await peer.send('y', here);
        await log.until('read');
        log.take();
      };
      await hear();
      return { datagram, log, peer, hear };
    }

    it('idleTimeoutMs closes when nothing came or went', async () => {
      const { engine, clock } = newEngine();
      const { datagram, log, peer, hear } = await talking(engine);
      datagram.idleTimeoutMs = 1000;
      clock.advance(1000);
      await hear();
      clock.advance(900);
      datagram.write('z');
      await log.until('write');
      log.take();
      clock.advance(900);
      await settled();
      expect(log.take()).to.deep.equal([]);
      clock.advance(500);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_IDLE_TIMEOUT']);
      expect(datagram.write('x')).to.equal(false);
      await peer.close();
    });

    it('readTimeoutMs closes when nothing came, whatever goes', async () => {
      const { engine, clock } = newEngine();
      const { datagram, log, peer } = await talking(engine);
      datagram.readTimeoutMs = 1000;
      for (const ms of [400, 400]) {
        clock.advance(ms);
        datagram.write('z');
        await log.until('write');
        log.take();
      }
      clock.advance(700);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_READ_TIMEOUT']);
      await peer.close();
    });

    it('onTimeout may leave it open; Infinity takes the timeout away', async () => {
      const { engine, clock } = newEngine();
      const { datagram, log, peer } = await talking(engine);
      datagram.onTimeout = (error) => log.add(`timeout ${error.code} ${error instanceof TransportError}`);
      datagram.idleTimeoutMs = 1000;
      expect(clock.pending).to.equal(1);
      clock.advance(1500);
      expect(log.take()[0]).to.equal('timeout ENGINE_IDLE_TIMEOUT true');
      datagram.idleTimeoutMs = Number.POSITIVE_INFINITY;
      expect(clock.pending, 'no sweep without a timeout').to.equal(0);
      datagram.close();
      await log.until('close');
      await peer.close();
    });

    it('count while a name is looked up, too', async () => {
      const test = newEngine();
      const engine = engineWithHosts(test, { slow: new Promise(() => {}) });
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.idleTimeoutMs = 1000;
      datagram.write('x', ['slow', 9]);
      test.clock.advance(1500);
      await log.until('close');
      expect(log.take()).to.deep.equal(['close ENGINE_IDLE_TIMEOUT']);
    });

    it('count for a socket that only sends, from its first packet', async () => {
      const { engine, clock } = newEngine();
      const datagram = new Datagram({ engine });
      const log = record(datagram);
      datagram.idleTimeoutMs = 1000;
      expect(clock.pending, 'nothing is open').to.equal(0);
      datagram.write('x', ['127.0.0.1', 9]);
      await log.until('write');
      clock.advance(1500);
      await log.until('close');
      expect(log.take()).to.deep.equal(['write', 'close ENGINE_IDLE_TIMEOUT']);
    });
  });
});
