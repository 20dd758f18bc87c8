/** A stream over a memory pair, and the far end as plain transport and sink. */
import type { Engine, StreamOptions } from '@inseam/engine';
import { type MemoryTransport, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { RecordingStream } from './recording-stream.js';

/** The far end's sink: writes down each chunk by itself, too. */
export class FarSink extends RecordingSink {
  readonly chunks: string[] = [];
  override onChunk(chunk: Buffer): void {
    this.chunks.push(chunk.toString('latin1'));
    super.onChunk(chunk);
  }
}

export interface MemoryConnection<S> {
  stream: S;
  /** What the stream stands on. */
  near: MemoryTransport;
  /** The other end's transport: what the peer does. */
  far: MemoryTransport;
  /** What the peer sees. */
  seen: FarSink;
}

export function connect(engine: Engine): MemoryConnection<RecordingStream>;
export function connect<S extends RecordingStream>(
  engine: Engine,
  Class: new (options: StreamOptions) => S,
): MemoryConnection<S>;
export function connect(engine: Engine, Class = RecordingStream): MemoryConnection<RecordingStream> {
  const [near, far] = memoryPair();
  const seen = new FarSink();
  far.open(seen);
  const stream = new Class({ engine });
  stream.attach(near);
  return { stream, near, far, seen };
}
