/** A TCP connection for tests: writes text, waits for text. */
import { once } from 'node:events';
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  text = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      this.text += text;
    });
  }

  static async connect(port: number, options: Partial<TcpNetConnectOpts> = {}): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1', ...options });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves when `pattern` has come. */
  async read(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) await once(this.socket, 'data');
    return this.text;
  }

  /** Resolves to everything that came, once the server has shut its side. */
  async readToEnd(): Promise<string> {
    if (!this.socket.readableEnded) await once(this.socket, 'end');
    return this.text;
  }
}
