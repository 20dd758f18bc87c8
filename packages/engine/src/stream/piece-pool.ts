/**
 * PiecePool: memory for the pieces of files on their way, used again and again. New memory of this size comes from the
 * system page by page; sending a file of 1 MiB took more than twice the CPU with it.
 */

export class PiecePool {
  readonly #size: number;
  readonly #most: number;
  readonly #free: Buffer[] = [];
  #lent = 0;

  /** At most `most` pieces of `size` bytes are lent at a time; so many are kept, once they have been needed. */
  constructor(size: number, most: number) {
    this.#size = size;
    this.#most = most;
  }

  /** Memory that must come back by `give`; null when all is lent. */
  take(): Buffer | null {
    if (this.#lent >= this.#most) return null;
    this.#lent++;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  /** Takes memory of this pool back; while somebody still reads it (`isFree` is false) only the place of it. */
  give(piece: Buffer, isFree: boolean): void {
    this.#lent--;
    if (isFree) this.#free.push(piece);
  }
}
