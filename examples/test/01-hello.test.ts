import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';

describe('01-hello, with real clients', () => {
  let hello: RunningExample;
  before(async () => {
    hello = await RunningExample.start('01-hello');
  });
  after(() => hello[Symbol.asyncDispose]());

  it("answers node's own fetch", async () => {
    const response = await fetch(`${hello.url}/?name=J%C3%BCrgen`);
    expect(response.status).to.equal(200);
    expect(response.headers.get('content-type')).to.equal('text/plain; charset=utf-8');
    expect(await response.text()).to.equal('Hello, Jürgen!\n');
  });

  itWith('curl', 'answers curl, twice on one connection', async () => {
    const args = ['-sS', '-w', '%{http_code} %{num_connects}\n', `${hello.url}/`, `${hello.url}/?name=curl`];
    expect(await runTool('curl', args)).to.equal('Hello, World!\n200 1\nHello, curl!\n200 0\n');
  });

  itWith('curl', 'answers HEAD and a POST whose body it does not want', async () => {
    const head = await runTool('curl', ['-sS', '--head', hello.url]);
    expect(head).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).to.match(/Content-Length: 14\r\n/);
    expect(await runTool('curl', ['-sS', '--data', 'a=b', hello.url])).to.equal('Hello, World!\n');
  });

  itWith('ab', 'answers ApacheBench: HTTP/1.0, keep-alive and not', async () => {
    for (const [option, kept] of [['-k', 200] as const, ['-q', 0] as const]) {
      const report = await runTool('ab', ['-q', option, '-n', '200', '-c', '8', `${hello.url}/`]);
      expect(report).to.match(/Complete requests: +200\n/);
      expect(report).to.match(/Failed requests: +0\n/);
      if (kept > 0) expect(report).to.match(/Keep-Alive requests: +200\n/);
    }
  });

  itWith('wrk', 'answers wrk without an error', async () => {
    const report = await runTool('wrk', ['-t1', '-c16', '-d1s', `${hello.url}/`]);
    expect(report).to.match(/\d+ requests in/);
    expect(report).not.to.match(/Socket errors|Non-2xx/);
  });

  itWith('chromium', 'is shown by a browser', async () => {
    const profile = mkdtempSync(join(tmpdir(), 'inseam-chromium-'));
    try {
      const page = await runTool('chromium', [
        ...[
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-sync',
        ],
        ...['--disable-background-networking', '--disable-component-update', `--user-data-dir=${profile}`],
        ...['--dump-dom', `${hello.url}/?name=browser`],
      ]);
      expect(page).to.contain('Hello, browser!');
    } finally {
      rmSync(profile, { recursive: true, force: true });
    }
  });
});

describe('01-hello, at Ctrl-C', () => {
  it('stops cleanly when nobody is connected', async () => {
    await using hello = await RunningExample.start('01-hello');
    hello.interrupt();
    expect(await hello.ended()).to.equal(0);
    expect(hello.output).to.match(/stopped\n$/);
  });

  it('finishes the request that has begun, says Connection: close, and closes idle connections', async () => {
    await using hello = await RunningExample.start('01-hello');
    const idle = await RawClient.connect(hello.port);
    idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await idle.read(/World!\n/);
    const busy = await RawClient.connect(hello.port);
    busy.write('GET /?name=late HTTP/1.1\r\nHo');
    // Its first bytes have been read once a later connection's request is answered.
    const probe = await RawClient.connect(hello.port);
    probe.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await probe.read(/World!\n/);
    hello.interrupt();
    await idle.readToEnd();
    busy.write('st: a\r\n\r\n');
    const answer = await busy.readToEnd();
    expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).to.match(/\r\nConnection: close\r\n/);
    expect(answer).to.match(/Hello, late!\n$/);
    busy.socket.end();
    expect(await hello.ended()).to.equal(0);
  });
});
