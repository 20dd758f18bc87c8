/**
 * FrameReader: bytes in, messages out. The protocol is `ws`'s Receiver; what this adds is FrameScanner, which goes
 * over the bytes first, and that frames wait while nobody may be given their message.
 */
import { type PerMessageDeflate, Receiver } from 'ws';
import { type WebSocketErrorCode, type WebSocketProtocolError, webSocketError } from '../errors.js';
import type { WebSocketLimits } from '../limits.js';
import { FrameScanner } from './frame-scanner.js';
import { BINARY, PING, PONG, TEXT } from './opcodes.js';
import { WholeFrame } from './whole-frame.js';
import { limitForWs } from './ws-limit.js';

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

/** `ws` keeps the chunks of a frame apart until it is whole; pieces up to here are gathered, for each costs more than its bytes. */
const SMALL = 1_024;
const GATHERED = 16_384;

/** Half of Node's pool: a copy is part of that. */
const KEPT_AS_COPY = 4_095;

export class FrameReader {
  #madeReceiver: Receiver | null = null;
  readonly #limits: WebSocketLimits;
  readonly #isServer: boolean;
  readonly #scanner: FrameScanner;
  readonly #wholeFrame: WholeFrame;
  readonly #sink: FrameSink;
  /** With compression: inflating takes time, and a few bytes can become many, so frames go on one by one. */
  readonly #deflate: PerMessageDeflate | null;
  /** What has not been read, from `#at` on. */
  #chunk: Buffer | null = null;
  #at = 0;
  #isHeld = false;
  #isOver = false;
  /** Set while the sink is told of a whole frame: it may ask for more meanwhile. */
  #isTelling = false;
  /** Small pieces from the middle of a payload, for `ws`. */
  #gathered: Buffer | null = null;
  #gatheredLength = 0;

  constructor(
    sink: FrameSink,
    limits: WebSocketLimits,
    isServer: boolean,
    deflate: PerMessageDeflate | null,
  ) {
    this.#sink = sink;
    this.#deflate = deflate;
    this.#wholeFrame = new WholeFrame(isServer, limits.maxMessageBytes);
    this.#limits = limits;
    this.#scanner = new FrameScanner(deflate === null ? Number.POSITIVE_INFINITY : limits.maxMessageBytes);
    this.#isServer = isServer;
  }

  /** Most connections never need one: it takes more than a kilobyte. */
  get #receiver(): Receiver {
    this.#madeReceiver ??= this.#newReceiver();
    return this.#madeReceiver;
  }

  #newReceiver(): Receiver {
    const { maxMessageBytes, maxFragments } = this.#limits;
    // A compressed message may be longer as a frame than it is itself: what it is shows when it is inflated.
    const maxPayload = this.#deflate === null ? maxMessageBytes : Math.ceil(maxMessageBytes * 1.0625) + 64;
    return new Receiver({
      isServer: this.#isServer,
      maxPayload: limitForWs(maxPayload),
      maxFragments: limitForWs(maxFragments),
      extensions: this.#deflate === null ? {} : { 'permessage-deflate': this.#deflate },
    })
      .on('message', (data, isBinary) => this.#tell(isBinary ? BINARY : TEXT, data))
      .on('ping', (data) => this.#tell(PING, data))
      .on('pong', (data) => this.#tell(PONG, data))
      .on('conclude', (code, reason) => {
        if (this.#isOver) return;
        this.#stop();
        this.#sink.onClosing(code, reason.toString());
      })
      .on('error', (error) => this.#break(toProtocolError(error)));
  }

  #tell(opcode: number, data: Buffer): void {
    if (this.#isOver) return;
    if (opcode === PING) this.#sink.onPing(kept(data));
    else if (opcode === PONG) this.#sink.onPong(kept(data));
    else if (data.length > this.#limits.maxMessageBytes)
      this.#break(webSocketError('WEBSOCKET_MESSAGE_TOO_LARGE'));
    else this.#sink.onMessage(opcode === BINARY ? kept(data) : data, opcode === BINARY);
  }

  /** Bytes that `ws` has taken and not judged, as far as they count. */
  get #isReceiving(): boolean {
    return this.#isTelling || (this.#madeReceiver !== null && this.#madeReceiver.writableLength > 0);
  }

  /** Whether bytes wait in here: then no more may be pushed. */
  get isBusy(): boolean {
    return this.#chunk !== null && !this.#isTelling;
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

  /** Nothing more is wanted. */
  close(): void {
    this.#stop();
    this.#cleanup();
  }

  #readOn(): void {
    while (this.#chunk !== null && !this.#isHeld && !this.#isOver && !this.#isReceiving) {
      const chunk = this.#chunk;
      if (this.#readWhole(chunk)) continue;
      const from = this.#at;
      const isMiddle = this.#scanner.left > chunk.length - from;
      const to = this.#scanner.scan(chunk, from, this.#deflate !== null);
      this.#at = to;
      if (to === chunk.length) this.#chunk = null;
      const part = from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
      if (isMiddle && part.length <= SMALL) this.#gather(part);
      else if (part.length > 0) this.#read(part);
      // `ws` tells of it in a later tick; by then more would have been read.
      const errored = this.#madeReceiver?.errored;
      if (errored) this.#break(toProtocolError(errored));
      else if (this.#scanner.error !== null) this.#break(this.#scanner.error);
    }
  }

  /** Whole frames as far as there are such; with compression, one. True when something was, and nothing else is to be read now. */
  #readWhole(chunk: Buffer): boolean {
    const frame = this.#wholeFrame;
    while (this.#scanner.isAtRest && frame.read(chunk, this.#at)) {
      this.#at = frame.end;
      if (frame.end === chunk.length) this.#chunk = null;
      this.#isTelling = true;
      this.#tell(frame.opcode, chunk.subarray(frame.start, frame.end));
      this.#isTelling = false;
      if (this.#chunk !== chunk || this.#deflate !== null) return true;
    }
    return false;
  }

  #gather(part: Buffer): void {
    if (this.#gatheredLength + part.length > GATHERED) this.#handOnGathered();
    this.#gathered ??= Buffer.allocUnsafe(GATHERED);
    part.copy(this.#gathered, this.#gatheredLength);
    this.#gatheredLength += part.length;
  }

  #handOnGathered(): void {
    const gathered = this.#gathered;
    if (gathered === null) return;
    this.#gathered = null;
    this.#receiver.write(gathered.subarray(0, this.#gatheredLength));
    this.#gatheredLength = 0;
  }

  #read(frames: Buffer): void {
    this.#handOnGathered();
    if (this.#deflate === null) this.#receiver.write(frames);
    else this.#receiver.write(frames, this.#onRead);
  }

  readonly #onRead = (error?: Error | null): void => {
    if (this.#isOver) this.#cleanup();
    if (error || this.#isOver) return;
    this.#readOn();
    if (this.#chunk === null && !this.#isReceiving) this.#sink.onReady();
  };

  /** What is being inflated ends by itself: `ws` would not survive the loss of its stream meanwhile. */
  #cleanup(): void {
    if (!this.#isReceiving) this.#deflate?.cleanup();
  }

  #break(error: WebSocketProtocolError): void {
    if (this.#isOver) return;
    this.#stop();
    this.#sink.onBroken(error);
  }

  #stop(): void {
    this.#isOver = true;
    this.#chunk = this.#gathered = null;
  }
}

/** Bytes for the sink to keep: a few must not keep the chunk alive that they came in. */
function kept(data: Buffer): Buffer {
  const isPart = data.length <= KEPT_AS_COPY && data.buffer.byteLength > Buffer.poolSize;
  return isPart ? Buffer.from(data) : data;
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
