import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Engine, InseamError, ServerOptions } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls } from '../support/certificates.js';
import { itWith } from '../support/debian-tool.js';
import { Echo, LoggedServer, temporaryPaths } from '../support/echo-server.js';
import type { EventLog } from '../support/event-log.js';
import { type Haproxy, startHaproxy } from '../support/haproxy.js';
import { systemEngine } from '../support/system-engine.js';
import { settled } from '../support/test-engine.js';

/** Where our clients come from, to tell them from the proxy. */
const CLIENT = '127.0.0.5';
const HEADER = 'PROXY TCP4 203.0.113.9 198.51.100.7 51234 443\r\n';

/** Tells whose it is, in its log and on the wire. */
class Named extends Echo {
  static made: Named[] = [];
  override onTlsHandshake(): unknown {
    this.log.add(`tls ${this.tls?.servername}`);
    return undefined;
  }
  override onTlsHandshakeError(error: InseamError): unknown {
    this.log.add(`tls error ${error.code}`);
    return undefined;
  }
  override onConnect(): unknown {
    Named.made.push(this);
    const { remoteAddress: remote } = this;
    this.write(remote !== null && 'host' in remote ? `<${remote.host} ${remote.port}>` : '<nobody>');
    return super.onConnect();
  }
}

describe('system: proxyProtocol', () => {
  let engine: Engine;
  let reports: EventLog;
  let proxy: Haproxy | null = null;
  const sockets: Socket[] = [];
  const newPath = temporaryPaths();

  beforeEach(() => {
    ({ engine, reports } = systemEngine());
    Named.made = [];
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await proxy?.stop();
    proxy = null;
    await engine.stop();
    expect(engine.stats()).to.include({ channels: 0, timers: 0 });
    expect(reports.take()).to.deep.equal([]);
  });

  const newServer = (options: Partial<ServerOptions<Named>> = {}) =>
    new LoggedServer<Named>({ engine, ConnectionClass: Named, proxyProtocol: ['127.0.0.1'], ...options });
  const listen = (options: Partial<ServerOptions<Named>> = {}) => newServer(options).listen(['127.0.0.1', 0]);

  function come(port: number | null, localAddress = '127.0.0.1'): Socket {
    const socket = connect({ host: '127.0.0.1', port: port ?? 0, localAddress });
    sockets.push(socket);
    return socket.setEncoding('latin1').on('error', () => {});
  }

  /** All that `socket` reads, until it ends with `end`. */
  async function readUntil(socket: Socket, end: string): Promise<string> {
    let text = '';
    while (!text.endsWith(end)) text += (await once(socket, 'data'))[0];
    return text;
  }

  it('a header on the wire says who the client is', async () => {
    const { port } = await listen();
    const socket = come(port);
    socket.write(`${HEADER}hello`);
    expect(await readUntil(socket, 'hello')).to.equal('<203.0.113.9 51234>hello');
  });

  it('a header in several packets, and one connection that is slow beside another', async () => {
    const { port } = await listen();
    const slow = come(port);
    for (const part of HEADER.match(/.{1,5}/gs)?.slice(0, -1) ?? []) {
      slow.write(part);
      const other = come(port);
      other.write(`${HEADER}hello`);
      await readUntil(other, 'hello');
    }
    slow.write(`${HEADER.slice(-2)}late`);
    expect(await readUntil(slow, 'late')).to.equal('<203.0.113.9 51234>late');
  });

  it('from an untrusted address a header is data', async () => {
    const { port } = await listen();
    const socket = come(port, CLIENT);
    socket.write(`${HEADER}hello`);
    expect(await readUntil(socket, 'hello')).to.equal(`<${CLIENT} ${socket.localPort}>${HEADER}hello`);
  });

  it('a bad header is answered by a reset', async () => {
    const { port, log } = await listen();
    const socket = come(port);
    socket.write('GET / HTTP/1.1\r\n\r\n');
    const [error] = await once(socket, 'error').catch((cause) => [cause]);
    expect((error as NodeJS.ErrnoException).code).to.equal('ECONNRESET');
    expect([log.events, Named.made]).to.deep.equal([['listen', 'accept'], []]);
  });

  it('a header that does not come in time ends the connection', async () => {
    const server = await listen({ connectTimeoutMs: 20 });
    const socket = come(server.port);
    socket.write('PROXY ');
    await new Promise((resolve) => socket.resume().once('close', resolve));
    while (server.channels.size > 0) await settled();
    expect(Named.made).to.deep.equal([]);
  });

  it('one that waits for a place is asked for its header when it has one', async () => {
    const server = await listen({ maxConnections: 1 });
    const first = come(server.port);
    first.write(`${HEADER}one`);
    await readUntil(first, 'one');
    const second = come(server.port);
    second.write(`${HEADER}two`);
    const third = come(server.port);
    third.write('nonsense');
    const fourth = come(server.port);
    fourth.write(`${HEADER}four`);
    await server.log.until('accept');
    first.end();
    expect(await readUntil(second, 'two')).to.equal('<203.0.113.9 51234>two');
    second.end();
    expect(await readUntil(fourth, 'four')).to.equal('<203.0.113.9 51234>four');
    expect(Named.made).to.have.length(3);
  });

  describeTls('with TLS behind it', () => {
    function secure(socket: Socket): TLSSocket {
      const { ca } = certificates();
      const tls = connectTls({ socket, ca: ca.cert, servername: 'localhost' });
      sockets.push(tls);
      return tls.setEncoding('latin1').on('error', () => {});
    }

    const listenTls = async (options: Partial<ServerOptions<Named>> = {}) => {
      const { key, cert } = certificates().local;
      return newServer(options).startTls({ key, cert }).listen(['127.0.0.1', 0]);
    };

    it('the handshake begins behind the header, and onConnect comes after both', async () => {
      const { port } = await listenTls();
      const socket = come(port);
      await once(socket, 'connect');
      // Both in one segment: the ClientHello is written in the same turn.
      socket.cork();
      socket.write(HEADER);
      const tls = secure(socket);
      process.nextTick(() => socket.uncork());
      tls.write('hello');
      expect(await readUntil(tls, 'hello')).to.equal('<203.0.113.9 51234>hello');
      expect(Named.made.map(({ log }) => log.events.slice(0, 3))).to.deep.equal([
        ['tls localhost', 'connect', 'read hello'],
      ]);
    });

    it('the handshake may begin long after the header', async () => {
      const { port } = await listenTls();
      const socket = come(port);
      for (const byte of HEADER) {
        socket.write(byte);
        await settled();
      }
      const tls = secure(socket);
      tls.write('hello');
      expect(await readUntil(tls, 'hello')).to.equal('<203.0.113.9 51234>hello');
    });

    it('from an untrusted address the handshake begins at once', async () => {
      const { port } = await listenTls();
      const socket = come(port, CLIENT);
      const tls = secure(socket);
      tls.write('hello');
      expect(await readUntil(tls, 'hello')).to.equal(`<${CLIENT} ${socket.localPort}>hello`);
    });

    it('from an untrusted address a header is a failed handshake', async () => {
      const server = await listenTls();
      const socket = come(server.port, CLIENT);
      socket.write(HEADER);
      await new Promise((resolve) => socket.resume().once('close', resolve));
      while (server.channels.size > 0) await settled();
      expect(Named.made).to.deep.equal([]);
    });

    it('the header and the handshake share connectTimeoutMs', async () => {
      const errors: string[] = [];
      class Late extends Named {
        override onTlsHandshakeError(error: InseamError): unknown {
          errors.push(error.code);
          return undefined;
        }
      }
      const server = await listenTls({ connectTimeoutMs: 30, ConnectionClass: Late });
      const socket = come(server.port);
      socket.write(HEADER);
      await new Promise((resolve) => socket.resume().once('close', resolve));
      while (server.channels.size > 0) await settled();
      expect(errors).to.deep.equal(['ENGINE_CONNECT_TIMEOUT']);
    });

    for (const options of ['send-proxy', 'send-proxy-v2']) {
      itWith('haproxy', `HAProxy’s ${options} before a handshake that it does not look into`, async () => {
        const { port } = await listenTls();
        proxy = await startHaproxy(newPath('haproxy.cfg'), port ?? 0, options);
        const socket = come(proxy.port, CLIENT);
        const tls = secure(socket);
        tls.write('hello');
        expect(await readUntil(tls, 'hello')).to.equal(`<${CLIENT} ${socket.localPort}>hello`);
        expect(Named.made[0]?.localAddress).to.deep.equal({ host: '127.0.0.1', port: proxy.port, family: 4 });
      });
    }
  });

  for (const options of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2 proxy-v2-options crc32c,unique-id']) {
    itWith('haproxy', `HAProxy’s ${options}: the server sees its clients`, async () => {
      const server = await listen();
      proxy = await startHaproxy(newPath('haproxy.cfg'), server.port ?? 0, options);
      const clients = Array.from({ length: 5 }, () => come(proxy?.port ?? 0, CLIENT));
      const text = 'x'.repeat(100_000);
      for (const client of clients) {
        client.write(`${text}.`);
        const answer = await readUntil(client, '.');
        expect(answer === `<${CLIENT} ${client.localPort}>${text}.`).to.equal(true);
      }
      expect(Named.made.map(({ localAddress }) => localAddress)).to.deep.equal(
        clients.map(() => ({ host: '127.0.0.1', port: proxy?.port, family: 4 })),
      );
      for (const client of clients) client.end();
      for (const { log } of Named.made) await log.until('close');
      expect(server.channels.size).to.equal(0);
    });
  }

  itWith('haproxy', 'HAProxy without send-proxy is refused where its header is demanded', async () => {
    const { port, log } = await listen();
    proxy = await startHaproxy(newPath('haproxy.cfg'), port ?? 0, '');
    const client = come(proxy.port, CLIENT);
    client.write('no header\n');
    await new Promise((resolve) => client.resume().once('close', resolve));
    expect([log.events.includes('accept'), Named.made]).to.deep.equal([true, []]);
  });
});
