import { type InseamError, type Stream, TransportError } from '@inseam/engine';
import { WebSocketHandshakeError } from '@inseam/websocket';
import { expect } from 'chai';
import { RecordingSocket } from '../support/client-parts.js';
import { type ClientWire, clientWire, serverFrame } from '../support/client-wire.js';

const head = (...lines: string[]) => [...lines, '', ''].join('\r\n');

function failure(wire: ClientWire): InseamError {
  expect(wire.result).to.be.instanceOf(TransportError);
  expect(wire.socket.events, 'no handler is called').to.deep.equal([]);
  expect(wire.engine.channels.size, 'nothing is left open').to.equal(0);
  expect(wire.clock.pending, 'no timer is left').to.equal(0);
  expect(wire.log.entries).to.deep.equal([]);
  return wire.result as InseamError;
}

describe('client: timeouts of the handshake', () => {
  it('no answer within handshakeTimeoutMs', async () => {
    const wire = await clientWire({ limits: { handshakeTimeoutMs: 4_000 } });
    await wire.pass(3_950);
    expect(wire.result).to.equal(null);
    await wire.pass(1_050);
    const error = failure(wire) as TransportError;
    expect([error.code, error.phase]).to.deep.equal(['WEBSOCKET_HANDSHAKE_TIMEOUT', 'timeout']);
  });

  it('it is 10 seconds at first', async () => {
    const wire = await clientWire();
    await wire.pass(9_950);
    expect(wire.result).to.equal(null);
    await wire.pass(1_050);
    expect(failure(wire).code).to.equal('WEBSOCKET_HANDSHAKE_TIMEOUT');
  });

  it('it counts from the connection on', async () => {
    const first = await clientWire();
    await first.answer(first.switching());
    await first.pass(20_000);
    const wire = await clientWire({ beside: first });
    await wire.pass(9_500);
    expect(wire.result).to.equal(null);
    await wire.pass(1_500);
    expect(wire.result).to.have.property('code', 'WEBSOCKET_HANDSHAKE_TIMEOUT');
  });

  it('bytes that trickle in do not lengthen it, nor do interim answers', async () => {
    const wire = await clientWire({ limits: { handshakeTimeoutMs: 1_000 } });
    for (const piece of [head('HTTP/1.1 100 Continue'), 'HTTP', '/1.1 101 X\r\nA']) {
      await wire.answer(piece);
      await wire.pass(300);
    }
    await wire.pass(350);
    expect(failure(wire).code).to.equal('WEBSOCKET_HANDSHAKE_TIMEOUT');
  });

  it('a refusal whose content is slow is told with what there is', async () => {
    const wire = await clientWire({ limits: { handshakeTimeoutMs: 1_000 } });
    await wire.answer(`${head('HTTP/1.1 403 No', 'Content-Length: 9')}abc`);
    expect(wire.result).to.equal(null);
    await wire.pass(1_300);
    expect(wire.result).to.be.instanceOf(WebSocketHandshakeError);
    const { answer } = wire.result as WebSocketHandshakeError;
    expect([answer?.status, answer?.body.toString()]).to.deep.equal([403, 'abc']);
    expect(wire.engine.channels.size).to.equal(0);
  });

  it('Infinity is none', async () => {
    const wire = await clientWire({ limits: { handshakeTimeoutMs: Number.POSITIVE_INFINITY } });
    await wire.pass(60_000);
    expect(wire.result).to.equal(null);
    expect(wire.clock.pending).to.equal(0);
  });

  it('it has no effect on what is open', async () => {
    const wire = await clientWire({
      limits: { handshakeTimeoutMs: 1_000, pingIntervalMs: Number.POSITIVE_INFINITY },
    });
    await wire.answer(wire.switching());
    await wire.pass(5_000);
    expect(wire.socket.events).to.deep.equal(['connect']);
    expect(wire.socket.connected).to.equal(true);
  });

  it('the session’s own timeouts are looked at: a ping, and no pong', async () => {
    const wire = await clientWire({ limits: { pingIntervalMs: 1_000, pongTimeoutMs: 2_000 } });
    await wire.answer(wire.switching());
    // Whatever else the stream is asked to look at.
    for (const stream of wire.engine.channels) (stream as Stream).idleTimeoutMs = Number.POSITIVE_INFINITY;
    const before = wire.sink.length;
    await wire.pass(1_300);
    expect((wire.sink.bytes[before] ?? 0) & 0x0f).to.equal(9);
    await wire.pass(2_600);
    expect(wire.socket.connected).to.equal(false);
    wire.server.end();
    await wire.settle();
    expect(wire.socket.events.at(-1)).to.equal('close 1006  WEBSOCKET_PONG_TIMEOUT');
  });
});

describe('client: the signal', () => {
  it('ends the handshake, with its reason', async () => {
    const controller = new AbortController();
    const wire = await clientWire({ signal: controller.signal });
    await wire.answer('HTTP/1.1 ');
    controller.abort(new Error('enough'));
    await wire.settle();
    const error = failure(wire);
    expect(error.code).to.equal('ENGINE_CONNECT_ABORTED');
    expect((error.cause as Error).message).to.equal('enough');
  });

  it('ends it while the content of a refusal is read', async () => {
    const controller = new AbortController();
    const wire = await clientWire({ signal: controller.signal });
    await wire.answer(`${head('HTTP/1.1 403 No', 'Content-Length: 9')}abc`);
    controller.abort();
    await wire.settle();
    expect(failure(wire).code).to.equal('ENGINE_CONNECT_ABORTED');
  });

  it('may have been aborted before', async () => {
    const wire = await clientWire({ signal: AbortSignal.abort('a text') });
    const error = failure(wire);
    expect([error.code, (error.cause as Error).message]).to.deep.equal(['ENGINE_CONNECT_ABORTED', 'a text']);
  });

  for (const [name, ends] of [
    ['open', (wire: ClientWire) => wire.answer(wire.switching())],
    ['refused', (wire: ClientWire) => wire.answer(head('HTTP/1.1 403 No', 'Content-Length: 0'))],
  ] as const) {
    it(`has no effect on what is ${name}, and is let go of`, async () => {
      const controller = new AbortController();
      const { signal } = controller;
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        listeners++;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        listeners--;
        remove(...args);
      };
      const wire = await clientWire({ signal });
      expect(listeners).to.equal(1);
      await ends(wire);
      expect(listeners).to.equal(0);
      const { result } = wire;
      controller.abort();
      await wire.settle();
      expect(wire.result).to.equal(result);
      expect(wire.socket.connected).to.equal(name === 'open');
    });
  }
});

describe('client: the engine stops', () => {
  it('in the middle of the handshake, which rejects', async () => {
    const wire = await clientWire();
    const stopped = wire.engine.stop();
    await wire.settle();
    const error = failure(wire);
    expect(error.code).to.equal('ENGINE_CONNECT_FAILED');
    expect(error.message).to.match(/stopping/);
    await stopped;
  });

  it('what comes first counts', async () => {
    const controller = new AbortController();
    const wire = await clientWire({ signal: controller.signal });
    const stopped = wire.engine.stop();
    controller.abort();
    await wire.settle();
    expect(failure(wire).code).to.equal('ENGINE_CONNECT_FAILED');
    await stopped;
  });

  it('and what is open says 1001', async () => {
    const wire = await clientWire();
    await wire.answer(wire.switching());
    const stopped = wire.engine.stop();
    await wire.settle();
    expect(wire.socket.connected).to.equal(false);
    await wire.answer(serverFrame(8, Buffer.from([3, 233])));
    wire.server.end();
    await wire.settle();
    await stopped;
    expect(wire.socket.events).to.deep.equal(['connect', 'close 1001  null']);
  });

  it('and what opens meanwhile does so, too', async () => {
    const first = await clientWire();
    await first.answer(first.switching());
    const stopped = first.engine.stop();
    // Another client of the same engine, dialled when it was stopping already.
    const late = await clientWire({ beside: first });
    await late.answer(late.switching());
    await first.settle();
    expect(late.socket.events[0]).to.equal('connect');
    expect(late.socket.connected).to.equal(false);
    for (const wire of [first, late]) {
      await wire.answer(serverFrame(8, Buffer.from([3, 233])));
      wire.server.end();
      await first.settle();
    }
    await stopped;
    expect(late.socket.events).to.deep.equal(['connect', 'close 1001  null']);
  });
});

describe('client: user code', () => {
  it('a throw in onConnect is reported, and the WebSocket is open', async () => {
    const wire = await clientWire();
    wire.socket.onConnect = () => {
      throw new Error('oops');
    };
    await wire.answer(wire.switching());
    expect(wire.result).to.equal('open');
    expect(wire.log.entries).to.deep.equal(['RecordingSocket.onConnect threw: oops']);
  });

  it('onConnect may abort', async () => {
    const wire = await clientWire();
    wire.socket.onConnect = () => wire.socket.abort();
    await wire.answer(wire.switching());
    expect(wire.result).to.equal('open');
    expect(wire.socket.closed).to.equal(true);
    expect(wire.socket.events).to.deep.equal(['close 1006  null']);
  });

  it('a readDelimiter governs what comes with the answer', async () => {
    const socket = new RecordingSocket();
    socket.readDelimiter = '\n';
    const wire = await clientWire({ socket });
    const frame = serverFrame(1, 'a\nb\nc').toString('latin1');
    await wire.answer(wire.switching() + frame);
    expect(socket.events).to.deep.equal(['connect', 'text a', 'text b']);
  });

  it('a loop that begins behind connect() misses nothing', async () => {
    const wire = await clientWire();
    const frames = Buffer.concat([serverFrame(1, 'a'), serverFrame(1, 'b')]).toString('latin1');
    const seen: unknown[] = [];
    wire.socket.onConnect = async () => {
      for await (const message of wire.socket) seen.push(message);
    };
    await wire.answer(wire.switching() + frames);
    await wire.settle();
    expect(seen).to.deep.equal(['a', 'b']);
  });
});
