/**
 * Reads what a server answers: the head, interim ones passed over, and where it is a refusal the beginning of its content. Bytes in, no
 * socket.
 */
import { ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { HTTP_LIMITS } from '@inseam/http';
import { ChunkedDecoder } from '@inseam/http/chunked-decoder';
import { type ReceivedHead, ResponseHeadParser } from '@inseam/http/response-head';
import type { HandshakeAnswer } from '../errors.js';

/** Content of a refusal that is kept, in bytes. 64 KiB: an error page for a person, or a reason for a program. */
export const MAX_ANSWER_BYTES = 65_536;

export class AnswerReader {
  readonly #window = new ByteWindow();
  readonly #parser = new ResponseHeadParser(HTTP_LIMITS);
  readonly #decoder = new ChunkedDecoder(HTTP_LIMITS);
  #head: ReceivedHead | null = null;
  #body = Buffer.alloc(0);
  #length = 0;
  /** Bytes of content that are still wanted. */
  #wanted = MAX_ANSWER_BYTES;

  /** The head of the final answer, as soon as it is there. */
  get head(): ReceivedHead | null {
    return this.#head;
  }

  /** The answer so far; null before its head is there. */
  get answer(): HandshakeAnswer | null {
    if (this.#head === null) return null;
    const { status, headers } = this.#head;
    return { status, headers, body: Buffer.from(this.#body.subarray(0, this.#length)) };
  }

  /** Reads `chunk`; whether the answer is complete, or as much of it as is kept. Throws HTTPProtocolError for a bad head. */
  push(chunk: Buffer): boolean {
    this.#window.push(chunk);
    const isWhole = this.#readHead() && this.#readContent();
    this.#window.retain();
    return isWhole;
  }

  /** What has come behind a 101. */
  takeRest(): Buffer {
    return this.#window.takeAll();
  }

  /** RFC 9110 §15.2: any number of interim answers may come first. */
  #readHead(): boolean {
    while (this.#head === null) {
      const head = this.#parser.next(this.#window);
      if (head === NEED_MORE) return false;
      if (head.status === 101 || head.status >= 200) this.#head = head;
    }
    return true;
  }

  #readContent(): boolean {
    const content = this.#head?.content;
    if (content === 'chunked') return this.#readChunks();
    const left = typeof content === 'number' ? content - this.#length : this.#wanted;
    if (left > 0) this.#keep(this.#window.takeAll().subarray(0, left));
    return this.#wanted === 0 || this.#length === content;
  }

  /** What comes in bad chunks ends the content, which is for people. */
  #readChunks(): boolean {
    try {
      while (this.#wanted > 0) {
        const piece = this.#decoder.next(this.#window);
        if (piece === NEED_MORE) return false;
        if (!(piece instanceof Buffer)) return true;
        this.#keep(piece);
      }
    } catch {
      // The status has been read, and says more than how its content is broken.
    }
    return true;
  }

  #keep(piece: Buffer): void {
    if (this.#body.length === 0) this.#body = Buffer.allocUnsafe(MAX_ANSWER_BYTES);
    const kept = piece.copy(this.#body, this.#length);
    this.#length += kept;
    this.#wanted -= kept;
  }
}
