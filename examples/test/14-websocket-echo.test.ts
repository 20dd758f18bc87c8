import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { itWith } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { blocksTaken, MANY, readOn } from './support/slow-reader.js';

const MIB = 2 ** 20;
const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

describe('14-websocket-echo', function () {
  this.timeout(60_000);
  let echo: RunningExample;
  beforeEach(async () => {
    echo = await RunningExample.start('14-websocket-echo');
  });
  afterEach(() => echo[Symbol.asyncDispose]());

  it('says back the examples of RFC 6455, byte for byte', async () => {
    const client = await RawClient.connect(echo.port);
    client.write(HANDSHAKE);
    expect(await client.read(/\r\n\r\n/)).to.contain(
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n',
    );
    client.text = '';
    client.write('\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58'); // §5.7: "Hello", masked
    client.write('\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58'); // the same as a ping
    client.write('\x82\x80\0\0\0\0'); // no bytes
    client.write('\x88\x82\0\0\0\0\x03\xe8'); // 1000
    expect(await client.readToEnd()).to.equal('\x81\x05Hello\x8a\x05Hello\x82\0\x88\x02\x03\xe8');
    client.socket.end();
  });

  it('reads no further from one who does not listen, and loses nothing', async () => {
    const client = await RawClient.connect(echo.port);
    client.write(HANDSHAKE);
    await client.read(/\r\n\r\n/);
    // 1 MiB of binary, under a key of zeros.
    const length = Buffer.alloc(8);
    length.writeUInt32BE(MIB, 4);
    const block = Buffer.concat([Buffer.from([0x82, 0xff]), length, Buffer.alloc(4), Buffer.alloc(MIB, 'x')]);
    const newcomer = async () => {
      expect((await fetch(echo.url)).status).to.equal(426);
    };
    expect(await blocksTaken(client.socket, () => block, newcomer)).to.be.lessThan(MANY);
    await readOn(client.socket, MANY * (block.length - 4));
    client.socket.destroy();
  });

  describe('in a browser', () => {
    const browser = new TestBrowser();
    after(() => browser[Symbol.asyncDispose]());

    itWith('chromium', 'says back text and bytes, compressed, and goodbye at Ctrl-C', async () => {
      await using tab = await browser.open(`${echo.url}`);
      const closed = tab.page.evaluate(
        (url) =>
          new Promise<unknown>((resolve) => {
            const socket = new WebSocket(url);
            const heard: (string | number)[] = [];
            socket.binaryType = 'arraybuffer';
            socket.onopen = () => {
              socket.send('Grüß dich. '.repeat(1000));
              socket.send(new Uint8Array(5000));
            };
            socket.onmessage = ({ data }) => {
              heard.push(typeof data === 'string' ? data.length : `${data.byteLength} bytes`);
              document.title = `heard ${heard.length}`;
            };
            socket.onclose = ({ code }) => resolve({ heard, code, extensions: socket.extensions });
          }),
        echo.url.replace('http', 'ws'),
      );
      await tab.page.waitForFunction(() => document.title === 'heard 2');
      echo.interrupt();
      expect(await closed).to.deep.equal({
        heard: [11_000, '5000 bytes'],
        code: 1001,
        extensions: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
      });
      expect(await echo.ended()).to.equal(0);
    });
  });
});
