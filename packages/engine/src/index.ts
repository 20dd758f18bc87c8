/**
 * @inseam/engine: an engine for protocols of your own. In reading order:
 *
 *     engine.ts          timers, open channels, start and stop      timer-queue.ts, timeout-sweep.ts, clock.ts, diagnostics.ts
 *     channel.ts         how user code is called                    logger.ts, container.ts
 *     stream.ts          one connection: the class to subclass      stream/
 *     delimiters/        how input is cut into pieces               byte-window.ts
 *     server.ts          accepts, and makes a Stream of each        address.ts, proxy/
 *     datagram.ts        UDP                                        datagram-server.ts
 *     transport.ts       the door to the operating system           transports/, tls/, resolver.ts
 */
export { type Address, canonicalIp, type ListenAddress } from './address.js';
export { NEED_MORE } from './byte-window.js';
export { Channel, isThenable } from './channel.js';
export { Clock } from './clock.js';
export { container, type DependencyContainer } from './container.js';
export {
  Datagram,
  type DatagramAddress,
  type DatagramOptions,
  type DatagramSettings,
} from './datagram.js';
export { type DatagramListenOptions, DatagramServer, type DatagramServerOptions } from './datagram-server.js';
export type { Cut, Cutter, ReadDelimiter } from './delimiters/read-delimiter.js';
export { Engine, type EngineStats, type StopOptions, type TimerHandle } from './engine.js';
export {
  ENGINE_ERRORS,
  type EngineErrorCode,
  type ErrorEntry,
  InseamError,
  ProtocolError,
  TransportError,
  type TransportPhase,
  UsageError,
} from './errors.js';
export { ENGINE_LIMITS } from './limits.js';
export { Logger } from './logger.js';
export { requireCount, requireMilliseconds, requireOptions } from './options.js';
export { TrustedAddresses } from './proxy/trusted-addresses.js';
export { Resolver } from './resolver.js';
export { type ConnectionClass, type ListenOptions, Server, type ServerOptions } from './server.js';
export type { FileInput, FileRange } from './stream/file-source.js';
export { type ConnectOptions, Stream, type StreamOptions, type StreamOwner } from './stream.js';
export { NetStruct } from './struct/net-struct.js';
export { Struct } from './struct/struct.js';
export type { PackValue, StructValue } from './struct/struct-letters.js';
export type {
  TlsCertificate,
  TlsClientOptions,
  TlsContextOptions,
  TlsServerOptions,
  TlsSession,
} from './tls/tls-options.js';
export type { StreamAddress, Transport, TransportSink } from './transport.js';
