import { Buffer } from 'node:buffer';
import { expect } from 'chai';
import { close, hex, KEY, masked } from '../support/frames.js';
import { Echo, socketWire } from '../support/wire.js';
import { itReads } from '../support/wire-cases.js';

const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7) % 256));

describe('RFC 6455 §5.7 Examples, as a client has to send them', () => {
  itReads([
    {
      name: 'a single-frame masked text message',
      bytes: hex('81 85 37 fa 21 3d 7f 9f 4d 51 58'),
      calls: ['text Hello'],
    },
    {
      name: 'a fragmented text message',
      bytes: [hex('01 83 37 fa 21 3d 7f 9f 4d'), hex('80 82 37 fa 21 3d 5b 95')],
      calls: ['text Hello'],
    },
    {
      name: 'a masked ping',
      bytes: hex('89 85 37 fa 21 3d 7f 9f 4d 51 58'),
      answers: ['pong Hello'],
    },
    {
      name: 'a masked pong',
      bytes: hex('8a 85 37 fa 21 3d 7f 9f 4d 51 58'),
      calls: ['pong Hello'],
    },
    {
      name: '256 bytes of binary',
      bytes: [hex('82 fe 0100 37fa213d'), masked(bytes(256), KEY)],
      calls: ['binary of 256'],
    },
    {
      name: '64 KiB of binary',
      bytes: [hex('82 ff 0000000000010000 37fa213d'), masked(bytes(65_536), KEY)],
      calls: ['binary of 65536'],
    },
    { name: 'an unmasked text message', bytes: hex('81 05 48 65 6c 6c 6f'), fails: '1002 WEBSOCKET_MASK' },
  ]);
});

describe('RFC 6455 §5.7 Examples, as a server sends them', () => {
  const cases: { name: string; sent: Uint8Array[]; back: string }[] = [
    { name: 'text', sent: [hex('81 85 37 fa 21 3d 7f 9f 4d 51 58')], back: '81 05 48 65 6c 6c 6f' },
    { name: 'a pong', sent: [hex('89 85 37 fa 21 3d 7f 9f 4d 51 58')], back: '8a 05 48 65 6c 6c 6f' },
    {
      name: '256 bytes',
      sent: [hex('82 fe 0100 00000000'), bytes(256)],
      back: `82 7e 0100 ${bytes(256).toString('hex')}`,
    },
    {
      name: '64 KiB',
      sent: [hex('82 ff 0000000000010000 00000000'), bytes(65_536)],
      back: `82 7f 0000000000010000 ${bytes(65_536).toString('hex')}`,
    },
    { name: 'a Close', sent: [close(1000, 'bye')], back: '88 05 03 e8 62 79 65' },
  ];
  for (const { name, sent, back } of cases) {
    it(name, async () => {
      const far = await socketWire(Echo);
      far.send(Buffer.concat(sent));
      expect((await far.takeBytes()).equals(hex(back))).to.equal(true);
    });
  }
});
