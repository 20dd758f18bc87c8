/** Tools for testing what is built on the engine: no network, no waiting. They need no test framework. */
export { type MemoryTransport, memoryPair } from '../transports/memory-transport.js';
export { type FakeClock, fakeClock } from './fake-clock.js';
export { feedEveryWay } from './feed-every-way.js';
export { RecordingSink } from './recording-sink.js';
export { type TransportCase, type TransportPairMaker, transportContract } from './transport-contract.js';
