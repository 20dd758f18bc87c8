/** A client of `ws`, with what it has heard. */
import { once } from 'node:events';
import { type ClientOptions, WebSocket } from 'ws';

/** A handshake that the server did not take. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;

  constructor(status: number, headers: Readonly<Record<string, unknown>>, body: string) {
    super(`${status} ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

interface SendOptions {
  readonly fin?: boolean;
  readonly binary?: boolean;
  readonly compress?: boolean;
}

export class WsClient {
  readonly socket: WebSocket;
  readonly pongs: string[] = [];
  readonly pings: string[] = [];
  /** The headers of the 101. */
  headers: Readonly<Record<string, unknown>> = {};
  readonly #messages: (string | Buffer)[] = [];
  #wake = () => {};
  /** `CODE REASON`, or '' before the end. */
  end = '';

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      this.#messages.push(isBinary ? data : data.toString());
      this.#wake();
    });
    socket.on('ping', (data) => this.pings.push(data.toString()));
    socket.on('pong', (data) => this.pongs.push(data.toString()));
    socket.on('close', (code, reason) => {
      this.end = `${code} ${reason}`.trimEnd();
      this.#wake();
    });
    // What `close` says is enough.
    socket.on('error', () => {});
  }

  /** Rejects with Refusal for an answer that is not 101. */
  static async open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<WsClient> {
    const socket = new WebSocket(url, protocols, options);
    const client = new WsClient(socket);
    socket.on('upgrade', ({ headers }) => {
      client.headers = headers;
    });
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve).on('error', reject);
      socket.on('unexpected-response', async (request, response) => {
        const body = (await response.setEncoding('utf8').toArray()).join('');
        request.destroy();
        reject(new Refusal(response.statusCode ?? 0, response.headers, body));
      });
    });
    return client;
  }

  get extensions(): string {
    return this.socket.extensions;
  }

  send(data: string | Buffer, options: SendOptions = {}): void {
    this.socket.send(data, options);
  }
  ping(data?: string | Buffer): void {
    this.socket.ping(data);
  }
  pong(data: string | Buffer): void {
    this.socket.pong(data);
  }
  terminate(): void {
    this.socket.terminate();
  }

  /** The next messages, as many of them. Rejects when it ends without. */
  async take(count: number): Promise<(string | Buffer)[]> {
    while (this.#messages.length < count) {
      if (this.end !== '')
        throw new Error(`ended with ${this.end} after ${this.#messages.length} of ${count}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#messages.splice(0, count);
  }

  /** Resolves to `end`. */
  async close(code?: number, reason?: string): Promise<string> {
    this.socket.close(code, reason);
    return this.ended();
  }

  async ended(): Promise<string> {
    if (this.end === '') await once(this.socket, 'close');
    return this.end;
  }
}
