import { UsageError } from '@inseam/engine';
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { PING, ping, pong } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

/** The payloads of the pings that have come. */
async function pings(far: SocketWire): Promise<string[]> {
  const frames = await far.takeFrames();
  return frames.filter(({ opcode }) => opcode === PING).map(({ payload }) => payload.toString('latin1'));
}

const pongs = (far: SocketWire) => far.calls.filter((call) => call.startsWith('pong'));

describe('api: ping', () => {
  it('without data, onPong gets the round-trip time', async () => {
    const far = await socketWire();
    far.socket.ping();
    const [payload = ''] = await pings(far);
    await far.pass(250);
    far.send(pong(payload));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'pong 250']);
  });

  it('with data, onPong gets the data', async () => {
    const received: unknown[] = [];
    class Noting extends WebSocket {
      override onPong(pong: unknown): void {
        received.push(pong);
      }
    }
    const far = await socketWire(Noting);
    for (const data of ['text €', Buffer.from([0, 255]), new Uint8Array([7]), '', 'x'.repeat(125)])
      far.socket.ping(data);
    const payloads = (await far.takeFrames()).map(({ payload }) => payload);
    const expected = [
      Buffer.from('text €'),
      Buffer.from([0, 255]),
      Buffer.from([7]),
      Buffer.alloc(0),
      Buffer.alloc(125, 'x'),
    ];
    expect(payloads).to.deep.equal(expected);
    for (const payload of payloads) far.send(pong(payload));
    await far.settle();
    expect(received).to.deep.equal(expected);
  });

  it('a pong that nobody asked for gives its data', async () => {
    const far = await socketWire();
    far.send(Buffer.concat([pong('hi'), pong()]));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'pong hi', 'pong ']);
  });

  it('several are told apart, in any order that makes sense', async () => {
    const far = await socketWire();
    far.socket.ping();
    await far.pass(100);
    far.socket.ping();
    await far.pass(100);
    far.socket.ping();
    const [a = '', b = '', c = ''] = await pings(far);
    expect(new Set([a, b, c]).size).to.equal(3);
    await far.pass(100);
    far.send(pong(a));
    await far.pass(50);
    far.send(pong(b));
    far.send(pong(c));
    await far.settle();
    expect(pongs(far)).to.deep.equal(['pong 300', 'pong 250', 'pong 150']);
  });

  it('a pong to the latest answers the earlier ones, too (RFC 6455 §5.5.3)', async () => {
    const far = await socketWire();
    far.socket.ping();
    await far.pass(100);
    far.socket.ping();
    const [a = '', b = ''] = await pings(far);
    await far.pass(50);
    far.send(pong(b));
    await far.settle();
    expect(pongs(far)).to.deep.equal(['pong 50']);
    far.send(pong(a));
    await far.settle();
    expect(pongs(far)).to.deep.equal(['pong 50', `pong ${a}`]);
  });

  it('the same pong twice is one', async () => {
    const far = await socketWire();
    far.socket.ping();
    const [a = ''] = await pings(far);
    far.send(Buffer.concat([pong(a), pong(a)]));
    await far.settle();
    expect(pongs(far)).to.deep.equal(['pong 0', `pong ${a}`]);
  });

  it('pings of two sockets do not mix', async () => {
    const far = await socketWire();
    const other = await far.anotherSocket();
    far.socket.ping();
    await far.pass(100);
    other.socket.ping();
    const [payload = ''] = await pings(other);
    other.send(pong(payload));
    await other.settle();
    expect([pongs(far), pongs(other)]).to.deep.equal([[], ['pong 0']]);
  });

  for (const data of ['x'.repeat(126), '€'.repeat(42), Buffer.alloc(126)]) {
    it(`${data.length} ${typeof data === 'string' ? 'characters' : 'bytes'} that are 126 bytes are a UsageError`, async () => {
      const far = await socketWire();
      expect(() => far.socket.ping(data))
        .to.throw(UsageError)
        .with.property('code', 'WEBSOCKET_PING');
      expect(await far.take()).to.deep.equal([]);
    });
  }

  it('the peer’s is answered with its data, in its place', async () => {
    const far = await socketWire();
    far.send(Buffer.concat([ping('a'), ping(), ping(Buffer.alloc(125, 'x'))]));
    expect(await far.take()).to.deep.equal(['pong a', 'pong', `pong ${'x'.repeat(125)}`]);
    expect(far.calls).to.deep.equal(['connect']);
  });

  it('many whose pongs never come are forgotten', async () => {
    const far = await socketWire();
    for (let i = 0; i < 100; i++) far.socket.ping();
    const payloads = await pings(far);
    expect(payloads).to.have.length(100);
    far.send(pong(payloads[0]));
    far.send(pong(payloads[99]));
    await far.settle();
    expect(pongs(far)).to.deep.equal([`pong ${payloads[0]}`, 'pong 0']);
  });

  describe('maxControlFramesPerSecond', () => {
    const limits = { maxControlFramesPerSecond: 3 };

    it('more in a second are refused with 1008, pings and pongs together', async () => {
      const far = await socketWire(WebSocket, { limits });
      far.send(Buffer.concat([ping('1'), pong('2'), ping('3'), ping('4'), ping('5')]));
      expect(await far.take()).to.deep.equal([
        'pong 1',
        'pong 3',
        'close 1008 more control frames in a second than are taken',
      ]);
      await far.settle();
      expect(far.calls).to.deep.equal([
        'connect',
        'pong 2',
        'close 1006 (WEBSOCKET_TOO_MANY_CONTROL_FRAMES)',
      ]);
    });

    it('the one that is too much is not told, nor answered', async () => {
      const far = await socketWire(WebSocket, { limits });
      far.send(Buffer.concat([pong('1'), pong('2'), pong('3'), pong('4'), pong('5')]));
      await far.settle();
      expect(pongs(far)).to.deep.equal(['pong 1', 'pong 2', 'pong 3']);
    });

    it('as many in each second are not', async () => {
      const far = await socketWire(WebSocket, { limits });
      for (let second = 0; second < 5; second++) {
        far.send(Buffer.concat([ping(), ping(), pong()]));
        await far.pass(1_000);
      }
      expect((await far.take()).filter((words) => words === 'pong')).to.have.length(10);
      expect(far.socket.connected).to.equal(true);
    });

    it('a second is counted from its first frame', async () => {
      const far = await socketWire(WebSocket, { limits });
      await far.pass(500);
      far.send(Buffer.concat([ping(), ping(), ping()]));
      await far.pass(950);
      expect(far.socket.connected).to.equal(true);
      far.send(ping());
      await far.settle();
      expect(far.socket.connected).to.equal(false);
    });

    it('messages are not counted, nor a Close', async () => {
      const far = await socketWire(WebSocket, { limits: { maxControlFramesPerSecond: 1 } });
      far.send(Buffer.from(`818000000000818000000000898000000000818000000000888000000000`, 'hex'));
      expect(await far.take()).to.deep.equal(['pong', 'close']);
      expect(far.calls).to.deep.equal(['connect', 'text', 'text', 'text', 'close 1005']);
    });

    it('100 by default', async () => {
      const far = await socketWire();
      for (let i = 0; i < 100; i++) far.send(ping());
      expect(await far.take()).to.have.length(100);
      far.send(ping());
      expect((await far.take())[0]).to.match(/^close 1008 /);
    });
  });
});
