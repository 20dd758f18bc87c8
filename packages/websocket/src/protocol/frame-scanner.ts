/**
 * FrameScanner: goes over the bytes of frames before `ws` reads them, and does what `ws` does late, slowly or not at all. Pure.
 *
 * It unmasks in place, in words, and leaves a mask of zeros, which `ws` need not apply; refuses text as soon as a byte is
 * wrong, and not at the end of the message (RFC 6455 §8.1); and refuses lengths that are longer than they need to be (§5.2).
 * Everything else about a frame is judged by `ws`: what is wrong to it may look any way here.
 */
import { type WebSocketProtocolError, webSocketError } from '../errors.js';
import { applyMask } from './masking.js';
import { CONTINUATION, TEXT } from './opcodes.js';
import { Utf8Check } from './utf8-check.js';

const FIN = 0x80;
const COMPRESSED = 0x40;
const MASKED = 0x80;

/** Where the scan stands: in a frame's first byte, the second, a longer length, the mask, or the payload. */
type Place = 'first' | 'second' | 'length' | 'mask' | 'payload';

export class FrameScanner {
  #place: Place = 'first';
  #first = 0;
  #isMasked = false;
  /** The payload's length, and how many of its bytes are to come. */
  #length = 0;
  #left = 0;
  /** Bytes of the length, or the mask, that are to come. */
  #toCome = 0;
  #lengthBytes = 0;
  #key = 0;
  /** Whether the message that is being read is text that can be checked. */
  #isText = false;
  #utf8: Utf8Check | null = null;
  /** Whether a message has begun whose last fragment has not. */
  #isFragmented = false;
  /** The longest message that is not compressed, and what the one that is being read has so far. */
  readonly #most: number;
  #total = 0;
  #isCompressed = false;
  /** What is wrong, if anything: `scan` stopped there. */
  error: WebSocketProtocolError | null = null;

  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }

  /** Whether what comes next begins a message, or is a control frame. */
  get isAtRest(): boolean {
    return this.#place === 'first' && !this.#isFragmented;
  }

  /** Bytes of the payload that is being read which are to come; 0 outside of one. */
  get left(): number {
    return this.#place === 'payload' ? this.#left : 0;
  }

  /**
   * Goes over `chunk`, which is changed, from `from` on; to its end, or to the end of the first frame. Returns how far `ws`
   * may read: with an `error`, to what is wrong, so that it judges first what it would have refused before.
   */
  scan(chunk: Buffer, from: number, isFrameWanted: boolean): number {
    let at = from;
    while (at < chunk.length) {
      if (this.#place === 'payload') {
        const end = Math.min(chunk.length, at + this.#left);
        if (!this.#payload(chunk, at, end)) return at;
        at = end;
      } else {
        if (!this.#header(chunk, at++)) return at - 1;
        if (this.error !== null) return at;
      }
      if (this.#place === 'payload' && this.#left === 0) {
        this.#place = 'first';
        if (isFrameWanted) return at;
      }
    }
    return at;
  }

  #header(chunk: Buffer, at: number): boolean {
    const byte = chunk[at] as number;
    switch (this.#place) {
      case 'first':
        this.#first = byte;
        this.#place = 'second';
        return true;
      case 'second': {
        this.#isMasked = (byte & MASKED) !== 0;
        const length = byte & 0x7f;
        this.#length = length < 126 ? length : 0;
        this.#lengthBytes = this.#toCome = length < 126 ? 0 : length === 126 ? 2 : 8;
        return length < 126 ? this.#lengthIsHere() : this.#go('length');
      }
      case 'length':
        this.#length = this.#length * 256 + byte;
        return --this.#toCome > 0 || this.#lengthIsHere();
      default:
        this.#key |= byte << (8 * (4 - this.#toCome));
        chunk[at] = 0;
        return --this.#toCome > 0 || this.#go('payload');
    }
  }

  #lengthIsHere(): boolean {
    const least = this.#lengthBytes === 0 ? 0 : this.#lengthBytes === 2 ? 126 : 65_536;
    if (this.#length < least) return this.#refuse(webSocketError('WEBSOCKET_LENGTH'));
    this.#left = this.#length;
    const opcode = this.#first & 0x0f;
    if (opcode < 8) this.#isFragmented = (this.#first & FIN) === 0;
    // A control frame may stand between the fragments of a text.
    if (opcode < 8 && opcode !== CONTINUATION) {
      this.#isText = opcode === TEXT && (this.#first & COMPRESSED) === 0;
    }
    // `ws` has this header, too: what it has against it comes first.
    if (opcode < 8 && this.#isTooLong(opcode)) this.error = webSocketError('WEBSOCKET_MESSAGE_TOO_LARGE');
    if (!this.#isMasked) return this.#go('payload');
    this.#toCome = 4;
    this.#key = 0;
    return this.#go('mask');
  }

  #isTooLong(opcode: number): boolean {
    if (opcode !== CONTINUATION) {
      this.#isCompressed = (this.#first & COMPRESSED) !== 0;
      this.#total = 0;
    }
    this.#total += this.#length;
    return !this.#isCompressed && this.#total > this.#most;
  }

  #payload(chunk: Buffer, from: number, to: number): boolean {
    if (this.#isMasked && this.#key !== 0) this.#key = applyMask(chunk, from, to, this.#key);
    const isWhole = this.#left === this.#length && to - from === this.#left;
    this.#left -= to - from;
    const opcode = this.#first & 0x0f;
    if (!this.#isText || opcode > TEXT) return true;
    // A text in one piece is checked by `ws`.
    if (isWhole && opcode === TEXT && (this.#first & FIN) !== 0) return true;
    this.#utf8 ??= new Utf8Check();
    return this.#utf8.push(chunk.subarray(from, to)) || this.#refuse(webSocketError('WEBSOCKET_UTF8'));
  }

  #go(place: Place): true {
    this.#place = place;
    return true;
  }

  #refuse(error: WebSocketProtocolError): false {
    this.error = error;
    return false;
  }
}
