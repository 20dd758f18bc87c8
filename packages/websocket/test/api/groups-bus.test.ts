import { UsageError } from '@inseam/engine';
import { type Bus, Group, type GroupOptions } from '@inseam/websocket';
import { expect } from 'chai';
import { groupOf, logging, MemoryBus, sockets } from '../support/group.js';
import type { SocketWire } from '../support/wire.js';

const take = (wires: SocketWire[]) => Promise.all(wires.map((far) => far.take()));

/** Two groups, as of two processes, with a member each. */
async function two(bus: Bus): Promise<{ wires: SocketWire[]; groups: Group[] }> {
  const wires = await sockets(2);
  const groups = wires.map((far) => groupOf([far], { bus, topic: 'lobby' }));
  await Promise.all(groups.map((group) => group.ready()));
  return { wires, groups };
}

describe('api: groups over a bus', () => {
  it('reach each other, both ways, exactly once, text and bytes', async () => {
    const { wires, groups } = await two(new MemoryBus());
    expect(groups[0]?.write('Hélló €')).to.equal(1);
    expect(await take(wires)).to.deep.equal([['text Hélló €'], ['text Hélló €']]);
    groups[1]?.write(Buffer.from([0, 255]));
    expect(await take(wires)).to.deep.equal([['binary 00ff'], ['binary 00ff']]);
    groups[0]?.write('');
    groups[0]?.write(Buffer.alloc(0));
    expect(await take(wires)).to.deep.equal([
      ['text', 'binary'],
      ['text', 'binary'],
    ]);
    await Promise.all(groups.map((group) => group.close()));
  });

  it('keep the order of one sender', async () => {
    const { wires, groups } = await two(new MemoryBus());
    const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
    for (const words of texts) groups[0]?.write(words.slice(5));
    expect(await take(wires)).to.deep.equal([texts, texts]);
  });

  it('a message of 1 MiB', async () => {
    const { wires, groups } = await two(new MemoryBus());
    groups[0]?.write(Buffer.alloc(1 << 20, 7));
    for (const far of wires)
      expect((await far.takeFrames())[0]?.payload.equals(Buffer.alloc(1 << 20, 7))).to.equal(true);
  });

  it('`except` is for the sender’s own process', async () => {
    const { wires, groups } = await two(new MemoryBus());
    expect(groups[0]?.write('x', { except: wires[0]?.socket })).to.equal(0);
    expect(await take(wires)).to.deep.equal([[], ['text x']]);
  });

  it('topics are apart', async () => {
    const bus = new MemoryBus();
    const wires = await sockets(2);
    const groups = wires.map((far, i) => groupOf([far], { bus, topic: `room ${i}` }));
    await Promise.all(groups.map((group) => group.ready()));
    groups[0]?.write('x');
    expect(await take(wires)).to.deep.equal([['text x'], []]);
  });

  it('a group without members still tells the others', async () => {
    const { wires, groups } = await two(new MemoryBus());
    groups[0]?.delete((wires[0] as SocketWire).socket);
    expect(groups[0]?.write('x')).to.equal(0);
    expect(await take(wires)).to.deep.equal([[], ['text x']]);
  });

  it('what is no message of a group is passed over', async () => {
    const bus = new MemoryBus();
    const { wires } = await two(bus);
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(16),
      Buffer.alloc(17),
      Buffer.alloc(40, 'x'),
      Buffer.alloc(17, 8),
    ]) {
      bus.publish('lobby', bytes);
    }
    expect(await take(wires)).to.deep.equal([[], []]);
    bus.publish('lobby', Buffer.concat([Buffer.alloc(16), Buffer.from('\x01hi')]));
    expect(await take(wires)).to.deep.equal([['text hi'], ['text hi']]);
  });

  const failures: [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
  ];
  for (const [how, publish] of failures) {
    it(`a publish that ${how} is a line in the log, and members of this process are served`, async () => {
      const { log, container } = logging();
      const bus = Object.assign(new MemoryBus(), { publish });
      const wires = await sockets(1);
      const group = groupOf(wires, { bus, topic: 'lobby', container });
      expect(group.write('x')).to.equal(1);
      expect(await take(wires)).to.deep.equal([['text x']]);
      expect(log.entries.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
        'warn a message to lobby was not published',
      ]);
    });
  }

  const broken: [string, Bus['subscribe']][] = [
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
  ];
  for (const [how, subscribe] of broken) {
    it(`a subscribe that ${how} is a line in the log, and ready() rejects`, async () => {
      const { log, container } = logging();
      const bus = Object.assign(new MemoryBus(), { subscribe });
      const wires = await sockets(1);
      const group = groupOf(wires, { bus, topic: 'lobby', container });
      const error = await group.ready().catch((thrown: unknown) => thrown);
      expect(error).to.be.an('error').with.property('message', 'down');
      expect(log.entries).to.deep.equal([{ level: 'error', message: 'could not subscribe to lobby', error }]);
      expect(group.write('x')).to.equal(1);
      await group.close();
    });
  }

  it('ready() waits for the bus, and resolves to the group', async () => {
    let confirm = (_: () => void) => {};
    const subscribe = () =>
      new Promise<() => void>((resolve) => {
        confirm = resolve;
      });
    const group = new Group({ bus: Object.assign(new MemoryBus(), { subscribe }), topic: 'lobby' });
    let result: unknown = null;
    void group.ready().then((ready) => {
      result = ready;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(result).to.equal(null);
    confirm(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(result).to.equal(group);
    const alone = new Group();
    expect(await alone.ready()).to.equal(alone);
  });

  it('close() leaves the bus, once, and says nothing on it afterwards', async () => {
    const bus = new MemoryBus();
    const { wires, groups } = await two(bus);
    await groups[0]?.close();
    await groups[0]?.close();
    expect(bus.topics.get('lobby')?.size).to.equal(1);
    groups[1]?.write('x');
    expect(await take(wires)).to.deep.equal([[], ['text x']]);
    groups[0]?.add((wires[0] as SocketWire).socket).write('y');
    expect(bus.published).to.have.length(1);
    expect(await take(wires)).to.deep.equal([['text y'], []]);
  });

  it('close() called again leaves nothing twice', async () => {
    let left = 0;
    const subscribe = async () => () => left++;
    const group = new Group({ bus: Object.assign(new MemoryBus(), { subscribe }), topic: 'lobby' });
    await Promise.all([group.close(), group.close()]);
    await group.close();
    expect(left).to.equal(1);
  });

  it('close() before the bus has confirmed leaves it when it has', async () => {
    const bus = new MemoryBus();
    const group = new Group({ bus, topic: 'lobby' });
    await group.close();
    expect(bus.topics.get('lobby')?.size).to.equal(0);
  });

  it('close() rejects where the bus cannot be left', async () => {
    const subscribe = async () => () => Promise.reject(new Error('stuck'));
    const group = new Group({ bus: Object.assign(new MemoryBus(), { subscribe }), topic: 'lobby' });
    const error = await group.close().catch((thrown: unknown) => thrown);
    expect(error).to.be.an('error').with.property('message', 'stuck');
  });

  const bad: [string, unknown, string][] = [
    ['a bus without a topic', { bus: new MemoryBus() }, 'WEBSOCKET_GROUP'],
    ['a topic without a bus', { topic: 'lobby' }, 'WEBSOCKET_GROUP'],
    ['a topic that is no text', { bus: new MemoryBus(), topic: 5 }, 'WEBSOCKET_GROUP'],
    ['a bus that is none', { bus: {}, topic: 'lobby' }, 'WEBSOCKET_GROUP'],
    ['a bus null', { bus: null, topic: 'lobby' }, 'WEBSOCKET_GROUP'],
    ['an unknown option', { name: 'lobby' }, 'ENGINE_OPTION'],
  ];
  for (const [what, options, code] of bad) {
    it(`${what} is a UsageError`, () => {
      expect(() => new Group(options as GroupOptions))
        .to.throw(UsageError)
        .with.property('code', code);
    });
  }
});
