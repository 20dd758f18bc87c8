/** A TransportSink that writes down what it is told, and lets a test wait for it. */
import type { TransportSink } from '../transport.js';

export class RecordingSink implements TransportSink {
  /** 'open', 'secure', 'drain', 'end' and 'close' or 'close: message', in order; chunks are in `bytes`. */
  readonly events: string[] = [];
  readonly #chunks: Buffer[] = [];
  #watchers: (() => void)[] = [];

  /** Everything read so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
  /** Everything read so far, one character a byte. */
  get text(): string {
    return this.bytes.toString('latin1');
  }
  get length(): number {
    return this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  onOpen(): void {
    this.#record('open');
  }
  onChunk(chunk: Buffer): void {
    this.#chunks.push(Buffer.from(chunk));
    this.#wake();
  }
  onDrain(): void {
    this.#record('drain');
  }
  onSecure(): void {
    this.#record('secure');
  }
  onEnd(): void {
    this.#record('end');
  }
  onClose(error: Error | null): void {
    this.#record(error === null ? 'close' : `close: ${error.message}`);
  }

  /** Resolves as soon as `condition` holds; it is looked at after every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => {
        this.#watchers.push(resolve);
      });
    }
  }

  /** Resolves when the transport has closed. */
  closed(): Promise<void> {
    return this.until(() => this.events.some((event) => event.startsWith('close')));
  }

  #record(event: string): void {
    this.events.push(event);
    this.#wake();
  }

  #wake(): void {
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}
