import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as dial, type Socket } from 'node:net';
import { connect as dialTls, TLSSocket } from 'node:tls';
import { Engine, type Transport } from '@inseam/engine';
import {
  memoryPair,
  RecordingSink,
  type TransportPairMaker,
  transportContract,
} from '@inseam/engine/testing';
import { expect } from 'chai';
import { parseAddress } from '#src/address';
import { ProxiedTransport } from '#src/proxy/proxied-transport';
import type { TlsHandshake } from '#src/tls/tls-handshake';
import { SocketListener } from '#src/transports/socket-listener';
import { SocketTransport } from '#src/transports/socket-transport';
import { settled } from '../support/test-engine.js';

const HEADER = 'PROXY TCP4 192.0.2.1 203.0.113.7 54321 443\r\n';

/** A sink that does as it is told when the connection opens. */
class Sink extends RecordingSink {
  constructor(readonly whenOpen: () => void = () => {}) {
    super();
  }
  override onOpen(): void {
    super.onOpen();
    this.whenOpen();
  }
}

/** The next connection that a listener on loopback gets. */
async function listen(): Promise<{ port: number; accepted: Promise<Transport>; close: () => void }> {
  let accept: (transport: Transport) => void = () => {};
  const accepted = new Promise<Transport>((resolve) => {
    accept = resolve;
  });
  const options = { backlog: 8, ipv6Only: false, mode: null };
  const listener = await SocketListener.listen(parseAddress(['127.0.0.1', 0]), options, {
    onTransport: (transport) => accept(transport),
    onError: (error) => assert.fail(error),
  });
  assert('port' in listener.address);
  return { port: listener.address.port, accepted, close: () => listener.close() };
}

const makers: Record<string, () => Promise<{ server: Transport; client: Transport; dispose?: () => void }>> =
  {
    memory: async () => {
      const [server, client] = memoryPair();
      return { server, client };
    },
    tcp: async () => {
      const { port, accepted, close } = await listen();
      const client = SocketTransport.dial(parseAddress(['127.0.0.1', port]), Engine.instance().dialParts);
      return { server: await accepted, client, dispose: close };
    },
  };

/** Has `client` send `header` as soon as it is open, and its owner know nothing of it. */
function beginWith(header: string, client: Transport): void {
  const open = client.open.bind(client);
  client.open = (sink) => {
    const onOpen = sink.onOpen.bind(sink);
    sink.onOpen = () => {
      onOpen();
      client.write(header);
    };
    open(sink);
  };
}

describe('ProxiedTransport over real transports', () => {
  for (const [kind, make] of Object.entries(makers)) {
    for (const side of ['a', 'b'] as const) {
      const makePair: TransportPairMaker = async () => {
        const { server, client, dispose = () => {} } = await make();
        beginWith(HEADER, client);
        const proxied = new ProxiedTransport(server);
        return side === 'a' ? { a: proxied, b: client, dispose } : { a: client, b: proxied, dispose };
      };
      describe(`over ${kind}, as ${side}, keeps the contract of transports`, () => {
        for (const { name, run } of transportContract(makePair)) it(name, run);
      });
    }

    for (const when of ['before open', 'in onOpen'] as const) {
      it(`over ${kind}, reads nothing but the header when it is paused ${when}`, async () => {
        const { server, client, dispose } = await make();
        const proxied = new ProxiedTransport(server);
        const sink = new Sink(() => {
          if (when === 'in onOpen') proxied.pause();
        });
        if (when === 'before open') proxied.pause();
        const atClient = new RecordingSink();
        client.open(atClient);
        proxied.open(sink);
        await atClient.until(() => atClient.events.includes('open'));
        client.write(HEADER);
        // Far more than the system takes for a reader that does not read.
        client.write(Buffer.alloc(16 << 20, 'x'));
        await sink.until(() => sink.events.includes('open'));
        for (let turn = 0; turn < 4; turn++) await settled();
        expect(sink.length).to.equal(0);
        expect(client.pendingBytes).to.be.greaterThan(0);
        proxied.resume();
        await sink.until(() => sink.length === 16 << 20);
        expect(sink.text).to.match(/^x+$/);
        client.abort();
        await Promise.all([atClient.closed(), sink.until(() => sink.events.length > 1)]);
        proxied.abort();
        await sink.closed();
        dispose?.();
      });
    }
  }

  it('resets the connection, over TCP', async () => {
    const { port, accepted, close } = await listen();
    const client = dial(port, '127.0.0.1');
    await once(client, 'connect');
    const sink = new Sink();
    new ProxiedTransport(await accepted).open(sink);
    const lost = once(client, 'error') as Promise<[NodeJS.ErrnoException]>;
    client.write('hello');
    const [[error]] = await Promise.all([lost, sink.closed()]);
    expect(error.code).to.equal('ECONNRESET');
    expect(sink.events).to.have.length(1);
    expect(sink.events[0]).to.match(/^close: no valid PROXY protocol header/);
    close();
  });

  describe('TLS', () => {
    /** A key that both sides know takes the place of certificates. */
    const secret = { ciphers: 'PSK', maxVersion: 'TLSv1.2' as const };
    const key = Buffer.from('0123456789abcdef');
    const handshake: TlsHandshake = (socket, done) => {
      // Node's types know this callback in `tls.createServer` only.
      const options = { isServer: true, ...secret, pskCallback: () => key };
      const secure = new TLSSocket(socket, options);
      secure.once('secure', () => done(null, secure)).once('error', (error) => done(error, null));
    };
    const greet = (socket: Socket) => {
      const pskCallback = () => ({ psk: key, identity: 'test' });
      const secure = dialTls({ socket, ...secret, pskCallback, checkServerIdentity: () => undefined });
      secure.write('hello');
      return secure;
    };

    for (const isTogether of [true, false]) {
      it(`begins behind the header, ${isTogether ? 'in the same chunk' : 'in a later chunk'}`, async () => {
        const { port, accepted, close } = await listen();
        const client = dial(port, '127.0.0.1');
        await once(client, 'connect');
        const proxied = new ProxiedTransport(await accepted);
        const sink = new Sink(() => {
          proxied.startTls(handshake, Buffer.alloc(0));
          if (!isTogether) greet(client).resume();
        });
        client.write(HEADER);
        if (isTogether) {
          greet(client).resume();
          // Nobody reads yet: both wait in the kernel, and come as one.
          for (let turn = 0; turn < 4; turn++) await settled();
        }
        expect(proxied.tls).to.equal(null);
        proxied.open(sink);
        await sink.until(() => sink.length === 5);
        expect([sink.events, sink.text]).to.deep.equal([['open', 'secure'], 'hello']);
        expect(proxied.tls).to.have.property('protocol', 'TLSv1.2');
        expect(proxied.remoteAddress).to.have.property('host', '192.0.2.1');
        proxied.abort();
        await sink.closed();
        client.destroy();
        close();
      });
    }
  });
});
