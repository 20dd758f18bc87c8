// A chat in the browser. Run it with `pnpm example 15-chat`, then open the URL that it prints in two windows; its page is
// in examples/chat. With PORT=8481 it is an application for examples/nginx/nginx.conf, as that stands there.
import { Engine } from '@inseam/engine';
import { type HTTPRequest, HTTPServer } from '@inseam/http';
import { Group, WebSocket, webSocketHandler } from '@inseam/websocket';

const guests = new Group<Guest>();
const messages: { id: number; from: string; text: string }[] = [];
const say = (news: object) => guests.write(JSON.stringify(news));
const people = () => [...guests].map((guest) => guest.name);

class Guest extends WebSocket {
  name = '';
  override onHandshake(request: HTTPRequest) {
    this.name = request.get.get('name') ?? '';
    return /^[\p{L}\p{N}]\P{C}{0,29}$/u.test(this.name); // False is a 403.
  }
  override onConnect() {
    for (let i = 2, asked = this.name; people().includes(this.name); i++) this.name = `${asked} ${i}`;
    this.write(JSON.stringify({ you: this.name, messages }));
    guests.add(this); // And it leaves by itself.
    say({ joined: this.name, people: people() });
  }
  override onRead(text: string | Buffer) {
    if (typeof text !== 'string') return this.close(1003, 'only text is spoken here');
    const id = Math.max(Date.now(), 1 + (messages.at(-1)?.id ?? 0)); // When it was said, and no two at once.
    if (messages.push({ id, from: this.name, text }) > 100) messages.shift();
    say({ id, from: this.name, text });
  }
  override onClose() {
    say({ left: this.name, people: people() });
  }
}

const chat = webSocketHandler(Guest, { limits: { maxMessageBytes: 4_096, maxBufferedBytes: 2 ** 20 } });
const page = (request: HTTPRequest) => request.sendFile(request.path.slice(1) || 'index.html');
const route = (request: HTTPRequest) => (request.path === '/chat' ? chat : page)(request);
const server = await new HTTPServer(route, { fileRoot: 'examples/chat' }).listen(+(process.env.PORT ?? 8090));
Engine.instance().stopOnSignals();
console.log(`http://localhost:${server.port}/ (Ctrl-C stops)`);
