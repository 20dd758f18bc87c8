/**
 * Checks UTF-8 that comes in pieces, so that a wrong byte is known when it comes and not at the end of a long message:
 * RFC 6455 §8.1, RFC 3629 §4. Pure.
 */
import { isUtf8 } from 'node:buffer';

export class Utf8Check {
  /** The beginning of a character whose rest has not come: up to three bytes. */
  readonly #open = Buffer.alloc(4);
  #length = 0;

  /** Whether everything so far can be the beginning of valid text. After false it is not to be asked again. */
  push(bytes: Buffer): boolean {
    let from = 0;
    while (this.#length > 0 && from < bytes.length) {
      this.#open[this.#length++] = bytes[from++] as number;
      const character = this.#open.subarray(0, this.#length);
      if (this.#length === sizeOf(this.#open[0] as number)) {
        if (!isUtf8(character)) return false;
        this.#length = 0;
      } else if (!isBeginning(character)) return false;
    }
    const tail = lengthOfTail(bytes, from);
    const end = bytes.length - tail;
    if (!isUtf8(bytes.subarray(from, end))) return false;
    if (tail === 0) return true;
    bytes.copy(this.#open, 0, end);
    this.#length = tail;
    return isBeginning(this.#open.subarray(0, tail));
  }

  /** Whether no character is left open. */
  get isWhole(): boolean {
    return this.#length === 0;
  }
}

/** How many bytes a character has that begins with `lead`; 1 for what begins none. */
function sizeOf(lead: number): number {
  if (lead < 0xc2 || lead > 0xf4) return 1;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** How many bytes at the end of `bytes` begin a character without ending it. */
function lengthOfTail(bytes: Buffer, from: number): number {
  for (let back = 1; back <= 3 && bytes.length - back >= from; back++) {
    const byte = bytes[bytes.length - back] as number;
    if ((byte & 0xc0) !== 0x80) return sizeOf(byte) > back ? back : 0;
  }
  return 0;
}

/** Whether a few bytes can still become a character: it is in the second byte that some never can. */
function isBeginning(bytes: Buffer): boolean {
  const [lead = 0, second] = bytes;
  if (sizeOf(lead) <= bytes.length) return false;
  if (second === undefined) return true;
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return false;
  return bytes[2] === undefined || (bytes[2] & 0xc0) === 0x80;
}
