import { WebSocket, type WebSocketLimits } from '@inseam/websocket';
import { expect } from 'chai';
import { close, PING, PONG, ping, pong, text } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

const usual = { pingIntervalMs: 10_000, pongTimeoutMs: 4_000 };

function alive(limits: Partial<WebSocketLimits> = {}, Class = WebSocket): Promise<SocketWire> {
  return socketWire(Class, { limits: { ...usual, ...limits } });
}

/** What has come, pings without their data. */
async function told(far: SocketWire): Promise<string[]> {
  return (await far.take()).map((words) => words.replace(/^(ping) .*/, '$1'));
}

/** Moves the time on, and answers pings meanwhile. */
async function passAnswering(far: SocketWire, ms: number): Promise<number> {
  let answered = 0;
  for (let passed = 0; passed < ms; passed += 500) {
    await far.pass(500);
    for (const { opcode, payload } of await far.takeFrames()) {
      if (opcode !== PING) continue;
      far.send(pong(payload));
      answered++;
    }
  }
  return answered;
}

describe('api: keep-alive', () => {
  it('a ping after pingIntervalMs of silence, and no pong for the user', async () => {
    const far = await alive();
    await far.pass(9_950);
    expect(await told(far)).to.deep.equal([]);
    await far.pass(1_100);
    expect(await told(far)).to.deep.equal(['ping']);
    const quiet = await alive();
    expect(await passAnswering(quiet, 60_000)).to.be.within(4, 6);
    expect([quiet.calls, quiet.socket.connected]).to.deep.equal([['connect'], true]);
  });

  it('none while both talk', async () => {
    const far = await alive();
    for (let i = 0; i < 20; i++) {
      await far.pass(5_000);
      far.send(text('hi'));
      far.socket.write('ho');
    }
    expect(new Set(await told(far))).to.deep.equal(new Set(['text ho']));
  });

  it('a ping where only one of the two talks', async () => {
    for (const talk of [
      (far: SocketWire) => far.send(text('hi')),
      (far: SocketWire) => far.socket.write('ho'),
    ]) {
      const far = await alive();
      let answered = 0;
      for (let i = 0; i < 8; i++) {
        talk(far);
        answered += await passAnswering(far, 5_000);
      }
      expect(answered).to.be.within(2, 4);
      expect(far.socket.connected).to.equal(true);
    }
  });

  it('half a frame is a sign of life', async () => {
    const far = await alive();
    const bytes = text('x'.repeat(125));
    await far.pass(11_000);
    for (let i = 0; i < 10; i++) {
      far.send(bytes.subarray(i, i + 1));
      await far.pass(3_500);
    }
    expect(far.socket.connected).to.equal(true);
  });

  it('no answer within pongTimeoutMs: Close 1008 on the wire, 1006 for onClose', async () => {
    const far = await alive();
    await far.pass(11_000);
    expect(await told(far)).to.deep.equal(['ping']);
    await far.pass(5_000);
    expect(await far.take()).to.deep.equal(['close 1008 nothing came for pongTimeoutMs after a ping']);
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_PONG_TIMEOUT)']);
    expect(far.log.codes).to.deep.equal(['WEBSOCKET_PONG_TIMEOUT']);
  });

  it('not before: just in time is enough', async () => {
    const far = await alive();
    await far.pass(11_000);
    await far.pass(2_900);
    expect(far.socket.connected).to.equal(true);
    far.send(text('late'));
    await far.pass(2_000);
    expect(far.socket.connected).to.equal(true);
  });

  const answers: [string, Buffer][] = [
    ['a message', text('x')],
    ['a ping', ping()],
    ['a pong to another', pong('x')],
  ];
  for (const [what, bytes] of answers) {
    it(`${what} is as good as its pong`, async () => {
      const far = await alive();
      await far.pass(11_000);
      far.send(bytes);
      await far.pass(9_000);
      expect(far.socket.connected).to.equal(true);
    });
  }

  it('a peer that is gone and takes nothing is given up', async () => {
    const far = await alive();
    far.client.pause();
    far.socket.write(Buffer.alloc(200_000));
    await far.pass(60_000);
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_PONG_TIMEOUT)']);
  });

  describe('while our own reading is held back', () => {
    class Slow extends WebSocket {
      override onRead(): Promise<never> {
        return new Promise(() => {});
      }
    }
    const ways: [string, typeof WebSocket, (far: SocketWire) => unknown][] = [
      ['by pause()', WebSocket, ({ socket }) => socket.pause()],
      ['by a promise', Slow, ({ send }) => send(text('x'))],
      ['by a loop', WebSocket, ({ socket }) => socket[Symbol.asyncIterator]()],
    ];
    for (const [how, Class, hold] of ways) {
      it(`${how}, the peer is not blamed for it`, async () => {
        const far = await alive({}, Class);
        hold(far);
        await far.pass(60_000);
        expect(far.socket.connected).to.equal(true);
        expect(far.calls.filter((call) => call.startsWith('close'))).to.deep.equal([]);
      });
    }

    it('it is pinged all the same, for what stands between', async () => {
      const far = await alive();
      far.socket.pause();
      await far.pass(12_000);
      expect(await told(far)).to.deep.equal(['ping']);
    });

    it('its time begins when we read again', async () => {
      const far = await alive();
      far.socket.pause();
      await far.pass(25_000);
      await far.take();
      far.socket.resume();
      await far.pass(4_500);
      expect(await told(far)).to.deep.equal([]);
      await far.pass(5_000);
      expect(await told(far)).to.deep.equal(['ping']);
      await far.pass(5_000);
      expect((await far.take())[0]).to.match(/^close 1008 /);
    });

    it('its pong counts when it is read', async () => {
      const far = await alive();
      await far.pass(11_000);
      const [frame] = await far.takeFrames();
      far.socket.pause();
      far.send(pong(frame?.payload));
      await far.pass(20_000);
      far.socket.resume();
      await far.pass(3_000);
      expect([far.socket.connected, far.calls]).to.deep.equal([true, ['connect']]);
    });
  });

  it('Infinity is never', async () => {
    const far = await alive({ pingIntervalMs: Number.POSITIVE_INFINITY });
    await far.pass(200_000);
    expect([await far.take(), far.socket.connected]).to.deep.equal([[], true]);
    const patient = await alive({ pongTimeoutMs: Number.POSITIVE_INFINITY });
    await patient.pass(200_000);
    expect([await told(patient), patient.socket.connected]).to.deep.equal([['ping'], true]);
  });

  it('30 s and 20 s by default', async () => {
    const far = await socketWire();
    await far.pass(29_900);
    expect(await told(far)).to.deep.equal([]);
    await far.pass(1_200);
    expect(await told(far)).to.deep.equal(['ping']);
    await far.pass(18_000);
    expect(far.socket.connected).to.equal(true);
    await far.pass(3_000);
    expect(far.socket.connected).to.equal(false);
  });

  it('timeouts below a second are kept, whatever HTTP’s are', async () => {
    const never = Number.POSITIVE_INFINITY;
    const none = {
      headTimeoutMs: never,
      bodyTimeoutMs: never,
      keepAliveTimeoutMs: never,
      writeTimeoutMs: never,
      requestTimeoutMs: never,
    };
    for (const http of [{}, { limits: none }]) {
      const far = await socketWire(WebSocket, { limits: { pingIntervalMs: 200, pongTimeoutMs: 100 }, http });
      await far.pass(300);
      expect(await told(far)).to.deep.equal(['ping']);
      await far.pass(150);
      expect(far.socket.connected).to.equal(false);
    }
  });

  it('HTTP’s timeouts are over', async () => {
    const limits = {
      headTimeoutMs: 100,
      bodyTimeoutMs: 100,
      keepAliveTimeoutMs: 100,
      writeTimeoutMs: 100,
      requestTimeoutMs: 100,
    };
    const far = await socketWire(WebSocket, { http: { limits } });
    far.client.pause();
    far.socket.write(Buffer.alloc(200_000));
    far.send(text('x').subarray(0, 3));
    await far.pass(20_000);
    expect(far.socket.connected).to.equal(true);
  });

  it('ping() of the user’s is answered beside it', async () => {
    const far = await alive();
    far.socket.ping();
    const [asked] = await far.takeFrames();
    await far.pass(11_000);
    const [kept] = await far.takeFrames();
    far.send(pong(kept?.payload));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'pong 11000']);
    far.send(pong(asked?.payload));
    await far.settle();
    expect(far.calls.at(-1)).to.match(/^pong inseam/);
    expect([asked?.opcode, kept?.opcode, PONG]).to.deep.equal([PING, PING, 10]);
  });

  it('stops with the connection', async () => {
    const far = await alive();
    far.socket.close();
    far.send(close(1000));
    await far.pass(30_000);
    expect(await told(far)).to.deep.equal(['close 1000']);
    expect(far.engine.channels.size).to.equal(0);
    expect(far.engine.stats().timers).to.equal(0);
  });
});
