import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Address, Engine, type Transport } from '@inseam/engine';
import {
  memoryPair,
  RecordingSink,
  type TransportPairMaker,
  transportContract,
} from '@inseam/engine/testing';
import { expect } from 'chai';
import { parseAddress } from '#src/address';
import { SocketListener } from '#src/transports/socket-listener';
import { SocketTransport } from '#src/transports/socket-transport';
import { settled } from '../support/test-engine.js';

const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
let paths = 0;

/** A dialled and an accepted socket, joined. */
async function socketPair(address: Address): Promise<{ a: Transport; b: Transport; dispose: () => void }> {
  let accepted: (transport: Transport) => void = () => {};
  const acceptance = new Promise<Transport>((resolve) => {
    accepted = resolve;
  });
  const listener = await SocketListener.listen(
    parseAddress(address),
    { backlog: 8, ipv6Only: false, mode: null },
    {
      onTransport: (transport) => accepted(transport),
      onError: (error) => assert.fail(error),
    },
  );
  const bound = listener.address;
  const a = SocketTransport.dial(
    'path' in bound ? bound : { host: '127.0.0.1', port: bound.port },
    Engine.instance().dialParts,
  );
  const b = await acceptance;
  return { a, b, dispose: () => listener.close() };
}

const makers: Record<string, TransportPairMaker> = {
  'memory, as server and client': async () => {
    const [a, b] = memoryPair();
    return { a, b };
  },
  'memory, as client and server': async () => {
    const [b, a] = memoryPair();
    return { a, b };
  },
  'tcp, dialled and accepted': () => socketPair(['127.0.0.1', 0]),
  'tcp, accepted and dialled': async () => {
    const { a: b, b: a, dispose } = await socketPair(['127.0.0.1', 0]);
    return { a, b, dispose };
  },
  'unix, dialled and accepted': () => socketPair(join(folder, `${++paths}`)),
  'unix, accepted and dialled': async () => {
    const { a: b, b: a, dispose } = await socketPair(join(folder, `${++paths}`));
    return { a, b, dispose };
  },
};

describe('transport contract', () => {
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, makePair] of Object.entries(makers)) {
    describe(name, () => {
      for (const { name: rule, run } of transportContract(makePair)) it(rule, run);

      for (const when of ['before open', 'in onOpen'] as const) {
        it(`reads nothing when it is paused ${when}`, async () => {
          const { a, b, dispose } = await makePair();
          const atA = new RecordingSink();
          const atB = new RecordingSink();
          if (when === 'before open') b.pause();
          else {
            atB.onOpen = () => {
              RecordingSink.prototype.onOpen.call(atB);
              b.pause();
            };
          }
          a.open(atA);
          b.open(atB);
          await Promise.all([atA, atB].map((sink) => sink.until(() => sink.events.includes('open'))));
          // Far more than the system takes for a reader that does not read.
          a.write(Buffer.alloc(16 << 20));
          // The event loop polls between two turns.
          for (let turn = 0; turn < 4; turn++) await settled();
          expect(atB.length).to.equal(0);
          expect(a.pendingBytes).to.be.greaterThan(0);
          b.resume();
          await atB.until(() => atB.length === 16 << 20);
          a.abort();
          await Promise.all([atA.closed(), atB.until(() => atB.events.length > 1)]);
          b.abort();
          dispose?.();
        });
      }
    });
  }
});
