import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { inflated } from '../support/deflated.js';
import type { Frame } from '../support/frames.js';
import { groupOf, sockets, written } from '../support/group.js';
import type { SocketWire } from '../support/wire.js';

const LONG = 'so long, and thanks for all the fish; '.repeat(50);
const OFFER = 'permessage-deflate';

async function frames(far: SocketWire, count: number): Promise<Frame[]> {
  const got: Frame[] = [];
  while (got.length < count) got.push(...(await far.takeFrames()));
  return got;
}

describe('api: groups under permessage-deflate', () => {
  it('compress once for all whose window is the same', async () => {
    const wires = await sockets(3, { offer: OFFER, perMessageDeflate: true });
    const memory = wires.map(written);
    groupOf(wires).write(LONG);
    for (const far of wires) {
      const [frame] = await frames(far, 1);
      expect([frame?.rsv, inflated(frame as Frame)]).to.deep.equal([4, LONG]);
    }
    expect(memory.map((given) => given.length)).to.deep.equal([1, 1, 1]);
    expect(new Set(memory.flat()).size).to.equal(1);
  });

  it('compress again for another window, and not for those who have none', async () => {
    const wide = await sockets(2, { offer: OFFER, perMessageDeflate: true });
    const narrow = await sockets(2, { offer: `${OFFER}; server_max_window_bits=9`, perMessageDeflate: true });
    const plain = await sockets(2);
    const wires = [...wide, ...narrow, ...plain];
    const memory = wires.map(written);
    const message = `${randomBytes(1_000).toString('hex')}${LONG}`;
    expect(groupOf(wires).write(message)).to.equal(6);
    const rsv: (number | undefined)[] = [];
    for (const far of wires) {
      const [frame] = await frames(far, 1);
      rsv.push(frame?.rsv);
      expect(inflated(frame as Frame)).to.equal(message);
    }
    expect(rsv).to.deep.equal([4, 4, 4, 4, 0, 0]);
    expect(new Set(memory.flat()).size).to.equal(3);
    for (const pair of [0, 2, 4]) expect(memory[pair]?.[0]).to.equal(memory[pair + 1]?.[0]);
  });

  it('with context take-over each member has its own', async () => {
    const wires = await sockets(2, { offer: OFFER, perMessageDeflate: { contextTakeover: true } });
    const memory = wires.map(written);
    groupOf(wires).write(LONG);
    for (const far of wires) expect(inflated((await frames(far, 1))[0] as Frame)).to.equal(LONG);
    expect(new Set(memory.flat()).size).to.equal(2);
  });

  it('keep the order with the socket’s own messages, short and long', async () => {
    const wires = await sockets(2, { offer: OFFER, perMessageDeflate: true });
    const group = groupOf(wires);
    wires[0]?.socket.write(`1${LONG}`);
    group.write('2');
    group.write(`3${LONG}`);
    wires[0]?.socket.write('4');
    group.write(`5${LONG}`);
    const said = await Promise.all([frames(wires[0] as SocketWire, 5), frames(wires[1] as SocketWire, 3)]);
    expect(said.map((all) => all.map((frame) => inflated(frame)[0]))).to.deep.equal([
      ['1', '2', '3', '4', '5'],
      ['2', '3', '5'],
    ]);
  });

  it('a member that ends while its message is compressed does not matter to the others', async () => {
    const wires = await sockets(3, { offer: OFFER, perMessageDeflate: true });
    const group = groupOf(wires);
    group.write(LONG.repeat(100));
    wires[0]?.socket.abort();
    wires[1]?.client.abort();
    expect(inflated((await frames(wires[2] as SocketWire, 1))[0] as Frame)).to.equal(LONG.repeat(100));
    expect(group.size).to.equal(1);
  });

  it('a message that was compressed for one already is sent to the next at once', async () => {
    const wires = await sockets(2, { offer: OFFER, perMessageDeflate: true });
    const group = groupOf(wires.slice(0, 1));
    group.write(LONG);
    await frames(wires[0] as SocketWire, 1);
    group.add((wires[1] as SocketWire).socket);
    group.write(LONG);
    for (const far of wires) expect(inflated((await frames(far, 1))[0] as Frame)).to.equal(LONG);
  });
});
