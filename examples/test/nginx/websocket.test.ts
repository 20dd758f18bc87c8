/** WebSockets of browsers through nginx, and the chat of 15-chat behind it. */
import { Clock, container, Engine } from '@inseam/engine';
import { type HTTPRequest, HTTPServer } from '@inseam/http';
import { WebSocket as ServerSocket, upgrade } from '@inseam/websocket';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { until } from '../support/ask.js';
import { TestBrowser } from '../support/browser.js';
import { Chat, ChatTab } from '../support/chat.js';
import { itWith } from '../support/debian-tool.js';
import { APP_PORT, describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const MIB = 2 ** 20;
const [{ port: OVER_TCP }] = FRONTS;

/** What the server sees of a browser's WebSocket. */
class Seen extends ServerSocket {
  static all: Seen[] = [];
  end = '';

  override onConnect() {
    Seen.all.push(this);
    const { remoteIp, host } = this.request;
    this.write(JSON.stringify({ remoteIp, host, extensions: this.extensions, protocol: this.protocol }));
  }
  override onRead(message: string | Buffer) {
    if (message === 'close') this.close(4001, 'as you like');
    else this.write(message);
  }
  override onClose(code: number, reason: string) {
    this.end = `${code} ${reason}`;
  }
}

function handler(request: HTTPRequest) {
  if (request.path !== '/socket') return request.sendResponse('<!doctype html>', 200, 'text/html');
  void upgrade(request, Seen, { protocols: ['b', 'a'], perMessageDeflate: true });
}

/** In the page: talks to `/socket` and tells what it heard, at last how it ended. */
async function talk({ origin, last }: { origin: string; last: string }) {
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/socket`, ['a', 'c']);
  socket.binaryType = 'arraybuffer';
  const heard: string[] = [];
  const bytes = Uint8Array.from({ length: 2 ** 20 }, (_, i) => i ^ (i >> 8));
  return new Promise<string[]>((resolve) => {
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') heard.push(data);
      else heard.push(`${new Uint8Array(data).every((byte, i) => byte === bytes[i])} ${data.byteLength}`);
      if (heard.length === 1) {
        socket.send('Grüß dich');
        socket.send(bytes);
      }
      document.title = `heard ${heard.length}`;
      if (heard.length === 3 && last === 'server') socket.send('close');
      if (heard.length === 3 && last === 'client') socket.close(4000, 'x');
    };
    socket.onclose = ({ code, reason, wasClean }) => resolve([...heard, `${code} ${reason} ${wasClean}`]);
  });
}

describeWithNginx('nginx, a browser and a WebSocket', function (this: Mocha.Suite) {
  // A browser takes its time on a machine that has much to do.
  this.timeout(60_000);
  const browser = new TestBrowser();
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(async () => {
    await browser[Symbol.asyncDispose]();
    await nginx?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    Seen.all = [];
  });
  afterEach(stopApps);

  for (const { over, port } of FRONTS) {
    const origin = `http://localhost:${port}`;
    for (const { last, end, seen } of [
      { last: 'client', end: '4000 x true', seen: '4000 x' },
      { last: 'server', end: '4001 as you like true', seen: '4001 as you like' },
    ]) {
      itWith('chromium', `exchange text and 1 MiB over ${over}, until the ${last} closes`, async () => {
        const app = await AppBehindNginx.listen(nginx, handler);
        await using tab = await browser.open(origin);
        const [hello = '', ...heard] = await tab.page.evaluate(talk, { origin, last });
        const extensions = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
        expect(JSON.parse(hello)).to.deep.equal({
          remoteIp: '127.0.0.1',
          host: `localhost:${port}`,
          extensions,
          protocol: 'a',
        });
        expect(heard).to.deep.equal(['Grüß dich', `true ${MIB}`, end]);
        await until(() => Seen.all[0]?.end !== '');
        expect(Seen.all.map(({ end }) => end)).to.deep.equal([seen]);
        expect(tab.complaints).to.deep.equal([]);
        expect(app.logged).to.deep.equal([]);
      });
    }

    itWith(
      'chromium',
      `say 1001 over ${over}: the tab when it is closed, the application when it stops`,
      async () => {
        const app = await AppBehindNginx.listen(nginx, handler);
        await using staying = await browser.open(origin);
        const end = staying.page.evaluate(talk, { origin, last: '' });
        await staying.page.waitForFunction(() => document.title === 'heard 3');
        const leaving = await browser.open(origin);
        void leaving.page.evaluate(talk, { origin, last: '' }).catch(() => {});
        await leaving.page.waitForFunction(() => document.title === 'heard 3');
        await leaving.page.close();
        await until(() => Seen.all[1]?.end !== '');
        expect(Seen.all[1]?.end).to.equal('1001 ');
        expect(Seen.all[0]?.end).to.equal('');
        await leaving[Symbol.asyncDispose]();
        await app.stop();
        expect((await end).at(-1)).to.equal('1001 going away true');
        expect(Seen.all[0]?.end).to.equal('1001 going away');
      },
    );

    it(`carry what our own client says over ${over}`, async () => {
      class Client extends ServerSocket {
        readonly heard: unknown[] = [];
        override onRead(message: unknown) {
          this.heard.push(message);
        }
        override onPong(rttMs: number | Buffer) {
          this.heard.push(typeof rttMs);
        }
        override onClose(code: number, reason: string) {
          this.heard.push(`${code} ${reason}`);
        }
      }
      const app = await AppBehindNginx.listen(nginx, handler);
      const options = {
        origin,
        protocols: ['a'],
        perMessageDeflate: { threshold: 0, contextTakeover: true },
      };
      // An engine of its own, which does not stop with the application's.
      const parts = container.createChildContainer();
      parts.register(Clock, { useValue: container.resolve(Clock) });
      const engine = Engine.instance(parts);
      const url = `${origin.replace('http', 'ws')}/socket`;
      const socket = await Client.connect(url, { ...options, engine });
      const bytes = Buffer.from(Uint8Array.from({ length: MIB }, (_, i) => i ^ (i >> 8)));
      for (const message of ['', 'Grüß dich', 'Grüß dich', bytes]) socket.write(message);
      socket.ping();
      await until(() => socket.heard.length === 6);
      expect(JSON.parse(String(socket.heard.shift()))).to.include({
        host: `localhost:${port}`,
        protocol: 'a',
      });
      expect(socket.heard).to.include('number');
      const messages = socket.heard.filter((heard) => heard !== 'number');
      expect(messages).to.deep.equal(['', 'Grüß dich', 'Grüß dich', bytes]);
      await app.stop();
      await until(() => socket.closed);
      expect(socket.heard.at(-1)).to.equal('1001 going away');
      await engine.stop();
    });

    itWith('chromium', `refuse a page of another origin over ${over}`, async () => {
      await AppBehindNginx.listen(nginx, handler);
      const other = new HTTPServer((request) => request.sendResponse('<!doctype html>', 200, 'text/html'));
      await other.listen(['127.0.0.1', 0]);
      try {
        await using tab = await browser.open(`http://localhost:${other.port}/`);
        expect(await tab.page.evaluate(talk, { origin, last: 'client' })).to.deep.equal(['1006  false']);
        expect(tab.complaints.join()).to.contain('Unexpected response code: 403');
        // The same port under another name is another host.
        await using named = await browser.open(`http://127.0.0.1:${port}/`);
        expect(await named.page.evaluate(talk, { origin, last: 'client' })).to.deep.equal(['1006  false']);
        expect(Seen.all).to.deep.equal([]);
      } finally {
        other.abort();
      }
    });
  }

  itWith('chromium', 'carry the chat of 15-chat, also when that is started again', async () => {
    await using chat = await Chat.start(APP_PORT);
    const url = `http://localhost:${OVER_TCP}/`;
    await using ann = await ChatTab.enter(browser, url, 'Ann');
    await using bob = await ChatTab.enter(browser, url, 'Bob');
    await ann.say('Hello, Bob');
    await bob.sees('Hello, Bob');
    expect(await chat.interrupt()).to.equal(0);
    for (const { page } of [ann, bob]) await page.getByText('Not connected (1001)').waitFor();
    await chat.startAgain();
    for (const { page } of [ann, bob]) await page.getByText('Connected as').waitFor();
    await bob.say('Hello again');
    await ann.sees('Hello again');
    expect(await ann.people()).to.have.members(['Ann', 'Bob']);
    expect(await bob.page.locator('#log .text').allTextContents()).to.deep.equal([
      'Hello, Bob',
      'Hello again',
    ]);
  });
});
