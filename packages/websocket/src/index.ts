/**
 * @inseam/websocket: WebSockets on the Inseam engine. In reading order:
 *
 *     websocket.ts        the class to subclass, on either side
 *     server/             from a request to a WebSocket: upgrade.ts, handshake.ts, origin.ts
 *     client/             from a URL to a WebSocket: connect.ts
 *     session.ts          one open WebSocket: reading, writing, closing, timeouts
 *     protocol/           frames and messages, by `ws`: frame-reader.ts, frame-writer.ts, deflate.ts
 *     group/              one message to many, in one process or over a bus
 */
export type { ConnectOptions } from './client/connect.js';
export {
  type HandshakeAnswer,
  WEBSOCKET_ERRORS,
  type WebSocketErrorCode,
  type WebSocketErrorEntry,
  WebSocketHandshakeError,
  WebSocketProtocolError,
} from './errors.js';
export type { Bus } from './group/bus.js';
export { Group, type GroupOptions, type GroupWriteOptions } from './group/group.js';
export { WEBSOCKET_LIMITS, type WebSocketLimits } from './limits.js';
export type { SlowReader, WebSocketOptions } from './options.js';
export type { DeflateOptions } from './protocol/deflate.js';
export { ENTIRE_MESSAGE, type MessageDelimiter } from './protocol/message-cutter.js';
export type { Origins } from './server/origin.js';
export { type ServerWebSocketOptions, upgrade, webSocketHandler } from './server/upgrade.js';
export { WebSocket, type WebSocketClass } from './websocket.js';
