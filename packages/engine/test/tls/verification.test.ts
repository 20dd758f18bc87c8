import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, type TlsClientOptions, TransportError } from '@inseam/engine';
import { expect } from 'chai';
import { type Certificates, certificates, describeTls } from '../support/certificates.js';
import { checkedEngines, resolverOf } from '../support/checked-engines.js';
import { hasIPv6 } from '../support/loopback-hosts.js';
import { addressOf, clientTls, listen, RecordingServer, TlsStream } from '../support/tls-streams.js';

/** Every name leads to a server on this machine. */
const RESOLVER = resolverOf({
  localhost: ['127.0.0.1'],
  'a.test': ['127.0.0.1'],
  'bücher.test': ['127.0.0.1'],
  'x.wild.test': ['127.0.0.1'],
  'x.y.wild.test': ['127.0.0.1'],
});

describeTls("verification of the server's certificate", () => {
  const newEngine = checkedEngines();

  /** A client that dials a server with the certificate `which` as `host`. */
  async function dial(which: keyof Certificates, host: string, options: TlsClientOptions = clientTls()) {
    const { engine } = newEngine({ resolver: RESOLVER });
    const server = await listen(certificates()[which], { engine });
    const client = new TlsStream({ engine }).startTls(options).connect([host, server.port ?? 0]);
    await Promise.race([client.log.until('connect'), client.log.until('close')]);
    return client;
  }

  const trusted: [which: keyof Certificates, host: string, why: string][] = [
    ['local', 'localhost', 'the name of the host that was dialled'],
    ['local', 'LocalHost', 'the same in capitals'],
    ['local', '127.0.0.1', 'the address that was dialled'],
    ['aTest', 'a.test', 'another name'],
    ['wild', 'x.wild.test', 'a wildcard'],
    ['aTest', 'bücher.test', 'a name in another script'],
  ];
  for (const [which, host, why] of trusted) {
    it(`takes a certificate for ${why} (${host})`, async () => {
      const resolver = host === 'LocalHost' ? resolverOf({ LocalHost: ['127.0.0.1'] }) : RESOLVER;
      const { engine } = newEngine({ resolver });
      const server = await listen(certificates()[which], { engine });
      const client = new TlsStream({ engine }).startTls(clientTls()).connect([host, server.port ?? 0]);
      await client.log.until('connect');
      expect(client.story).to.deep.equal(['tls', 'connect']);
      expect(client.tls).to.include({ authorized: true, authorizationError: null });
    });
  }

  (hasIPv6 ? it : it.skip)(
    `takes a certificate for an IPv6 address${hasIPv6 ? '' : ': left out, this machine has no ::1'}`,
    async () => {
      const { engine } = newEngine();
      const server = new RecordingServer({ engine, ConnectionClass: TlsStream });
      await server.startTls(certificates().local).listen(['::1', 0]);
      const client = new TlsStream({ engine }).startTls(clientTls());
      await client.connect(['::1', server.port ?? 0]).opened();
      expect(client.tls).to.include({ authorized: true, servername: null });
    },
  );

  it('asks for no name where servername is empty, and verifies what was dialled', async () => {
    const client = await dial('local', 'localhost', clientTls({ servername: '' }));
    expect(client.tls).to.include({ authorized: true, servername: null });
    const other = await dial('aTest', 'localhost', clientTls({ servername: '' }));
    expect(other.error?.message).to.match(/localhost. is not in the cert's altnames/);
  });

  it('asks for a name without the dot that makes it a full one (RFC 6066 §3)', async () => {
    const { engine } = newEngine({ resolver: resolverOf({ 'a.test.': ['127.0.0.1'] }) });
    const server = await listen({ certificates: { 'a.test': certificates().aTest } }, { engine });
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(['a.test.', server.port ?? 0]);
    await client.opened();
    expect(client.tls).to.include({ authorized: true, servername: 'a.test' });
  });

  it('takes a certificate for localhost when a path is dialled', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const { engine } = newEngine();
    const server = new RecordingServer({ engine, ConnectionClass: TlsStream });
    await server.startTls(certificates().local).listen(join(folder, 'socket'));
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(join(folder, 'socket'));
    await client.opened();
    expect(client.tls).to.include({ authorized: true, servername: 'localhost' });
    client.abort(new TransportError('OURS', 'no reset on a path', 'read'));
    await client.log.until('close');
    expect(client.story).to.deep.equal(['tls', 'connect', 'close OURS']);
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('takes a certificate for localhost when a bare port is dialled', async () => {
    const { engine } = newEngine({ resolver: RESOLVER });
    const server = await listen(certificates().local, { engine });
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(server.port ?? 0);
    await client.opened();
    expect(client.tls).to.include({ authorized: true, servername: 'localhost' });
  });

  const refused: {
    name: string;
    which: keyof Certificates;
    host: string;
    options?: () => TlsClientOptions;
    says: RegExp;
    error: string;
  }[] = [
    {
      name: 'an authority that is not known here',
      which: 'unknown',
      host: 'localhost',
      says: /unable to verify the first certificate/,
      error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    },
    {
      name: 'an authority of ours, where only the system’s are to be trusted',
      which: 'local',
      host: 'localhost',
      options: () => ({}),
      says: /unable to verify the first certificate/,
      error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    },
    {
      name: 'a certificate that signs itself',
      which: 'ca',
      host: 'localhost',
      options: () => ({}),
      says: /self-signed certificate/,
      error: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    },
    {
      name: 'another name',
      which: 'aTest',
      host: 'localhost',
      says: /localhost. is not in the cert's altnames: DNS:a\.test/,
      error: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      name: 'another address',
      which: 'aTest',
      host: '127.0.0.1',
      says: /127\.0\.0\.1 is not in the cert's list/,
      error: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      name: 'a wildcard for one label, where there are two',
      which: 'wild',
      host: 'x.y.wild.test',
      says: /altnames/,
      error: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      name: 'a date that is past',
      which: 'expired',
      host: 'localhost',
      says: /certificate has expired/,
      error: 'CERT_HAS_EXPIRED',
    },
    {
      name: 'a name of ours that it has not, where it has the host’s',
      which: 'local',
      host: 'localhost',
      options: () => clientTls({ servername: 'a.test' }),
      says: /a\.test. is not in the cert's altnames/,
      error: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
  ];
  for (const { name, which, host, options = () => clientTls(), says, error } of refused) {
    it(`refuses ${name}`, async () => {
      const client = await dial(which, host, options());
      expect(client.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
      expect(client.error?.message).to.match(says);
      expect(client.error).to.have.nested.property('cause.code', error);
      expect(client.tls).to.equal(null);
    });

    it(`takes ${name} when rejectUnauthorized is false, and says what is wrong`, async () => {
      const client = await dial(which, host, { ...options(), rejectUnauthorized: false });
      expect(client.story).to.deep.equal(['tls', 'connect']);
      expect(client.tls).to.include({ authorized: false, authorizationError: error });
      expect(client.peerCertificate?.subject.CN).to.equal(which);
    });
  }

  it('goes by servername where that is given, for what is asked and what is verified', async () => {
    const client = await dial('aTest', '127.0.0.1', clientTls({ servername: 'a.test' }));
    expect(client.tls).to.include({ authorized: true, servername: 'a.test' });
  });

  describe('of your own (checkServerIdentity)', () => {
    const asked: unknown[] = [];
    const check = (answer: () => Error | undefined) =>
      clientTls({
        checkServerIdentity: (host, certificate) => {
          asked.push([host, certificate.subject.CN]);
          return answer();
        },
      });
    beforeEach(() => asked.splice(0));

    it('is given the host and the certificate, and may take another name', async () => {
      const client = await dial(
        'aTest',
        'localhost',
        check(() => undefined),
      );
      expect(asked).to.deep.equal([['localhost', 'aTest']]);
      expect(client.tls).to.include({ authorized: true });
    });

    it('is given a name in another script as certificates have it', async () => {
      await dial(
        'aTest',
        'bücher.test',
        check(() => undefined),
      );
      expect(asked).to.deep.equal([['xn--bcher-kva.test', 'aTest']]);
    });

    it('is given an address as the host', async () => {
      await dial(
        'aTest',
        '127.0.0.1',
        check(() => undefined),
      );
      expect(asked).to.deep.equal([['127.0.0.1', 'aTest']]);
    });

    for (const [how, answer] of [
      ['answers with an Error', () => new Error('I do not like it')],
      [
        'throws',
        () => {
          throw new Error('I do not like it');
        },
      ],
      [
        'throws what is no Error',
        () => {
          throw 'I do not like it';
        },
      ],
    ] as const) {
      it(`refuses when it ${how}`, async () => {
        const client = await dial('local', 'localhost', check(answer));
        expect(client.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
        expect(client.error?.message).to.match(/I do not like it/);
      });
    }

    it('is not asked about an authority that is not known', async () => {
      const client = await dial(
        'unknown',
        'localhost',
        check(() => undefined),
      );
      expect(client.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
      expect(asked).to.deep.equal([]);
    });
  });
});

describeTls('new certificates for a server that listens', () => {
  const newEngine = checkedEngines();

  /** What a connection is shown that is made now. */
  async function connect(engine: TlsStream['engine'], address: Address) {
    return new TlsStream({ engine }).startTls(clientTls()).connect(address).opened();
  }

  it('are shown to new connections; those that stand go on', async () => {
    const { engine } = newEngine();
    const { local, renewed } = certificates();
    const server = await listen(local, { engine });
    const old = await connect(engine, addressOf(server));
    expect(server.startTls(renewed)).to.equal(server);
    const fresh = await connect(engine, addressOf(server));
    expect([old, fresh].map(({ peerCertificate }) => peerCertificate?.subject.CN)).to.deep.equal([
      'local',
      'renewed',
    ]);
    for (const [index, client] of [old, fresh].entries()) {
      const accepted = await server.nth(index + 1);
      client.write('still here');
      await accepted.log.until('read still here');
      accepted.write('so am I');
      await client.log.until('read so am I');
    }
    expect(server.channels.size).to.equal(2);
  });

  it('are those of the options as they were then: an object that was changed since is not looked at again', async () => {
    const { engine } = newEngine();
    const { local, renewed } = certificates();
    const options = { key: local.key, cert: local.cert };
    const server = await listen(options, { engine });
    Object.assign(options, renewed);
    server.startTls(options);
    const client = await connect(engine, addressOf(server));
    expect(client.peerCertificate?.subject.CN).to.equal('local');
    server.startTls({ ...options });
    const other = await connect(engine, addressOf(server));
    expect(other.peerCertificate?.subject.CN).to.equal('renewed');
  });

  it('turn plain connections into none: those that came before stay plain', async () => {
    const { engine } = newEngine();
    const server = await listen(null, { engine });
    const plain = await new TlsStream({ engine }).connect(addressOf(server)).opened();
    expect(server.tlsEnabled).to.equal(false);
    server.startTls(certificates().local);
    expect(server.tlsEnabled).to.equal(true);
    const secure = await connect(engine, addressOf(server));
    plain.write('plain');
    secure.write('secret');
    await (await server.nth(1)).log.until('read plain');
    await (await server.nth(2)).log.until('read secret');
    expect([(await server.nth(1)).tls, plain.tls]).to.deep.equal([null, null]);
  });

  it('do not disturb a handshake that has begun', async () => {
    const { engine } = newEngine();
    const { local, renewed } = certificates();
    const server = await listen(local, { engine });
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(addressOf(server));
    await server.nth(1);
    server.startTls(renewed);
    await client.opened();
    expect(client.peerCertificate?.subject.CN).to.equal('local');
  });

  it('and a ConnectionClass that calls startTls, too: that is reported, and the connection closed', async () => {
    const { engine, reports } = newEngine();
    class Eager extends TlsStream {
      constructor(options: { engine?: TlsStream['engine'] | undefined }) {
        super(options);
        if (this.server !== null) this.startTls(certificates().local);
      }
    }
    const server = await listen(certificates().local, { engine, ConnectionClass: Eager });
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(addressOf(server));
    await client.log.until('close');
    expect(server.channels.size).to.equal(0);
    expect(reports.take()).to.deep.equal(['error: RecordingServer.accept threw: ENGINE_TLS_IN_USE']);
  });
});
