import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InseamError, TransportError } from '@inseam/engine';
import { type ConnectOptions, WebSocket, WebSocketHandshakeError } from '@inseam/websocket';
import { expect } from 'chai';
import { RecordingSocket } from '../support/client-parts.js';
import {
  clientEngine,
  serveAnswer,
  serveOurs,
  serveRaw,
  serveWs,
  type WsPeer,
} from '../support/client-peers.js';
import { serverFrame } from '../support/client-wire.js';

const noise = Buffer.alloc(1 << 20);
for (let i = 0, state = 1; i < noise.length; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  noise[i] = state >>> 24;
}
const MESSAGES: (string | Buffer)[] = [
  '',
  'a',
  'é漢😀',
  Buffer.alloc(0),
  Buffer.from([0, 255, 128]),
  'b'.repeat(125),
  'b'.repeat(126),
  'c'.repeat(65_535),
  'd'.repeat(65_536),
  noise,
  'the same text, '.repeat(1_000),
  'the same text, '.repeat(1_000),
  'e'.repeat(1 << 20),
  'last',
];

/** Sends everything and waits for its echo, in order. */
async function exchange(socket: RecordingSocket, messages: readonly (string | Buffer)[]): Promise<void> {
  const from = socket.messages.length;
  for (const message of messages) socket.write(message);
  await socket.until(() => socket.messages.length === from + messages.length || socket.closed);
  messages.forEach((message, i) => {
    const echo = socket.messages[from + i];
    const isSame = typeof message === 'string' ? message === echo : message.equals(echo as Buffer);
    expect(isSame, `message ${i}`).to.equal(true);
  });
}

async function rejection(promise: Promise<unknown>): Promise<InseamError> {
  return promise.then(
    () => expect.fail('it was opened'),
    (error) => error,
  );
}

describe('system: a client of our own server', () => {
  it('exchanges messages of every size', async () => {
    const { port } = await serveOurs();
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }, 'a', 1);
    expect(socket.events).to.deep.equal(['connect a 1']);
    expect(socket.remoteAddress).to.include({ host: '127.0.0.1', port });
    expect(socket.localAddress).to.include({ host: '127.0.0.1' });
    await exchange(socket, MESSAGES);
    socket.close(4_001, 'done');
    expect(await socket.over()).to.match(/^close 4001 .*null$/);
  });

  for (const contextTakeover of [false, true]) {
    it(`the same compressed, ${contextTakeover ? 'with' : 'without'} context take-over`, async () => {
      const perMessageDeflate = { contextTakeover };
      const { port } = await serveOurs({ perMessageDeflate });
      const { engine } = clientEngine();
      const options = { engine, perMessageDeflate };
      const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, options);
      expect(socket.extensions).to.match(/^permessage-deflate/);
      expect(socket.extensions.includes('no_context')).to.equal(!contextTakeover);
      await exchange(socket, MESSAGES);
      await exchange(socket, MESSAGES);
      socket.close();
      expect(await socket.over()).to.equal('close 1000  null');
    });
  }

  it('what the request says arrives', async () => {
    const seen: unknown[] = [];
    class Server extends WebSocket {
      override onHandshake(): void {}
      override onConnect(): void {
        const { headers, cookies, url, host, remoteIp } = this.request;
        seen.push(url, host, remoteIp, headers.get('origin'), headers.get('x'), cookies, this.protocol);
        seen.push(headers.get('authorization'));
      }
    }
    const { port } = await serveOurs({ protocols: ['c', 'b'], origins: ['https://a.example'] }, Server);
    const { engine } = clientEngine();
    const socket = await WebSocket.connect(`ws://me:secret@127.0.0.1:${port}/path?query`, {
      engine,
      protocols: ['a', 'b', 'c'],
      origin: 'https://a.example',
      headers: { X: 'ü', Host: 'other.example' },
      cookies: { name: 'a; "value"=ä' },
    });
    expect(socket.protocol).to.equal('c');
    expect(seen).to.deep.equal([
      '/path?query',
      'other.example',
      '127.0.0.1',
      'https://a.example',
      'ü',
      { name: 'a; "value"=ä' },
      'c',
      `Basic ${Buffer.from('me:secret').toString('base64')}`,
    ]);
    socket.abort();
  });

  it('is told why it is refused', async () => {
    const { port } = await serveOurs({ origins: [] });
    const { engine, log } = clientEngine();
    const options = { engine, origin: 'https://evil.example' };
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, options));
    expect(error).to.be.instanceOf(WebSocketHandshakeError);
    const { status, answer } = error as WebSocketHandshakeError;
    expect([status, answer?.status]).to.deep.equal([403, 403]);
    expect(answer?.headers.get('content-type')).to.match(/^text\/plain/);
    expect(answer?.body.toString()).to.equal('Pages from this origin may not connect.');
    expect(engine.stats()).to.include({ channels: 0, timers: 0, errors: 0 });
    expect(log.entries).to.deep.equal([]);
  });

  it('by IPv6, by name and by http:', async () => {
    const { port } = await serveOurs({}, undefined, ['::', 0]);
    const { engine } = clientEngine();
    for (const url of [`ws://[::1]:${port}/`, `ws://localhost:${port}/`, `http://127.0.0.1:${port}/`]) {
      const socket = await RecordingSocket.connect(url, { engine });
      await exchange(socket, ['x']);
      socket.abort();
      await socket.over();
    }
  });

  it('by the path of a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    try {
      const path = join(folder, 'a b:c.sock');
      let seen = '';
      class Server extends WebSocket {
        override onConnect(): void {
          seen = `${this.request.host} ${this.request.url}`;
        }
        override onRead(message: string): void {
          this.write(message);
        }
      }
      await serveOurs({}, Server, path);
      const { engine } = clientEngine();
      const url = `ws+unix:${path.replace(':', '%3A')}:/target?q`;
      const socket = await RecordingSocket.connect(url, { engine });
      await exchange(socket, ['x', noise]);
      expect(seen).to.equal('localhost /target?q');
      socket.close();
      expect(await socket.over()).to.equal('close 1000  null');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('both engines stop: 1001', async () => {
    const { port, server } = await serveOurs();
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    await server.engine.stop();
    expect(await socket.over()).to.match(/^close 1001 .* null$/);
    const { port: other } = await serveOurs();
    const second = await RecordingSocket.connect(`ws://127.0.0.1:${other}/`, { engine });
    await engine.stop();
    expect(await second.over()).to.match(/^close 1001 .* null$/);
  });

  it('pings, and gets its pong', async () => {
    const { port } = await serveOurs();
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    socket.ping();
    socket.ping('data');
    await socket.until(() => socket.events.length === 3);
    expect(socket.events).to.deep.equal(['connect', 'pong', 'pong data']);
    socket.abort();
    expect(await socket.over()).to.equal('close 1006  null');
  });
});

describe('system: a client of ws’s server', () => {
  const echo = (peer: WsPeer) =>
    peer.on('message', (data: Buffer, isBinary: boolean) => peer.send(data, { binary: isBinary }));

  interface Case {
    name: string;
    server: object | boolean;
    client: ConnectOptions['perMessageDeflate'];
    says: string;
    messages?: readonly (string | Buffer)[];
  }
  const both = 'server_no_context_takeover; client_no_context_takeover';
  const CASES: Case[] = [
    { name: 'no compression', server: false, client: false, says: '' },
    { name: 'none where only the server has it', server: true, client: false, says: '' },
    { name: 'none where only the client has it', server: false, client: true, says: '' },
    { name: 'no context', server: true, client: true, says: `permessage-deflate; ${both}` },
    {
      name: 'context both ways',
      server: true,
      client: { contextTakeover: true },
      says: 'permessage-deflate',
    },
    {
      name: 'the server’s context only',
      server: { clientNoContextTakeover: true },
      client: { contextTakeover: true },
      says: 'permessage-deflate; client_no_context_takeover',
    },
    {
      name: 'the client’s context only',
      server: { serverNoContextTakeover: true },
      client: { contextTakeover: true },
      says: 'permessage-deflate; server_no_context_takeover',
    },
    {
      name: 'a small window of the server’s',
      server: { serverMaxWindowBits: 9 },
      client: true,
      says: `permessage-deflate; ${both}; server_max_window_bits=9`,
    },
    {
      name: 'a small window of the client’s',
      server: { clientMaxWindowBits: 9 },
      client: true,
      says: `permessage-deflate; ${both}; client_max_window_bits=9`,
    },
    {
      name: 'small windows and context',
      server: { serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
      client: { contextTakeover: true },
      says: 'permessage-deflate; client_max_window_bits=10; server_max_window_bits=10',
    },
    {
      name: 'a window that zlib cannot compress with',
      server: { clientMaxWindowBits: 8 },
      client: { contextTakeover: true },
      says: 'permessage-deflate; client_max_window_bits=8',
    },
  ];
  for (const { name, server, client, says } of CASES) {
    it(`exchanges messages of every size: ${name}`, async () => {
      const { port } = await serveWs({ perMessageDeflate: server }, echo);
      const { engine } = clientEngine();
      const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, {
        engine,
        perMessageDeflate: client,
      });
      expect(socket.extensions).to.equal(says);
      await exchange(socket, MESSAGES);
      await exchange(socket, MESSAGES);
      socket.close();
      expect(await socket.over()).to.equal('close 1000  null');
    });
  }

  it('what is compressed is far less on the wire', async () => {
    let read = 0;
    const { port } = await serveWs({ perMessageDeflate: true }, (peer) => {
      peer.on('message', (data: Buffer) => {
        read = peer._socket.bytesRead;
        peer.send(String(data.length));
      });
    });
    const { engine } = clientEngine();
    const options = { engine, perMessageDeflate: true };
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, options);
    socket.write('x'.repeat(100_000));
    await socket.until(() => socket.messages.length === 1);
    expect(socket.messages).to.deep.equal(['100000']);
    expect(read).to.be.below(2_000);
    socket.abort();
    await socket.over();
  });

  it('a subprotocol, and the request as ws sees it', async () => {
    let seen: unknown;
    const { port } = await serveWs(
      { handleProtocols: (offered: Set<string>) => [...offered][1] },
      (peer, { url, headers }) => {
        seen = [url, headers.host, headers.cookie, peer.protocol];
      },
    );
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/a?b`, {
      engine,
      protocols: ['x', 'y'],
      cookies: { a: 'b' },
    });
    expect(socket.protocol).to.equal('y');
    expect(seen).to.deep.equal(['/a?b', `127.0.0.1:${port}`, 'a=b', 'y']);
    socket.abort();
    await socket.over();
  });

  it('a refusal of ws’s', async () => {
    const { port } = await serveWs(
      { verifyClient: (_info: unknown, done: (...args: unknown[]) => void) => done(false, 418, 'Teapot') },
      () => {},
    );
    const { engine } = clientEngine();
    const error = (await rejection(
      RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }),
    )) as WebSocketHandshakeError;
    expect([error.status, error.answer?.body.toString()]).to.deep.equal([418, 'Teapot']);
  });

  const CLOSES: { name: string; close: (peer: WsPeer) => void; expect: string | RegExp }[] = [
    {
      name: 'with code and reason',
      close: (peer) => peer.close(4_321, 'bye'),
      expect: 'close 4321 bye null',
    },
    { name: 'without a code', close: (peer) => peer.close(), expect: 'close 1005  null' },
    {
      name: 'behind its last words',
      close: (peer) => {
        peer.send('last');
        peer.close(1_000);
      },
      expect: 'close 1000  null',
    },
    { name: 'without a word', close: (peer) => peer.terminate(), expect: /^close 1006 {2}\w+$/ },
  ];
  for (const { name, close, expect: wanted } of CLOSES) {
    it(`the server closes ${name}`, async () => {
      const { port } = await serveWs({}, (peer) => void peer.on('message', () => close(peer)));
      const { engine } = clientEngine();
      const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
      socket.write('now');
      expect(await socket.over()).to.match(wanted instanceof RegExp ? wanted : new RegExp(`^${wanted}$`));
      if (name.includes('last')) expect(socket.events).to.include('text last');
    });
  }

  it('the client closes with code and reason', async () => {
    let told: (end: unknown[]) => void = () => {};
    const end = new Promise<unknown[]>((resolve) => {
      told = resolve;
    });
    const { port } = await serveWs({}, (peer) => {
      peer.on('close', (code: number, reason: Buffer) => told([code, reason.toString()]));
    });
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    socket.write('a'.repeat(100_000));
    socket.close(4_002, 'enough');
    expect(await end).to.deep.equal([4_002, 'enough']);
    expect(await socket.over()).to.equal('close 4002 enough null');
  });

  it('both close at once', async () => {
    const { port } = await serveWs({}, (peer) => void peer.on('message', () => peer.close(4_100)));
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    socket.write('now');
    socket.close(4_200);
    expect(await socket.over()).to.match(/^close 4[12]00 {2}null$/);
  });

  it('the server pings, and gets its pong', async () => {
    const { port } = await serveWs({}, (peer) => {
      peer.on('pong', (data: Buffer) => peer.send(`pong ${data}`));
      peer.ping('x');
    });
    const { engine } = clientEngine();
    const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    await socket.until(() => socket.messages.length === 1);
    expect(socket.messages).to.deep.equal(['pong x']);
    socket.abort();
    await socket.over();
  });
});

describe('system: a client of a server that does what it likes', () => {
  it('messages in the same segment as the 101 are there for a loop behind connect()', async () => {
    const frames = Buffer.concat([serverFrame(1, 'a'), serverFrame(1, 'b'), serverFrame(8, '')]);
    const { port } = await serveAnswer((accepted, socket) =>
      socket.end(Buffer.concat([Buffer.from(accepted), frames])),
    );
    const { engine } = clientEngine();
    const socket = await WebSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
    const seen: unknown[] = [];
    for await (const message of socket) seen.push(message);
    expect(seen).to.deep.equal(['a', 'b']);
  });

  it('a masked frame is answered by 1002', async () => {
    const ended = new Promise<Buffer>((resolve) => {
      void serveAnswer((accepted, socket) => {
        const bytes: Buffer[] = [];
        socket.on('data', (data: Buffer) => bytes.push(data));
        socket.on('end', () => {
          socket.end();
          resolve(Buffer.concat(bytes));
        });
        socket.write(
          Buffer.concat([Buffer.from(accepted), Buffer.from('818100000000', 'hex'), Buffer.from('a')]),
        );
      }).then(async ({ port }) => {
        const { engine } = clientEngine();
        const socket = await RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine });
        expect(await socket.over()).to.equal('close 1006  WEBSOCKET_MASK');
      });
    });
    const frame = await ended;
    expect(frame[0]).to.equal(0x88);
    const code = [(frame[6] ?? 0) ^ (frame[2] ?? 0), (frame[7] ?? 0) ^ (frame[3] ?? 0)];
    expect(code).to.deep.equal([0x03, 0xea]);
  });

  it('a connection that is reset in the middle of the handshake', async () => {
    const { port } = await serveAnswer((_accepted, socket) => socket.resetAndDestroy());
    const { engine } = clientEngine();
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }));
    expect(error).to.be.instanceOf(TransportError).with.property('systemCode', 'ECONNRESET');
    expect(engine.stats()).to.include({ channels: 0, timers: 0 });
  });

  it('a reset in the middle of a refusal’s content', async () => {
    const { port } = await serveAnswer((_accepted, socket) => {
      socket.write('HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nabc', () =>
        setImmediate(() => socket.resetAndDestroy()),
      );
    });
    const { engine } = clientEngine();
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }));
    // What a reset leaves of the bytes before it is the system's affair.
    expect(error).to.satisfy(
      (seen: unknown) => seen instanceof WebSocketHandshakeError || seen instanceof TransportError,
    );
    expect(engine.stats()).to.include({ channels: 0, timers: 0 });
  });

  it('nobody listens', async () => {
    const { port, server } = await serveRaw(() => {});
    server.close();
    await once(server, 'close');
    const { engine, log } = clientEngine();
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }));
    expect(error).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_CONNECT_FAILED');
    expect(log.entries).to.deep.equal([]);
  });

  it('the signal ends dialling, and the handshake', async () => {
    const accepted: unknown[] = [];
    const controller = new AbortController();
    const { port } = await serveRaw((socket) => {
      socket.on('data', () => controller.abort(new Error('no more')));
      socket.on('end', () => accepted.push('end')).on('close', () => accepted.push('close'));
    });
    const { engine } = clientEngine();
    const url = `ws://127.0.0.1:${port}/`;
    for (const signal of [AbortSignal.abort(new Error('no more')), controller.signal]) {
      const error = await rejection(RecordingSocket.connect(url, { engine, signal }));
      expect([error.code, (error.cause as Error).message]).to.deep.equal([
        'ENGINE_CONNECT_ABORTED',
        'no more',
      ]);
      expect(engine.stats()).to.include({ channels: 0, timers: 0 });
    }
  });

  it('handshakeTimeoutMs counts from the connection on', async () => {
    const { port } = await serveRaw((socket) => void socket.resume());
    const { engine } = clientEngine();
    const limits = { handshakeTimeoutMs: 20 };
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine, limits }));
    expect(error).to.include({ code: 'WEBSOCKET_HANDSHAKE_TIMEOUT', phase: 'timeout' });
    expect(engine.stats()).to.include({ channels: 0, timers: 0 });
  });

  it('engine.stop() ends it', async () => {
    const { engine } = clientEngine();
    let stopped: Promise<void> | null = null;
    const { port } = await serveRaw((socket) =>
      socket.on('data', () => {
        stopped ??= engine.stop();
      }),
    );
    const error = await rejection(RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }));
    expect(error).to.be.instanceOf(TransportError);
    expect(error.message).to.match(/stopping/);
    await stopped;
  });

  it('a promise that nobody looks at is the only one that is rejected', async () => {
    const { port } = await serveAnswer((_accepted, socket) => socket.end('HTTP/1.1 403 No\r\n\r\n'));
    const { engine } = clientEngine();
    const seen: unknown[] = [];
    const note = (reason: unknown) => void seen.push(reason);
    process.on('unhandledRejection', note);
    const settled = new Promise<void>((resolve) => {
      void RecordingSocket.connect(`ws://127.0.0.1:${port}/`, { engine }).catch(() => resolve());
    });
    await settled;
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(seen).to.deep.equal([]);
  });
});
