import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Engine, type InseamError, TransportError } from '@inseam/engine';
import { expect } from 'chai';
import { describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { clientHello } from '../support/client-hello.js';
import { connect as connectInMemory } from '../support/memory-connection.js';
import { RecordingStream } from '../support/recording-stream.js';
import {
  addressOf,
  clientTls,
  listen,
  type RecordingServer,
  serverTls,
  TlsStream,
} from '../support/tls-streams.js';

const REASON = new TransportError('OURS', 'we had enough', 'read');
const PLAINTEXT = Buffer.from('GET / HTTP/1.0\r\n\r\n');
/** Long enough for a connection to be made, so that it is the handshake that lasts too long. */
const PATIENCE_MS = 100;

/** What a peer may do instead of its part of the handshake. */
const misbehaviours: {
  name: string;
  act: (socket: Socket, hello: Buffer) => unknown;
  code?: string;
  says?: RegExp;
}[] = [
  { name: 'speaks plainly', act: (socket) => socket.write(PLAINTEXT), says: /http request|wrong version/ },
  {
    name: 'sends anything',
    act: (socket) => socket.write(Buffer.alloc(1_000, 0xa5)),
    says: /wrong version|version/,
  },
  { name: 'finishes at once', act: (socket) => socket.end() },
  { name: 'finishes in the middle', act: (socket, hello) => socket.end(hello.subarray(0, 60)) },
  { name: 'leaves at once', act: (socket) => socket.destroy() },
  {
    name: 'leaves in the middle',
    act: (socket, hello) => socket.write(hello.subarray(0, 60), () => socket.destroy()),
  },
  { name: 'resets the connection', act: (socket) => socket.resetAndDestroy() },
  {
    name: 'resets the connection in the middle',
    act: (socket, hello) => socket.write(hello.subarray(0, 60), () => socket.resetAndDestroy()),
  },
  { name: 'says nothing', act: () => {}, code: 'ENGINE_CONNECT_TIMEOUT' },
  {
    name: 'stops in the middle',
    act: (socket, hello) => socket.write(hello.subarray(0, 60)),
    code: 'ENGINE_CONNECT_TIMEOUT',
  },
];

/** What we may do meanwhile, and the reason that `onClose` gets. */
const ends: { name: string; act: (stream: TlsStream) => unknown; reason?: InseamError }[] = [
  { name: 'close()', act: (stream) => stream.close() },
  { name: 'close(false)', act: (stream) => stream.close(false) },
  { name: 'abort()', act: (stream) => stream.abort() },
  { name: 'abort(reason)', act: (stream) => stream.abort(REASON), reason: REASON },
  { name: 'engine.stop()', act: (stream) => void stream.engine.stop() },
];

describeTls('a TLS handshake that fails', () => {
  const newEngine = checkedEngines();
  let hello: Buffer;
  before(async () => {
    hello = await clientHello();
  });

  /** Connects to `server` without TLS; what it sends is up to the test. */
  async function dialRaw(server: RecordingServer): Promise<Socket> {
    const socket = connect({ port: server.port ?? 0, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {}).resume();
    await once(socket, 'connect');
    return socket;
  }

  /** A server that does `act` with the only connection that it takes, once bytes of it have come. */
  async function listenRaw(act: (socket: Socket) => unknown) {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      server.close();
      socket.on('error', () => {});
      socket.once('data', () => act(socket));
      sockets.push(socket);
    });
    const sockets: Socket[] = [];
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return { port: (server.address() as AddressInfo).port, sockets };
  }

  function expectFailure(stream: TlsStream, code = 'ENGINE_TLS_HANDSHAKE', says = /./): void {
    expect(stream.story).to.deep.equal([`tls error ${code}`, `close ${code}`]);
    expect(stream.error).to.be.instanceOf(TransportError).with.property('code', code);
    expect(stream.error?.message)
      .to.match(says)
      .and.not.to.match(/SSL routines|\n/);
    expect(stream.reason).to.equal(stream.error);
    expect([stream.tls, stream.connected, stream.closed]).to.deep.equal([null, false, true]);
    expect(stream.engine.channels.has(stream)).to.equal(false);
  }

  describe('of an accepted connection: onTlsHandshakeError once, then onClose, when the peer', () => {
    for (const { name, act, code, says } of misbehaviours) {
      it(name, async () => {
        const { engine } = newEngine();
        const isSilent = code === 'ENGINE_CONNECT_TIMEOUT';
        const server = await listen(serverTls(), {
          engine,
          ...(isSilent && { connectTimeoutMs: PATIENCE_MS }),
        });
        const socket = await dialRaw(server);
        const accepted = await server.nth(1);
        act(socket, hello);
        await accepted.log.until('close');
        expectFailure(accepted, code, says);
        expect(server.channels.size).to.equal(0);
        expect(engine.stats()).to.include({ channels: 1, timers: 0 });
        socket.destroy();
      });
    }

    it('has no trust in us', async () => {
      const { engine } = newEngine();
      const server = await listen(serverTls(), { engine });
      const client = new TlsStream({ engine }).startTls().connect(addressOf(server));
      const accepted = await server.nth(1);
      await Promise.all([accepted.log.until('close'), client.log.until('close')]);
      expectFailure(client, 'ENGINE_TLS_HANDSHAKE', /unable to verify the first certificate/);
    });
  });

  describe('of a dialled connection: onTlsHandshakeError once, then onClose, when the peer', () => {
    for (const { name, act, code, says } of misbehaviours) {
      it(name, async () => {
        const { engine } = newEngine();
        const isSilent = code === 'ENGINE_CONNECT_TIMEOUT';
        // Half of a server's first message, as far as its length is concerned.
        const serverHello = Buffer.concat([
          Buffer.from([22, 3, 3, 0, 80, 2, 0, 0, 76, 3, 3]),
          Buffer.alloc(69),
        ]);
        const peer = await listenRaw((socket) => act(socket, serverHello));
        const client = new TlsStream({ engine }).startTls(clientTls());
        client.connect(['127.0.0.1', peer.port], isSilent ? { connectTimeoutMs: PATIENCE_MS } : {});
        const opened = client.opened().catch((error) => error);
        await client.log.until('close');
        expectFailure(client, code, says);
        expect(await opened).to.equal(client.error);
        for (const socket of peer.sockets) socket.destroy();
      });
    }

    it('takes too long for our AbortSignal', async () => {
      const { engine } = newEngine();
      const abort = new AbortController();
      const peer = await listenRaw(() => abort.abort(new Error('changed my mind')));
      const client = new TlsStream({ engine }).startTls(clientTls());
      client.connect(['127.0.0.1', peer.port], { signal: abort.signal });
      await client.log.until('close');
      expectFailure(client, 'ENGINE_CONNECT_ABORTED', /changed my mind/);
      for (const socket of peer.sockets) socket.destroy();
    });
  });

  describe('because we end it: onClose alone', () => {
    for (const { name, act, reason } of ends) {
      it(`as the server, by ${name}`, async () => {
        const { engine } = newEngine();
        const server = await listen(serverTls(), { engine });
        const socket = await dialRaw(server);
        const accepted = await server.nth(1);
        socket.write(hello.subarray(0, 60));
        act(accepted);
        socket.end();
        await accepted.log.until('close');
        expect(accepted.story).to.deep.equal([reason === undefined ? 'close' : `close ${reason.code}`]);
        expect(accepted.reason).to.equal(reason ?? null);
        socket.destroy();
      });

      it(`as the client, by ${name}`, async () => {
        const { engine } = newEngine();
        let client: TlsStream | null = null;
        const peer = await listenRaw(() => act(client as TlsStream));
        client = new TlsStream({ engine }).startTls(clientTls()).connect(['127.0.0.1', peer.port]);
        const opened = client.opened().catch((error) => error);
        await client.log.until('close');
        expect(client.story).to.deep.equal([reason === undefined ? 'close' : `close ${reason.code}`]);
        expect(await opened).to.have.property('code', reason?.code ?? 'ENGINE_STREAM_CLOSED');
        for (const socket of peer.sockets) socket.destroy();
      });

      it(`in onTlsHandshake, by ${name}`, async () => {
        const { engine } = newEngine();
        class Ends extends TlsStream {
          override onTlsHandshake() {
            super.onTlsHandshake();
            act(this);
          }
        }
        const server = await listen(serverTls(), { engine });
        const client = new Ends({ engine }).startTls(clientTls()).connect(addressOf(server));
        const opened = client.opened().catch((error) => error);
        await client.log.until('close');
        expect(client.story).to.deep.equal(['tls', reason === undefined ? 'close' : `close ${reason.code}`]);
        expect(await opened).to.have.property('code', reason?.code ?? 'ENGINE_STREAM_CLOSED');
      });
    }
  });

  it('aborted by its signal in onTlsHandshake, it is not connected either', async () => {
    const { engine } = newEngine();
    const abort = new AbortController();
    class Ends extends TlsStream {
      override onTlsHandshake() {
        super.onTlsHandshake();
        abort.abort();
      }
    }
    const server = await listen(serverTls(), { engine });
    const client = new Ends({ engine })
      .startTls(clientTls())
      .connect(addressOf(server), { signal: abort.signal });
    await client.log.until('close');
    expect(client.story).to.deep.equal([
      'tls',
      'connect error ENGINE_CONNECT_ABORTED',
      'close ENGINE_CONNECT_ABORTED',
    ]);
  });

  describe('told by default', () => {
    class Untouched extends RecordingStream {
      override onError(error: InseamError): void {
        this.log.add(`error ${error.code}`);
        super.onError(error);
      }
    }

    it('to onConnectError before onConnect', async () => {
      const { engine } = newEngine();
      const server = await listen(serverTls(), { engine });
      const client = new Untouched({ engine }).startTls().connect(addressOf(server));
      await client.log.until('close');
      expect(client.log.events).to.deep.equal([
        'connect error ENGINE_TLS_HANDSHAKE',
        'close ENGINE_TLS_HANDSHAKE',
      ]);
    });

    it('to onError after it', async () => {
      const { engine, reports } = newEngine();
      const server = await listen(null, { engine });
      const client = await new Untouched({ engine }).connect(addressOf(server)).opened();
      const accepted = await server.nth(1);
      accepted.write(PLAINTEXT);
      client.startTls();
      await client.log.until('close');
      expect(client.log.events.filter((event) => !event.startsWith('read'))).to.deep.equal([
        'connect',
        'error ENGINE_TLS_HANDSHAKE',
        'close ENGINE_TLS_HANDSHAKE',
      ]);
      expect(reports.take()).to.deep.equal(['warn: Untouched failed: ENGINE_TLS_HANDSHAKE']);
    });
  });

  describe('with handlers that throw', () => {
    async function run(engine: Engine, handler: 'onTlsHandshake' | 'onTlsHandshakeError') {
      class Throws extends TlsStream {
        override onTlsHandshake(): unknown {
          super.onTlsHandshake();
          if (handler === 'onTlsHandshake') throw new Error('thrown');
          return undefined;
        }
        override async onTlsHandshakeError(error: InseamError) {
          super.onTlsHandshakeError(error);
          throw new Error('rejected');
        }
      }
      const server = await listen(serverTls(), { engine });
      const client = new Throws({ engine }).startTls(handler === 'onTlsHandshake' ? clientTls() : {});
      return client.connect(addressOf(server));
    }

    it('onTlsHandshake: reported, and onConnect follows', async () => {
      const { engine, reports } = newEngine();
      const client = await run(engine, 'onTlsHandshake');
      await client.log.until('connect');
      expect(client.story).to.deep.equal(['tls', 'connect']);
      expect(reports.take()).to.deep.equal(['error: Throws.onTlsHandshake threw: thrown']);
    });

    it('onTlsHandshakeError: reported, and onClose follows', async () => {
      const { engine, reports } = newEngine();
      const client = await run(engine, 'onTlsHandshakeError');
      await client.log.until('close');
      await reports.until('error: Throws');
      expect(client.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
      expect(reports.take()).to.deep.equal(['error: Throws.onTlsHandshakeError rejected: rejected']);
    });
  });

  describe('where there is no TLS to be had: a memory transport', () => {
    const refusal = ['tls error ENGINE_TLS_TRANSPORT', 'close ENGINE_TLS_TRANSPORT'];

    it('before onConnect', async () => {
      const { engine } = newEngine();
      class Secured extends TlsStream {
        constructor(options: { engine: Engine }) {
          super(options);
          this.startTls();
        }
      }
      const { stream } = connectInMemory(engine, Secured as never) as unknown as { stream: TlsStream };
      await stream.log.until('close');
      expect(stream.story).to.deep.equal(refusal);
    });

    it('after it: what was written before is still sent', async () => {
      const { engine } = newEngine();
      const { stream, seen } = connectInMemory(engine, TlsStream);
      stream.write('plain');
      stream.startTls();
      stream.write('secret');
      await stream.log.until('close');
      expect(stream.story).to.deep.equal(['connect', ...refusal]);
      expect(seen.text).to.equal('plain');
    });
  });
});
