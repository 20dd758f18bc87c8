/**
 * FrameReader: bytes in, messages out. The protocol is `ws`'s Receiver; what this adds is FrameScanner, which goes
 * over the bytes first, and that frames wait while nobody may be given their message.
 */
import { type PerMessageDeflate, Receiver } from 'ws';
import { type WebSocketErrorCode, type WebSocketProtocolError, webSocketError } from '../errors.js';
import type { WebSocketLimits } from '../limits.js';
import { FrameScanner } from './frame-scanner.js';

/** Whom it tells. After `onClosing` and `onBroken` it says nothing more. */
export interface FrameSink {
  /** Text as UTF-8, valid; or bytes. The sink's to keep. */
  onMessage(data: Buffer, isBinary: boolean): void;
  onPing(data: Buffer): void;
  onPong(data: Buffer): void;
  /** The peer's Close: 1005 for one without a code. */
  onClosing(code: number, reason: string): void;
  onBroken(error: WebSocketProtocolError): void;
  /** It can take bytes again. */
  onReady(): void;
}

export class FrameReader {
  readonly #receiver: Receiver;
  readonly #scanner = new FrameScanner();
  readonly #sink: FrameSink;
  /** With compression: inflating takes time, and a few bytes can become many, so frames go on one by one. */
  readonly #deflate: PerMessageDeflate | null;
  /** What has not been read, from `#at` on. */
  #chunk: Buffer | null = null;
  #at = 0;
  #isHeld = false;
  #isOver = false;

  constructor(
    sink: FrameSink,
    limits: WebSocketLimits,
    isServer: boolean,
    deflate: PerMessageDeflate | null,
  ) {
    this.#sink = sink;
    this.#deflate = deflate;
    this.#receiver = new Receiver({
      isServer,
      maxPayload: limits.maxMessageBytes,
      maxFragments: limits.maxFragments,
      extensions: deflate === null ? {} : { 'permessage-deflate': deflate },
    });
    this.#receiver
      .on('message', (data, isBinary) => sink.onMessage(data, isBinary))
      .on('ping', (data) => sink.onPing(data))
      .on('pong', (data) => sink.onPong(data))
      .on('conclude', (code, reason) => {
        this.#isOver = true;
        sink.onClosing(code, reason.toString());
      })
      .on('error', (error) => this.#break(toProtocolError(error)));
  }

  /** Whether bytes wait in here: then no more may be pushed. */
  get isBusy(): boolean {
    return this.#chunk !== null;
  }

  /** While it is set, no frame is read that has not begun; without compression, none of a new chunk. */
  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    if (!isHeld) this.#readOn();
  }

  /** Takes a chunk, which is the reader's from now on, and changed. */
  push(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#chunk = this.#chunk === null ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
    this.#readOn();
  }

  /** Nothing more is wanted. What is being inflated ends by itself. */
  close(): void {
    this.#isOver = true;
    this.#chunk = null;
    if (this.#receiver.writableLength === 0) this.#deflate?.cleanup();
  }

  #readOn(): void {
    while (this.#chunk !== null && !this.#isHeld && !this.#isOver && this.#receiver.writableLength === 0) {
      const chunk = this.#chunk;
      const from = this.#at;
      const to = this.#scanner.scan(chunk, from, this.#deflate !== null);
      this.#at = to;
      if (to === chunk.length) this.#chunk = null;
      if (to > from) this.#read(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      if (this.#scanner.error !== null) this.#break(this.#scanner.error);
    }
  }

  #read(frames: Buffer): void {
    if (this.#deflate === null) this.#receiver.write(frames);
    else this.#receiver.write(frames, this.#onRead);
  }

  readonly #onRead = (error?: Error | null): void => {
    if (this.#isOver) this.#deflate?.cleanup();
    if (error || this.#isOver) return;
    this.#readOn();
    if (this.#chunk === null && this.#receiver.writableLength === 0) this.#sink.onReady();
  };

  #break(error: WebSocketProtocolError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#chunk = null;
    this.#sink.onBroken(error);
  }
}

/** What `ws` calls our codes. */
const CODES: Readonly<Record<string, WebSocketErrorCode>> = {
  WS_ERR_EXPECTED_FIN: 'WEBSOCKET_CONTROL_FRAME',
  WS_ERR_EXPECTED_MASK: 'WEBSOCKET_MASK',
  WS_ERR_INVALID_CLOSE_CODE: 'WEBSOCKET_CLOSE_CODE',
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: 'WEBSOCKET_CONTROL_FRAME',
  WS_ERR_INVALID_OPCODE: 'WEBSOCKET_OPCODE',
  WS_ERR_INVALID_UTF8: 'WEBSOCKET_UTF8',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'WEBSOCKET_TOO_MANY_FRAGMENTS',
  WS_ERR_UNEXPECTED_MASK: 'WEBSOCKET_MASK',
  WS_ERR_UNEXPECTED_RSV_1: 'WEBSOCKET_RESERVED_BITS',
  WS_ERR_UNEXPECTED_RSV_2_3: 'WEBSOCKET_RESERVED_BITS',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'WEBSOCKET_MESSAGE_TOO_LARGE',
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'WEBSOCKET_MESSAGE_TOO_LARGE',
};

/** Anything else that goes wrong in there is zlib's. */
function toProtocolError(error: Error & { code?: string }): WebSocketProtocolError {
  return webSocketError(CODES[error.code ?? ''] ?? 'WEBSOCKET_DEFLATE', undefined, error);
}
