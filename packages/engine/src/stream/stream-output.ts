/**
 * What a stream still has to send, and its way to the transport: bytes, files and moments in one order. At most 64
 * KiB are handed to the system at once, so a slow peer costs what was written and nothing more.
 */
import { ENGINE_LIMITS } from '../limits.js';
import type { Transport } from '../transport.js';
import { FileSource } from './file-source.js';
import { type Waypoint, WriteQueue } from './write-queue.js';

/** Something to be done when everything written before it is out. */
interface Moment extends Waypoint {
  readonly kind: 'moment';
  readonly reached: () => void;
}

const { highWaterMark: SLICE } = ENGINE_LIMITS;

/** Whom the output tells; the stream's inner side. */
export interface OutputSink {
  /** A file could not be read to its end; the queue goes on behind it unless the stream is closed during the call. */
  onFileError(error: Error): void;
  /** Everything is with the system, and the transport will not say so. */
  onDrained(): void;
}

export class StreamOutput {
  readonly #queue = new WriteQueue();
  #transport: Transport | null = null;
  readonly #sink: OutputSink;
  /** The bytes of files in the queue, as far as they are known. */
  #fileBytes = 0;
  #sentFromFiles = 0;
  #isReadingFile = false;
  /** Whether the latest piece of a file was taken at once. */
  #isFast = false;
  #isCleared = false;
  #clearedFor: Error | null = null;
  #waiting: (() => void)[] | null = null;
  highWaterMark: number = ENGINE_LIMITS.highWaterMark;
  /** Set when bytes have gone out since the owner last looked. */
  hasSent = false;

  constructor(sink: OutputSink) {
    this.#sink = sink;
  }

  /** Where everything goes from now on. */
  attach(transport: Transport): void {
    this.#transport = transport;
  }

  /** Bytes written, and those of files, that the system has not taken. */
  get pendingBytes(): number {
    return this.#queue.size + this.#fileBytes + (this.#transport?.pendingBytes ?? 0);
  }

  /** Bytes written so far, and those that have been read from files. */
  get total(): number {
    return this.#queue.total + this.#sentFromFiles;
  }

  /** Whether nothing is left to be handed to the transport. */
  get isEmpty(): boolean {
    return this.#queue.isEmpty;
  }

  /** Whether everything is with the system. */
  get isDrained(): boolean {
    return this.#queue.isEmpty && (this.#transport?.pendingBytes ?? 0) === 0;
  }

  get isFull(): boolean {
    return this.pendingBytes >= this.highWaterMark;
  }

  /** Whether no more than the low water mark waits. */
  get isLow(): boolean {
    return this.pendingBytes <= this.highWaterMark / 4;
  }

  pushLatin1(text: string): void {
    this.#queue.pushLatin1(text);
  }

  pushText(text: string): void {
    this.#queue.pushText(text);
  }

  pushBytes(bytes: Uint8Array): void {
    this.#queue.pushBytes(bytes);
  }

  pushFile(file: FileSource): void {
    this.#fileBytes += file.pendingBytes;
    this.#queue.pushWaypoint(file);
  }

  /**
   * Calls `reached` once everything written before is with the system; nothing after it leaves until it has returned.
   */
  pushMoment(reached: () => void): void {
    const moment: Moment = { kind: 'moment', reached };
    this.#queue.pushWaypoint(moment);
  }

  /** Hands on what the transport has room for. */
  flush(): void {
    const transport = this.#transport;
    if (transport === null || this.#queue.isEmpty || this.#isReadingFile) return;
    if (this.#queue.size > 0 && this.#queue.waypoint === null) this.#flushBytes(transport);
    const waypoint = this.#queue.waypoint;
    if (waypoint === null || transport.pendingBytes >= SLICE) return;
    if (waypoint instanceof FileSource) this.#readFile(waypoint, transport);
    else if (transport.pendingBytes === 0) this.#reach(waypoint as Moment);
  }

  /** Resolves at the low water mark, or at once below the high one. */
  drained(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  /** Room has been made, or nothing more will be sent: wakes who waits for it. */
  wake(): void {
    if (this.#waiting === null) return;
    // With the default high mark that is when the system has taken everything: it takes as much at once.
    if (!this.#isCleared && !this.isLow) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const resolve of waiting) resolve();
  }

  /** Drops everything; files are told `error`. Nothing is sent any more. */
  clear(error: Error): void {
    this.#isCleared = true;
    this.#clearedFor ??= error;
    const waypoints = this.#queue.waypoints();
    this.#queue.clear();
    this.#fileBytes = 0;
    for (const waypoint of waypoints) {
      // A read that is under way settles the file itself: its descriptor is in use until then.
      if (waypoint instanceof FileSource && !(waypoint === waypoints[0] && this.#isReadingFile))
        waypoint.settle(error);
    }
    this.wake();
  }

  #flushBytes(transport: Transport): void {
    if (transport.pendingBytes >= SLICE) return;
    this.hasSent = true;
    const isSingle = this.#queue.isSingle;
    const all = isSingle ? null : this.#queue.gather();
    if (all !== null) {
      transport.write(all);
      return;
    }
    if (!isSingle) transport.cork();
    while (transport.pendingBytes < SLICE) {
      const piece = this.#queue.take(SLICE);
      if (piece === null) break;
      transport.write(piece);
    }
    if (!isSingle) transport.uncork();
  }

  #reach(moment: Moment): void {
    this.#queue.passWaypoint();
    moment.reached();
  }

  #readFile(file: FileSource, transport: Transport): void {
    this.#isReadingFile = true;
    const before = file.pendingBytes;
    const go = (error: Error | null, piece: Buffer | null) => {
      this.#isReadingFile = false;
      if (this.#isCleared) file.settle(error ?? this.#clearedFor);
      else this.#onFile(file, before, error, piece, transport);
    };
    file.read(transport.pendingBytes === 0, this.#isFast).then(
      (piece) => go(null, piece),
      (error) => go(error, null),
    );
  }

  /** `piece` has been read, or nothing is to follow. */
  #onFile(
    file: FileSource,
    before: number,
    error: Error | null,
    piece: Buffer | null,
    transport: Transport,
  ): void {
    this.hasSent = true;
    this.#fileBytes += file.pendingBytes - before;
    if (piece !== null) {
      this.#sentFromFiles += piece.length;
      transport.write(piece);
      this.#isFast = transport.pendingBytes === 0;
    } else {
      this.#fileBytes -= file.pendingBytes;
      this.#queue.passWaypoint();
      file.settle(error, transport.pendingBytes === 0);
      if (error !== null) this.#sink.onFileError(error);
    }
    this.flush();
    // Without a write no drain will come of itself.
    if (piece === null && this.isDrained) this.#sink.onDrained();
  }
}
