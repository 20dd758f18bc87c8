// The chat of 15-chat in a terminal: run that, then `pnpm example 16-chat-client Ann`. What you type goes to everybody, and Ctrl-D,
// the end of the input, ends it. CHAT is the chat's address.
import { createInterface, type Interface } from 'node:readline';
import { WebSocket, WebSocketHandshakeError } from '@inseam/websocket';

type Message = { from: string; text: string };
type News = Partial<Message> & { messages?: Message[]; joined?: string; left?: string };
const show = (line: string) => console.log(line.replace(/\p{Cc}/gu, '')); // Terminals obey control characters.

class Terminal extends WebSocket {
  lines: Interface | undefined;

  override onConnect() {
    this.lines = createInterface({ input: process.stdin });
    this.lines.on('line', (line) => line === '' || this.write(line) || this.lines?.pause());
    this.lines.on('close', () => this.close());
  }
  override onWrite() {
    this.lines?.resume();
  }
  override onRead(json: string) {
    const { from, text, messages = [], joined, left } = JSON.parse(json) as News;
    for (const message of messages) show(`${message.from}: ${message.text}`);
    if (text !== undefined) show(`${from}: ${text}`);
    if (joined !== undefined) show(`* ${joined} has joined`);
    if (left !== undefined) show(`* ${left} has left`);
  }
  override onClose(code: number, reason: string) {
    if (code !== 1000) show(`* The chat has ended (${code} ${reason})`);
    this.lines?.close();
  }
}

const url = `${process.env.CHAT ?? 'ws://localhost:8090/chat'}?name=${encodeURIComponent(process.argv[2] ?? 'Guest')}`;
await Terminal.connect(url, { connectTimeoutMs: 5_000 }).catch((error: Error) => {
  const isRefused = error instanceof WebSocketHandshakeError;
  console.error(isRefused ? 'Another name, please.' : `Nobody is there: ${error.message}`);
  process.exitCode = 1;
});
