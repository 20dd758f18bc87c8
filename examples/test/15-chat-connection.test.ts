/** The chat's connection: lost and found again, and refused to strangers. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { Chat, ChatTab } from './support/chat.js';
import { itWith } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';

/** What a WebSocket of `url` in the page comes to: the code and reason of its end, after `data` was sent. */
const endOf = ({ url, data }: { url: string; data?: string | number[] }) =>
  new Promise<string>((resolve) => {
    const socket = new WebSocket(url);
    socket.onclose = ({ code, reason, wasClean }) => resolve(`${code} ${reason} ${wasClean}`);
    socket.onopen = () => {
      if (data !== undefined) socket.send(typeof data === 'string' ? data : Uint8Array.from(data));
    };
  });

describe('15-chat, its connection', function () {
  this.timeout(60_000);
  const browser = new TestBrowser();
  let chat: Chat;
  beforeEach(async () => {
    chat = await Chat.start();
  });
  afterEach(() => chat[Symbol.asyncDispose]());
  after(() => browser[Symbol.asyncDispose]());

  itWith('chromium', 'is there again when the server is, and shows nothing twice', async () => {
    await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
    await using bob = await ChatTab.enter(browser, chat.url, 'Bob');
    await ann.say('before');
    await bob.sees('before');
    expect(await chat.interrupt()).to.equal(0);
    for (const { page } of [ann, bob])
      await page.getByText('Not connected (1001). Next attempt in').waitFor();
    // What cannot be sent stays where it was typed.
    await bob.say('in between');
    expect(await bob.page.getByLabel('Message', { exact: true }).inputValue()).to.equal('in between');
    expect(await bob.page.getByRole('button', { name: 'Send' }).isDisabled()).to.equal(true);
    expect(await bob.people()).to.deep.equal([]);
    expect(bob.complaints.join()).not.to.contain('TypeError');
    await chat.startAgain();
    for (const { page } of [ann, bob]) await page.getByText('Connected as').waitFor();
    await bob.page.getByRole('button', { name: 'Send' }).click();
    await ann.sees('in between');
    const said = (lines: string[]) => lines.filter((line) => line.includes(': '));
    expect(said(await bob.lines())).to.deep.equal(['Ann: before', 'Bob: in between']);
    // The connection alone is lost: what the server has kept comes again, and is there already.
    await ann.page
      .getByLabel('Message', { exact: true })
      .evaluate((input) => input.removeAttribute('maxlength'));
    await ann.say('x'.repeat(5_000));
    await ann.page.getByText('Not connected (1009)').waitFor();
    await ann.page.getByText('Connected as Ann').waitFor();
    await ann.say('  ');
    await ann.say('after');
    await bob.sees('after');
    expect(said(await ann.lines())).to.deep.equal(['Ann: before', 'Bob: in between', 'Ann: after']);
  });

  itWith('chromium', 'waits longer after each attempt, and half a minute at most', async () => {
    await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
    const { page } = ann;
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await chat.interrupt();
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const state = page.locator('#state[data-state="waiting"]');
      await state.waitFor();
      const [, code, seconds] = /\((\d+)\).* in (\d+) s/.exec((await state.textContent()) ?? '') ?? [];
      expect(code).to.equal(i === 0 ? '1001' : '1006');
      waits.push(Number(seconds));
      // No earlier than it says: nothing is tried while the clock stands.
      await page.clock.runFor(1000 * (Number(seconds) - 1));
      expect(await ann.state()).to.match(new RegExp(`Next attempt in ${seconds} s`));
      const again = page.waitForEvent('websocket');
      await page.clock.runFor(1000);
      await again;
    }
    for (const [i, wait] of waits.entries()) {
      const longest = Math.min(30, 2 ** i);
      expect(wait, `wait ${i}`).to.be.within(longest / 2, longest);
    }
    await chat.startAgain();
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.getByText('Connected as Ann').waitFor();
    await chat.interrupt();
    await page.getByText('Next attempt in 1 s').waitFor();
  });

  itWith('chromium', 'is left for good, and entered again under another name', async () => {
    await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
    await using bob = await ChatTab.enter(browser, chat.url, 'Bob');
    const { page } = bob;
    await ann.say('Hello');
    await bob.sees('Hello');
    await page.clock.install();
    await page.getByRole('button', { name: 'Leave' }).click();
    await ann.sees('Bob has left');
    let attempts = 0;
    page.on('websocket', () => attempts++);
    await page.clock.runFor(60_000);
    await page.getByLabel('Your name').fill('Carl');
    await page.getByRole('button', { name: 'Enter' }).click();
    await ann.sees('Carl has joined');
    await page.getByText('Connected as Carl').waitFor();
    expect(await bob.lines()).to.deep.equal(['Ann: Hello']);
    expect(await bob.people()).to.deep.equal(['Ann', 'Carl']);
    expect(attempts).to.equal(1);
    // Also while it waits for the next attempt.
    await chat.interrupt();
    await page.getByText('Not connected (1001)').waitFor();
    await page.getByRole('button', { name: 'Leave' }).click();
    await page.clock.runFor(60_000);
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    expect(await bob.state()).to.match(/^Not connected \(1001\)/);
    expect(await page.getByLabel('Your name').isVisible()).to.equal(true);
    expect(attempts).to.equal(1);
    expect(bob.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'is there at once when the browser is online again', async () => {
    await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
    const { page } = ann;
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    // While it is connected, nothing is to be done.
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    expect(await ann.state()).to.equal('Connected as Ann');
    await chat.interrupt();
    await page.getByText('Not connected (1001)').waitFor();
    await chat.startAgain();
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await page.getByText('Connected as Ann').waitFor();
    // The attempt that was to come is called off.
    await page.clock.runFor(60_000);
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    expect(await ann.state()).to.equal('Connected as Ann');
  });

  itWith('chromium', 'is not given to pages of another origin', async () => {
    const stranger = createServer((_request, response) => response.end('<!doctype html>')).listen(
      0,
      '127.0.0.1',
    );
    await once(stranger, 'listening');
    const { port } = stranger.address() as AddressInfo;
    try {
      await using tab = await browser.open(`http://127.0.0.1:${port}/`);
      await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
      const url = `ws://localhost:${chat.port}/chat?name=Eve`;
      expect(await tab.page.evaluate(endOf, { url })).to.equal('1006  false');
      expect(tab.complaints.join()).to.contain(url).and.to.contain('Unexpected response code: 403');
      expect(await ann.people()).to.deep.equal(['Ann']);
      expect(await ann.lines()).to.deep.equal([]);
    } finally {
      stranger.closeAllConnections();
      stranger.close();
    }
  });

  itWith('chromium', 'ends for who sends bytes or too much, and for them alone', async () => {
    await using ann = await ChatTab.enter(browser, chat.url, 'Ann');
    await using bob = await ChatTab.enter(browser, chat.url, 'Bob');
    const url = `ws://localhost:${chat.port}/chat?name=Eve`;
    expect(await bob.page.evaluate(endOf, { url, data: [1, 2] })).to.equal(
      '1003 only text is spoken here true',
    );
    expect(await bob.page.evaluate(endOf, { url, data: 'x'.repeat(4097) })).to.match(/^1009 .* true$/);
    await bob.say('ä'.repeat(1001));
    await ann.sees('ä'.repeat(1000));
  });

  for (const { name, status } of [
    { name: '', status: 403 },
    { name: '%20Ann', status: 403 },
    { name: '%3CAnn%3E', status: 403 },
    { name: 'Ann%0A', status: 403 },
    { name: 'A%E2%80%AEnn', status: 403 },
    { name: 'x'.repeat(31), status: 403 },
    { name: 'x'.repeat(30), status: 101 },
    { name: '%C3%89mile%20O%27Neil%20%F0%9F%91%8B', status: 101 },
  ]) {
    it(`answers ${status} to ?name=${name}`, async () => {
      const client = await RawClient.connect(chat.port);
      client.write(
        `GET /chat?name=${name} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      expect(await client.read(/\r\n\r\n/)).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      client.socket.destroy();
    });
  }

  it('is a WebSocket, and the page a page', async () => {
    const answer = async (path: string) => {
      const { status, headers } = await fetch(chat.url + path);
      return `${status} ${headers.get('content-type')}`;
    };
    expect(await answer('')).to.equal('200 text/html; charset=utf-8');
    expect(await answer('page.js')).to.equal('200 text/javascript; charset=utf-8');
    expect(await answer('chat?name=Ann')).to.match(/^426 /);
    expect(await answer('other')).to.match(/^404 /);
  });
});
