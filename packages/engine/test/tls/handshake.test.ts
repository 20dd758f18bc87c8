import { once } from 'node:events';
import { connect as connectNode, type TLSSocket } from 'node:tls';
import type { TlsClientOptions, TlsServerOptions } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

describeTls('TLS before onConnect', () => {
  const newEngine = checkedEngines();

  /** Both ends of a connection whose handshake is over, for good or ill. */
  async function connect(serverOptions: TlsServerOptions, clientOptions: TlsClientOptions) {
    const { engine } = newEngine();
    const server = await listen(serverOptions, { engine });
    const client = new TlsStream({ engine }).startTls(clientOptions).connect(addressOf(server));
    const accepted = await server.nth(1);
    return { engine, server, client, accepted };
  }

  it('comes first, then onConnect, at both ends; bytes go both ways', async () => {
    const { client, accepted } = await connect(serverTls(), clientTls());
    await Promise.all([client.log.until('connect'), accepted.log.until('connect')]);
    expect(client.story).to.deep.equal(['tls', 'connect']);
    expect(accepted.story).to.deep.equal(['tls', 'connect']);
    client.write('question ÿ');
    await accepted.log.until('read');
    accepted.write(Buffer.from([0, 255, 10]));
    await client.log.until('read');
    expect([accepted.heard, client.heard]).to.deep.equal(['question \xc3\xbf', '\0\xff\n']);
    client.close();
    await Promise.all([client.log.until('close'), accepted.log.until('close')]);
    expect(client.story).to.deep.equal(['tls', 'connect', 'close']);
    expect(accepted.story).to.deep.equal(['tls', 'connect', 'end', 'close']);
  });

  it('finds the stream not connected yet, and opened() waits for it', async () => {
    const seen: unknown[] = [];
    class Watched extends TlsStream {
      override onTlsHandshake() {
        seen.push(this.connected, this.connecting, this.tls !== null);
        expect(() => this.write('x')).to.throw('not connected yet');
      }
    }
    const { engine } = newEngine();
    const server = await listen(serverTls(), { engine });
    const client = new Watched({ engine }).connect(addressOf(server)).startTls(clientTls());
    expect(client.tls).to.equal(null);
    expect(await client.opened()).to.equal(client);
    expect([...seen, client.connected]).to.deep.equal([false, true, true, true]);
  });

  it('says what was agreed on, at both ends, and still after onClose', async () => {
    const { client, accepted } = await connect(serverTls(), clientTls({ servername: 'localhost' }));
    await Promise.all([client.opened(), accepted.opened()]);
    for (let round = 0; round < 2; round++) {
      for (const { tls } of [client, accepted]) {
        expect(tls).to.include({
          protocol: 'TLSv1.3',
          cipher: 'TLS_AES_256_GCM_SHA384',
          alpnProtocol: null,
          servername: 'localhost',
        });
      }
      expect(client.tls).to.include({ authorized: true, authorizationError: null });
      expect(client.peerCertificate?.subject.CN).to.equal('local');
      // Nobody asked the client for a certificate.
      expect(accepted.tls).to.include({ authorized: false, authorizationError: null, peerCertificate: null });
      expect(accepted.peerCertificate).to.equal(null);
      expect(client.remoteAddress).to.deep.equal(accepted.localAddress);
      expect(accepted.remoteAddress).to.deep.equal(client.localAddress);
      if (round === 0) client.close();
      await Promise.all([client.log.until('close'), accepted.log.until('close')]);
    }
  });

  it('is not there without startTls: nothing to be said', async () => {
    const { engine } = newEngine();
    const server = await listen(null, { engine });
    const client = await new TlsStream({ engine }).connect(addressOf(server)).opened();
    expect([client.tls, client.peerCertificate, server.tlsEnabled]).to.deep.equal([null, null, false]);
    expect(client.story).to.deep.equal(['connect']);
  });

  it('asks for no name when an address is dialled (RFC 6066 §3)', async () => {
    const { client, accepted } = await connect(serverTls(), clientTls());
    await Promise.all([client.opened(), accepted.opened()]);
    expect([client.tls?.servername, accepted.tls?.servername]).to.deep.equal([null, null]);
  });

  describe('ALPN', () => {
    const cases: { name: string; server?: string[]; client?: string[]; expect: string | null }[] = [
      {
        name: "the server's first choice that the client has",
        server: ['b', 'a'],
        client: ['a', 'b'],
        expect: 'b',
      },
      { name: 'the one that both have', server: ['x', 'a'], client: ['a', 'b'], expect: 'a' },
      { name: 'none, when the client offers none', server: ['a'], expect: null },
      { name: 'none, when the server has none', client: ['a'], expect: null },
    ];
    for (const { name, server, client, expect: agreed } of cases) {
      it(`agrees on ${name}`, async () => {
        const streams = await connect(
          serverTls(server && { ALPNProtocols: server }),
          clientTls(client && { ALPNProtocols: client }),
        );
        await Promise.all([streams.client.opened(), streams.accepted.opened()]);
        const both = [streams.client.tls?.alpnProtocol, streams.accepted.tls?.alpnProtocol];
        expect(both).to.deep.equal([agreed, agreed]);
      });
    }

    it('refuses a client that has none of them', async () => {
      const { client, accepted } = await connect(
        serverTls({ ALPNProtocols: ['a'] }),
        clientTls({ ALPNProtocols: ['b'] }),
      );
      await Promise.all([client.log.until('close'), accepted.log.until('close')]);
      for (const stream of [client, accepted]) {
        expect(stream.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
      }
      expect(client.error?.message).to.match(/no application protocol/);
    });
  });

  describe('versions and ciphers', () => {
    it('the oldest and the newest may be set', async () => {
      const { client, accepted } = await connect(
        serverTls({ maxVersion: 'TLSv1.2' }),
        clientTls({ ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }),
      );
      await Promise.all([client.opened(), accepted.opened()]);
      for (const { tls } of [client, accepted]) {
        expect(tls).to.include({ protocol: 'TLSv1.2', cipher: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
      }
    });

    for (const [name, server, client] of [
      ["below the server's minVersion", { minVersion: 'TLSv1.3' }, { maxVersion: 'TLSv1.2' }],
      ["below the client's minVersion", { maxVersion: 'TLSv1.2' }, { minVersion: 'TLSv1.3' }],
      [
        'without a cipher in common',
        { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' },
        { ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' },
      ],
    ] as const) {
      it(`${name}, both ends fail`, async () => {
        const { client: dialled, accepted } = await connect(serverTls(server), clientTls(client));
        await Promise.all([dialled.log.until('close'), accepted.log.until('close')]);
        for (const stream of [dialled, accepted]) {
          expect(stream.story).to.deep.equal([
            'tls error ENGINE_TLS_HANDSHAKE',
            'close ENGINE_TLS_HANDSHAKE',
          ]);
          expect(stream.tls).to.equal(null);
        }
      });
    }
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const requestCert of [false, true]) {
      it(`a client may resume its ${version} session${requestCert ? ', certificate and all' : ''}`, async () => {
        const { engine } = newEngine();
        const { ca, client } = certificates();
        const options = serverTls({ requestCert, ca: ca.cert });
        const server = await listen(options, { engine });
        let session: Buffer | undefined;
        for (const [index, isResumed] of [false, true, false].entries()) {
          // Whoever comes with a session from before new certificates is served all the same.
          if (index === 2) server.startTls({ ...options });
          const socket: TLSSocket = connectNode({
            port: server.port ?? 0,
            host: '127.0.0.1',
            ca: ca.cert,
            ...(requestCert && { key: client.key, cert: client.cert }),
            maxVersion: version,
            session,
          });
          const hasSession = once(socket, 'session');
          await once(socket, 'secureConnect');
          expect(socket.isSessionReused()).to.equal(isResumed);
          const accepted = await server.nth(index + 1);
          await accepted.opened();
          expect(accepted.peerCertificate?.subject.CN).to.equal(requestCert ? 'client' : undefined);
          accepted.write('hello');
          const [data] = await once(socket, 'data');
          expect(String(data)).to.equal('hello');
          if (index === 0) [session] = await hasSession;
          socket.end();
          await accepted.log.until('close');
          expect(accepted.story).to.deep.equal(['tls', 'connect', 'end', 'close']);
        }
      });
    }
  }
});
