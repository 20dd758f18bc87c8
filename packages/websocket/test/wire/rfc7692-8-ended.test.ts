import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { Compressor, DEFLATE_DEFAULTS } from '#websocket/protocol/deflate.js';
import { packed } from '../support/deflate.js';
import { deflated } from '../support/deflated.js';
import { close, ping, text } from '../support/frames.js';
import { type SocketWire, socketWire } from '../support/wire.js';

const options = { perMessageDeflate: true, offer: 'permessage-deflate', lingers: true };

/** As much work for zlib's threads as any test here gives them: what those throw comes up meanwhile, as an uncaught exception. */
async function threads(far: SocketWire): Promise<void> {
  for (let i = 0; i < 5; i++) {
    await promisify(deflateRaw)(Buffer.alloc(900_000, 'Inseam '));
    await far.settle();
  }
}

describe('RFC 7692, the connection has ended while zlib is at work', () => {
  it('the client has finished, and what is inflated is wrong: there is nobody to tell', async () => {
    const far = await socketWire(WebSocket, options);
    // It sees no end of ours, so the connection stands for a while.
    far.client.pause();
    far.send(packed(Buffer.from([0xff, 0xff, 0xff])));
    far.client.end();
    await threads(far);
    far.client.resume();
    await threads(far);
    expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_DEFLATE)']);
  });

  it('the client has finished while its answer is compressed', async () => {
    class Speaker extends WebSocket {
      override onRead(): void {
        this.write(Buffer.alloc(900_000, 'Inseam '));
      }
    }
    const far = await socketWire(Speaker, options);
    far.client.pause();
    far.send(text('speak'));
    far.client.end();
    await threads(far);
    far.client.resume();
    await threads(far);
    expect(far.calls.at(-1)).to.match(/^close 1006 /);
  });

  for (const [what, behind] of [
    ['a ping', ping('x')],
    ['Close', close(1000)],
    ['what is wrong', Buffer.from([0xff, 0x80, 0, 0, 0, 0])],
    ['another message', text('more')],
  ] as const) {
    for (const [how, first] of [
      ['compressed', deflated('go')],
      ['plain', text('go')],
    ] as const) {
      it(`abort() in onRead of a ${how} message, and ${what} behind it`, async () => {
        class Once extends WebSocket {
          override onRead(): void {
            this.abort();
          }
        }
        const far = await socketWire(Once, options);
        far.send(Buffer.concat([first, behind]));
        await threads(far);
        expect(far.calls).to.deep.equal(['connect', 'text go', 'close 1006']);
        expect(far.log.entries).to.deep.equal([]);
      });
    }
  }

  it('what was written to those who have gone is not compressed', async () => {
    const compressor = new Compressor(15, DEFLATE_DEFAULTS, true);
    const compressed: (number | null)[] = [];
    const done = (result: Buffer | null) => void compressed.push(result?.length ?? null);
    const data = Buffer.alloc(2_000);
    compressor.compress(data, () => true, done);
    for (let i = 0; i < 100; i++) compressor.compress(data, () => false, done);
    await new Promise<void>((resolve) =>
      compressor.compress(
        data,
        () => true,
        (result) => {
          done(result);
          resolve();
        },
      ),
    );
    expect(compressed.filter((length) => length !== null)).to.have.length(2);
    expect(compressed).to.have.length(102);
    compressor.close();
  });

  it('a callback that throws does not stop those behind it', async () => {
    const compressor = new Compressor(15, DEFLATE_DEFAULTS, true);
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const mine = new Error('mine');
    compressor.compress(
      Buffer.alloc(2_000),
      () => true,
      () => {
        throw mine;
      },
    );
    const second = new Promise((resolve) => compressor.compress(Buffer.alloc(2_000), () => true, resolve));
    expect(await caught).to.equal(mine);
    for (const listener of listeners) process.on('uncaughtException', listener);
    expect(await second).to.be.instanceOf(Buffer);
    compressor.close();
  });
});
