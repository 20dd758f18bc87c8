/// <reference lib="dom" />
/** Our server and the WebSocket of a browser. */
import type { HTTPHeaders, HTTPRequest } from '@inseam/http';
import { type ServerWebSocketOptions, upgrade } from '@inseam/websocket';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { itInChromium, TestBrowser } from '../support/chromium.js';
import { Echo, type RealServer, realServer, until } from '../support/real-server.js';

const MIB = 2 ** 20;

/** In the page: what a test does with a WebSocket that is open, and what has been heard. */
interface Talk {
  url: string;
  protocols?: string[];
  /** Text, or how many bytes. */
  say?: (string | number)[];
  /** How many messages to wait for; then `close`. */
  count?: number;
  close?: [number, string] | [];
}

interface Heard {
  readonly messages: string[];
  /** CODE, REASON and whether it was clean. */
  readonly end: string;
  readonly protocol: string;
  readonly extensions: string;
}

/** Runs in the page. Bytes are heard as `sound N bytes` if they are what was sent. */
function talk({ url, protocols = [], say = [], count = 0, close }: Talk): Promise<Heard> {
  const socket = new WebSocket(url, protocols);
  const messages: string[] = [];
  const all = Uint8Array.from({ length: 2 ** 20 }, (_, i) => (i >> 3) ^ (i >> 11));
  const bytes = (size: number) => all.subarray(0, size);
  socket.binaryType = 'arraybuffer';
  const goOn = () => {
    if (messages.length !== count) return;
    document.title = `heard ${count}`;
    if (close !== undefined) socket.close(close[0], close[1]);
  };
  return new Promise((resolve) => {
    socket.onopen = () => {
      for (const what of say) socket.send(typeof what === 'string' ? what : bytes(what));
      goOn();
    };
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string') messages.push(data.length > 100 ? `text of ${data.length}` : data);
      else {
        const isSound = bytes(data.byteLength).every((byte, i) => byte === new Uint8Array(data)[i]);
        messages.push(`${isSound ? 'sound' : 'broken'} ${data.byteLength} bytes`);
      }
      goOn();
    };
    socket.onclose = ({ code, reason, wasClean }) => {
      const { protocol, extensions } = socket;
      resolve({ messages, end: `${code} ${reason} ${wasClean ? 'clean' : 'broken'}`, protocol, extensions });
    };
  });
}

const run = (page: Page, what: Talk) => page.evaluate(talk, what);

/** A page on `/`, and everywhere else WebSockets of `Class`. */
function pageAnd(options: ServerWebSocketOptions = {}, Class: typeof Echo = Echo): Promise<RealServer> {
  return realServer((request) => {
    if (request.path === '/') request.sendResponse('<!doctype html>', 200, 'text/html');
    else void upgrade(request, Class, options);
  });
}

describe('our server, and Chromium', function () {
  // A browser takes its time on a machine that has much to do.
  this.timeout(60_000);
  const browser = new TestBrowser();
  after(() => browser[Symbol.asyncDispose]());

  for (const { name, options, extensions } of [
    { name: 'without compression', options: {}, extensions: '' },
    {
      name: 'with compression',
      options: { perMessageDeflate: true },
      extensions: 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    },
    {
      name: 'with compression of every message and context take-over',
      options: { perMessageDeflate: { threshold: 0, contextTakeover: true } },
      extensions: 'permessage-deflate',
    },
  ]) {
    itInChromium(`exchange messages of all sizes, ${name}`, async () => {
      const { url, page: home, log } = await pageAnd(options);
      await using page = await browser.open(home);
      const sizes = [0, 125, 126, 65_535, 65_536, MIB];
      const say = ['', 'Grüß dich 👋', 'x'.repeat(125), 'x'.repeat(65_536), 'x'.repeat(MIB), ...sizes];
      const heard = await run(page, { url: `${url}echo`, say, count: say.length, close: [] });
      expect(heard).to.deep.equal({
        messages: [
          ...['', 'Grüß dich 👋', 'text of 125', 'text of 65536', `text of ${MIB}`],
          ...sizes.map((size) => `sound ${size} bytes`),
        ],
        end: '1005  clean',
        protocol: '',
        extensions: heard.extensions,
      });
      expect(heard.extensions.replace(/; (client|server)_max_window_bits(=15)?/, '')).to.equal(extensions);
      expect(Echo.all[0]?.extensions).to.equal(heard.extensions);
      expect(await Echo.all[0]?.ended).to.equal('1005');
      expect(log.codes).to.deep.equal([]);
    });
  }

  itInChromium('settle a subprotocol', async () => {
    const { url, page: home } = await pageAnd({ protocols: ['b', 'a'] });
    await using page = await browser.open(home);
    const chosen = (protocols: string[]) => run(page, { url: `${url}echo`, protocols, close: [1000, ''] });
    expect((await chosen(['a', 'b', 'c'])).protocol).to.equal('b');
    expect(await chosen([])).to.include({ protocol: '', end: '1000  clean' });
    // A browser does without the WebSocket where nothing was chosen that it has asked for.
    expect((await chosen(['c'])).end).to.equal('1006  broken');
  });

  itInChromium('tell each other why they close', async () => {
    class Closing extends Echo {
      override async onRead() {
        this.close(4001, 'as you like: ä');
      }
    }
    const { url, page: home } = await pageAnd({}, Closing);
    await using page = await browser.open(home);
    const first = await run(page, { url: `${url}a`, close: [4000, 'x'] });
    expect(first.end).to.equal('4000 x clean');
    expect(await Echo.all[0]?.ended).to.equal('4000 x');
    const second = await run(page, { url: `${url}a`, say: ['close'], count: -1 });
    expect(second.end).to.equal('4001 as you like: ä clean');
    expect(await Echo.all[1]?.ended).to.equal('4001 as you like: ä');
  });

  for (const { name, leave } of [
    { name: 'is closed', leave: (page: Page) => page.close() },
    { name: 'is reloaded', leave: (page: Page) => page.reload() },
    { name: 'goes elsewhere', leave: (page: Page) => page.goto('about:blank') },
  ]) {
    itInChromium(`hear 1001 when the tab ${name}`, async () => {
      const { url, page: home } = await pageAnd();
      await using page = await browser.open(home);
      run(page, { url: `${url}echo`, say: ['a'], count: 1 }).catch(() => {});
      await page.waitForFunction(() => document.title === 'heard 1');
      await leave(page);
      expect(await Echo.all[0]?.ended).to.equal('1001');
    });
  }

  itInChromium('say 1001 when the engine stops', async () => {
    const { server, url, page: home } = await pageAnd();
    await using page = await browser.open(home);
    const heard = run(page, { url: `${url}echo`, say: ['a'], count: 1 });
    await page.waitForFunction(() => document.title === 'heard 1');
    await server.engine.stop();
    expect((await heard).end).to.equal('1001 going away clean');
    expect(await Echo.all[0]?.ended).to.equal('1001 going away');
  });

  itInChromium('measure the way there and back', async () => {
    const { url, page: home } = await pageAnd();
    await using page = await browser.open(home);
    const heard = run(page, { url: `${url}echo`, say: ['a'], count: 1 });
    await page.waitForFunction(() => document.title === 'heard 1');
    const [socket] = Echo.all;
    socket?.ping();
    socket?.ping('data');
    await until(() => socket?.pongs.length === 2);
    expect(socket?.pongs[0]).to.be.a('number').within(0, 60_000);
    expect(String(socket?.pongs[1])).to.equal('data');
    socket?.close();
    expect((await heard).end).to.equal('1000  clean');
  });

  itInChromium('end with 1009 above the limit', async () => {
    const { url, page: home } = await pageAnd({ limits: { maxMessageBytes: 1_000 } });
    await using page = await browser.open(home);
    const heard = await run(page, { url: `${url}echo`, say: [1_000, 1_001], count: -1 });
    expect(heard.messages).to.deep.equal(['sound 1000 bytes']);
    expect(heard.end).to.match(/^1009 .* clean$/);
  });

  itInChromium('show a page of another origin the door, or not', async () => {
    const other = await pageAnd();
    const { url, page: home } = await pageAnd();
    const open = await pageAnd({ origins: [other.page] });
    await using page = await browser.open(other.page);
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    expect((await run(page, { url: `${url}echo` })).end).to.equal('1006  broken');
    expect(complaints.join()).to.contain('Unexpected response code: 403');
    expect((await run(page, { url: `${open.url}echo`, close: [1000, ''] })).end).to.equal('1000  clean');
    // No longer than it is let in: its own page is not among the origins there.
    await page.goto(home);
    expect((await run(page, { url: `${open.url}echo` })).end).to.equal('1006  broken');
    expect(Echo.all).to.have.lengthOf(1);
  });

  itInChromium('keep cookies that come with the 101, and send them', async () => {
    class Counting extends Echo {
      override onHandshake(request: HTTPRequest, _headers: HTTPHeaders) {
        const visits = Number(request.getSecureCookie('visits') ?? 0) + 1;
        request.setSecureCookie('visits', visits, { path: '/' });
        return visits < 3;
      }
    }
    const handler = (request: HTTPRequest) => {
      if (request.path === '/') request.sendResponse('<!doctype html>', 200, 'text/html');
      else void upgrade(request, Counting);
    };
    const { url, page: home } = await realServer(handler, { cookieSecret: 'secret '.repeat(5) });
    await using page = await browser.open(home);
    const ends: string[] = [];
    for (let i = 0; i < 3; i++) ends.push((await run(page, { url: `${url}a`, close: [1000, ''] })).end);
    expect(ends).to.deep.equal(['1000  clean', '1000  clean', '1006  broken']);
  });

  itInChromium('let a page wait that sends more than is read', async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let bytes = 0;
    class Slow extends Echo {
      override async onRead(message: unknown) {
        bytes += (message as Buffer).length;
        await held;
        if (bytes === 64 * MIB) this.write('all of it');
      }
    }
    const { url, page: home } = await pageAnd({}, Slow);
    await using page = await browser.open(home);
    const heard = run(page, {
      url: `${url}a`,
      say: Array(64).fill(MIB),
      count: 1,
      close: [1000, ''],
    });
    await until(() => bytes > 0);
    for (let i = 0; i < 50; i++) await page.title();
    expect(bytes / MIB, 'read').to.equal(1);
    expect(Echo.all[0]?.request.connection.bytesRead ?? 0, 'taken').to.be.below(32 * MIB);
    goOn();
    expect(await heard).to.deep.include({ messages: ['all of it'], end: '1000  clean' });
  });
});
