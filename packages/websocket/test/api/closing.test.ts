import { UsageError } from '@inseam/engine';
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { close, frame, text } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

const closes = (far: SocketWire) => far.calls.filter((call) => call.startsWith('close'));

describe('api: closing', () => {
  describe('close()', () => {
    const sendable = [
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
    ];
    for (const code of sendable) {
      it(`${code} goes out, and the answer comes to onClose`, async () => {
        const far = await socketWire();
        far.socket.close(code, 'why');
        expect(await far.take()).to.deep.equal([`close ${code} why`]);
        expect([far.socket.connected, far.socket.closed]).to.deep.equal([false, false]);
        far.send(close(code));
        await far.settle();
        expect(far.calls).to.deep.equal(['connect', `close ${code}`]);
        expect([far.socket.connected, far.socket.closed, far.ended]).to.deep.equal([false, true, true]);
      });
    }

    const codes = [
      0,
      1,
      999,
      1004,
      1005,
      1006,
      1015,
      1016,
      2000,
      2999,
      5000,
      65_536,
      -1,
      1000.5,
      Number.NaN,
      '1000',
      null,
    ];
    for (const code of codes) {
      it(`${String(code)} is a UsageError, and closes nothing`, async () => {
        const far = await socketWire();
        expect(() => far.socket.close(code as number))
          .to.throw(UsageError)
          .with.property('code', 'WEBSOCKET_CLOSE');
        expect([await far.take(), far.socket.connected]).to.deep.equal([[], true]);
      });
    }

    it('is 1000 without a reason by default', async () => {
      const far = await socketWire();
      far.socket.close();
      const [only] = await far.takeFrames();
      expect(only?.raw.toString('hex')).to.equal('880203e8');
    });

    it('a reason has at most 123 bytes of UTF-8', async () => {
      for (const reason of ['x'.repeat(123), '€'.repeat(41), `${'𝄞'.repeat(30)}abc`]) {
        const far = await socketWire();
        far.socket.close(1000, reason);
        expect(await far.take()).to.deep.equal([`close 1000 ${reason}`]);
      }
      const far = await socketWire();
      for (const reason of [
        'x'.repeat(124),
        '€'.repeat(42),
        5 as unknown as string,
        null as unknown as string,
      ]) {
        expect(() => far.socket.close(1000, reason))
          .to.throw(UsageError)
          .with.property('code', 'WEBSOCKET_CLOSE');
      }
      expect(await far.take()).to.deep.equal([]);
    });

    it('is idempotent, and abort() may follow', async () => {
      const far = await socketWire();
      far.socket.close(4000);
      far.socket.close(4001);
      expect(await far.take()).to.deep.equal(['close 4000']);
      far.socket.abort();
      far.socket.abort();
      far.socket.close();
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'close 1006']);
    });

    const inside: [string, new () => WebSocket, (far: SocketWire) => unknown][] = [
      [
        'onConnect',
        class extends WebSocket {
          override onConnect() {
            this.close(4000);
          }
        },
        () => {},
      ],
      [
        'onRead',
        class extends WebSocket {
          override onRead() {
            this.close(4000);
          }
        },
        ({ send }) => send(text('x')),
      ],
      [
        'onPong',
        class extends WebSocket {
          override onPong() {
            this.close(4000);
          }
        },
        ({ send }) => send(frame({ opcode: 10 })),
      ],
      [
        'onWrite',
        class extends WebSocket {
          override onWrite() {
            this.close(4000);
          }
        },
        ({ socket }) => socket.connected && socket.write(''),
      ],
    ];
    for (const [name, Class, cause] of inside) {
      it(`may be called in ${name}`, async () => {
        const far = await socketWire(Class);
        cause(far);
        expect((await far.take()).filter((words) => words !== 'text')).to.deep.equal(['close 4000']);
        far.send(close(4000));
        await far.settle();
        expect(closes(far)).to.deep.equal(['close 4000']);
      });
    }

    it('may be called in onClose, and changes nothing', async () => {
      class Again extends WebSocket {
        override onClose() {
          this.close();
          this.abort();
        }
      }
      const far = await socketWire(Again);
      expect(await far.exchange(close(4000))).to.deep.equal(['close 4000']);
      expect([closes(far), far.log.entries]).to.deep.equal([['close 4000'], []]);
    });
  });
});
