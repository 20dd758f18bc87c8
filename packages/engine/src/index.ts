/**
 * @inseam/engine: an engine for protocols of your own. In reading order:
 *
 *     engine.ts          timers, open channels, start and stop      timer-queue.ts, clock.ts
 *     channel.ts         how user code is called                    logger.ts, container.ts
 *     stream.ts          one connection: the class to subclass      read-buffer.ts, write-queue.ts
 *     server.ts          accepts, and makes a Stream of each        address.ts
 *     transport.ts       the door to the operating system           transports/
 */
export type { Address } from './address.js';
export { Channel, isThenable } from './channel.js';
export { Clock } from './clock.js';
export { container, type DependencyContainer } from './container.js';
export { Engine, type StopOptions, type TimerHandle } from './engine.js';
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
export { requireOptions } from './options.js';
export type { ReadDelimiter } from './read-delimiter.js';
export { type ConnectionClass, type ListenOptions, Server, type ServerOptions } from './server.js';
export { Stream, type StreamOptions, type StreamOwner } from './stream.js';
export type { StreamAddress, Transport, TransportSink } from './transport.js';
