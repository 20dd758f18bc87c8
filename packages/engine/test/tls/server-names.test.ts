import { createSecureContext } from 'node:tls';
import { Server, type TlsServerOptions, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls, pfxOf } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { EventLog } from '../support/event-log.js';
import { settled } from '../support/test-engine.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

describeTls('certificates by the name asked for (SNI)', () => {
  const newEngine = checkedEngines();

  const byName = (): TlsServerOptions =>
    serverTls({ certificates: { 'a.test': certificates().aTest, '*.wild.test': certificates().wild } });

  /** The common name of the certificate that a client gets who asks for `servername`, and what the server says it asked for. */
  async function shown(options: TlsServerOptions, servername?: string) {
    const { engine } = newEngine();
    const server = await listen(options, { engine });
    const client = new TlsStream({ engine }).startTls(
      clientTls({ rejectUnauthorized: false, ...(servername !== undefined && { servername }) }),
    );
    client.connect(addressOf(server));
    await Promise.race([client.log.until('connect'), client.log.until('close')]);
    const accepted = await server.nth(1);
    if (!client.connected) {
      await accepted.log.until('close');
      const { error } = accepted;
      expect(accepted.story).to.deep.equal([`tls error ${error?.code}`, `close ${error?.code}`]);
      expect(client.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
      return { refusal: error?.message, code: error?.code };
    }
    await accepted.opened();
    return { name: client.peerCertificate?.subject.CN, asked: accepted.tls?.servername };
  }

  const names: [asked: string | undefined, shown: string, why: string][] = [
    ['a.test', 'aTest', 'an exact name'],
    ['A.tEsT', 'aTest', 'an exact name in capitals'],
    ['x.wild.test', 'wild', 'a wildcard'],
    ['X.WILD.test', 'wild', 'a wildcard in capitals'],
    ['x.y.wild.test', 'local', 'two labels where the wildcard stands for one: the default'],
    ['wild.test', 'local', 'no label where the wildcard stands for one: the default'],
    ['.wild.test', 'local', 'an empty label: the default'],
    ['b.test', 'local', 'an unknown name: the default'],
    ['toString', 'local', 'a name that every object has: the default'],
    ['__proto__', 'local', 'another one'],
    [undefined, 'local', 'no name: the default'],
  ];
  for (const [asked, expected, why] of names) {
    it(`${why}${asked === undefined ? '' : ` (${asked})`}`, async () => {
      const { name } = await shown(byName(), asked);
      expect(name).to.equal(expected);
    });
  }

  it('an exact name comes before a wildcard, and is looked for in small letters', async () => {
    const { aTest, wild } = certificates();
    const options = serverTls({ certificates: { '*.WILD.test': wild, 'X.wild.TEST': aTest } });
    expect(await shown(options, 'x.wild.test')).to.deep.equal({ name: 'aTest', asked: 'x.wild.test' });
    expect(await shown(options, 'y.wild.test')).to.deep.equal({ name: 'wild', asked: 'y.wild.test' });
  });

  it('no name in another script reaches it, but what stands for it does', async () => {
    const options = serverTls({ certificates: { 'xn--bcher-kva.test': certificates().aTest } });
    expect(await shown(options, 'bücher.test')).to.deep.equal({ name: 'aTest', asked: 'xn--bcher-kva.test' });
  });

  it('which may come as PKCS #12, the default one, too', async () => {
    const passphrase = 'secret';
    const named = { 'a.test': { pfx: pfxOf('aTest', passphrase), passphrase } };
    const options = { pfx: pfxOf('local', passphrase), passphrase, certificates: named };
    expect(await shown(options)).to.include({ name: 'local' });
    expect(await shown(options, 'a.test')).to.include({ name: 'aTest' });
    const wrong = { pfx: options.pfx, passphrase: 'wrong' };
    expect(() => new Server({ engine: newEngine().engine }).startTls(wrong))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_TLS_OPTION');
  });

  it('verified by a client that dials the name', async () => {
    const { engine } = newEngine({
      resolver: { resolve: async () => [{ address: '127.0.0.1', family: 4 }] },
    });
    const server = await listen(byName(), { engine });
    const client = new TlsStream({ engine }).startTls(clientTls()).connect(['x.wild.test', server.port ?? 0]);
    await client.opened();
    expect(client.tls).to.include({ authorized: true, servername: 'x.wild.test' });
  });

  describe('without a default certificate', () => {
    const named = (): TlsServerOptions => ({ certificates: { 'a.test': certificates().aTest } });

    it('a known name is served', async () => {
      expect(await shown(named(), 'a.test')).to.include({ name: 'aTest' });
    });

    for (const [what, asked] of [
      ['an unknown name', 'b.test'],
      ['no name', undefined],
    ] as const) {
      it(`${what} fails the handshake`, async () => {
        expect((await shown(named(), asked)).refusal).to.match(/no shared cipher|no suitable/);
      });
    }
  });

  describe('certificateFor', () => {
    const answering = (
      certificateFor: NonNullable<TlsServerOptions['certificateFor']>,
      more: TlsServerOptions = serverTls(),
    ): TlsServerOptions => ({ ...more, certificateFor });

    const answers: {
      name: string;
      certificateFor: NonNullable<TlsServerOptions['certificateFor']>;
      expect: string;
    }[] = [
      { name: 'options', certificateFor: () => certificates().aTest, expect: 'aTest' },
      { name: 'a promise of options', certificateFor: async () => certificates().aTest, expect: 'aTest' },
      {
        name: 'a SecureContext',
        certificateFor: () => createSecureContext(certificates().aTest),
        expect: 'aTest',
      },
      {
        name: 'a promise of a SecureContext',
        certificateFor: async () => createSecureContext(certificates().aTest),
        expect: 'aTest',
      },
      { name: 'null', certificateFor: () => null, expect: 'local' },
      { name: 'a promise of null', certificateFor: async () => null, expect: 'local' },
      { name: 'nothing', certificateFor: () => undefined, expect: 'local' },
    ];
    for (const { name, certificateFor, expect: expected } of answers) {
      it(`may answer with ${name}`, async () => {
        expect(await shown(answering(certificateFor), 'b.test')).to.include({ name: expected });
      });
    }

    const failures: {
      name: string;
      certificateFor: () => never | object;
      expect: RegExp;
      code?: string;
    }[] = [
      {
        name: 'throws',
        certificateFor: () => {
          throw new Error('no such customer');
        },
        expect: /no such customer/,
      },
      { name: 'rejects', certificateFor: () => Promise.reject(new Error('not today')), expect: /not today/ },
      {
        name: 'throws what is no Error',
        certificateFor: () => {
          throw 'a word';
        },
        expect: /a word/,
      },
      { name: 'rejects with nothing', certificateFor: () => Promise.reject(), expect: /undefined/ },
      {
        name: 'answers with options that cannot work',
        certificateFor: () => ({ key: 'x', cert: 'y' }),
        expect: /cannot be set up/,
        code: 'ENGINE_TLS_OPTION',
      },
      {
        name: 'answers with options that are misspelt',
        certificateFor: () => ({ certificate: 'y' }),
        expect: /"certificate"/,
        code: 'ENGINE_OPTION',
      },
      {
        name: 'answers with what is no object',
        certificateFor: () => 'a.test' as unknown as object,
        expect: /object/,
        code: 'ENGINE_OPTION',
      },
    ];
    for (const { name, certificateFor, expect: message, code = 'ENGINE_TLS_HANDSHAKE' } of failures) {
      it(`fails this handshake alone when it ${name}`, async () => {
        let isFailing = true;
        const options = answering(() => (isFailing ? certificateFor() : null));
        const refused = await shown(options, 'b.test');
        expect(refused.refusal).to.match(message);
        expect(refused.code).to.equal(code);
        isFailing = false;
        expect(await shown(options, 'b.test')).to.include({ name: 'local' });
      });
    }

    it('is asked in small letters, once for each connection, for names that nothing else has', async () => {
      const asked: string[] = [];
      const options = {
        ...byName(),
        certificateFor: (name: string) => {
          asked.push(name);
          return null;
        },
      };
      for (const name of ['a.test', 'B.test', 'b.test', 'x.wild.test', undefined]) await shown(options, name);
      expect(asked).to.deep.equal(['b.test', 'b.test']);
    });

    it('alone is enough: who asks for a name is served', async () => {
      const options = answering(() => certificates().aTest, {});
      expect(await shown(options, 'whatever.test')).to.include({ name: 'aTest' });
    });

    it('may take its time: whoever leaves meanwhile is forgotten', async () => {
      const { engine } = newEngine();
      const asked = new EventLog();
      let answer: (certificate: null) => void = () => {};
      const options = answering(() => {
        asked.add('asked');
        return new Promise((resolve) => {
          answer = resolve;
        });
      });
      const server = await listen(options, { engine });
      const client = new TlsStream({ engine }).startTls(clientTls({ servername: 'b.test' }));
      client.connect(addressOf(server));
      await asked.until('asked');
      client.abort();
      const accepted = await server.nth(1);
      await accepted.log.until('close');
      answer(null);
      await settled();
      expect(client.story).to.deep.equal(['close']);
      expect(accepted.story).to.deep.equal(['tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE']);
    });
  });
});
