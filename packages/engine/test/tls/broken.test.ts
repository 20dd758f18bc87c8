/** TLS on a wire that changes what passes: never good order. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

type Version = 'TLSv1.2' | 'TLSv1.3';

/** A proxy of one connection; once `side` is set, one bit of the next chunk towards it is flipped. */
async function damagingWire(port: number) {
  const wire: { side: 'server' | 'client' | null; port: number } = { side: null, port: 0 };
  const carry = (from: Socket, to: Socket, side: 'server' | 'client') => {
    from.on('data', (chunk: Buffer) => {
      if (wire.side === side && chunk.length > 8) {
        wire.side = null;
        chunk.writeUInt8(chunk.readUInt8(chunk.length - 3) ^ 1, chunk.length - 3);
      }
      to.write(chunk);
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    server.close();
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    carry(near, far, 'server');
    carry(far, near, 'client');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  wire.port = (server.address() as AddressInfo).port;
  return wire;
}

describeTls('TLS that is broken', () => {
  const newEngine = checkedEngines();

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const satisfies Version[]) {
    for (const side of ['server', 'client'] as const) {
      it(`by a bit on the way to the ${side}: lost at once, for both ends (${version})`, async () => {
        // The clock stands still: no timeout helps.
        const { engine } = newEngine({ clock: fakeClock() });
        const server = await listen(serverTls({ maxVersion: version }), { engine });
        const wire = await damagingWire(server.port ?? 0);
        const client = new TlsStream({ engine }).startTls(clientTls());
        await client.connect(['127.0.0.1', wire.port]).opened();
        const accepted = await server.nth(1);
        await accepted.opened();
        // Whatever a handshake leaves behind, as tickets, has passed by then.
        client.write('ping');
        await accepted.untilRead(4);
        accepted.write('pong');
        await client.untilRead(4);
        wire.side = side;
        const [writer, reader] = side === 'server' ? [client, accepted] : [accepted, client];
        writer.write('pay 100 to Alice');
        await Promise.all([writer.log.until('close'), reader.log.until('close')]);
        expect(reader.story).to.deep.equal(['tls', 'connect', 'close ENGINE_CONNECTION_LOST']);
        expect(reader.reason?.message).to.match(/bad record mac|cipher operation failed/);
        expect(reader.heard).to.equal(side === 'server' ? 'ping' : 'pong');
        expect(writer.story).to.deep.equal(['tls', 'connect', 'close ENGINE_CONNECTION_LOST']);
      });
    }
  }
});
