/** Two transports joined in memory: what tests and in-process clients use instead of a network. */
import { usageError } from '../errors.js';
import type { StreamAddress, Transport, TransportSink } from '../transport.js';

/** Makes both ends of a connection. What one end writes, the other reads in a later microtask. */
export function memoryPair(
  options: { remoteAddress?: StreamAddress | null } = {},
): [server: MemoryTransport, client: MemoryTransport] {
  const server = new MemoryTransport(options.remoteAddress ?? null);
  const client = new MemoryTransport(null);
  server.join(client);
  client.join(server);
  return [server, client];
}

export class MemoryTransport implements Transport {
  readonly remoteAddress: StreamAddress | null;
  readonly localAddress = null;
  readonly tls = null;
  #peer: MemoryTransport | null = null;
  #sink: TransportSink | null = null;
  /** Written here and not yet read by the peer. */
  #outbox: Buffer[] = [];
  #pendingBytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #hasDeliveredEnd = false;
  #isClosed = false;
  #closeError: Error | null = null;

  constructor(remoteAddress: StreamAddress | null) {
    this.remoteAddress = remoteAddress;
  }

  /** For memoryPair: the other end. */
  join(peer: MemoryTransport): void {
    this.#peer = peer;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  open(sink: TransportSink): void {
    this.#sink = sink;
    sink.onOpen();
    this.#readSoon();
    // Closed before it was opened: the peer has gone meanwhile.
    if (this.#isClosed) queueMicrotask(() => this.#tellClose());
  }

  write(data: string | Uint8Array): void {
    if (this.#isClosed || this.#hasEnded) return;
    const chunk = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
    this.#outbox.push(chunk);
    this.#pendingBytes += chunk.length;
    this.#deliverSoon();
  }

  startTls(): void {
    throw usageError('ENGINE_TLS_TRANSPORT');
  }

  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#readSoon();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#deliverSoon();
  }

  abort(): void {
    this.#close(null);
  }

  ref(): void {}
  unref(): void {}

  /** This end may read again: the other one has something to deliver, perhaps. */
  #readSoon(): void {
    const peer = this.#peer;
    if (peer) peer.#deliverSoon();
  }

  #deliverSoon(): void {
    queueMicrotask(() => this.#deliver());
  }

  /** Hands what was written to the other end, as one chunk a write, while that end reads. */
  #deliver(): void {
    const peer = this.#peer;
    const sink = peer ? peer.#sink : null;
    if (this.#isClosed || !peer) return;
    if (peer.#isClosed && peer.#hasEnded) this.#answerGone();
    if (!sink) return;
    while (!peer.#isPaused && !peer.#isClosed) {
      const chunk = this.#outbox.shift();
      if (chunk === undefined) break;
      this.#pendingBytes -= chunk.length;
      sink.onChunk(chunk);
      // A chunk is the reader's during the call only; make a mistake with that visible.
      chunk.fill(0);
      if (this.#pendingBytes === 0) this.#sink?.onDrain();
    }
    if (this.#hasEnded && this.#outbox.length === 0 && !peer.#isPaused) this.#deliverEnd(peer);
  }

  /** Like a socket's: what is sent to an end that finished and has gone comes back as an error. */
  #answerGone(): void {
    if (this.#outbox.length > 0) this.#close(new Error('the other end was closed'));
    else if (this.#hasEnded) this.#close(null);
  }

  #deliverEnd(peer: MemoryTransport): void {
    if (this.#hasDeliveredEnd) return;
    this.#hasDeliveredEnd = true;
    peer.#sink?.onEnd();
    if (peer.#hasDeliveredEnd) {
      this.#close(null);
      peer.#close(null);
    }
  }

  #close(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeError = error;
    const peer = this.#peer;
    queueMicrotask(() => {
      this.#tellClose();
      // Like a socket's: an end that had not finished sending is lost to the other side.
      if (peer !== null && !peer.#isClosed) {
        if (this.#hasEnded) this.#deliverEnd(peer);
        else peer.#close(new Error('the other end was closed'));
      }
    });
  }

  #tellClose(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.onClose(this.#closeError);
  }
}
