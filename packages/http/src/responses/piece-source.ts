/**
 * Where the pieces of a streamed response come from: Node's streams, the platform's, and whatever can be iterated, all
 * asked for one piece at a time and given up in the same way. Knows nothing of responses.
 */
import type { Readable } from 'node:stream';
import { httpUsageError } from '../errors.js';

export type ContentSource =
  | Readable
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>;

export interface PieceSource {
  /** The next piece, of whatever type. Rejects with what the source failed with. */
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  /** Ends the source, also while `next` waits. What comes of that is not awaited, and no news. */
  cancel(): void;
}

/** Throws UsageError for what is no source, or one that somebody else reads or has read. */
export function pieceSource(source: ContentSource): PieceSource {
  // Text can be iterated by letters and bytes by numbers, which nobody means.
  const isObject = typeof source === 'object' && source !== null && !ArrayBuffer.isView(source);
  if (!isObject) throw httpUsageError('HTTP_STREAM', describe(source));
  if (source instanceof ReadableStream) return fromReadableStream(source);
  if (isReadable(source)) return fromReadable(source);
  return fromIterable(source);
}

function fromReadableStream(stream: ReadableStream<unknown>): PieceSource {
  if (stream.locked) throw httpUsageError('HTTP_STREAM', 'this ReadableStream is locked');
  const reader = stream.getReader();
  return { next: () => reader.read(), cancel: () => quietly(() => reader.cancel()) };
}

function fromReadable(stream: Readable): PieceSource {
  // One that has failed says so when it is asked.
  if ((stream.destroyed || stream.readableEnded) && !stream.errored) {
    throw httpUsageError('HTTP_STREAM', 'this Readable has been read or destroyed');
  }
  // Without a listener an error while it is given up would end the process.
  stream.on('error', () => {});
  const pieces = stream[Symbol.asyncIterator]();
  return { next: () => pieces.next(), cancel: () => quietly(() => stream.destroy()) };
}

function fromIterable(source: object): PieceSource {
  const pieces = iteratorOf(source);
  return { next: async () => pieces.next(), cancel: () => quietly(() => pieces.return?.()) };
}

function iteratorOf(source: object): AsyncIterator<unknown> | Iterator<unknown> {
  if (Symbol.asyncIterator in source) return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  if (Symbol.iterator in source) return (source as Iterable<unknown>)[Symbol.iterator]();
  throw httpUsageError('HTTP_STREAM', describe(source));
}

/** Node's own, and the `readable-stream` package's. */
function isReadable(source: object): source is Readable {
  const { destroy, on } = source as Readable;
  return Symbol.asyncIterator in source && typeof destroy === 'function' && typeof on === 'function';
}

function quietly(cancel: () => unknown): void {
  try {
    Promise.resolve(cancel()).catch(() => {});
  } catch {
    // It has said that it cannot be ended; there is nobody left to tell.
  }
}

function describe(source: unknown): string {
  if (typeof source === 'string' || ArrayBuffer.isView(source)) return 'sendResponse sends text and bytes';
  return source === null ? 'null' : typeof source;
}
