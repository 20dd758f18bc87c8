import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ListenAddress, StreamAddress, TlsSession, Transport, TransportSink } from '@inseam/engine';
import { Engine } from '@inseam/engine';
import { RecordingSink, type TransportPairMaker, transportContract } from '@inseam/engine/testing';
import { expect } from 'chai';
import { parseListenAddress } from '#src/address';
import { acceptorOf } from '#src/tls/tls-acceptor';
import { clientHandshake, type TlsHandshake } from '#src/tls/tls-handshake';
import { SocketListener } from '#src/transports/socket-listener';
import { SocketTransport } from '#src/transports/socket-transport';
import { describeTls } from '../support/certificates.js';
import { clientTls, serverTls } from '../support/tls-streams.js';

/** A transport that is open when its handshake is over: what a stream makes of it by `startTls` before `onConnect`. */
class SecuredTransport implements Transport {
  readonly #inner: Transport;
  readonly #handshake: TlsHandshake;

  constructor(inner: Transport, handshake: TlsHandshake) {
    this.#inner = inner;
    this.#handshake = handshake;
  }

  get remoteAddress(): StreamAddress | null {
    return this.#inner.remoteAddress;
  }
  get localAddress(): StreamAddress | null {
    return this.#inner.localAddress;
  }
  get pendingBytes(): number {
    return this.#inner.pendingBytes;
  }
  get tls(): TlsSession | null {
    return this.#inner.tls;
  }
  open(sink: TransportSink): void {
    this.#inner.open({
      onOpen: () => this.#inner.startTls(this.#handshake, Buffer.alloc(0)),
      onSecure: () => sink.onOpen(),
      onChunk: (chunk) => sink.onChunk(chunk),
      onDrain: () => sink.onDrain(),
      onEnd: () => sink.onEnd(),
      onClose: (error) => sink.onClose(error),
    });
  }
  write(data: string | Uint8Array): void {
    this.#inner.write(data);
  }
  cork(): void {
    this.#inner.cork();
  }
  uncork(): void {
    this.#inner.uncork();
  }
  startTls(): void {
    assert.fail('TLS within TLS');
  }
  pause(): void {
    this.#inner.pause();
  }
  resume(): void {
    this.#inner.resume();
  }
  end(): void {
    this.#inner.end();
  }
  abort(isFailure?: boolean): void {
    this.#inner.abort(isFailure);
  }
  ref(): void {
    this.#inner.ref();
  }
  unref(): void {
    this.#inner.unref();
  }
}

/** A dialled and an accepted socket, joined in TLS. */
async function securedPair(address: ListenAddress, version: 'TLSv1.2' | 'TLSv1.3') {
  let accepted: (transport: Transport) => void = () => {};
  const acceptance = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const listener = await SocketListener.listen(
    parseListenAddress(address),
    { backlog: 8, ipv6Only: false, mode: null },
    { onTransport: (transport) => accepted(transport), onError: (error) => assert.fail(error) },
  );
  const bound = listener.address;
  const dialled = SocketTransport.dial(
    'path' in bound ? bound : { host: '127.0.0.1', port: bound.port },
    Engine.instance().dialParts,
  );
  const { handshake } = acceptorOf(serverTls({ maxVersion: version }));
  return {
    client: new SecuredTransport(dialled, clientHandshake(clientTls())('localhost')),
    server: new SecuredTransport(await acceptance, handshake),
    dispose: () => listener.close(),
  };
}

describeTls('transport contract, in TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  let paths = 0;
  after(() => rmSync(folder, { recursive: true }));

  const addresses: Record<string, () => ListenAddress> = {
    tcp: () => ['127.0.0.1', 0],
    unix: () => join(folder, `${++paths}`),
  };
  for (const [name, address] of Object.entries(addresses)) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const makers: Record<string, TransportPairMaker> = {
        'dialled and accepted': async () => {
          const { client: a, server: b, dispose } = await securedPair(address(), version);
          return { a, b, dispose };
        },
        'accepted and dialled': async () => {
          const { client: b, server: a, dispose } = await securedPair(address(), version);
          return { a, b, dispose };
        },
      };
      for (const [sides, makePair] of Object.entries(makers)) {
        describe(`${name}, ${version}, ${sides}`, () => {
          for (const { name: rule, run } of transportContract(makePair)) it(rule, run);

          it('takes pause and resume while the handshake runs, and keeps to the last of them', async () => {
            const { a, b, dispose } = await makePair();
            const [atA, atB] = [new RecordingSink(), new RecordingSink()];
            a.open(atA);
            b.open(atB);
            for (const end of [a, b]) {
              end.resume();
              end.pause();
            }
            await Promise.all([atA, atB].map((sink) => sink.until(() => sink.events.includes('open'))));
            b.resume();
            a.write('to b');
            b.write('to a');
            await atB.until(() => atB.text === 'to b');
            expect(atA.text).to.equal('');
            a.resume();
            await atA.until(() => atA.text === 'to a');
            a.abort();
            b.abort();
            dispose?.();
          });
        });
      }
    }
  }
});
