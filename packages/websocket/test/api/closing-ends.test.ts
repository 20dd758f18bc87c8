import { TransportError } from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { WebSocket, WebSocketProtocolError, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { close, frame, text } from '../support/frames.js';
import { handshake, type SocketWire, socketWire, wire } from '../support/wire.js';

const closes = (far: SocketWire) => far.calls.filter((call) => call.startsWith('close'));

describe('api: the end of a WebSocket', () => {
  describe('the answer to ours', () => {
    it('with another code, that is the code of the end', async () => {
      const far = await socketWire();
      far.socket.close(1000, 'ours');
      await far.take();
      expect(await far.exchange(close(4001, 'theirs'))).to.deep.equal([]);
      expect(far.calls).to.deep.equal(['connect', 'close 4001 theirs']);
    });

    it('without a code is 1005', async () => {
      const far = await socketWire();
      far.socket.close();
      far.send(close());
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'close 1005']);
    });

    it('may be behind messages, pings and pongs, which are passed over', async () => {
      const far = await socketWire();
      far.socket.close();
      await far.take();
      expect(
        await far.exchange(
          Buffer.concat([text('x'), frame({ opcode: 9 }), frame({ opcode: 10 }), close(1000)]),
        ),
      ).to.deep.equal([]);
      expect(far.calls).to.deep.equal(['connect', 'close 1000']);
    });

    it('that does not come ends it by closeTimeoutMs, with 1006', async () => {
      const far = await socketWire(WebSocket, { limits: { closeTimeoutMs: 2_000 } });
      await far.pass(500);
      far.socket.close();
      await far.pass(1_900);
      expect(closes(far)).to.deep.equal([]);
      await far.pass(700);
      expect(closes(far)).to.deep.equal(['close 1006 (WEBSOCKET_CLOSE_TIMEOUT)']);
      expect(far.error).to.be.an.instanceof(TransportError).with.property('phase', 'timeout');
    });

    it('5 s by default, also where the peer sends on, or takes nothing', async () => {
      const ways: ((far: SocketWire) => unknown)[] = [
        () => {},
        ({ send }) => send(text('x')),
        ({ client, socket }) => {
          client.pause();
          socket.write(Buffer.alloc(500_000));
        },
      ];
      for (const way of ways) {
        const far = await socketWire();
        for (let i = 0; i < 4; i++) {
          if (i === 1) way(far);
          if (i === 1) far.socket.close();
          if (i > 1) far.send(text('on'));
          await far.pass(1_200);
        }
        expect(closes(far)).to.deep.equal([]);
        await far.pass(3_000);
        expect(closes(far)).to.deep.equal(['close 1006 (WEBSOCKET_CLOSE_TIMEOUT)']);
      }
    });

    it('in place of which the peer just ends: 1006', async () => {
      const far = await socketWire();
      far.socket.close();
      far.client.end();
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_NO_CLOSE)']);
    });

    it('in place of which comes what is wrong: 1006, and no second Close', async () => {
      const far = await socketWire();
      far.socket.close();
      await far.take();
      expect(await far.exchange(frame({ opcode: 3 }))).to.deep.equal([]);
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'close 1006 (WEBSOCKET_OPCODE)']);
    });
  });

  it('both Closes crossing each other are both answers', async () => {
    const far = await socketWire();
    far.send(close(4001, 'theirs'));
    far.socket.close(4000, 'ours');
    expect(await far.take()).to.deep.equal(['close 4000 ours']);
    expect(far.calls).to.deep.equal(['connect', 'close 4001 theirs']);
  });

  it('our close() while the peer’s waits behind a message is its answer', async () => {
    class Slow extends WebSocket {
      override onRead(): Promise<never> {
        return new Promise(() => {});
      }
    }
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('x'), close(4001, 'theirs')]));
    await far.settle();
    far.socket.close(4000);
    expect(await far.take()).to.deep.equal(['close 4000']);
    expect(far.calls).to.deep.equal(['connect', 'text x', 'close 4001 theirs']);
  });

  const ends: [string, (far: SocketWire) => unknown, string, string[]][] = [
    ['the peer’s Close', ({ send }) => send(close(4000, 'bye')), 'close 4000 bye', ['close 4000 bye']],
    ['the peer’s Close without a code', ({ send }) => send(close()), 'close 1005', ['close']],
    ['the peer’s reset', ({ client }) => client.abort(), 'close 1006 (ENGINE_CONNECTION_LOST)', []],
    ['the peer’s end without a Close', ({ client }) => client.end(), 'close 1006 (WEBSOCKET_NO_CLOSE)', []],
    ['abort()', ({ socket }) => socket.abort(), 'close 1006', []],
    ['abort() of the server', ({ server }) => server.abort(), 'close 1006', []],
    [
      'what the peer did wrong',
      ({ send }) => send(frame({ opcode: 3 })),
      'close 1006 (WEBSOCKET_OPCODE)',
      ['close 1002'],
    ],
  ];
  for (const [how, end, told, sent] of ends) {
    it(`by ${how}: onClose once, behind everything before it, and no handle is left`, async () => {
      const far = await socketWire();
      far.send(Buffer.concat([text('a'), text('b')]));
      await far.settle();
      end(far);
      await far.settle();
      expect(far.calls).to.deep.equal(['connect', 'text a', 'text b', told]);
      const said = (await far.take()).map((words) => (words.startsWith('close 1002') ? 'close 1002' : words));
      expect(said).to.deep.equal(sent);
      far.client.end();
      far.client.abort();
      await far.pass(30_000);
      expect(far.calls).to.have.length(4);
      expect(far.engine.channels.size).to.equal(0);
      expect(far.engine.stats().timers).to.equal(0);
    });
  }

  it('the peer’s end behind a message: the message, and 1006', async () => {
    const far = await socketWire();
    far.send(text('a'));
    far.client.end();
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'text a', 'close 1006 (WEBSOCKET_NO_CLOSE)']);
    expect(far.error).to.be.an.instanceof(TransportError);
  });

  it('the peer’s Close is answered, and our side shut at once; onClose does not wait for its side', async () => {
    const far = await socketWire(WebSocket, { lingers: true });
    expect(await far.exchange(close(1000))).to.deep.equal(['close 1000']);
    expect([far.ended, far.calls.at(-1), far.socket.closed]).to.deep.equal([true, 'close 1000', true]);
    await far.pass(5_000);
    expect([far.engine.channels.size, far.log.entries, far.calls.length]).to.deep.equal([0, [], 2]);
  });

  it('what the peer did wrong is a WebSocketProtocolError, and a line for the log', async () => {
    const far = await socketWire();
    far.send(frame({ opcode: 3 }));
    await far.settle();
    expect(far.error).to.be.an.instanceof(WebSocketProtocolError).with.property('closeCode', 1002);
    expect(far.log.entries).to.deep.equal([
      { level: 'warn', message: 'failed the WebSocket with 192.0.2.7 at /chat by 1002', error: far.error },
    ]);
  });

  it('a peer without an address, as on a Unix socket, is a local one to the log', async () => {
    const far = wire(webSocketHandler(WebSocket));
    const [there, client] = memoryPair();
    client.open(new RecordingSink());
    far.server.accept(there);
    client.write(handshake());
    client.write(frame({ opcode: 3 }));
    await far.settle();
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal([
      'failed the WebSocket with a local client at /chat by 1002',
    ]);
  });
});
