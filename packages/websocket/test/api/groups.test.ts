import { UsageError } from '@inseam/engine';
import { Group, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, text } from '../support/frames.js';
import { groupOf, sockets, written } from '../support/group.js';
import { type SocketWire, socketWire } from '../support/wire.js';

const take = (wires: SocketWire[]) => Promise.all(wires.map((far) => far.take()));

describe('api: groups', () => {
  it('write sends text and bytes to all members, and says to how many', async () => {
    const wires = await sockets(3);
    const group = groupOf(wires.slice(0, 2));
    expect([group.write('Hélló'), group.write(Buffer.from([0, 255])), group.write('')]).to.deep.equal([
      2, 2, 2,
    ]);
    const said = ['text Hélló', 'binary 00ff', 'text'];
    expect(await take(wires)).to.deep.equal([said, said, []]);
    expect(wires.map(({ calls }) => calls)).to.deep.equal([['connect'], ['connect'], ['connect']]);
  });

  it('write leaves out `except`, who need not be a member', async () => {
    const wires = await sockets(3);
    const group = groupOf(wires.slice(0, 2));
    expect(group.write('a', { except: wires[0]?.socket })).to.equal(1);
    expect(group.write('b', { except: wires[2]?.socket })).to.equal(2);
    expect(group.write('c', { except: undefined })).to.equal(2);
    expect(await take(wires)).to.deep.equal([['text b', 'text c'], ['text a', 'text b', 'text c'], []]);
  });

  it('an empty one writes to nobody', () => {
    expect(new Group().write('x')).to.equal(0);
  });

  it('add, delete, has, size and iteration', async () => {
    const wires = await sockets(2);
    const [a, b] = wires.map(({ socket }) => socket) as [WebSocket, WebSocket];
    const group = new Group();
    expect(group.add(a).add(b).add(a)).to.equal(group);
    expect([group.size, group.has(a), [...group]]).to.deep.equal([2, true, [a, b]]);
    expect([group.delete(a), group.delete(a), group.size, group.has(a)]).to.deep.equal([
      true,
      false,
      1,
      false,
    ]);
    group.write('x');
    expect(await take(wires)).to.deep.equal([[], ['text x']]);
  });

  it('write() inside a loop is fine', async () => {
    const wires = await sockets(2);
    const group = groupOf(wires);
    for (const member of group) group.write('x', { except: member });
    expect(await take(wires)).to.deep.equal([['text x'], ['text x']]);
  });

  it('delete() inside a loop is fine', async () => {
    const group = groupOf(await sockets(3));
    for (const member of group) group.delete(member);
    expect(group.size).to.equal(0);
  });

  const ends: [string, (far: SocketWire) => unknown][] = [
    ['the peer’s Close', ({ send }) => send(close(1000))],
    ['a reset', ({ client }) => client.abort()],
    ['abort()', ({ socket }) => socket.abort()],
    [
      'close()',
      ({ socket, send }) => {
        socket.close();
        send(close(1000));
      },
    ],
    ['what the peer did wrong', ({ send }) => send(text(Buffer.from([0xff])))],
  ];
  for (const [how, end] of ends) {
    it(`a member leaves by itself, from all its groups, by ${how}`, async () => {
      const wires = await sockets(2);
      const groups = [groupOf(wires), groupOf(wires)];
      end(wires[0] as SocketWire);
      await take(wires);
      await take(wires);
      expect(groups.map((group) => [...group])).to.deep.equal(groups.map(() => [wires[1]?.socket]));
      expect(groups[0]?.write('x')).to.equal(1);
    });
  }

  it('a member that was taken out is not told of any more, nor let in again once it is closed', async () => {
    const wires = await sockets(1);
    const { socket, client } = wires[0] as SocketWire;
    const [stays, left] = [groupOf(wires), groupOf(wires)];
    const told: Group[] = [];
    for (const group of [stays, left]) group.forget = () => void told.push(group);
    left.delete(socket);
    client.abort();
    await take(wires);
    expect(told).to.deep.equal([stays]);
    expect(new Group().add(socket).size).to.equal(0);
  });

  it('one that is closing is no member any more', async () => {
    const [far] = await sockets(1);
    const group = groupOf([far as SocketWire]);
    far?.socket.close();
    expect([group.size, group.write('x')]).to.deep.equal([0, 0]);
    expect(await far?.take()).to.deep.equal(['close 1000']);
  });

  it('onClose may write to the group, and is no member any more', async () => {
    const group = new Group();
    const counts: number[] = [];
    class Leaving extends WebSocket {
      override onConnect(): void {
        group.add(this);
      }
      override onClose(): void {
        counts.push(group.size, group.write('bye'));
      }
    }
    const one = await socketWire(Leaving);
    const two = await one.anotherSocket();
    one.client.abort();
    expect(await two.take()).to.deep.equal(['text bye']);
    expect(counts).to.deep.equal([1, 1]);
  });

  it('add of what is not open, or no WebSocket, is a UsageError', async () => {
    const codes: unknown[] = [];
    const group = new Group();
    class Early extends WebSocket {
      override onHandshake(): boolean {
        try {
          group.add(this);
        } catch (error) {
          codes.push((error as UsageError).code);
        }
        return true;
      }
    }
    await socketWire(Early);
    expect([codes, group.size]).to.deep.equal([['WEBSOCKET_NOT_CONNECTED'], 0]);
    for (const socket of [null, {}, 'x']) {
      expect(() => group.add(socket as WebSocket))
        .to.throw(UsageError)
        .with.property('code', 'WEBSOCKET_GROUP');
    }
  });

  it('write of anything else is a UsageError, and reaches nobody', async () => {
    const wires = await sockets(1);
    const group = groupOf(wires);
    expect(() => group.write(5 as unknown as string))
      .to.throw(UsageError)
      .with.property('code', 'WEBSOCKET_DATA');
    expect(await take(wires)).to.deep.equal([[]]);
  });

  it('close() lets go of all members, which stay open', async () => {
    const wires = await sockets(2);
    const group = groupOf(wires);
    await group.close();
    await group.close();
    expect([group.size, group.write('x')]).to.deep.equal([0, 0]);
    expect(wires.map(({ socket }) => socket.connected)).to.deep.equal([true, true]);
    expect(await (await new Group().ready()).close()).to.equal(undefined);
  });

  it('messages of the group and the socket’s own stand in the order in which they were written', async () => {
    const wires = await sockets(2);
    const group = groupOf(wires);
    wires[0]?.socket.write('1');
    group.write('2');
    wires[0]?.socket.write('3');
    group.write('4');
    expect(await take(wires)).to.deep.equal([
      ['text 1', 'text 2', 'text 3', 'text 4'],
      ['text 2', 'text 4'],
    ]);
  });

  describe('frames a message once', () => {
    for (const [what, length, pieces] of [
      ['a short one in one piece', 100, 1],
      ['one of 16 KiB in one piece', 16_384, 1],
      ['a long one in two pieces', 16_385, 2],
    ] as const) {
      it(`${what}, which all members are given`, async () => {
        const wires = await sockets(3);
        const memory = wires.map(written);
        const data = Buffer.alloc(length, 'x');
        groupOf(wires).write(data);
        const [first] = memory;
        expect(first).to.have.length(pieces);
        for (const given of memory) expect(given.every((piece, i) => piece === first?.[i])).to.equal(true);
        const frames = await Promise.all(wires.map((far) => far.takeFrames()));
        expect(frames.every(([frame]) => frame?.payload.equals(data))).to.equal(true);
      });
    }

    it('each message by itself', async () => {
      const wires = await sockets(3);
      const group = groupOf(wires);
      const memory = wires.map(written);
      group.write(Buffer.from('one'));
      group.write(Buffer.from('one'));
      expect(memory[0]?.[0]).to.equal(memory[1]?.[0]);
      expect(memory[0]?.[0]).not.to.equal(memory[0]?.[1]);
      await take(wires);
    });
  });

  describe('slow members', () => {
    const limits = { maxBufferedBytes: 1_000 };

    it("'close': one ends, the others are served", async () => {
      const wires = await sockets(3, { limits });
      const group = groupOf(wires);
      wires[1]?.client.pause();
      for (const [data, count] of [
        ['x'.repeat(900), 3],
        ['y'.repeat(200), 3],
        ['z', 3],
      ] as const) {
        expect(group.write(data)).to.equal(count);
        for (const far of [wires[0], wires[2]]) expect(await far?.take()).to.deep.equal([`text ${data}`]);
      }
      await wires[1]?.pass(1_100);
      expect(wires[1]?.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_SLOW_READER)']);
      expect([group.size, group.write('on')]).to.deep.equal([2, 2]);
    });

    it("'drop': one loses what is too much, and is not counted for it", async () => {
      const wires = await sockets(2, { limits, slowReader: 'drop' });
      const group = groupOf(wires);
      wires[1]?.client.pause();
      group.write('x'.repeat(900));
      await wires[0]?.take();
      expect([group.write('y'.repeat(200)), wires[1]?.socket.dropped]).to.deep.equal([1, 1]);
      wires[1]?.client.resume();
      expect((await wires[1]?.take())?.map((words) => words.length)).to.deep.equal([905]);
      expect([group.write('z'), group.size]).to.deep.equal([2, 2]);
    });
  });
});
