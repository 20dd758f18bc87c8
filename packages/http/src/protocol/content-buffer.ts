/**
 * Collects a request's content. Pure. One growing buffer, since a list of pieces lets a client that sends them byte
 * by byte fill the memory a hundred times over.
 */

const EMPTY = Buffer.alloc(0);

export class ContentBuffer {
  #bytes: Buffer = EMPTY;
  #length = 0;

  /** Bytes collected. */
  get length(): number {
    return this.#length;
  }

  /** Copies `piece` behind what is there; `most` is what the content can grow to. */
  push(piece: Buffer, most: number): void {
    const length = this.#length + piece.length;
    if (this.#length === 0) this.#bytes = Buffer.from(piece);
    else {
      if (length > this.#bytes.length) this.#grow(Math.max(length, Math.min(2 * length, most)));
      piece.copy(this.#bytes, this.#length);
    }
    this.#length = length;
  }

  /** Gives the content away, and is empty. */
  take(): Buffer {
    const content = this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
    this.clear();
    return content;
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#length = 0;
  }

  #grow(size: number): void {
    const grown = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
