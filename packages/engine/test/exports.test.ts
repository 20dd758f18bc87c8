import { readFileSync } from 'node:fs';
import * as engine from '@inseam/engine';
import * as testing from '@inseam/engine/testing';
import { expect } from 'chai';

/** The public names. A change here is a change of the API: it belongs in the CHANGELOG. */
const ENGINE_EXPORTS = {
  values: [
    'Channel',
    'Clock',
    'Datagram',
    'DatagramServer',
    'ENGINE_ERRORS',
    'ENGINE_LIMITS',
    'Engine',
    'InseamError',
    'Logger',
    'NEED_MORE',
    'NetStruct',
    'ProtocolError',
    'Resolver',
    'Server',
    'Stream',
    'Struct',
    'TransportError',
    'TrustedAddresses',
    'UsageError',
    'canonicalIp',
    'container',
    'isThenable',
    'requireCount',
    'requireMilliseconds',
    'requireOptions',
  ],
  types: [
    'Address',
    'ConnectOptions',
    'ConnectionClass',
    'Cut',
    'Cutter',
    'DatagramAddress',
    'DatagramListenOptions',
    'DatagramOptions',
    'DatagramServerOptions',
    'DatagramSettings',
    'DependencyContainer',
    'EngineErrorCode',
    'EngineStats',
    'ErrorEntry',
    'FileInput',
    'FileRange',
    'ListenAddress',
    'ListenOptions',
    'PackValue',
    'ReadDelimiter',
    'ServerOptions',
    'StopOptions',
    'StreamAddress',
    'StreamOptions',
    'StreamOwner',
    'StructValue',
    'TimerHandle',
    'TlsCertificate',
    'TlsClientOptions',
    'TlsContextOptions',
    'TlsServerOptions',
    'TlsSession',
    'Transport',
    'TransportPhase',
    'TransportSink',
  ],
};

const TESTING_EXPORTS = {
  values: ['RecordingSink', 'fakeClock', 'feedEveryWay', 'memoryPair', 'transportContract'],
  types: ['FakeClock', 'MemoryTransport', 'TransportCase', 'TransportPairMaker'],
};

/** Every name that a declaration file of re-exports names. */
function declared(entry: string): string[] {
  const source = readFileSync(new URL(import.meta.resolve(entry).replace(/\.js$/, '.d.ts')), 'utf8');
  const lists = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].map((match) => match[1] ?? '');
  return lists.flatMap((list) => list.match(/\w+(?=\s*(,|$))/g) ?? []);
}

describe('exports', () => {
  for (const [entry, module, names] of [
    ['@inseam/engine', engine, ENGINE_EXPORTS],
    ['@inseam/engine/testing', testing, TESTING_EXPORTS],
  ] as const) {
    it(`${entry} has its values`, () => {
      expect(Object.keys(module).sort()).to.deep.equal(names.values);
    });

    it(`${entry} has its types`, () => {
      expect(declared(entry).sort()).to.deep.equal([...names.values, ...names.types].sort());
    });
  }
});
