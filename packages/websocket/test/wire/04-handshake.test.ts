import { feedEveryWay } from '@inseam/engine/testing';
import { WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { close, hex, text } from '../support/frames.js';
import { Echo, EXAMPLE_ACCEPT, handshake, socketWire, wire } from '../support/wire.js';

const ANSWER = [
  'HTTP/1.1 101 Switching Protocols',
  'Upgrade: websocket',
  'Connection: Upgrade',
  `Sec-WebSocket-Accept: ${EXAMPLE_ACCEPT}`,
  'Date: now',
  '',
  '',
];

const lines = (head: string) => head.split('\r\n').sort();

describe('RFC 6455 §4.2 Server-Side Requirements', () => {
  it('the answer to the RFC’s example', async () => {
    const { answer } = await socketWire(undefined, {
      protocols: ['superchat', 'chat'],
      origins: ['http://example.com'],
      lines: [
        'Host: server.example.com',
        'Origin: http://example.com',
        'Sec-WebSocket-Protocol: chat, superchat',
      ],
    });
    expect(lines(answer)).to.deep.equal([...ANSWER, 'Sec-WebSocket-Protocol: superchat'].sort());
  });

  it('says nothing of what was not asked for', async () => {
    const { answer } = await socketWire(undefined, { protocols: ['chat'], perMessageDeflate: true });
    expect(lines(answer)).to.deep.equal([...ANSWER].sort());
  });

  it('however it is cut, and with frames behind it', async () => {
    const bytes = Buffer.concat([Buffer.from(handshake()), text('one'), text('two'), close(1000)]);
    for (const { way, chunks } of feedEveryWay(bytes)) {
      const far = wire(webSocketHandler(Echo));
      far.sink.until(() => far.sink.events.includes('end')).then(() => far.client.end());
      for (const chunk of chunks) far.send(chunk);
      expect(lines(await far.takeHead()), way).to.deep.equal([...ANSWER].sort());
      expect(await far.take(), way).to.deep.equal(['text one', 'text two', 'close 1000']);
    }
  });

  it('with a part of a frame behind it, whose rest comes later', async () => {
    const frame = text('Hello');
    for (let cut = 0; cut <= frame.length; cut++) {
      const far = await socketWire(undefined, { behind: frame.subarray(0, cut) });
      far.send(frame.subarray(cut));
      await far.settle();
      expect(far.calls, `cut at ${cut}`).to.deep.equal(['connect', 'text Hello']);
    }
  });

  it('with 200 KiB of frames behind it, while onHandshake takes its time', async () => {
    let open: () => void = () => undefined;
    const order: unknown[] = [];
    class Late extends WebSocket {
      override async onHandshake(): Promise<void> {
        await new Promise<void>((resolve) => {
          open = resolve;
        });
      }
      override onConnect(): void {
        order.push('connect');
      }
      override onRead(message: unknown): void {
        order.push(message);
      }
    }
    const far = wire(webSocketHandler(Late));
    const messages = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(1_000)}`);
    far.send(handshake());
    for (const message of messages) far.send(text(message));
    await far.settle();
    expect(order).to.deep.equal([]);
    expect(far.client.pendingBytes).to.be.above(64 * 1_024);
    open();
    await far.settle();
    expect(order).to.deep.equal(['connect', ...messages]);
  });

  it('something wrong in the same segment fails the WebSocket, not the handshake', async () => {
    const far = await socketWire(undefined, { behind: Buffer.concat([text('fine'), hex('83 80 00000000')]) });
    const [answer] = await far.take();
    expect(answer).to.match(/^close 1002 /);
    expect(far.calls).to.deep.equal(['connect', 'text fine', 'close 1006 (WEBSOCKET_OPCODE)']);
  });
});

describe('RFC 6455 §4.2.1 what is no handshake is answered as HTTP', () => {
  const cases: { name: string; request: string; status: string }[] = [
    { name: 'no Upgrade', request: handshake('Upgrade:', 'Connection:'), status: '426' },
    { name: 'another Upgrade', request: handshake('Upgrade: h2c'), status: '426' },
    { name: 'no Connection', request: handshake('Connection:'), status: '400' },
    { name: 'no key', request: handshake('Sec-WebSocket-Key:'), status: '400' },
    {
      name: 'a key of 15 bytes',
      request: handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA'),
      status: '400',
    },
    {
      name: 'a key of 17 bytes',
      request: handshake('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA='),
      status: '400',
    },
    { name: 'no version', request: handshake('Sec-WebSocket-Version:'), status: '426' },
    { name: 'version 8', request: handshake('Sec-WebSocket-Version: 8'), status: '426' },
    { name: 'POST', request: handshake('Content-Length: 0').replace('GET', 'POST'), status: '400' },
    { name: 'another host’s page', request: handshake('Origin: https://elsewhere.example'), status: '403' },
  ];
  for (const { name, request, status } of cases) {
    it(`${status}: ${name}; the connection is still one of HTTP`, async () => {
      const far = wire(webSocketHandler(Echo));
      far.send(request);
      const refusal = (await far.takeBytes()).toString('latin1');
      expect(refusal).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      if (status === '426') expect(refusal).to.match(/\r\nSec-WebSocket-Version: 13\r\n/);
      expect(refusal).not.to.match(/Sec-WebSocket-Accept/);
      far.send(handshake());
      expect(await far.takeHead()).to.match(/^HTTP\/1.1 101 /);
      expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
    });
  }
});
