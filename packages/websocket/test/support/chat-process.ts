/**
 * A process of its own that serves a chat: what a member says goes to every member of the group, over a RedisBus. Beside it the
 * members, which are clients of `ws`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';

const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

const APP = `
import { HTTPServer } from '@inseam/http';
import { Group, WebSocket, webSocketHandler } from '@inseam/websocket';
import { RedisBus } from '@inseam/websocket/redis';
import { createClient } from 'redis';

const client = createClient({ socket: { path: process.env.REDIS, reconnectStrategy: 5 } });
client.on('error', () => {});
await client.connect();
const group = await new Group({ bus: new RedisBus(client), topic: 'lobby' }).ready();

class Chat extends WebSocket {
  onConnect() {
    group.add(this);
    this.write('welcome');
  }
  onRead(message) {
    group.write(message);
  }
}
const server = await new HTTPServer(webSocketHandler(Chat)).listen(['127.0.0.1', 0]);
console.log(server.port);
`;

export interface Heard {
  readonly data: Buffer;
  readonly isText: boolean;
}

/** A member of the chat: says something, and writes down what it hears. */
export class Member {
  readonly heard: Heard[] = [];
  readonly #socket: WebSocket;
  readonly #texts = new Set<string>();
  #look = () => {};

  constructor(port: number) {
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    this.#socket.on('message', (data: Buffer, isBinary) => {
      this.heard.push({ data, isText: !isBinary });
      if (!isBinary) this.#texts.add(String(data));
      this.#look();
    });
    this.#socket.on('error', () => {}); // its process is ended before it
  }

  get texts(): string[] {
    return this.heard.filter(({ isText }) => isText).map(({ data }) => String(data));
  }

  say(message: string | Buffer): void {
    this.#socket.send(message);
  }

  /** Resolves when each of `texts` has been heard. */
  until(...texts: string[]): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (texts.every((text) => this.#texts.has(text))) resolve();
      };
      this.#look();
    });
  }
}

const started: ChildProcess[] = [];

export class ChatProcess {
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
  }

  /** Resolves when it serves, and hears the others. Ended after its test. */
  static async start(redisPath: string): Promise<ChatProcess> {
    const child = spawn(process.execPath, ['--input-type=module', '-e', APP], {
      cwd: packageFolder,
      env: { ...process.env, REDIS: redisPath },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    for await (const line of createInterface(child.stdout)) return new ChatProcess(Number(line));
    throw new Error(`the chat ended: ${errors}`);
  }

  /** A client that is in the group. */
  async join(): Promise<Member> {
    const member = new Member(this.#port);
    await member.until('welcome');
    member.heard.splice(0);
    return member;
  }
}

afterEach('chats are ended', async () => {
  for (const child of started.splice(0)) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});
