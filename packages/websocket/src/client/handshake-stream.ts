/**
 * HandshakeStream: a client's connection, from the dialling on. It sends the handshake, reads the answer and hands the
 * connection over to the session; what goes wrong before that ends the connection and rejects, and nobody else is told.
 */
import { type Engine, type InseamError, Stream } from '@inseam/engine';
import { asError, transportError } from '@inseam/engine/errors';
import { HTTPProtocolError } from '@inseam/http';
import { WebSocketHandshakeError, webSocketTransportError } from '../errors.js';
import type { WebSocketSettings } from '../options.js';
import type { Opening, Session } from '../session.js';
import { AnswerReader } from './answer-reader.js';
import { agreedBy } from './handshake-answer.js';

/** Makes a WebSocket's session of what the handshake has settled. */
export type Opener = (opening: Opening) => Session;

export interface HandshakePlan {
  readonly open: Opener;
  readonly settings: WebSocketSettings;
  /** As latin1 text. */
  readonly request: string;
  /** Its Sec-WebSocket-Key. */
  readonly key: string;
  /** For `onConnect`. */
  readonly args: unknown[];
  readonly signal: AbortSignal | undefined;
}

/** What is there until the handshake is over. */
interface Handshake extends HandshakePlan {
  readonly reader: AnswerReader;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  readonly onAbort: () => void;
}

export class HandshakeStream extends Stream {
  /** Resolves behind `onConnect`; rejects when nothing is left of the connection. */
  readonly outcome: Promise<void>;
  #handshake: Handshake | null = null;
  #session: Session | null = null;
  #connectedAt = 0;
  /** Why it is given up. */
  #failure: unknown = null;

  constructor(plan: HandshakePlan, engine: Engine | undefined) {
    super({ engine });
    const { signal } = plan;
    const onAbort = () => this.#fail(transportError('ENGINE_CONNECT_ABORTED', asError(signal?.reason)));
    this.outcome = new Promise((resolve, reject) => {
      this.#handshake = { ...plan, reader: new AnswerReader(), resolve, reject, onAbort };
    });
  }

  /** From the call of `connect` or `attach` on: the signal ends it. */
  followSignal(): void {
    const { signal, onAbort } = this.#handshake ?? {};
    if (signal === undefined || onAbort === undefined) return;
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  }

  // What the stream says ----------------------------------------------------------------------------------------

  override onConnect(): void {
    this.#connectedAt = this.engine.clock.now();
    this.writeLatin1(this.#handshake?.request ?? '');
  }

  protected override onChunk(chunk: Buffer): void {
    const handshake = this.#handshake;
    if (handshake === null) {
      super.onChunk(chunk);
      return;
    }
    try {
      if (handshake.reader.push(chunk)) this.#answered(handshake);
    } catch (error) {
      this.#fail(
        error instanceof HTTPProtocolError
          ? new WebSocketHandshakeError('its answer is no HTTP/1.1 response', null, { cause: error })
          : (error as InseamError),
      );
    }
  }

  /** `onClose` follows, and says what there was. */
  override onEnd(): void {
    this.abort();
  }

  /** The promise tells. */
  override onConnectError(): void {}

  override onClose(reason: InseamError | null): void {
    const { reader, reject } = this.#over() ?? {};
    const answer = reader?.answer ?? null;
    if (this.#failure !== null) reject?.(this.#failure);
    else if (answer !== null) reject?.(new WebSocketHandshakeError(`status ${answer.status}`, answer));
    else reject?.(reason ?? this.#lost());
  }

  // Success and failure -----------------------------------------------------------------------------------------

  #answered({ reader, open, settings, key, args, resolve }: Handshake): void {
    const { head } = reader;
    if (head?.status !== 101) {
      // `onClose` follows, and says what was answered.
      this.abort();
      return;
    }
    const { protocol, agreement } = agreedBy(head, key, settings);
    const extensions = agreement?.text ?? '';
    const session = open({
      stream: this,
      settings,
      isServer: false,
      agreement,
      protocol,
      extensions,
      request: null,
    });
    this.#over();
    this.#session = session;
    this.handOver(session, reader.takeRest());
    session.begin(args);
    if (this.engine.stopping) this.shutdown();
    resolve();
  }

  #fail(error: InseamError): void {
    this.#failure ??= error;
    this.giveUp(error);
  }

  #lost(): InseamError {
    return transportError('ENGINE_CONNECTION_LOST', new Error('the server has closed it before it answered'));
  }

  /** Lets go of what the handshake needed. */
  #over(): Handshake | null {
    const handshake = this.#handshake;
    this.#handshake = null;
    handshake?.signal?.removeEventListener('abort', handshake.onAbort);
    return handshake;
  }

  // Timeouts and stopping ---------------------------------------------------------------------------------------

  protected override get ownTimeoutMs(): number {
    return (
      this.#session?.shortestMs ??
      this.#handshake?.settings.limits.handshakeTimeoutMs ??
      Number.POSITIVE_INFINITY
    );
  }

  override checkTimeouts(now: number): void {
    super.checkTimeouts(now);
    const handshake = this.#handshake;
    if (handshake === null || !this.connected) return;
    if (now - this.#connectedAt < handshake.settings.limits.handshakeTimeoutMs) return;
    // A refusal whose content is slow to come is told with what there is.
    if (handshake.reader.head === null) this.#fail(webSocketTransportError('WEBSOCKET_HANDSHAKE_TIMEOUT'));
    else this.abort();
  }

  override shutdown(): void {
    if (this.#handshake === null) super.shutdown();
    else this.#fail(transportError('ENGINE_CONNECT_FAILED', new Error('the engine is stopping')));
  }
}
