/** What cuts a stream into pieces, for protocols that cut something else: the messages of a WebSocket, for one. */
export { OVERFLOW, ReadBuffer } from './delimiters/read-buffer.js';
export { type Delimiter, sizeOf, toDelimiter } from './delimiters/read-delimiter.js';
export { PieceIterator } from './stream/piece-iterator.js';
