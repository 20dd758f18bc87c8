import type { HTTPHeaders, HTTPRequest } from '@inseam/http';
import { type ServerWebSocketOptions, upgrade, WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { close, text } from '../support/frames.js';
import { type Gate, gate } from '../support/gate.js';
import { Echo, handshake, type Wire, wire } from '../support/wire.js';

interface Slow extends Wire {
  /** Lets onHandshake go on. */
  readonly gate: Gate;
  /** What was called, in order, and what `upgrade` came to. */
  readonly calls: string[];
}

/** A client whose handshake waits. */
async function slow(
  options: ServerWebSocketOptions = {},
  verdict: () => unknown = () => true,
): Promise<Slow> {
  const calls: string[] = [];
  const door = gate();
  class Waiting extends Echo {
    override async onHandshake(): Promise<unknown> {
      calls.push('onHandshake');
      await door.opened;
      return verdict();
    }
    override onConnect(): void {
      calls.push('onConnect');
    }
    override onRead(message: string): void {
      calls.push(`text ${message.length > 20 ? message.length : message}`);
      this.write(message);
    }
    override onClose(code: number): void {
      calls.push(`onClose ${code}`);
    }
  }
  const far = wire((request) => {
    void upgrade(request, Waiting, options).then((socket) => calls.push(socket === null ? 'null' : 'socket'));
  });
  return Object.defineProperties({ gate: door, calls } as Slow, Object.getOwnPropertyDescriptors(far));
}

describe('api: a handshake that takes its time', () => {
  it('answers when onHandshake has resolved', async () => {
    const far = await slow();
    far.send(handshake());
    expect(await far.takeHead()).to.equal('');
    far.gate.open();
    expect(await far.takeHead()).to.match(/^HTTP\/1\.1 101 /);
    expect(far.calls).to.deep.equal(['onHandshake', 'onConnect', 'socket']);
  });

  it('frames that come meanwhile are read behind onConnect', async () => {
    const far = await slow();
    far.send(Buffer.concat([Buffer.from(handshake()), text('one')]));
    await far.settle();
    far.send(text('two'));
    far.send(Buffer.concat([text('three'), close(1000)]));
    await far.settle();
    far.gate.open();
    await far.takeHead();
    expect(await far.take()).to.deep.equal(['text one', 'text two', 'text three', 'close 1000']);
    far.client.end();
    await far.settle();
    expect(far.calls).to.deep.equal([
      'onHandshake',
      'onConnect',
      'socket',
      'text one',
      'text two',
      'text three',
      'onClose 1000',
    ]);
  });

  it('much that comes meanwhile waits with the client, and is read behind onConnect', async () => {
    const far = await slow();
    far.send(handshake());
    for (let i = 0; i < 40; i++) far.send(text('x'.repeat(10_000)));
    await far.settle();
    expect(far.client.pendingBytes).to.be.above(200_000);
    far.gate.open();
    await far.takeHead();
    expect(await far.take()).to.have.length(40);
    const read = far.calls.filter((call) => call !== 'socket');
    expect(read).to.deep.equal(['onHandshake', 'onConnect', ...Array(40).fill('text 10000')]);
  });

  describe('ends by handshakeTimeoutMs', () => {
    const limits = { handshakeTimeoutMs: 1_000 };

    it('with 503, and the connection serves on', async () => {
      const far = await slow({ limits });
      far.send(handshake());
      await far.pass(950);
      expect(await far.takeHead()).to.equal('');
      await far.pass(50);
      expect(await far.takeHead()).to.match(/^HTTP\/1\.1 503 /);
      expect((await far.takeBytes()).toString()).to.equal('The WebSocket handshake took too long.');
      expect(far.calls).to.deep.equal(['onHandshake', 'null']);
      far.gate.open();
      expect((await answerTo(far, handshake())).status).to.equal(101);
      expect(far.log.entries.map(({ message }) => message)).to.deep.equal([
        'refused a WebSocket at /chat from 192.0.2.7 with 503: onHandshake took longer than handshakeTimeoutMs',
      ]);
    });

    it('and what onHandshake comes to later is nothing', async () => {
      for (const late of [() => false, () => Promise.reject(new Error('late'))]) {
        const far = await slow({ limits }, late);
        far.send(handshake());
        await far.pass(1_000);
        expect(await far.takeHead()).to.match(/^HTTP\/1\.1 503 /);
        far.gate.open();
        await far.settle();
        await far.takeBytes();
        expect([far.calls, far.log.entries.length, far.ended]).to.deep.equal([
          ['onHandshake', 'null'],
          1,
          false,
        ]);
      }
    });

    it('10 s by default; not at all with Infinity', async () => {
      const usual = await slow();
      usual.send(handshake());
      await usual.pass(9_950);
      expect(await usual.takeHead()).to.equal('');
      await usual.pass(50);
      expect(await usual.takeHead()).to.match(/^HTTP\/1\.1 503 /);
      const patient = await slow({ limits: { handshakeTimeoutMs: Number.POSITIVE_INFINITY } });
      patient.send(handshake());
      await patient.pass(60_000);
      expect(await patient.takeHead()).to.equal('');
      patient.gate.open();
      expect(await patient.takeHead()).to.match(/^HTTP\/1\.1 101 /);
    });

    it('leaves no timer when it was in time', async () => {
      const far = await slow({ limits });
      const before = far.engine.stats().timers;
      far.send(handshake());
      await far.settle();
      expect(far.engine.stats().timers).to.equal(before + 1);
      far.gate.open();
      await far.settle();
      expect(far.engine.stats().timers).to.equal(before);
    });
  });

  describe('is over when the client leaves meanwhile', () => {
    const ways: [string, (far: Wire) => void][] = [
      ['by shutting its side', (far) => far.client.end()],
      ['by a reset', (far) => far.client.abort()],
    ];
    for (const [how, leave] of ways) {
      it(`${how}: null at once, nothing else is called, no timer is left`, async () => {
        const far = await slow();
        const before = far.engine.stats().timers;
        far.send(handshake());
        await far.settle();
        leave(far);
        await far.settle();
        expect(far.calls).to.deep.equal(['onHandshake', 'null']);
        expect([far.engine.stats().timers <= before, far.connection.closed]).to.deep.equal([true, true]);
        far.gate.open();
        await far.settle();
        expect([far.calls, far.log.entries]).to.deep.equal([['onHandshake', 'null'], []]);
        expect((await far.takeBytes()).toString()).to.equal('');
      });
    }

    it('but an answer that onHandshake has begun is still sent', async () => {
      const door = gate();
      class Answering extends WebSocket {
        override async onHandshake(request: HTTPRequest): Promise<void> {
          request.sendHeaders({ 'Content-Length': 2 });
          await door.opened;
          request.send('no');
          request.finish();
        }
      }
      const far = wire(webSocketHandler(Answering));
      far.send(handshake());
      far.client.end();
      await far.settle();
      door.open();
      expect((await far.takeBytes()).toString()).to.match(/\r\n\r\nno$/);
    });

    it('also before the handshake began, whatever onHandshake comes to', async () => {
      const results: unknown[] = [];
      class Never extends WebSocket {
        override onHandshake(): Promise<never> {
          return new Promise((_, reject) => setImmediate(() => reject(new Error('late'))));
        }
      }
      let go = () => {};
      const far = wire((request) => {
        go = () => void upgrade(request, Never).then((socket) => results.push(socket));
      });
      far.send(handshake());
      await far.settle();
      far.client.end();
      await far.settle();
      go();
      await far.settle();
      expect([results, far.connection.closed, far.log.entries]).to.deep.equal([[null], true, []]);
    });

    it('and what onHandshake rejects with then is reported to nobody', async () => {
      const far = await slow({}, () => Promise.reject(new Error('late')));
      far.send(handshake());
      await far.settle();
      far.client.abort();
      await far.settle();
      far.gate.open();
      await far.settle();
      expect(far.log.entries).to.deep.equal([]);
    });
  });

  it('a client that shuts its side in one segment with the handshake has its messages read', async () => {
    const far = wire(webSocketHandler(Echo));
    far.send(Buffer.concat([Buffer.from(handshake()), text('one'), close(1000)]));
    far.client.end();
    expect(await far.takeHead()).to.match(/^HTTP\/1\.1 101 /);
    expect(await far.take()).to.deep.equal(['text one', 'close 1000']);
  });

  it('an engine that stops meanwhile lets it end, says 1001 then, and waits for the answer', async () => {
    const far = await slow();
    far.send(handshake());
    await far.settle();
    let hasStopped = false;
    void far.engine.stop().then(() => {
      hasStopped = true;
    });
    await far.settle();
    far.gate.open();
    expect(await far.takeHead()).to.match(/^HTTP\/1\.1 101 /);
    expect(await far.take()).to.deep.equal(['close 1001 going away']);
    expect([far.calls, hasStopped]).to.deep.equal([['onHandshake', 'onConnect', 'socket'], false]);
    far.send(close(1001));
    await far.settle();
    far.client.end();
    await far.settle();
    expect([far.calls.at(-1), hasStopped]).to.deep.equal(['onClose 1001', true]);
  });

  it('a second request behind it waits for a refusal', async () => {
    const far = wire(
      webSocketHandler(
        class extends WebSocket {
          override async onHandshake(_request: HTTPRequest, headers: HTTPHeaders): Promise<boolean> {
            await Promise.resolve();
            headers.set('X-Turn', 'one');
            return false;
          }
        },
      ),
    );
    far.send(handshake() + handshake('Sec-WebSocket-Version: 8'));
    const all = (await far.takeBytes()).toString();
    expect(all.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 403', 'HTTP/1.1 426']);
  });
});
