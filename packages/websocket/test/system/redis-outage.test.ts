import { expect } from 'chai';
import {
  busOver,
  codeOf,
  Ear,
  hearers,
  lines,
  newClient,
  open,
  runToEnd,
  startedAgain,
  stopped,
  until,
  written,
} from '../support/redis-parts.js';
import { itWithRedis } from '../support/redis-server.js';

describe('RedisBus without Redis', () => {
  describe('while Redis is away', () => {
    for (const settings of [{ RESP: 2 }, { RESP: 3 }, { disableOfflineQueue: true }] as const) {
      itWithRedis(
        `drops messages with one warning, and works again after: ${JSON.stringify(settings)}`,
        async (redis) => {
          let retries = 0;
          const reconnectStrategy = (count: number) => {
            retries = count;
            return 5;
          };
          const { client, bus, log } = await open(redis, {}, { ...settings, reconnectStrategy });
          const ear = new Ear();
          await bus.subscribe('lobby', ear.hear);
          for (const outage of ['first', 'second']) {
            const before = ear.texts.length;
            log.entries.splice(0);
            retries = 0;
            await stopped(redis, client);
            for (let at = 0; at < 1_000; at++) bus.publish('lobby', Buffer.from(String(at)));
            await until(() => retries >= 4);
            await startedAgain(redis, client);
            await until(async () => (await hearers(client)) === 1);
            bus.publish('lobby', Buffer.from(outage));
            await ear.until(outage);
            expect(ear.texts.slice(before)).to.deep.equal([outage]);
            await client.ping();
            expect(lines(log)).to.have.members([
              'warn: nothing is heard from other processes until Redis is back',
              'warn: messages to other processes are lost',
              'info: other processes are heard again',
              'info: Redis takes messages again: 1000 were lost',
            ]);
          }
        },
      );

      itWithRedis(
        `leaving and subscribe() take until it is back: ${JSON.stringify(settings)}`,
        async (redis) => {
          let retries = 0;
          const reconnectStrategy = (count: number) => {
            retries = count;
            return 5;
          };
          const { client, bus } = await open(redis, {}, { ...settings, reconnectStrategy });
          const ear = new Ear();
          const leave = await bus.subscribe('garden', () => {});
          await stopped(redis, client);
          await until(() => retries >= 1);
          const left = leave();
          await until(() => retries >= 4);
          await startedAgain(redis, client);
          await left;
          expect(await hearers(client, 'inseam:garden')).to.equal(0);

          // Now nothing is subscribed that the client would restore by itself.
          await stopped(redis, client);
          retries = 0;
          const subscribed = bus.subscribe('lobby', ear.hear);
          await until(() => retries >= 4);
          await startedAgain(redis, client);
          await subscribed;
          for (const text of ['1', '2']) bus.publish('lobby', Buffer.from(text));
          await ear.until('2');
          expect(ear.texts).to.deep.equal(['1', '2']);
        },
      );
    }

    itWithRedis('what was asked of it but not answered is asked again', async (redis) => {
      const { client, bus } = await open(redis);
      const ear = new Ear();
      const leave = await bus.subscribe('garden', () => {});
      redis.pause();
      const subscribed = bus.subscribe('lobby', ear.hear);
      const left = leave();
      await written();
      await stopped(redis, client);
      await startedAgain(redis, client);
      await Promise.all([subscribed, left]);
      expect([await hearers(client), await hearers(client, 'inseam:garden')]).to.deep.equal([1, 0]);
      bus.publish('lobby', Buffer.from('hello'));
      await ear.until('hello');
      expect(ear.texts).to.deep.equal(['hello']);
    });

    itWithRedis('messages that it had not confirmed are lost with one warning', async (redis) => {
      const { client, bus, log } = await open(redis);
      redis.pause();
      for (let at = 0; at < 10; at++) bus.publish('lobby', Buffer.from(String(at)));
      await written();
      await stopped(redis, client);
      await startedAgain(redis, client);
      bus.publish('lobby', Buffer.from('confirmed'));
      await client.ping();
      expect(lines(log)).to.deep.equal([
        'warn: messages to other processes are lost',
        'info: Redis takes messages again: 10 were lost',
      ]);
      expect(log.entries[0]?.error).to.be.an('error');
    });

    itWithRedis('the first subscribe() waits for it too', async (redis) => {
      const { client, bus, log } = await open(redis);
      await stopped(redis, client);
      const subscribed = bus.subscribe('lobby', () => {});
      await until(() => log.entries.length > 0);
      await redis.start();
      await subscribed;
      await until(() => client.isReady);
      expect(await hearers(client)).to.equal(1);
    });
  });

  describe('when Redis does not keep up', () => {
    itWithRedis(
      'at most maxPendingBytes wait for it, and the rest is dropped with one warning',
      async (redis) => {
        const { client, bus, log } = await open(redis, { maxPendingBytes: 20_384 });
        const ear = new Ear();
        await bus.subscribe('lobby', ear.hear);
        redis.pause();
        // Each counts as 1,000 + 4,096 bytes: with four of them the limit is reached.
        for (let at = 0; at < 100; at++) bus.publish('lobby', Buffer.alloc(1_000, String(at)));
        await written();
        for (let at = 0; at < 100; at++) bus.publish('lobby', Buffer.from('later'));
        expect(lines(log)).to.deep.equal(['warn: messages to other processes are lost']);
        redis.resume();
        await client.ping();
        expect(lines(log).slice(1)).to.deep.equal(['info: Redis takes messages again: 196 were lost']);
        bus.publish('lobby', Buffer.from('end'));
        await ear.until('end');
        expect(ear.texts.map((text) => text.slice(0, 3))).to.deep.equal(['000', '111', '222', '333', 'end']);
      },
    );

    itWithRedis('is told once until nothing waits any more, whatever else goes through', async (redis) => {
      const { client, bus, log } = await open(redis);
      await client.sendCommand(['ACL', 'SETUSER', 'default', 'resetchannels', '&inseam:garden']);
      for (const topic of ['lobby', 'garden', 'lobby', 'garden']) bus.publish(topic, Buffer.from('hello'));
      await client.ping();
      expect(lines(log)).to.deep.equal([
        'warn: messages to other processes are lost',
        'info: Redis takes messages again: 2 were lost',
      ]);
    });

    itWithRedis('one message longer than maxPendingBytes goes through', async (redis) => {
      const { bus, log } = await open(redis, { maxPendingBytes: 1 });
      const ear = new Ear();
      await bus.subscribe('lobby', ear.hear);
      bus.publish('lobby', Buffer.from('long'));
      await ear.until('long');
      expect(log.entries).to.deep.equal([]);
    });

    itWithRedis('64 MiB may wait unless another limit is set', async (redis) => {
      const { bus, log } = await open(redis);
      redis.pause();
      const bytes = 1_048_576 - 4_096;
      for (let at = 0; at < 63; at++) bus.publish('lobby', Buffer.alloc(bytes));
      bus.publish('lobby', Buffer.alloc(bytes - 1));
      bus.publish('lobby', Buffer.alloc(0));
      expect(log.entries).to.deep.equal([]);
      bus.publish('lobby', Buffer.alloc(0));
      expect(log.entries.length).to.equal(1);
      redis.resume();
    });
  });

  describe('its client', () => {
    itWithRedis('publishes nothing before it is connected', async (redis) => {
      const client = newClient(redis.path);
      const { bus, log } = busOver(client);
      bus.publish('lobby', Buffer.from('early'));
      expect(log.entries.map(({ error }) => error)).to.deep.equal(['Redis is not connected']);
    });

    itWithRedis('that gives up connecting is told of, and subscribe() can be tried again', async (redis) => {
      const { client, bus, log } = await open(redis, {}, { reconnectStrategy: false });
      await stopped(redis, client);
      expect(await codeOf(bus.subscribe('lobby', () => {}))).to.equal('WEBSOCKET_BUS_CLOSED');
      expect(lines(log)).to.deep.equal([
        'error: nothing more is heard from other processes: the Redis client has given up',
      ]);
      await redis.start();
      await client.connect();
      const ear = new Ear();
      await bus.subscribe('lobby', ear.hear);
      bus.publish('lobby', Buffer.from('hello'));
      await ear.until('hello');
    });

    itWithRedis('that gives up later leaves nobody waiting', async (redis) => {
      let isPatient = true;
      const reconnectStrategy = () => (isPatient ? 5 : false);
      const { client, bus, log } = await open(redis, {}, { reconnectStrategy });
      await bus.subscribe('lobby', () => {});
      await stopped(redis, client);
      await until(() => log.entries.length > 0);
      const waiting = codeOf(bus.subscribe('garden', () => {}));
      isPatient = false;
      expect(await waiting).to.equal('WEBSOCKET_BUS_CLOSED');
      expect(await codeOf(bus.subscribe('garden', () => {}))).to.equal('WEBSOCKET_BUS_CLOSED');
      expect(await codeOf(bus.subscribe('lobby', () => {}))).to.equal('WEBSOCKET_BUS_CLOSED');
      expect(lines(log).at(-1)).to.match(/^error: nothing more is heard/);
    });
  });

  describe('close()', () => {
    itWithRedis('rejects what waits for an answer, and nobody is told of a failure', async (redis) => {
      const { bus, log } = await open(redis);
      const leave = await bus.subscribe('garden', () => {});
      redis.pause();
      const subscribed = codeOf(bus.subscribe('lobby', () => {}));
      const left = leave();
      await written();
      bus.close();
      expect(await subscribed).to.equal('WEBSOCKET_BUS_CLOSED');
      await left;
      redis.resume();
      expect(log.entries).to.deep.equal([]);
    });

    itWithRedis('rejects what waits for Redis to come back', async (redis) => {
      const { client, bus, log } = await open(redis);
      const leave = await bus.subscribe('garden', () => {});
      await stopped(redis, client);
      await until(() => log.entries.length > 0);
      const subscribed = codeOf(bus.subscribe('lobby', () => {}));
      const left = leave();
      await written();
      bus.close();
      expect(await subscribed).to.equal('WEBSOCKET_BUS_CLOSED');
      await left;
      expect(lines(log)).to.deep.equal(['warn: nothing is heard from other processes until Redis is back']);
    });

    itWithRedis('while connecting keeps no connection, however far that has come', async (redis) => {
      for (const turns of [0, 1, 2, 3]) {
        const { client, bus, log } = await open(redis);
        const others = (await client.clientList()).length;
        const subscribed = codeOf(bus.subscribe('lobby', () => {}));
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        bus.close();
        expect(await subscribed).to.equal('WEBSOCKET_BUS_CLOSED');
        await until(async () => (await client.clientList()).length === others);
        expect(log.entries).to.deep.equal([]);
      }
    });

    it('while Redis cannot be reached lets the process end', async () => {
      const output = await runToEnd(`
        const client = createClient({ socket: { path: '/nowhere', reconnectStrategy: 5 } });
        const bus = new RedisBus(client);
        const subscribed = bus.subscribe('lobby', () => {}).catch(({ code }) => console.log(code));
        setTimeout(() => bus.close(), 20);
        await subscribed;
        await bus.subscribe('lobby', () => {}).catch(({ code }) => console.log(code));
      `);
      expect(output).to.equal('WEBSOCKET_BUS_CLOSED\nWEBSOCKET_BUS_CLOSED\n');
    });
  });
});
