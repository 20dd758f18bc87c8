/**
 * What the senders of datagrams have begun and not finished, each in a buffer of its own. Pure: no socket and no
 * clock.
 *
 * A sender is kept only while it has an unfinished piece, so that memory is bounded by `maxSenders` pieces of
 * `bufferSize` bytes.
 */
import { OVERFLOW, ReadBuffer } from '../delimiters/read-buffer.js';
import { type Delimiter, type ReadDelimiter, sizeOf, toDelimiter } from '../delimiters/read-delimiter.js';
import { usageError } from '../errors.js';
import { ENGINE_LIMITS } from '../limits.js';
import type { DatagramAddress } from '../transports/datagram-socket.js';

/** One sender: what it has sent and how that is cut. Only SenderBuffers looks inside. */
export class Sender {
  remote: DatagramAddress;
  readonly input = new ReadBuffer();
  delimiter: Delimiter = null;
  /** Which setting of `readDelimiter` that one was made for. */
  generation = -1;
  heardAt = 0;

  constructor(remote: DatagramAddress) {
    this.remote = remote;
  }
}

export class SenderBuffers {
  readonly #maxSenders: number;
  /** Those with an unfinished piece; the one that was silent longest is first. */
  readonly #unfinished = new Map<string, Sender>();
  /** A sender without input, to be used again: a RegExp's delimiter takes a while to make. */
  #spare: Sender | null = null;
  #readDelimiter: ReadDelimiter = null;
  #shared: Delimiter = null;
  #generation = 0;
  #bufferSize: number = ENGINE_LIMITS.bufferSize;

  constructor(maxSenders: number) {
    this.#maxSenders = maxSenders;
  }

  /** Senders with an unfinished piece. */
  get size(): number {
    return this.#unfinished.size;
  }

  get readDelimiter(): ReadDelimiter {
    return this.#readDelimiter;
  }
  set readDelimiter(value: ReadDelimiter) {
    this.#shared = toDelimiter(value);
    this.#readDelimiter = value;
    this.#generation++;
  }

  get bufferSize(): number {
    return this.#bufferSize;
  }
  set bufferSize(bytes: number) {
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw usageError('ENGINE_BUFFER_SIZE', String(bytes));
    this.#bufferSize = bytes;
  }

  /** The sender of a packet; it is the caller's until `settle`. */
  take(remote: DatagramAddress, now: number): Sender {
    const key = keyOf(remote);
    const sender = this.#unfinished.get(key) ?? this.#spare ?? new Sender(remote);
    if (sender === this.#spare) this.#spare = null;
    else this.#unfinished.delete(key);
    sender.remote = remote;
    sender.heardAt = now;
    return sender;
  }

  /** All senders, in the order in which they were heard; they are the caller's until `settle`. */
  takeAll(): Sender[] {
    const senders = [...this.#unfinished.values()];
    this.#unfinished.clear();
    return senders;
  }

  /** Adds a packet, which must not change. */
  push(sender: Sender, packet: Buffer): void {
    sender.input.push(packet);
  }

  /**
   * The next piece of `sender`; or NEED_MORE; or OVERFLOW, when it is longer than it may be. On that, and on what a
   * Cutter throws, everything from that sender is dropped: where its next piece begins is not known.
   */
  cut(sender: Sender): unknown {
    if (sender.generation !== this.#generation) this.#renew(sender);
    const { delimiter, input } = sender;
    let piece: unknown = OVERFLOW;
    try {
      piece = input.cut(delimiter, Math.max(this.#bufferSize, sizeOf(delimiter)));
    } finally {
      if (piece === OVERFLOW) {
        input.clear();
        // What the delimiter remembers is of those bytes.
        sender.generation = -1;
      }
    }
    return piece;
  }

  /**
   * Gives `sender` back. With an unfinished piece it is kept, and whoever was silent longest is dropped for it if
   * need be.
   */
  settle(sender: Sender): void {
    sender.input.retain();
    if (sender.input.length === 0) {
      this.#spare = sender;
      return;
    }
    this.#unfinished.set(keyOf(sender.remote), sender);
    if (this.#unfinished.size <= this.#maxSenders) return;
    for (const [longestSilent] of this.#unfinished) {
      this.#unfinished.delete(longestSilent);
      break;
    }
  }

  /** Drops what was last added to at `before` or earlier. */
  expire(before: number): void {
    for (const [key, sender] of this.#unfinished) {
      if (sender.heardAt > before) break;
      this.#unfinished.delete(key);
    }
  }

  clear(): void {
    this.#unfinished.clear();
    this.#spare = null;
  }

  #renew(sender: Sender): void {
    // A RegExp's delimiter remembers how far it has searched.
    sender.delimiter =
      this.#readDelimiter instanceof RegExp ? toDelimiter(this.#readDelimiter) : this.#shared;
    sender.generation = this.#generation;
    sender.input.restartSearch();
  }
}

function keyOf({ host, port }: DatagramAddress): string {
  return `${host}|${port}`;
}
