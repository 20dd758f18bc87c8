import { randomBytes } from 'node:crypto';
import { InseamError } from '@inseam/engine';
import { RedisBus, type RedisBusOptions } from '@inseam/websocket/redis';
import { expect } from 'chai';
import {
  busOver,
  type Client,
  codeOf,
  Ear,
  hearers,
  lines,
  newClient,
  open,
  until,
} from '../support/redis-parts.js';
import { itWithRedis } from '../support/redis-server.js';

describe('RedisBus', () => {
  /** How often Redis was given a command, or refused it. */
  /** How often Redis was given a command, or refused it. */
  async function calls(client: Client, command: string, kind = 'calls'): Promise<number> {
    const stats = await client.info('commandstats');
    return Number(new RegExp(`cmdstat_${command}:.*?\\b${kind}=(\\d+)`).exec(stats)?.[1] ?? 0);
  }

  async function connections(client: Client): Promise<number> {
    return (await client.clientList()).length;
  }

  describe('carries', () => {
    const messages = [
      { name: 'every byte', bytes: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) },
      { name: 'nothing', bytes: Buffer.alloc(0) },
      { name: 'the line ends of its own protocol', bytes: Buffer.from('\r\n$5\r\nhello\r\n') },
      { name: 'a mebibyte', bytes: randomBytes(1_048_576) },
    ];
    for (const RESP of [2, 3] as const) {
      itWithRedis(
        `${messages.map(({ name }) => name).join(', ')} as they are, in RESP${RESP}`,
        async (redis) => {
          const [here, there] = [await open(redis, {}, { RESP }), await open(redis, {}, { RESP })];
          const [mine, theirs] = [new Ear(), new Ear()];
          await here.bus.subscribe('lobby', mine.hear);
          await there.bus.subscribe('lobby', theirs.hear);
          for (const { bytes } of messages) here.bus.publish('lobby', bytes);
          here.bus.publish('lobby', Buffer.from('end'));
          for (const ear of [mine, theirs]) {
            await ear.until('end');
            expect(ear.messages.length).to.equal(messages.length + 1);
            for (const [at, { name, bytes }] of messages.entries()) {
              expect(ear.messages[at]?.equals(bytes), name).to.equal(true);
            }
          }
          expect([...here.log.entries, ...there.log.entries]).to.deep.equal([]);
        },
      );
    }

    itWithRedis('messages in the order in which one process publishes them', async (redis) => {
      const [here, there] = [await open(redis), await open(redis)];
      const ear = new Ear();
      await there.bus.subscribe('lobby', ear.hear);
      const texts = Array.from({ length: 2_000 }, (_, at) => String(at));
      for (const text of texts) here.bus.publish('lobby', Buffer.from(text));
      await ear.until('1999');
      expect(ear.texts).to.deep.equal(texts);
    });
  });

  describe('subscribing', () => {
    itWithRedis('is confirmed when subscribe() resolves', async (redis) => {
      const { client, bus } = await open(redis);
      await bus.subscribe('lobby', () => {});
      expect(await hearers(client)).to.equal(1);
    });

    itWithRedis('makes one more connection, when it is first needed', async (redis) => {
      const { client, bus } = await open(redis);
      bus.publish('lobby', Buffer.from('unheard'));
      expect(await connections(client)).to.equal(1);
      await Promise.all([bus.subscribe('lobby', () => {}), bus.subscribe('garden', () => {})]);
      expect(await connections(client)).to.equal(2);
    });

    itWithRedis(
      'asks Redis once for a topic with several listeners, and leaves with the last',
      async (redis) => {
        const { client, bus } = await open(redis);
        const [first, second, third] = [new Ear(), new Ear(), new Ear()];
        const [leaveFirst, leaveSecond] = await Promise.all([
          bus.subscribe('lobby', first.hear),
          bus.subscribe('lobby', second.hear),
        ]);
        const leaveThird = await bus.subscribe('lobby', third.hear);
        expect(await calls(client, 'subscribe')).to.equal(1);

        bus.publish('lobby', Buffer.from('to all'));
        for (const ear of [first, second, third]) await ear.until('to all');
        await leaveFirst();
        await leaveSecond();
        expect(await hearers(client)).to.equal(1);
        bus.publish('lobby', Buffer.from('to one'));
        await third.until('to one');
        expect(third.texts).to.deep.equal(['to all', 'to one']);
        expect([...first.texts, ...second.texts]).to.deep.equal(['to all', 'to all']);

        await leaveThird();
        expect(await hearers(client)).to.equal(0);
        expect(await calls(client, 'unsubscribe')).to.equal(1);
        await leaveThird();
        expect(await calls(client, 'unsubscribe')).to.equal(1);
      },
    );

    itWithRedis('twice with one function calls it twice, and leaving once takes one away', async (redis) => {
      const { bus } = await open(redis);
      const ear = new Ear();
      const leave = await bus.subscribe('lobby', ear.hear);
      await bus.subscribe('lobby', ear.hear);
      bus.publish('lobby', Buffer.from('a'));
      await until(() => ear.texts.length === 2);
      await leave();
      await leave();
      bus.publish('lobby', Buffer.from('b'));
      await ear.until('b');
      expect(ear.texts).to.deep.equal(['a', 'a', 'b']);
    });

    itWithRedis(
      'again while the last one leaves, or leaving at once, ends as was asked last',
      async (redis) => {
        const { client, bus } = await open(redis);
        const ear = new Ear();
        const leave = await bus.subscribe('lobby', () => {});
        const left = leave();
        const leaveAgain = await bus.subscribe('lobby', ear.hear);
        await left;
        expect(await hearers(client)).to.equal(1);
        bus.publish('lobby', Buffer.from('still here'));
        await ear.until('still here');

        const leaveToo = bus.subscribe('lobby', () => {});
        await Promise.all([leaveAgain(), leaveToo.then((go) => go())]);
        expect(await hearers(client)).to.equal(0);
        await bus.subscribe('lobby', ear.hear);
        expect(await hearers(client)).to.equal(1);
      },
    );

    itWithRedis('while the last one leaves hears on when a later one leaves', async (redis) => {
      const { client, bus } = await open(redis);
      const ear = new Ear();
      const leave = await bus.subscribe('lobby', () => {});
      const left = leave();
      await bus.subscribe('lobby', ear.hear);
      await left;
      const leaveLater = await bus.subscribe('lobby', () => {});
      await leaveLater();
      expect(await hearers(client)).to.equal(1);
      bus.publish('lobby', Buffer.from('still here'));
      await ear.until('still here');
    });

    itWithRedis('keeps topics, and buses with prefixes of their own, apart', async (redis) => {
      const { client, bus } = await open(redis);
      const { bus: other } = busOver(client, { prefix: 'other:' });
      const [lobby, garden, theirs] = [new Ear(), new Ear(), new Ear()];
      await bus.subscribe('lobby', lobby.hear);
      await bus.subscribe('garden', garden.hear);
      await other.subscribe('lobby', theirs.hear);
      expect(await hearers(client, 'other:lobby')).to.equal(1);
      bus.publish('lobby', Buffer.from('1'));
      bus.publish('garden', Buffer.from('2'));
      other.publish('lobby', Buffer.from('3'));
      await theirs.until('3');
      await garden.until('2');
      expect([lobby.texts, garden.texts, theirs.texts]).to.deep.equal([['1'], ['2'], ['3']]);
    });

    itWithRedis('rejects with what Redis says when it refuses, and can be tried again', async (redis) => {
      const { client, bus, log } = await open(redis);
      await client.sendCommand(['ACL', 'SETUSER', 'default', 'resetchannels', '&inseam:garden']);
      const ear = new Ear();
      const refused = [bus.subscribe('lobby', ear.hear), bus.subscribe('lobby', ear.hear)];
      for (const one of refused.map(codeOf)) expect(await one).to.match(/NOPERM/);
      expect(await calls(client, 'subscribe', 'rejected_calls')).to.equal(2);
      await bus.subscribe('garden', () => {});
      for (const text of ['1', '2', '3']) bus.publish('lobby', Buffer.from(text));
      await client.ping();
      expect(lines(log)).to.deep.equal(
        ['warning: messages to other processes are lost'].map((text) => text.replace('warning', 'warn')),
      );
      expect(String(log.entries[0]?.error)).to.match(/NOPERM/);

      await client.sendCommand(['ACL', 'SETUSER', 'default', 'allchannels']);
      await bus.subscribe('lobby', ear.hear);
      bus.publish('lobby', Buffer.from('4'));
      await ear.until('4');
      expect(ear.texts).to.deep.equal(['4']);
    });

    itWithRedis('a listener that throws harms neither the others nor the next message', async (redis) => {
      const { bus, log } = await open(redis);
      const ear = new Ear();
      await bus.subscribe('lobby', () => {
        throw new Error('mine');
      });
      await bus.subscribe('lobby', ear.hear);
      for (const text of ['1', '2']) bus.publish('lobby', Buffer.from(text));
      await ear.until('2');
      expect(ear.texts).to.deep.equal(['1', '2']);
      expect(lines(log)).to.deep.equal(Array(2).fill('error: a listener to inseam:lobby threw'));
      expect(String(log.entries[0]?.error)).to.equal('Error: mine');
    });
  });

  describe('close()', () => {
    itWithRedis(
      'ends the connection that hears, and leaves the client and publishing alone',
      async (redis) => {
        const [here, there] = [await open(redis), await open(redis)];
        const ear = new Ear();
        const leave = await here.bus.subscribe('lobby', () => {});
        await there.bus.subscribe('lobby', ear.hear);
        here.bus.close();
        here.bus.close();
        await leave();
        await until(async () => (await connections(here.client)) === 3);
        expect(await hearers(here.client)).to.equal(1);
        expect(await codeOf(here.bus.subscribe('lobby', () => {}))).to.equal('WEBSOCKET_BUS_CLOSED');
        here.bus.publish('lobby', Buffer.from('goodbye'));
        await ear.until('goodbye');
        expect(here.log.entries).to.deep.equal([]);
      },
    );

    itWithRedis('holds from that moment on, also in a listener', async (redis) => {
      const { client, bus } = await open(redis);
      const heard: string[] = [];
      const ear = new Ear();
      await busOver(client).bus.subscribe('lobby', ear.hear);
      await bus.subscribe('lobby', (message) => {
        heard.push(String(message));
        bus.close();
      });
      await client.multi().publish('inseam:lobby', '1').publish('inseam:lobby', '2').exec();
      await ear.until('2');
      expect(heard).to.deep.equal(['1']);
    });

    itWithRedis('before anything is subscribed makes no connection', async (redis) => {
      const { client, bus } = await open(redis);
      bus.close();
      expect(await codeOf(bus.subscribe('lobby', () => {}))).to.equal('WEBSOCKET_BUS_CLOSED');
      expect(await client.info('stats')).to.match(/^total_connections_received:1\r$/m);
    });
  });

  it('refuses options that it does not know, and values that cannot be', () => {
    const client = newClient('/nowhere');
    const make = (options: object) => () => new RedisBus(client, options as RedisBusOptions);
    expect(make({ prefx: '' }))
      .to.throw(InseamError)
      .with.property('code', 'ENGINE_OPTION');
    expect(make({ maxPendingBytes: 0 }))
      .to.throw(InseamError)
      .with.property('code', 'ENGINE_OPTION');
    expect(make({ prefix: 1 }))
      .to.throw(InseamError)
      .with.property('code', 'WEBSOCKET_OPTION');
    expect(make({ prefix: '' })).not.to.throw();
  });
});
