import { once } from 'node:events';
import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { RunningTool } from './support/running-tool.js';

describe('12-events', () => {
  let example: RunningExample;
  beforeEach(async () => {
    example = await RunningExample.start('12-events');
  });
  afterEach(() => example[Symbol.asyncDispose]());

  const say = (text: string) =>
    runTool('curl', ['-sS', '-w', '%{http_code}', '--data-urlencode', `text=${text}`, example.url]);

  itWith('curl', 'tells everybody what one says, at once and in order', async () => {
    const listen = async () => {
      const listener = new RunningTool('curl', ['-sSN', '-i', `${example.url}/events`]);
      await listener.read(/data: hello\n\n/);
      return listener;
    };
    expect(await say('hello')).to.equal('204');
    await using first = await listen();
    await using second = await listen();
    expect(first.output).to.match(/\r\nContent-Type: text\/event-stream\r\n/);
    await say('two\nlines');
    await first.read(/^id: \d+\ndata: hello\n\nid: \d+\ndata: two\ndata: lines\n\n/m);
    await second.read(/data: two\ndata: lines\n\n/);
    await say('x'.repeat(1001));
    await first.read(/^data: x{1000}\n\n/m);
  });

  itWith('curl', 'tells one who comes late, or again, what was missed', async () => {
    for (let i = 1; i <= 102; i++)
      await fetch(example.url, { method: 'POST', body: new URLSearchParams({ text: `no. ${i}.` }) });
    await using late = new RunningTool('curl', ['-sSN', `${example.url}/events`]);
    await late.read(/no\. 102\./);
    expect(late.output.match(/no\. \d+\./g))
      .to.have.lengthOf(100)
      .and.to.include('no. 3.');
    const [, id = ''] = /id: (\d+)\ndata: no\. 100\./.exec(late.output) ?? [];
    await using again = new RunningTool('curl', [
      '-sSN',
      '-H',
      `Last-Event-ID: ${id}`,
      `${example.url}/events`,
    ]);
    await again.read(/no\. 102\./);
    expect(again.output.match(/no\. \d+\./g)).to.deep.equal(['no. 101.', 'no. 102.']);
  });

  it('lets one go who does not read, and keeps the others', async () => {
    const listen = async () => {
      const client = await RawClient.connect(example.port);
      client.write('GET /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      await client.read(/\r\n\r\n/);
      return client;
    };
    const idle = await listen();
    idle.socket.pause();
    const reader = await listen();
    let bytes = 0;
    reader.socket.removeAllListeners('data').on('data', (text) => {
      bytes += text.length;
    });
    const speaker = await RawClient.connect(example.port);
    const text = `text=${'%0A'.repeat(1000)}`;
    // More than the system takes for one who does not read.
    for (let said = 0; said < 24 * 2 ** 20; said += 7000) {
      speaker.write(
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      await once(speaker.socket, 'data');
      while (bytes < said) await once(reader.socket, 'data');
    }
    idle.socket.resume();
    expect(await idle.readToEnd()).to.match(/\r\n0\r\n\r\n$/);
    expect(idle.text.length).to.be.below(bytes);
    expect(reader.socket.readableEnded).to.equal(false);
  });

  itWith('curl', 'at Ctrl-C, ends the streams in good order', async () => {
    await using curl = new RunningTool('curl', ['-sSN', '-i', `${example.url}/events`]);
    await say('hello');
    await curl.read(/hello/);
    example.interrupt();
    expect(await curl.ended()).to.equal(0);
    expect(await example.ended()).to.equal(0);
  });

  describe('in a browser', function () {
    this.timeout(60_000);
    const browser = new TestBrowser();
    after(() => browser[Symbol.asyncDispose]());

    itWith('chromium', 'is a chat between two windows, of text and not HTML', async () => {
      await using ann = await browser.open(example.url);
      await using bob = await browser.open(example.url);
      await ann.page.getByLabel('Say').fill('<img src=x onerror=alert(1)>');
      await ann.page.keyboard.press('Enter');
      for (const { page } of [ann, bob])
        await page.getByRole('log').getByText('<img src=x onerror=alert(1)>').waitFor();
      await bob.page.getByLabel('Say').fill('hello Ann');
      await bob.page.getByRole('button', { name: 'Send' }).click();
      await ann.page.getByRole('log').getByText('hello Ann').waitFor();
      expect(ann.page.url()).to.equal(`${example.url}/`);
      expect(await ann.page.locator('img').count()).to.equal(0);
      expect(await ann.page.getByLabel('Say').inputValue()).to.equal('');
      await using late = await browser.open(example.url);
      await late.page.getByRole('log').getByText('hello Ann').waitFor();
      expect([...ann.complaints, ...bob.complaints]).to.deep.equal([]);
    });
  });
});
