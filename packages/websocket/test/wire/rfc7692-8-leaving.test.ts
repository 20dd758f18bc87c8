import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { compress, packed } from '../support/deflate.js';
import { close, hex, text } from '../support/frames.js';
import { type SocketWireOptions, socketWire } from '../support/wire.js';

const LARGE = Buffer.alloc(900_000, 'Inseam ');

class Speaker extends WebSocket {
  override onRead(): void {
    for (let i = 0; i < 3; i++) this.write(LARGE);
    this.write('and a short one');
  }
}

const both: [string, SocketWireOptions][] = [false, true].map((contextTakeover) => [
  contextTakeover ? 'with context take-over' : 'without context take-over',
  { perMessageDeflate: { contextTakeover }, offer: 'permessage-deflate' },
]);

for (const [how, options] of both) {
  describe(`RFC 7692, somebody leaves while zlib is at work, ${how}`, () => {
    // Each at a different moment of the work, for there is no telling when a thread has done what.
    const moments = [0, 1, 2, 3, 5, 8];

    it('the client, while its message is being inflated', async () => {
      for (const moment of moments) {
        const far = await socketWire(undefined, options);
        far.send(Buffer.concat([text('before'), packed(compress(LARGE)), text('after')]));
        for (let i = 0; i < moment; i++) await new Promise((resolve) => setImmediate(resolve));
        far.client.abort();
        for (let i = 0; i < 20; i++) await far.settle();
        expect(far.calls.at(-1)).to.match(/^close 1006 /);
        expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
      }
    });

    it('the client, while messages for it are being compressed', async () => {
      for (const moment of moments) {
        const far = await socketWire(Speaker, options);
        far.send(text('speak'));
        for (let i = 0; i <= moment; i++) await new Promise((resolve) => setImmediate(resolve));
        far.client.abort();
        for (let i = 0; i < 20; i++) await far.settle();
        expect(far.calls.slice(0, 2)).to.deep.equal(['connect', 'text speak']);
        expect(far.calls).to.have.length(3);
      }
    });

    it('we, by abort(), while both goes on', async () => {
      for (const moment of moments) {
        const far = await socketWire(Speaker, options);
        far.send(Buffer.concat([text('speak'), packed(compress(LARGE))]));
        for (let i = 0; i < moment; i++) await new Promise((resolve) => setImmediate(resolve));
        far.socket.abort();
        for (let i = 0; i < 20; i++) await far.settle();
        expect(far.calls.filter((call) => call.startsWith('close'))).to.have.length(1);
      }
    });

    it('the client says Close while messages for it are being compressed: they are sent before the answer', async () => {
      const far = await socketWire(Speaker, options);
      far.send(Buffer.concat([text('speak'), close(1000)]));
      await far.until(() => far.ended);
      const frames = await far.takeFrames();
      expect(frames.map(({ opcode }) => opcode)).to.deep.equal([2, 2, 2, 1, 8]);
      expect(far.calls).to.deep.equal(['connect', 'text speak', 'close 1000']);
    });

    it('the client breaks a rule meanwhile: our Close comes behind what was written', async () => {
      const far = await socketWire(Speaker, options);
      far.send(Buffer.concat([text('speak'), hex('83 80 00000000')]));
      await far.until(() => far.ended);
      const frames = await far.takeFrames();
      expect(frames.map(({ opcode }) => opcode)).to.deep.equal([2, 2, 2, 1, 8]);
      expect(far.calls).to.deep.equal(['connect', 'text speak', 'close 1006 (WEBSOCKET_OPCODE)']);
    });

    it('others go on after all of that', async () => {
      const far = await socketWire(Speaker, options);
      far.send(packed(compress('speak')));
      await far.until(() => far.calls.length === 2 && far.socket.bufferedAmount === 0);
      expect((await far.takeFrames()).map(({ opcode }) => opcode)).to.deep.equal([2, 2, 2, 1]);
    });
  });
}
