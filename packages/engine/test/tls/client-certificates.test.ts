import { createSecureContext } from 'node:tls';
import type { TlsClientOptions, TlsServerOptions } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

describeTls("clients' certificates", () => {
  const newEngine = checkedEngines();

  async function connect(serverOptions: TlsServerOptions, clientOptions: TlsClientOptions) {
    const { engine } = newEngine();
    const server = await listen(serverTls({ ca: certificates().ca.cert, ...serverOptions }), { engine });
    const client = new TlsStream({ engine }).startTls(clientTls(clientOptions)).connect(addressOf(server));
    const accepted = await server.nth(1);
    await Promise.race([accepted.log.until('connect'), accepted.log.until('close')]);
    return { server, client, accepted };
  }

  const own = (which: 'client' | 'unknownClient' | 'expired'): TlsClientOptions => certificates()[which];

  const requested = { requestCert: true, rejectUnauthorized: false };
  const required = { requestCert: true };
  const served: {
    name: string;
    server: TlsServerOptions;
    client: 'client' | 'unknownClient' | 'expired' | null;
    authorized: boolean;
    error: string | null;
    shown: string | undefined;
  }[] = [
    { name: 'not asked for', server: {}, client: 'client', authorized: false, error: null, shown: undefined },
    {
      name: 'required and good',
      server: required,
      client: 'client',
      authorized: true,
      error: null,
      shown: 'client',
    },
    {
      name: 'requested and good',
      server: requested,
      client: 'client',
      authorized: true,
      error: null,
      shown: 'client',
    },
    {
      name: 'requested, by no authority in particular',
      server: { ...requested, ca: undefined },
      client: 'client',
      authorized: false,
      error: 'SELF_SIGNED_CERT_IN_CHAIN',
      shown: 'client',
    },
    {
      name: 'requested and not there',
      server: requested,
      client: null,
      authorized: false,
      error: 'UNABLE_TO_GET_ISSUER_CERT',
      shown: undefined,
    },
    {
      name: 'requested, by an unknown authority',
      server: requested,
      client: 'unknownClient',
      authorized: false,
      error: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      shown: 'unknownClient',
    },
    {
      name: 'requested and expired',
      server: requested,
      client: 'expired',
      authorized: false,
      error: 'CERT_HAS_EXPIRED',
      shown: 'expired',
    },
  ];
  for (const { name, server, client: which, authorized, error, shown } of served) {
    it(`${name}: served, and the handlers can tell`, async () => {
      const { accepted } = await connect(server, which === null ? {} : own(which));
      expect(accepted.story).to.deep.equal(['tls', 'connect']);
      expect(accepted.tls).to.include({ authorized, authorizationError: error });
      expect(accepted.peerCertificate?.subject.CN).to.equal(shown);
    });
  }

  const refused: { name: string; client: 'unknownClient' | 'expired' | null; expect: RegExp }[] = [
    { name: 'not there', client: null, expect: /did not return a certificate/ },
    {
      name: 'by an unknown authority',
      client: 'unknownClient',
      expect: /refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE/,
    },
    { name: 'expired', client: 'expired', expect: /refused: CERT_HAS_EXPIRED/ },
  ];
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const { name, client: which, expect: message } of refused) {
      it(`required and ${name}: refused, once and for all (${version})`, async () => {
        const { client, accepted, server } = await connect(required, {
          ...(which === null ? {} : own(which)),
          maxVersion: version,
        });
        await Promise.all([client.log.until('close'), accepted.log.until('close')]);
        expect(accepted.story).to.deep.equal([
          'tls error ENGINE_TLS_HANDSHAKE',
          'close ENGINE_TLS_HANDSHAKE',
        ]);
        expect(accepted.error?.message).to.match(message);
        expect(accepted.reason).to.equal(accepted.error);
        expect(server.channels.size).to.equal(0);
        // In TLS 1.3 a client that has said what it has to say is through; it sees the end later.
        const isThrough = version === 'TLSv1.3';
        const isTold = which === null;
        expect(client.story).to.deep.equal(
          !isThrough
            ? ['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']
            : isTold
              ? ['tls', 'connect', 'close ENGINE_CONNECTION_LOST']
              : ['tls', 'connect', 'end', 'close'],
        );
        if (isThrough && isTold) expect(client.reason?.message).to.match(/alert certificate required/);
        expect(client.heard).to.equal('');
      });
    }
  }

  describe('of a client that asks for another name', () => {
    for (const [how, more] of [
      ['certificates', () => ({ certificates: { 'a.test': certificates().aTest } })],
      ['certificateFor', () => ({ certificateFor: () => certificates().aTest })],
    ] as const) {
      it(`are verified by the same authority (${how})`, async () => {
        const client = { ...own('client'), servername: 'a.test' };
        const { accepted } = await connect({ ...required, ...more() }, client);
        expect(accepted.story).to.deep.equal(['tls', 'connect']);
        expect(accepted.tls).to.include({ authorized: true, servername: 'a.test' });
      });

      it(`are refused as under the default name (${how})`, async () => {
        const client = { ...own('unknownClient'), servername: 'a.test' };
        const { accepted } = await connect({ ...required, ...more() }, client);
        await accepted.log.until('close');
        expect(accepted.error?.message).to.match(/refused: UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
      });
    }

    it('are verified by the same authority where that of the name is undefined', async () => {
      const named = { 'a.test': { ...certificates().aTest, ca: undefined } };
      const client = { ...own('client'), servername: 'a.test' };
      const { accepted } = await connect({ ...required, certificates: named }, client);
      expect(accepted.story).to.deep.equal(['tls', 'connect']);
    });

    it('would be verified by nobody of ours in a SecureContext: that fails the handshake', async () => {
      const certificateFor = () => createSecureContext(certificates().aTest);
      const client = { ...own('client'), servername: 'a.test' };
      const { accepted } = await connect({ ...required, certificateFor }, client);
      await accepted.log.until('close');
      expect(accepted.story).to.deep.equal(['tls error ENGINE_TLS_OPTION', 'close ENGINE_TLS_OPTION']);
    });

    it('are verified by an authority of its own where it has one', async () => {
      const { aTest, unknownCa } = certificates();
      const options = { ...required, certificates: { 'a.test': { ...aTest, ca: unknownCa.cert } } };
      const good = await connect(options, { ...own('unknownClient'), servername: 'a.test' });
      expect(good.accepted.story).to.deep.equal(['tls', 'connect']);
      const bad = await connect(options, { ...own('client'), servername: 'a.test' });
      await bad.accepted.log.until('close');
      expect(bad.accepted.story).to.deep.equal([
        'tls error ENGINE_TLS_HANDSHAKE',
        'close ENGINE_TLS_HANDSHAKE',
      ]);
    });
  });
});
