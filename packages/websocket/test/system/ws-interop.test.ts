/** Our server and the clients of `ws`: messages, fragments, compression in every variant, pings. */
import { once } from 'node:events';
import { webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import fc from 'fast-check';
import type { PerMessageDeflateOptions } from 'ws';
import { Echo, realServer } from '../support/real-server.js';
import { WsClient } from '../support/ws-client.js';

const SIZES = [0, 1, 125, 126, 127, 65_535, 65_536, 2 ** 20];

/** Text of `size` bytes: characters of two bytes, and the rest. */
const textOf = (size: number) => 'ä'.repeat(size >> 1) + 'x'.repeat(size & 1);
/** Bytes that are not all the same, so that a lost or misplaced one is noticed, and that zlib can do something with. */
const bytesOf = (size: number) =>
  Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i >> 3) ^ (i >> 11)));

describe('our server, and clients of `ws`', () => {
  for (const { name, server, client } of [
    { name: 'without compression', server: {}, client: { perMessageDeflate: false } },
    { name: 'that would compress, where the server would not', server: {}, client: {} },
    { name: 'with compression', server: { perMessageDeflate: true }, client: {} },
    {
      name: 'with compression of every message and context take-over',
      server: { perMessageDeflate: { threshold: 0, contextTakeover: true } },
      client: { perMessageDeflate: { threshold: 0 } },
    },
  ]) {
    describe(name, () => {
      it('get back texts and bytes of all sizes at the borders', async () => {
        const { url } = await realServer(webSocketHandler(Echo, server));
        const socket = await WsClient.open(url, client);
        expect(socket.extensions !== '').to.equal('perMessageDeflate' in server);
        for (const size of SIZES) {
          socket.send(textOf(size));
          socket.send(bytesOf(size));
        }
        const answers = await socket.take(2 * SIZES.length);
        for (const [i, size] of SIZES.entries()) {
          expect(answers[2 * i] === textOf(size), `text of ${size}`).to.equal(true);
          expect(bytesOf(size).equals(answers[2 * i + 1] as Buffer), `${size} bytes`).to.equal(true);
        }
        expect(await socket.close(1000)).to.equal('1000');
      });

      it('get back whole what they send in fragments, and pongs in between', async () => {
        const { url } = await realServer(webSocketHandler(Echo, server));
        const socket = await WsClient.open(url, client);
        for (const sizes of [[0, 0], [1, 0, 125], [126, 65_536], [65_535, 1, 400_000], Array(300).fill(7)]) {
          for (const [i, size] of sizes.entries()) {
            socket.send(bytesOf(size), { fin: i === sizes.length - 1, binary: true });
            if (i < 3) socket.ping(`${i}`);
          }
          const [whole] = await socket.take(1);
          expect(Buffer.concat(sizes.map(bytesOf)).equals(whole as Buffer), String(sizes)).to.equal(true);
          expect(socket.pongs.splice(0)).to.deep.equal(['0', '1', '2'].slice(0, sizes.length));
        }
        // A character of two bytes in two frames.
        socket.send(Buffer.from([0xc3]), { fin: false, binary: false });
        socket.send(Buffer.from([0xa4]), { fin: true, binary: false });
        expect(await socket.take(1)).to.deep.equal(['ä']);
        expect(await socket.close(1000)).to.equal('1000');
      });

      it('get back any sequence of messages in its order', async () => {
        const { url } = await realServer(webSocketHandler(Echo, server));
        const part = fc.oneof(fc.string({ unit: 'binary' }), fc.nat(70_000).map(textOf));
        const message = fc.record({
          parts: fc.array(part, { minLength: 1, maxLength: 4 }),
          binary: fc.boolean(),
          compress: fc.boolean(),
        });
        const sequences = fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
          const socket = await WsClient.open(url, client);
          for (const { parts, ...options } of messages) {
            for (const [i, text] of parts.entries())
              socket.send(text, { ...options, fin: i === parts.length - 1 });
          }
          const expected = messages.map(({ parts, binary }) => {
            // Each part is UTF-8 by itself: half a surrogate pair does not get across.
            const bytes = Buffer.concat(parts.map((text) => Buffer.from(text)));
            return binary ? bytes : bytes.toString();
          });
          expect(await socket.take(messages.length)).to.deep.equal(expected);
          expect(await socket.close(1000)).to.equal('1000');
        });
        await fc.assert(sequences, { numRuns: 15 });
      });
    });
  }

  describe('in every variant of permessage-deflate', () => {
    const contexts = [{}, { contextTakeover: true }];
    const windows = [undefined, 8, 9, 12, 15];
    for (const server of contexts) {
      for (const serverNoContextTakeover of [false, true]) {
        for (const clientNoContextTakeover of [false, true]) {
          // False would forbid the server to ask for it, which it may.
          const options = {
            ...(serverNoContextTakeover && { serverNoContextTakeover }),
            ...(clientNoContextTakeover && { clientNoContextTakeover }),
          };
          it(`understand each other: ${JSON.stringify({ server, ...options })}`, async () => {
            const perMessageDeflate = { threshold: 0, ...server };
            const { url, log } = await realServer(webSocketHandler(Echo, { perMessageDeflate }));
            for (const serverMaxWindowBits of windows) {
              for (const clientMaxWindowBits of [undefined, true, ...windows.slice(1)]) {
                const offer = { ...options, threshold: 0, serverMaxWindowBits, clientMaxWindowBits };
                await talk(url, offer as PerMessageDeflateOptions);
              }
            }
            expect(log.codes).to.deep.equal([]);
          });
        }
      }
    }

    /** Small messages that repeat each other, where context counts, then one beyond the largest window. */
    async function talk(url: string, perMessageDeflate: PerMessageDeflateOptions): Promise<void> {
      const socket = await WsClient.open(url, { perMessageDeflate });
      const agreed = socket.headers['sec-websocket-extensions'] ?? '';
      const name = `${JSON.stringify(perMessageDeflate)}: ${agreed}`;
      // zlib has no window of 256 bytes to compress with, so a server cannot promise one.
      expect(agreed === '', name).to.equal(perMessageDeflate.serverMaxWindowBits === 8);
      expect(Echo.all.at(-1)?.extensions, name).to.equal(agreed);
      const messages = [...Array(5).fill('the same text '.repeat(20)), bytesOf(100_000), '', textOf(300)];
      for (const message of messages) socket.send(message);
      expect(await socket.take(messages.length), name).to.deep.equal(messages);
      expect(await socket.close(1000), name).to.equal('1000');
    }
  });

  it('get many messages of one turn in their order', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const socket = await WsClient.open(url);
    const messages = Array.from({ length: 10_000 }, (_, i) =>
      i % 3 === 0 ? Buffer.from([i & 255]) : `number ${i}`,
    );
    for (const message of messages) socket.send(message);
    expect(await socket.take(messages.length)).to.deep.equal(messages);
    socket.terminate();
  });

  it('answer our pings, and get ours to theirs', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const client = await WsClient.open(url);
    const [socket] = Echo.all;
    socket?.ping();
    socket?.ping('data');
    socket?.ping(Buffer.alloc(125, 1));
    client.ping();
    client.ping(Buffer.alloc(125, 2));
    client.pong('unasked');
    client.send('last');
    await client.take(1);
    const [unasked, rtt, ...pongs] = socket?.pongs ?? [];
    expect(rtt).to.be.a('number').within(0, 20_000);
    expect([unasked, ...pongs].map(String)).to.deep.equal(['unasked', 'data', '\x01'.repeat(125)]);
    expect(client.pongs).to.deep.equal(['', '\x02'.repeat(125)]);
    expect(client.pings.slice(1)).to.deep.equal(['data', '\x01'.repeat(125)]);
    client.terminate();
    await once(client.socket, 'close');
  });
});
