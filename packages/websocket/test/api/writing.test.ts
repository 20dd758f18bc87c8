import { UsageError } from '@inseam/engine';
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, text } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

describe('api: writing', () => {
  it('text and bytes, empty ones, too, as one frame each', async () => {
    const far = await socketWire();
    const { socket } = far;
    const view = new Uint8Array(Uint8Array.from([9, 1, 2, 9]).buffer, 1, 2);
    for (const data of ['Hélló', '', Buffer.from([0, 255]), Buffer.alloc(0), view, 'x\ud800']) {
      expect(socket.write(data)).to.equal(true);
    }
    expect(await far.take()).to.deep.equal([
      'text Hélló',
      'text',
      'binary 00ff',
      'binary',
      'binary 0102',
      'text x\ufffd',
    ]);
  });

  for (const size of [125, 126, 127, 16_384, 16_385, 65_535, 65_536, 1_048_577]) {
    it(`${size} bytes`, async () => {
      const far = await socketWire();
      far.socket.write(Buffer.alloc(size, 'x'));
      far.socket.write('x'.repeat(size));
      const frames = await far.takeFrames();
      expect(frames.map(({ payload }) => payload.equals(Buffer.alloc(size, 'x')))).to.deep.equal([
        true,
        true,
      ]);
      expect(frames.map(({ opcode, fin, rsv, isMasked }) => [opcode, fin, rsv, isMasked])).to.deep.equal([
        [2, true, 0, false],
        [1, true, 0, false],
      ]);
    });
  }

  it('leaves with everything else of the turn, in order', async () => {
    const far = await socketWire();
    const chunks: Buffer[] = [];
    far.sink.onChunk = (chunk) => void chunks.push(Buffer.from(chunk));
    far.socket.write('one');
    far.socket.ping('two');
    far.socket.write(Buffer.from('three'));
    far.socket.close(1000, 'four');
    await far.settle();
    expect(chunks.map((chunk) => chunk.toString('latin1'))).to.deep.equal([
      '\x81\x03one\x89\x03two\x82\x05three\x88\x06\x03\xe8four',
    ]);
  });

  for (const data of [undefined, null, 1, true, {}, [], new ArrayBuffer(2), Symbol('x'), new Date()]) {
    it(`${String(data)} is a UsageError`, async () => {
      const { socket, take } = await socketWire();
      for (const call of [() => socket.write(data as string), () => socket.ping((data ?? {}) as string)]) {
        expect(call).to.throw(UsageError).with.property('code', 'WEBSOCKET_DATA');
      }
      expect(await take()).to.deep.equal([]);
    });
  }

  const calls: [string, (socket: WebSocket) => unknown][] = [
    ['write', (socket) => socket.write('x')],
    ['ping', (socket) => socket.ping()],
  ];
  const more: [string, (socket: WebSocket) => unknown][] = [
    ['close', (socket) => socket.close()],
    ['abort', (socket) => socket.abort()],
    ['drained', (socket) => socket.drained()],
    ['pause', (socket) => socket.pause()],
    ['resume', (socket) => socket.resume()],
  ];

  it('before onConnect it is a UsageError, as everything else', async () => {
    const codes: string[] = [];
    class Early extends WebSocket {
      override onHandshake(): void {
        for (const [name, call] of [...calls, ...more]) {
          expect(() => call(this), name).to.throw(UsageError);
          codes.push(name);
        }
        expect([this.connected, this.closed, this.bufferedAmount, this.dropped]).to.deep.equal([
          false,
          false,
          0,
          0,
        ]);
        expect([this.remoteAddress, this.localAddress, this.protocol, this.extensions]).to.deep.equal([
          null,
          null,
          '',
          '',
        ]);
        expect(this.request.path).to.equal('/chat');
      }
    }
    await socketWire(Early);
    expect(codes).to.have.length(7);
  });

  const overs: [string, (far: SocketWire) => unknown, isOurs: boolean][] = [
    ['our own close()', ({ socket }) => socket.close(), true],
    ['our own abort()', ({ socket }) => socket.abort(), true],
    ['the peer’s Close', ({ send }) => send(close(1000)), false],
    ['the peer’s end', ({ client }) => client.end(), false],
    ['a reset', ({ client }) => client.abort(), false],
    ['what the peer did wrong', ({ send }) => send(text(Buffer.from([0xff]))), false],
    ['engine.stop()', ({ engine }) => void engine.stop(), false],
  ];
  for (const [what, end, isOurs] of overs) {
    it(`after ${what} it ${isOurs ? 'is a UsageError' : 'answers false, since no program can know in time'}`, async () => {
      const far = await socketWire(WebSocket, { lingers: true });
      end(far);
      const look = () => {
        for (const [name, call] of calls) {
          if (isOurs) {
            expect(() => call(far.socket), name)
              .to.throw(UsageError)
              .with.property('code', 'WEBSOCKET_CLOSED');
          } else expect(call(far.socket), name).to.equal(name === 'write' ? false : undefined);
        }
      };
      if (isOurs) look();
      await far.settle();
      look();
      await far.takeBytes();
      far.client.end();
      far.client.abort();
      await far.settle();
      look();
      expect(far.socket.closed).to.equal(true);
      for (const [, call] of more) void call(far.socket);
      expect(far.socket.bufferedAmount).to.equal(0);
      expect((await far.takeBytes()).length).to.equal(0);
      expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
    });
  }

  it('in onConnect goes out behind the 101', async () => {
    class Greeting extends WebSocket {
      override onConnect(name: unknown): void {
        this.write(`hello ${name}`);
      }
    }
    const far = await socketWire(Greeting, { args: ['you'] });
    expect(await far.take()).to.deep.equal(['text hello you']);
  });

  it('in onClose is of no use, and no mistake when the peer closed', async () => {
    const results: unknown[] = [];
    class Last extends WebSocket {
      override onClose(): void {
        results.push(this.write('x'), this.connected, this.closed);
      }
    }
    const far = await socketWire(Last);
    far.send(close(1000));
    await far.settle();
    expect([results, far.log.entries]).to.deep.equal([[false, false, true], []]);
  });

  const failing: [string, (far: SocketWire) => unknown][] = [
    ['onConnect', () => {}],
    ['onWrite', ({ socket }) => socket.write('x')],
    ['onPong', ({ send }) => send(Buffer.from('8a80000000000a'.slice(0, 12), 'hex'))],
    ['onClose', ({ send }) => send(close(1000))],
  ];
  for (const how of ['throws', 'rejects'] as const) {
    for (const [name, cause] of failing) {
      it(`an ${name} that ${how === 'throws' ? 'throws' : 'rejects'} is reported, and nothing else happens`, async () => {
        const failure = new Error(name);
        const fail = (): unknown => {
          if (how === 'throws') throw failure;
          return Promise.reject(failure);
        };
        class Failing extends WebSocket {}
        Object.defineProperty(Failing.prototype, name, { value: fail });
        const far = await socketWire(Failing);
        far.log.entries.splice(name === 'onConnect' ? far.log.entries.length : 0);
        await cause(far);
        await far.settle();
        const said = far.log.entries.filter(({ message }) => message.includes(name));
        const verb = how === 'throws' ? 'threw' : 'rejected';
        expect(said[0]).to.deep.equal({ level: 'error', message: `Failing.${name} ${verb}`, error: failure });
        if (name === 'onClose') return;
        await far.take();
        far.send(text('on'));
        await far.settle();
        expect(far.messages).to.deep.equal(['on']);
      });
    }
  }
});
