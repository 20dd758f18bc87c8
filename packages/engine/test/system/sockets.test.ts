import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Address,
  ENGINE_LIMITS,
  Server,
  type Transport,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { expect } from 'chai';
import { SocketTransport } from '#src/transports/socket-transport';
import { EventLog } from '../support/event-log.js';
import { RecordingStream } from '../support/recording-stream.js';
import { systemEngine } from '../support/system-engine.js';

/** Answers what it reads. */
class Echo extends RecordingStream {
  override onRead(data: Buffer) {
    super.onRead(data);
    this.write(data);
  }
}

/** A server that can be waited for. */
class LoggedServer<S extends RecordingStream = RecordingStream> extends Server<S> {
  readonly log = new EventLog();
  override onListen() {
    this.log.add('listen');
  }
  override onAccept() {
    this.log.add('accept');
    return true;
  }
  override onClose() {
    this.log.add('close');
  }
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('not rejected');
}

describe('real sockets', () => {
  let { engine, reports } = systemEngine();
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  const path = join(folder, 'socket');

  beforeEach(() => {
    ({ engine, reports } = systemEngine());
  });
  afterEach(async () => {
    await engine.stop();
    expect(engine.channels.size).to.equal(0);
    expect(reports.take()).to.deep.equal([]);
  });
  after(() => rmSync(folder, { recursive: true }));

  const newServer = () => new LoggedServer({ engine, ConnectionClass: Echo });
  const dial = (address: Address) => new RecordingStream({ engine }).connect(address);

  /** One round trip on `address`, seen from both ends. */
  async function roundTrip(server: LoggedServer, address: Address) {
    const client = dial(address);
    expect([client.connecting, client.connected]).to.deep.equal([true, false]);
    await client.log.until('connect');
    await server.log.until('accept');
    const [accepted] = server.channels;
    client.write('hello');
    await client.log.until('read hello');
    const addresses = [client.remoteAddress, client.localAddress];
    client.close();
    await client.log.until('close');
    expect(client.log.events).to.deep.equal(['connect', 'write', 'read hello', 'close']);
    await accepted?.log.until('close');
    expect(accepted?.log.events.at(-1)).to.equal('close');
    expect([client.remoteAddress, client.localAddress], 'still there').to.deep.equal(addresses);
    return addresses;
  }

  describe('listen', () => {
    for (const [name, address] of [
      ['port 0', 0],
      ['host and port', ['127.0.0.1', 0]],
      ['host and port by name', { host: '127.0.0.1', port: 0 }],
    ] as const) {
      it(`on ${name}, and serve`, async () => {
        const server = newServer();
        expect(await server.listen(address)).to.equal(server);
        expect([server.listening, server.log.events]).to.deep.equal([true, ['listen']]);
        expect(engine.channels.has(server)).to.equal(true);
        const port = server.port ?? 0;
        expect(port).to.be.greaterThan(0);
        const [remote, local] = await roundTrip(server, ['127.0.0.1', port]);
        expect(remote).to.deep.equal({ host: '127.0.0.1', port, family: 4 });
        expect(local).to.include({ host: '127.0.0.1', family: 4 });
        server.close();
        expect([server.listening, engine.channels.has(server)]).to.deep.equal([false, false]);
        expect(server.log.events.at(-1)).to.equal('close');
        const refused = dial(['127.0.0.1', port]);
        await refused.log.until('close');
        expect(refused.log.events.at(-1)).to.equal('close ENGINE_CONNECT_FAILED');
      });
    }

    it('on a Unix path, which is gone after close', async () => {
      const server = newServer();
      await server.listen(path);
      expect([server.localAddress, server.port]).to.deep.equal([{ path }, null]);
      expect(await roundTrip(server, path)).to.deep.equal([{ path }, { path }]);
      server.close();
      expect(existsSync(path)).to.equal(false);
    });

    it('on a taken port is a TransportError, and another address may be tried', async () => {
      const server = await newServer().listen(['127.0.0.1', 0]);
      const second = newServer();
      const error = await rejection(second.listen(['127.0.0.1', server.port ?? 0]));
      expect(error).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_LISTEN_FAILED');
      expect(error).to.have.property('phase', 'listen');
      expect(error).to.have.nested.property('cause.code', 'EADDRINUSE');
      expect([second.listening, engine.channels.has(second), second.log.events]).to.deep.equal([
        false,
        false,
        [],
      ]);
      await second.listen(['127.0.0.1', 0]);
      expect(second.listening).to.equal(true);
    });

    for (const [name, address] of [
      ['a path that cannot be', '/nowhere/socket'],
      ['a host that is not ours', ['192.0.2.1', 0]],
    ] as const) {
      it(`on ${name} is a TransportError`, async () => {
        const error = await rejection(newServer().listen(address));
        expect(error).to.be.instanceOf(TransportError).with.property('code', 'ENGINE_LISTEN_FAILED');
      });
    }

    it('on what is no address is a UsageError, and another may be tried', async () => {
      const server = newServer();
      expect(await rejection(server.listen(-1)))
        .to.be.instanceOf(UsageError)
        .with.property('code', 'ENGINE_ADDRESS');
      await server.listen(['127.0.0.1', 0]);
    });

    it('twice, or after close, is a UsageError', async () => {
      const server = await newServer().listen(['127.0.0.1', 0]);
      for (let i = 0; i < 2; i++) {
        expect(await rejection(server.listen(0)))
          .to.be.instanceOf(UsageError)
          .with.property('code', 'ENGINE_SERVER_IN_USE');
        server.close();
      }
    });

    it('closed before it listens never does', async () => {
      const server = newServer();
      const listening = server.listen(path);
      server.close();
      await listening;
      expect([server.listening, server.localAddress, existsSync(path)]).to.deep.equal([false, null, false]);
      expect(server.log.events).to.deep.equal(['close']);
    });
  });

  describe('connect', () => {
    for (const [name, address] of [
      ['a path that is not there', '/nowhere/socket'],
      ['a host that does not exist', ['host.invalid', 80]],
    ] as const) {
      it(`to ${name}: onConnectError once, then onClose`, async () => {
        const stream = dial(address);
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal([
          'connect error ENGINE_CONNECT_FAILED',
          'close ENGINE_CONNECT_FAILED',
        ]);
        expect([stream.connecting, stream.connected, stream.closed]).to.deep.equal([false, false, true]);
      });
    }

    it('that fails is reported unless somebody handles it', async () => {
      class Plain extends RecordingStream {
        override onConnectError = Object.getPrototypeOf(RecordingStream.prototype).onConnectError;
      }
      const stream = new Plain({ engine }).connect('/nowhere/socket');
      await stream.log.until('close');
      expect(reports.take()).to.deep.equal(['warn: Plain could not connect: ENGINE_CONNECT_FAILED']);
    });

    for (const how of ['close', 'abort'] as const) {
      it(`and ${how} before it stands: onClose alone`, async () => {
        const server = await newServer().listen(path);
        const stream = dial(path);
        expect(() => stream.write('x'))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_NOT_CONNECTED');
        stream[how]();
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal(['close']);
        server.close();
      });
    }
  });

  it('back-pressure holds both ways, and nothing is lost', async () => {
    class Sink extends RecordingStream {
      received = 0;
      override onRead(data: Buffer) {
        this.received += data.length;
      }
      override onEnd() {
        this.log.add(`received ${this.received}`);
        return super.onEnd();
      }
    }
    const server = await new LoggedServer<Sink>({ engine, ConnectionClass: Sink }).listen(path);
    const stream = dial(path);
    await stream.log.until('connect');
    const piece = Buffer.alloc(1 << 20, 'x');
    // A reader that pauses: writing must come to a stop far below what is to be sent.
    await server.log.until('accept');
    const [reader] = server.channels;
    reader?.pause();
    let sent = 0;
    while (stream.write(piece)) {
      sent += piece.length;
      stream.flush();
      expect(sent).to.be.lessThan(64 << 20);
    }
    sent += piece.length;
    reader?.resume();
    await stream.drained();
    expect(stream.pendingBytes).to.be.lessThan(ENGINE_LIMITS.highWaterMark);
    for (; sent < 64 << 20; sent += piece.length) if (!stream.write(piece)) await stream.drained();
    stream.close();
    await reader?.log.until(`received ${sent}`);
    await stream.log.until('close');
  });

  it('onWrite comes once for everything that was written together', async () => {
    const server = await newServer().listen(path);
    const stream = dial(path);
    await stream.log.until('connect');
    for (const data of ['a', Buffer.from('b'), 'c', 'ü', Buffer.from('d')]) stream.write(data);
    await stream.log.until('read abc');
    expect(stream.log.take()).to.deep.equal(['connect', 'write', 'read abc\xc3\xbcd']);
    stream.close();
    await stream.log.until('close');
    server.close();
  });

  it('a stream that is paused in onConnect reads nothing until it is resumed', async () => {
    class Paused extends RecordingStream {
      override onConnect() {
        super.onConnect();
        this.pause();
      }
    }
    const server = await new LoggedServer({ engine, ConnectionClass: Paused }).listen(path);
    const client = dial(path);
    await client.log.until('connect');
    client.write('early');
    await client.log.until('write');
    // A round trip beside it takes longer than those bytes do.
    const other = await newServer().listen(['127.0.0.1', 0]);
    await roundTrip(other, ['127.0.0.1', other.port ?? 0]);
    const [paused] = server.channels;
    paused?.log.add('resumed');
    paused?.resume();
    await paused?.log.until('read');
    expect(paused?.log.events).to.deep.equal(['connect', 'resumed', 'read early']);
  });

  it('a client that sends on while it is refused still reads the answer', async () => {
    class Refuses extends RecordingStream {
      override onRead() {
        this.write('no');
        this.close();
      }
    }
    const server = await new Server({ engine, ConnectionClass: Refuses }).listen(['127.0.0.1', 0]);
    const client = new Socket();
    client.connect(server.port ?? 0, '127.0.0.1');
    client.write(Buffer.alloc(4 << 20));
    client.end();
    let answer = '';
    for await (const chunk of client) answer += chunk;
    expect(answer).to.equal('no');
  });

  it('a peer that resets is a lost connection, told once', async () => {
    const peer = createServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
    await once(peer.listen(0, '127.0.0.1'), 'listening');
    const stream = dial(['127.0.0.1', (peer.address() as AddressInfo).port]);
    await stream.log.until('connect');
    stream.write('x');
    await stream.log.until('close');
    await once(peer.close(), 'close');
    expect(stream.log.events).to.deep.equal(['connect', 'write', 'close ENGINE_CONNECTION_LOST']);
  });

  it('stop lets streams finish, and the engine serves again afterwards', async () => {
    for (let run = 0; run < 2; run++) {
      const server = await newServer().listen(path);
      const started = engine.start();
      const client = dial(path);
      await client.log.until('connect');
      await server.log.until('accept');
      client.write('x'.repeat(100_000));
      const stopped = engine.stop();
      expect([server.listening, engine.stopping]).to.deep.equal([false, true]);
      await Promise.all([started, stopped]);
      expect(client.log.events.at(-1)).to.equal('close');
      expect([engine.channels.size, server.channels.size]).to.deep.equal([0, 0]);
    }
  });

  it('abort with a reason resets the connection, abort without one ends it', async () => {
    const server = new Server({ engine });
    await server.listen(['127.0.0.1', 0]);
    for (const [reason, code] of [
      [new TransportError('X', 'x', 'write'), 'ECONNRESET'],
      [null, null],
    ] as const) {
      const socket = connect(server.port ?? 0, '127.0.0.1');
      let seen: string | null = null;
      socket.on('error', (error: NodeJS.ErrnoException) => {
        seen = error.code ?? 'none';
      });
      socket.resume();
      await once(socket, 'connect');
      while (server.channels.size === 0) await new Promise((resolve) => setImmediate(resolve));
      for (const stream of server.channels) stream.abort(reason);
      await once(socket, 'close').catch(() => {});
      expect(seen).to.equal(code);
    }
  });

  it('onAccept can tell who has come', async () => {
    const hosts: unknown[] = [];
    class Filter extends Server {
      override onAccept(transport: Transport) {
        hosts.push(transport.remoteAddress);
        return false;
      }
    }
    const server = await new Filter({ engine }).listen(['127.0.0.1', 0]);
    const socket = connect(server.port ?? 0, '127.0.0.1');
    const { port } = await once(socket, 'connect').then(() => ({ port: socket.localPort }));
    await once(socket.resume(), 'close');
    expect(hosts).to.deep.equal([{ host: '127.0.0.1', port, family: 4 }]);
  });

  it('a connection that was reset before it was accepted is not served: nobody knows whose it is', () => {
    expect(SocketTransport.accepted(new Socket(), null)).to.equal(null);
  });
});
