/** A FrameReader, and what it tells; frames are a client's unless `isServer` is false. */

import { WEBSOCKET_LIMITS, type WebSocketLimits, type WebSocketProtocolError } from '@inseam/websocket';
import { type Agreement, acceptOffer, DEFLATE_DEFAULTS } from '#websocket/protocol/deflate.js';
import { FrameReader } from '#websocket/protocol/frame-reader.js';

export interface ReaderOptions {
  isServer?: boolean;
  inflate?: Agreement['inflate'] | null;
  limits?: Partial<WebSocketLimits>;
}

export class Reading {
  /** `text Hello`, `binary 00ff`, `ping …` and `pong …` in hex, `close 1000 why`, or the code of the error. */
  readonly events: string[] = [];
  readonly messages: Buffer[] = [];
  error: WebSocketProtocolError | null = null;
  ready = 0;
  readonly reader: FrameReader;
  /** Called with each event. */
  onEvent: (event: string) => void = () => undefined;

  constructor({ isServer = true, inflate = null, limits = {} }: ReaderOptions = {}) {
    const say = (event: string) => {
      this.events.push(event);
      this.onEvent(event);
    };
    const sink = {
      onMessage: (data: Buffer, isBinary: boolean) => {
        this.messages.push(data);
        say(isBinary ? `binary ${data.toString('hex')}` : `text ${data.toString()}`);
      },
      onPing: (data: Buffer) => say(`ping ${data.toString('hex')}`),
      onPong: (data: Buffer) => say(`pong ${data.toString('hex')}`),
      onClosing: (code: number, reason: string) => say(`close ${code} ${reason}`),
      onBroken: (error: WebSocketProtocolError) => {
        this.error = error;
        say(error.code);
      },
      onReady: () => void this.ready++,
    };
    this.reader = new FrameReader(sink, { ...WEBSOCKET_LIMITS, ...limits }, isServer, inflate);
  }

  /** Each is copied: a reader may change what it is given. */
  push(...chunks: Uint8Array[]): this {
    for (const chunk of chunks) this.reader.push(Buffer.from(chunk));
    return this;
  }

  /** Waits, through zlib's threads, for `condition`. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What a server inflates by, after `offer`. */
export function inflateFor(offer = 'permessage-deflate', contextTakeover = false, maxPayload = 1 << 20) {
  const agreement = acceptOffer(offer, { ...DEFLATE_DEFAULTS, contextTakeover, threshold: 0 }, maxPayload);
  if (agreement === null) throw new Error(`declined: ${offer}`);
  return agreement.inflate;
}
