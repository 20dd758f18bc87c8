import { type InseamError, TransportError, UsageError } from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { settled } from '../support/test-engine.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

const FAILURE = ['connect', 'tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE'];

describeTls('TLS on an open stream (STARTTLS), and what else is done with the stream', () => {
  const newEngine = checkedEngines();

  /** Both ends of an open connection without TLS, on a clock that stands still. */
  async function open() {
    const clock = fakeClock();
    const { engine } = newEngine({ clock });
    const server = await listen(null, { engine, connectTimeoutMs: 4_000 });
    const client = new TlsStream({ engine });
    await client.connect(addressOf(server), { connectTimeoutMs: 2_000 }).opened();
    const accepted = await server.nth(1);
    await accepted.opened();
    return { engine, clock, client, accepted };
  }

  describe('startTls', () => {
    const inUse = (stream: TlsStream) => {
      expect(() => stream.startTls(stream.server === null ? clientTls() : serverTls()))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_TLS_IN_USE');
    };

    it('a second time is refused: before onConnect, meanwhile, and afterwards', async () => {
      const { engine } = newEngine();
      const server = await listen(serverTls(), { engine });
      const client = new TlsStream({ engine }).startTls(clientTls());
      inUse(client);
      client.connect(addressOf(server));
      inUse(client);
      const accepted = await server.nth(1);
      inUse(accepted);
      await Promise.all([client.opened(), accepted.opened()]);
      inUse(client);
      inUse(accepted);
    });

    it('a second time is refused on an open stream, too', async () => {
      const { client, accepted } = await open();
      for (const [stream, options] of [
        [client, clientTls()],
        [accepted, serverTls()],
      ] as const) {
        stream.startTls(options);
        inUse(stream);
      }
      await Promise.all([client.log.until('tls'), accepted.log.until('tls')]);
      inUse(client);
      inUse(accepted);
    });

    for (const how of ['end', 'close', 'abort'] as const) {
      it(`after ${how}() is refused`, async () => {
        const { client } = await open();
        client[how]();
        expect(() => client.startTls(clientTls()))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_STREAM_CLOSED');
        client.close();
        await client.log.until('close');
        expect(() => client.startTls(clientTls())).to.throw(UsageError);
        expect(client.story).to.deep.equal(['connect', 'close']);
      });
    }

    it('after the connection was lost does nothing', async () => {
      const { client, accepted } = await open();
      accepted.abort(new TransportError('OURS', 'we had enough', 'read'));
      await client.log.until('close');
      expect(client.startTls(clientTls())).to.equal(client);
      expect(client.story).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
    });

    it('is chained, and leaves tls null until it is over', async () => {
      const { client, accepted } = await open();
      expect(client.startTls(clientTls())).to.equal(client);
      expect([client.tls, client.connected]).to.deep.equal([null, true]);
      accepted.startTls(serverTls());
      await client.log.until('tls');
      expect(client.tls).not.to.equal(null);
    });
  });

  describe('while the handshake runs', () => {
    it('end() waits for it: what was written is sent, and the other direction goes on', async () => {
      for (const text of ['', 'last words']) {
        const { client, accepted } = await open();
        accepted.onEnd = () => {
          accepted.write('answer');
          accepted.close();
        };
        client.startTls(clientTls());
        client.flush();
        if (text !== '') client.write(text);
        client.end();
        accepted.startTls(serverTls());
        await Promise.all([client.log.until('close'), accepted.log.until('close')]);
        expect([accepted.heard, client.heard]).to.deep.equal([text, 'answer']);
        expect(client.story).to.deep.equal(['connect', 'tls', 'end', 'close']);
        expect(accepted.story).to.deep.equal(['connect', 'tls', 'close']);
      }
    });

    it('close() waits for it where there is something to be sent', async () => {
      const { client, accepted } = await open();
      accepted.onTlsHandshake = () => accepted.write('nobody wants to hear');
      client.pause();
      client.startTls(clientTls());
      client.flush();
      client.write('last words');
      client.close();
      accepted.startTls(serverTls());
      // On a clock that stands still: neither end waits for a timeout of the other's.
      await Promise.all([client.log.until('close'), accepted.log.until('close')]);
      expect(accepted.heard).to.equal('last words');
      expect(accepted.story).to.deep.equal(['connect', 'end', 'close']);
      expect([client.story.at(-1), client.heard]).to.deep.equal(['close', '']);
    });

    it('close() with something to be sent waits no longer than connectTimeoutMs, and says so', async () => {
      const { client, clock } = await open();
      client.startTls(clientTls());
      client.flush();
      client.write('never to be seen');
      client.close();
      clock.advance(1_999);
      await settled();
      expect(client.story).to.deep.equal(['connect']);
      clock.advance(1_000);
      await client.log.until('close');
      expect(client.story).to.deep.equal(['connect', 'close ENGINE_CONNECT_TIMEOUT']);
    });

    const ours = new TransportError('OURS', 'we had enough', 'read');
    for (const [name, act, reason] of [
      ['close()', (stream: TlsStream) => stream.close(), null],
      ['close(false)', (stream: TlsStream) => stream.close(false), null],
      ['abort()', (stream: TlsStream) => stream.abort(), null],
      ['abort(reason)', (stream: TlsStream) => stream.abort(ours), ours],
      ['engine.stop()', (stream: TlsStream) => void stream.engine.stop(), null],
    ] as const) {
      for (const side of ['client', 'accepted'] as const) {
        it(`${name} ends it, as the ${side === 'client' ? 'client' : 'server'}: onClose alone`, async () => {
          const ends = await open();
          const stream = ends[side];
          stream.startTls(side === 'client' ? clientTls() : serverTls());
          stream.flush();
          act(stream);
          await stream.log.until('close');
          expect(stream.story).to.deep.equal(['connect', reason === null ? 'close' : `close ${reason.code}`]);
          expect(stream.reason).to.equal(reason);
        });
      }
    }

    for (const [name, act] of [
      ['finishes', (peer: TlsStream) => peer.end()],
      ['leaves', (peer: TlsStream) => peer.abort()],
      ['resets the connection', (peer: TlsStream) => peer.abort(ours)],
      ['goes on in plain', (peer: TlsStream) => peer.write('HELO'.repeat(20))],
    ] as const) {
      for (const side of ['client', 'accepted'] as const) {
        it(`the peer ${name}: onTlsHandshakeError once, then onClose, as the ${side === 'client' ? 'client' : 'server'}`, async () => {
          const ends = await open();
          const [stream, peer] = [ends[side], ends[side === 'client' ? 'accepted' : 'client']];
          peer.onEnd = () => {};
          stream.startTls(side === 'client' ? clientTls() : serverTls());
          stream.write('never to be seen');
          stream.flush();
          act(peer);
          await stream.log.until('close');
          expect(stream.story).to.deep.equal(FAILURE);
          expect(stream.reason).to.equal(stream.error);
          expect(peer.heard).not.to.include('seen');
        });
      }
    }

    it('the peer has finished before it could begin: the same', async () => {
      const { client, accepted } = await open();
      accepted.pause();
      accepted.end();
      client.write(Buffer.alloc(16_000_000));
      client.startTls(clientTls());
      // Its end is there while the bulk is still on its way.
      for (let turn = 0; turn < 20; turn++) await settled();
      expect(client.pendingBytes).to.be.greaterThan(0);
      accepted.resume();
      await client.log.until('close');
      expect(client.story).to.deep.equal(FAILURE);
      expect(client.error?.message).to.match(/the peer has finished/);
    });

    for (const [side, limitMs] of [
      ['client', 2_000],
      ['accepted', 4_000],
    ] as const) {
      it(`the peer's silence ends it after the connectTimeoutMs of ${side === 'client' ? 'connect()' : 'the server'}`, async () => {
        const { clock, engine, ...ends } = await open();
        const stream = ends[side];
        clock.advance(10_000);
        stream.startTls(side === 'client' ? clientTls() : serverTls());
        stream.flush();
        clock.advance(limitMs - 1);
        expect(stream.closed).to.equal(false);
        clock.advance(1_000);
        await stream.log.until('close');
        expect(stream.story).to.deep.equal([
          'connect',
          'tls error ENGINE_CONNECT_TIMEOUT',
          'close ENGINE_CONNECT_TIMEOUT',
        ]);
      });
    }

    it('other timeouts do not count, and count afterwards; without any, nothing is left to be watched', async () => {
      const { client, accepted, clock, engine } = await open();
      accepted.pause();
      client.readTimeoutMs = 200;
      client.onTimeout = (error: InseamError) => {
        client.log.add(`timeout ${error.code}`);
        client.readTimeoutMs = Number.POSITIVE_INFINITY;
      };
      client.startTls(clientTls());
      client.flush();
      clock.advance(1_000);
      expect(client.story).to.deep.equal(['connect']);
      accepted.startTls(serverTls());
      await client.log.until('tls');
      clock.advance(199);
      expect(client.story).to.deep.equal(['connect', 'tls']);
      clock.advance(100);
      expect(client.story).to.deep.equal(['connect', 'tls', 'timeout ENGINE_READ_TIMEOUT']);
      await accepted.log.until('tls');
      expect(engine.stats().timers).to.equal(0);
    });
  });
});
