import { Engine, Server, type TlsClientOptions, type TlsServerOptions, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { connect } from '../support/memory-connection.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

interface Case {
  name: string;
  code: 'ENGINE_OPTION' | 'ENGINE_TLS_OPTION';
  /** What the message must say, so that the user finds the option. */
  says: RegExp;
  options: () => unknown;
}

describeTls('options of startTls that cannot work', () => {
  const newEngine = checkedEngines();

  /** Keys, certificates and what else both sides take. */
  const common: Case[] = [
    { name: 'null', code: 'ENGINE_OPTION', says: /null/, options: () => null },
    { name: 'text', code: 'ENGINE_OPTION', says: /text/, options: () => 'text' },
    {
      name: 'a misspelt name',
      code: 'ENGINE_OPTION',
      says: /"certificate"/,
      options: () => ({ certificate: '' }),
    },
    {
      name: 'a name of Node that is not taken',
      code: 'ENGINE_OPTION',
      says: /"SNICallback"/,
      options: () => serverTls({ SNICallback: () => {} } as object),
    },
    {
      name: 'a key that is none',
      code: 'ENGINE_TLS_OPTION',
      says: /./,
      options: () => ({ ...certificates().local, key: 'key' }),
    },
    {
      name: 'a certificate that is none',
      code: 'ENGINE_TLS_OPTION',
      says: /./,
      options: () => ({ ...certificates().local, cert: 'cert' }),
    },
    {
      name: 'a key of the wrong type',
      code: 'ENGINE_TLS_OPTION',
      says: /key/,
      options: () => ({ ...certificates().local, key: 5 }),
    },
    {
      name: "somebody else's key",
      code: 'ENGINE_TLS_OPTION',
      says: /key values mismatch/,
      options: () => ({ key: certificates().aTest.key, cert: certificates().local.cert }),
    },
    {
      name: 'a pfx that is none',
      code: 'ENGINE_TLS_OPTION',
      says: /./,
      options: () => ({ pfx: Buffer.from('pfx') }),
    },
    {
      name: 'an unknown version',
      code: 'ENGINE_TLS_OPTION',
      says: /TLSv9/,
      options: () => serverTls({ minVersion: 'TLSv9' } as object),
    },
    {
      name: 'no cipher',
      code: 'ENGINE_TLS_OPTION',
      says: /./,
      options: () => serverTls({ ciphers: 'NONE-OF-THEM' }),
    },
    {
      name: 'an authority of the wrong type',
      code: 'ENGINE_TLS_OPTION',
      says: /ca/,
      options: () => serverTls({ ca: 5 } as object),
    },
    {
      name: 'rejectUnauthorized that is no boolean',
      code: 'ENGINE_OPTION',
      says: /rejectUnauthorized: 0/,
      options: () => serverTls({ rejectUnauthorized: 0 } as object),
    },
    ...['h2', 5, [''], ['x'.repeat(256)], [5]].map(
      (ALPNProtocols): Case => ({
        name: `ALPNProtocols that are no list of names (${JSON.stringify(ALPNProtocols).slice(0, 8)})`,
        code: 'ENGINE_OPTION',
        says: /ALPNProtocols/,
        options: () => serverTls({ ALPNProtocols } as object),
      }),
    ),
  ];

  const ofServers: Case[] = [
    ...common,
    { name: 'nothing', code: 'ENGINE_TLS_OPTION', says: /needs key and cert/, options: () => ({}) },
    {
      name: 'a key alone',
      code: 'ENGINE_TLS_OPTION',
      says: /needs key and cert/,
      options: () => ({ key: certificates().local.key }),
    },
    {
      name: 'a certificate alone',
      code: 'ENGINE_TLS_OPTION',
      says: /needs key and cert/,
      options: () => ({ cert: certificates().local.cert }),
    },
    {
      name: 'certificates without any',
      code: 'ENGINE_TLS_OPTION',
      says: /needs key and cert/,
      options: () => ({ certificates: {} }),
    },
    {
      name: 'certificates: null',
      code: 'ENGINE_OPTION',
      says: /certificates/,
      options: () => ({ certificates: null }),
    },
    {
      name: 'certificates that are text',
      code: 'ENGINE_OPTION',
      says: /certificates/,
      options: () => serverTls({ certificates: 'a' } as object),
    },
    {
      name: 'one of certificates that is text',
      code: 'ENGINE_OPTION',
      says: /./,
      options: () => ({ certificates: { 'a.test': 'a' } }),
    },
    {
      name: 'one of certificates that is null',
      code: 'ENGINE_OPTION',
      says: /./,
      options: () => ({ certificates: { 'a.test': null } }),
    },
    {
      name: 'one of certificates without key',
      code: 'ENGINE_TLS_OPTION',
      says: /needs key and cert/,
      options: () => ({ certificates: { 'a.test': { cert: certificates().aTest.cert } } }),
    },
    {
      name: "one of certificates with somebody else's key",
      code: 'ENGINE_TLS_OPTION',
      says: /key values mismatch/,
      options: () => ({
        certificates: { 'a.test': { cert: certificates().aTest.cert, key: certificates().local.key } },
      }),
    },
    {
      name: 'one of certificates with an option for the whole server',
      code: 'ENGINE_OPTION',
      says: /"requestCert"/,
      options: () => ({ certificates: { 'a.test': { ...certificates().aTest, requestCert: true } } }),
    },
    {
      name: 'certificateFor that is no function',
      code: 'ENGINE_OPTION',
      says: /certificateFor/,
      options: () => ({ certificateFor: 'a.test' }),
    },
    {
      name: 'requestCert that is no boolean: it would ask nobody',
      code: 'ENGINE_OPTION',
      says: /requestCert: yes/,
      options: () => serverTls({ requestCert: 'yes' } as object),
    },
    {
      name: 'requestCert without an authority: any of the system’s could sign',
      code: 'ENGINE_TLS_OPTION',
      says: /requestCert needs the ca/,
      options: () => serverTls({ requestCert: true }),
    },
    {
      name: "a client's option",
      code: 'ENGINE_OPTION',
      says: /"servername"/,
      options: () => serverTls({ servername: 'a.test' } as object),
    },
  ];

  const ofClients: Case[] = [
    ...common,
    {
      name: "a server's option",
      code: 'ENGINE_OPTION',
      says: /"requestCert"/,
      options: () => ({ requestCert: true }),
    },
    {
      name: 'checkServerIdentity that is no function',
      code: 'ENGINE_OPTION',
      says: /checkServerIdentity/,
      options: () => ({ checkServerIdentity: true }),
    },
    {
      name: 'a servername that is no text',
      code: 'ENGINE_OPTION',
      says: /servername/,
      options: () => ({ servername: 5 }),
    },
  ];

  function expectRefusal(call: () => unknown, { code, says }: Case): void {
    expect(call).to.throw(UsageError, says).with.property('code', code);
  }

  for (const one of ofServers) {
    it(`for a server: ${one.name}`, () => {
      const server = new Server({ engine: Engine.instance() });
      expectRefusal(() => server.startTls(one.options() as TlsServerOptions), one);
      expect(server.tlsEnabled).to.equal(false);
    });
  }

  for (const one of ofClients) {
    it(`for a client: ${one.name}`, async () => {
      const { engine } = newEngine();
      const server = await listen(serverTls(), { engine });
      const client = new TlsStream({ engine });
      expectRefusal(() => client.startTls(one.options() as TlsClientOptions), one);
      // Nothing has changed.
      await client.startTls(clientTls()).connect(addressOf(server)).opened();
    });
  }

  it('leave an open stream as it is', async () => {
    const { engine } = newEngine();
    const { stream, far, seen } = connect(engine);
    await stream.opened();
    expect(() => stream.startTls({ servername: 5 } as object)).to.throw(UsageError);
    stream.write('still');
    far.write('here');
    await Promise.all([seen.until(() => seen.text === 'still'), stream.log.until('read here')]);
  });

  it('leave an accepted stream as it is', async () => {
    const { engine } = newEngine();
    const server = await listen(null, { engine });
    const client = await new TlsStream({ engine }).connect(addressOf(server)).opened();
    const accepted = await server.nth(1);
    await accepted.opened();
    expect(() => accepted.startTls())
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_TLS_OPTION');
    accepted.write('still');
    await client.log.until('read still');
  });

  it('leave a server with the certificates that it had', async () => {
    const { engine } = newEngine();
    const server = await listen(serverTls(), { engine });
    expect(() => server.startTls({})).to.throw(UsageError);
    const client = await new TlsStream({ engine }).startTls(clientTls()).connect(addressOf(server)).opened();
    expect(client.peerCertificate?.subject.CN).to.equal('local');
  });

  it('that are undefined are as if they were not there', async () => {
    const { engine } = newEngine();
    const { local, ca } = certificates();
    const undefinedOnServer = {
      ALPNProtocols: undefined,
      ca: undefined,
      certificates: undefined,
      certificateFor: undefined,
      minVersion: undefined,
      pfx: undefined,
      rejectUnauthorized: undefined,
      requestCert: undefined,
    };
    const undefinedOnClient = {
      ALPNProtocols: undefined,
      checkServerIdentity: undefined,
      ciphers: undefined,
      rejectUnauthorized: undefined,
      servername: undefined,
    };
    const server = await listen({ ...local, ...undefinedOnServer } as TlsServerOptions, { engine });
    const trusting = { ca: ca.cert, ...undefinedOnClient } as TlsClientOptions;
    const client = await new TlsStream({ engine }).startTls(trusting).connect(addressOf(server)).opened();
    expect(client.tls).to.include({ authorized: true });
    const other = new TlsStream({ engine }).startTls(undefinedOnClient as TlsClientOptions);
    await other.connect(addressOf(server)).log.until('close');
    expect(other.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
  });
});
