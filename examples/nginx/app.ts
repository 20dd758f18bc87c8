// An application behind nginx: uploads, files that nginx sends for it, a WebSocket, and who the client really is.
// `pnpm build`, then run `node REPOSITORY/examples/dist/nginx/app.js` in nginx's directory; docs/guide/nginx.md says more.
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { container, Engine } from '@inseam/engine';
import { HTTPError, type HTTPRequest, HTTPServer, type HTTPServerOptions, TempStore } from '@inseam/http';
import { upgrade, WebSocket } from '@inseam/websocket';

const TOKEN = process.env.TOKEN ?? 'sesame';
const ID = /^\/files\/([\da-f-]{36})$/;

for (const directory of ['run', 'files']) mkdirSync(directory, { recursive: true });
// On the disk where uploads are to stay, so that `moveTo` renames them instead of copying.
container.register(TempStore, { useValue: new TempStore('run') });

/** With the head of a request: who may not upload is told so before anything is sent. */
function earlyHandler(request: HTTPRequest): void {
  if (request.path !== '/upload') return;
  if (request.headers.get('authorization') === `Bearer ${TOKEN}`) request.maxUpload = 2 ** 31;
  else request.sendResponse('who are you?\n', 401, { 'WWW-Authenticate': 'Bearer' });
}

/** Says who the client is, then whatever it is told. */
class Echo extends WebSocket {
  override onConnect(): void {
    this.write(`${this.request.remoteIp} asked for ${this.request.fullUrl}`);
  }
  override async onRead(message: string | Buffer): Promise<void> {
    if (!this.write(message)) await this.drained();
  }
}

async function handler(request: HTTPRequest): Promise<void> {
  const [, id] = ID.exec(request.path) ?? [];
  if (request.path === '/') {
    request.sendResponse(`${request.remoteIp} asked for ${request.fullUrl}\n`);
  } else if (request.path === '/socket') {
    await upgrade(request, Echo);
  } else if (request.path === '/upload') {
    const [file] = request.files.file ?? [];
    if (file === undefined) throw new HTTPError(422, 'a form with a file named "file" is expected\n');
    const name = randomUUID();
    await file.moveTo(`files/${name}`);
    request.sendResponse(`${request.scheme}://${request.host}/files/${name}\n`, 201);
  } else if (id !== undefined) {
    request.sendFile(id, { filename: request.get.get('as') ?? id }); // Not opened here: nginx does all of that.
  } else {
    throw new HTTPError(404);
  }
}

const options: HTTPServerOptions = {
  earlyHandler,
  xheaders: ['loopback', 'unix'], // nginx, on this machine
  sendfile: 'X-Accel-Redirect',
  sendfilePrefix: '/_files/',
  fileRoot: 'files',
};
const engine = Engine.instance();
engine.stopOnSignals();
await new HTTPServer(handler, options).listen(['127.0.0.1', 8481]);
// systemd's socket, which outlives us, or one of our own. CHANGE: 0o660, and nginx's user in our group.
const socket = process.env.LISTEN_FDS === '1' ? { fd: 3 } : './run/app.sock';
await new HTTPServer(handler, options).listen(socket, { mode: 0o666 });
console.log('listening on port 8481 and run/app.sock (Ctrl-C stops)');
await engine.start();
console.log('stopped');
