import { expect } from 'chai';
import { close, frame, hex, ping, pong, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';
import { itReads, type WireCase } from '../support/wire-cases.js';

const code = (number: number) => frame({ opcode: 8, payload: Buffer.from([number >> 8, number & 0xff]) });

/** Both sides of every border in the RFC's and the registry's lists. */
const MAY_COME = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];
const NEVER_COMES = [
  0, 1, 255, 256, 998, 999, 1004, 1005, 1006, 1015, 1016, 1099, 1100, 1999, 2000, 2999, 5000, 9999,
];
const ANYTHING_ELSE = [10_000, 32_767, 32_768, 65_534, 65_535];

describe('RFC 6455 §7.4 Status Codes', () => {
  itReads([
    ...MAY_COME.map(
      (number): WireCase => ({
        name: `${number} may come`,
        bytes: code(number),
        calls: [`close ${number}`],
        answers: [`close ${number}`],
      }),
    ),
    ...[...NEVER_COMES, ...ANYTHING_ELSE].map(
      (number): WireCase => ({
        name: `${number} never comes`,
        bytes: [text('before'), code(number)],
        calls: ['text before'],
        fails: '1002 WEBSOCKET_CLOSE_CODE',
      }),
    ),
  ]);
});

describe('RFC 6455 §7 Closing the Connection', () => {
  it('ours is sent once, the peer’s answer ends the connection', async () => {
    const far = await socketWire();
    far.socket.close(1001, 'moving');
    far.socket.close(1000, 'again');
    expect(await far.take()).to.deep.equal(['close 1001 moving']);
    expect(far.ended).to.equal(false);
    expect(await far.exchange(close(1001))).to.deep.equal([]);
    expect({ ended: far.ended, calls: far.calls }).to.deep.equal({
      ended: true,
      calls: ['connect', 'close 1001'],
    });
  });

  it('the peer may answer with another code, which is what onClose is told', async () => {
    const far = await socketWire();
    far.socket.close(1001);
    await far.exchange(close(4000, 'as you like'));
    expect(far.calls).to.deep.equal(['connect', 'close 4000 as you like']);
  });

  it('what comes between our Close and the peer’s is passed over', async () => {
    const far = await socketWire();
    far.socket.close();
    await far.take();
    expect(
      await far.exchange(Buffer.concat([text('late'), ping('late'), pong('late'), close()])),
    ).to.deep.equal([]);
    expect(far.calls).to.deep.equal(['connect', 'close 1005']);
  });

  it('two that cross each other are each other’s answer', async () => {
    const far = await socketWire();
    far.send(close(1001, 'from the client'));
    far.socket.close(1000, 'from the server');
    expect(await far.take()).to.deep.equal(['close 1000 from the server']);
    expect(far.calls).to.deep.equal(['connect', 'close 1001 from the client']);
  });

  it('a frame that is wrong, in place of the answer to our Close, ends the connection without another', async () => {
    const far = await socketWire();
    far.socket.close();
    await far.take();
    expect(await far.exchange(hex('83 80 00000000'))).to.deep.equal([]);
    expect({ ended: far.ended, calls: far.calls }).to.deep.equal({
      ended: true,
      calls: ['connect', 'close 1006 (WEBSOCKET_OPCODE)'],
    });
  });

  it('a connection that ends without Close is 1006', async () => {
    const far = await socketWire();
    far.client.end();
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_NO_CLOSE)']);
  });

  it('also in the middle of a frame', async () => {
    const far = await socketWire();
    far.send(text('Hello').subarray(0, 8));
    far.client.end();
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_NO_CLOSE)']);
  });

  it('one that is cut is 1006', async () => {
    const far = await socketWire();
    far.client.abort();
    await far.settle();
    expect(far.calls).to.have.length(2);
    expect(far.calls[1]).to.match(/^close 1006 \(/);
  });

  it('Close and the end of the connection in one go', async () => {
    const far = await socketWire();
    far.send(Buffer.concat([text('a'), close(1000)]));
    far.client.end();
    expect(await far.take()).to.deep.equal(['close 1000']);
    expect(far.calls).to.deep.equal(['connect', 'text a', 'close 1000']);
  });

  it('a client that stays after the Close handshake is not waited for', async () => {
    const far = await socketWire(undefined, { lingers: true });
    expect(await far.exchange(close(1000))).to.deep.equal(['close 1000']);
    expect(far.ended).to.equal(true);
    await far.pass(7_000);
    expect(far.calls).to.deep.equal(['connect', 'close 1000']);
  });
});

describe('RFC 6455 §7.1.7 Failing the Connection', () => {
  const wrong = hex('83 80 00000000');

  it('is our Close, then the end, and nothing is read that comes later', async () => {
    const far = await socketWire(undefined, { lingers: true });
    expect(await far.exchange(wrong)).to.deep.equal([
      'close 1002 a frame has an unknown opcode, or one that cannot stand in its place',
    ]);
    expect(far.ended).to.equal(true);
    expect(await far.exchange(Buffer.concat([text('late'), ping('late'), close(1002)]))).to.deep.equal([]);
    far.client.end();
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_OPCODE)']);
  });

  it('a client that stays is not waited for', async () => {
    const far = await socketWire(undefined, { lingers: true });
    await far.exchange(wrong);
    await far.pass(7_000);
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_OPCODE)']);
    expect(far.connection.closed).to.equal(true);
  });

  it('tells the logger whom, and onClose why, once', async () => {
    const far = await socketWire();
    await far.exchange(Buffer.concat([wrong, wrong]));
    expect(far.log.entries.map(({ level, message }) => `${level} ${message}`)).to.deep.equal([
      'warn failed the WebSocket with 192.0.2.7 at /chat by 1002',
    ]);
    expect(far.error).to.include({ code: 'WEBSOCKET_OPCODE', closeCode: 1002, section: 'RFC 6455 §5.2' });
  });

  it('does not touch other connections', async () => {
    const far = await socketWire();
    const other = await far.anotherSocket();
    await far.exchange(wrong);
    other.send(text('still here'));
    await other.settle();
    expect(other.calls).to.deep.equal(['connect', 'text still here']);
  });
});
