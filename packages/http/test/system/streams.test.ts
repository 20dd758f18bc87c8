import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { EventStream } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { dial, serve } from '../support/serve.js';

const MIB = 1 << 20;
const gzip = promisify(zlib.gzip);
const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

async function curl(...args: string[]): Promise<Buffer> {
  const options = { encoding: 'buffer', maxBuffer: 64 * MIB } as const;
  return (await run('curl', ['-sS', '--max-time', '10', ...args], options)).stdout;
}

/** The open descriptors of `path`; null where the system does not say. */
function descriptorsOf(path: string): number | null {
  const open = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  };
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').filter(open).length : null;
}

describe('system: streams', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-streams-'));
  const path = join(folder, 'file');
  const bytes = randomBytes(4 * MIB);
  before(() => writeFileSync(path, bytes));
  after(() => rmSync(folder, { recursive: true }));

  it('a file goes through byte for byte, and through a second server by fetch', async () => {
    const origin = await serve((request) => request.sendStream(createReadStream(path)));
    const proxy = await serve(async (request) => {
      const { body } = await fetch(origin.url);
      await request.sendStream(body ?? []);
    });
    const response = await fetch(proxy.url);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).to.equal(true);
  });

  it('a client that resets in the middle costs no descriptor', async () => {
    let isOver = () => {};
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const { port, log } = await serve(async (request) => {
      await request.sendStream(createReadStream(path));
      isOver();
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(get());
    await once(socket, 'data');
    socket.pause();
    socket.resetAndDestroy();
    await over;
    while (descriptorsOf(path)) await new Promise((resolve) => setImmediate(resolve));
    expect(log.entries).to.deep.equal([]);
  });

  it('a source without end takes no memory for a client that does not read', async () => {
    let pulled = 0;
    const { port } = await serve((request) =>
      request.sendStream(
        (async function* () {
          for (;;) {
            pulled += 65_536;
            yield Buffer.alloc(65_536);
          }
        })(),
      ),
    );
    const before = process.memoryUsage.rss();
    const socket = connect(port, '127.0.0.1').pause();
    socket.write(get());
    // What the system's buffers take is given at once; then nothing more is asked for.
    for (let last = -1, still = 0; still < 200; still = pulled === last ? still + 1 : 0) {
      last = pulled;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(pulled / MIB, 'pulled, in MiB').to.be.within(0.1, 32);
    expect((process.memoryUsage.rss() - before) / MIB, 'growth, in MiB').to.be.below(64);
    socket.destroy();
  });

  it('events are heard one by one, and the end of the listener is', async () => {
    const opened: EventStream[] = [];
    let isClosed = () => {};
    const closed = new Promise<void>((resolve) => {
      isClosed = resolve;
    });
    const { url } = await serve((request) => {
      const events = request.sendEvents({ retry: 100 });
      events.onClose = isClosed;
      opened.push(events);
    });
    const ending = new AbortController();
    const response = await fetch(url, { signal: ending.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const heard: (string | undefined)[] = [(await reader?.read())?.value];
    for (const text of ['one', 'two']) {
      opened[0]?.send(text);
      heard.push((await reader?.read())?.value);
    }
    expect(heard).to.deep.equal(['retry: 100\n\n', 'data: one\n\n', 'data: two\n\n']);
    ending.abort();
    await closed;
    expect(opened[0]?.closed).to.equal(true);
  });

  it('engine.stop() does not wait for those who listen', async () => {
    const { server, port } = await serve((request) => request.sendEvents().send('x'));
    const { socket, until, over } = dial(port);
    socket.write(get());
    await until((text) => text.includes('data: x'));
    const stopped = server.engine.stop({ stopTimeoutMs: 60_000 });
    expect(await until((text) => text.endsWith('0\r\n\r\n'))).to.match(/^HTTP\/1\.1 200 /);
    await Promise.all([stopped, over]);
  });

  const text = 'All work and no play makes Jack a dull boy.\n';
  for (const [what, repeats] of [
    ['short', 100],
    ['long', 200_000],
  ] as const) {
    it(`a ${what} content is what fetch and zlib expect`, async () => {
      const { url } = await serve((request) => request.sendResponse(text.repeat(repeats)), {
        compress: true,
      });
      const response = await fetch(url);
      expect(response.headers.get('content-encoding')).to.be.oneOf(['br', 'gzip']);
      expect((await response.text()) === text.repeat(repeats)).to.equal(true);
    });

    const title = `a ${what} content is what curl expects, and gzip's`;
    if (!(hasCurl || process.env.CI)) it(`${title} (pending: curl is not installed)`);
    else
      it(title, async () => {
        const { url } = await serve((request) => request.sendResponse(text.repeat(repeats)), {
          compress: true,
        });
        expect((await curl('--compressed', url)).toString() === text.repeat(repeats)).to.equal(true);
        const coded = await curl('-H', 'Accept-Encoding: gzip', url);
        expect(coded.length).to.be.below((text.length * repeats) / 10);
        expect(zlib.gunzipSync(coded).toString() === text.repeat(repeats)).to.equal(true);
      });
  }

  it('compressed content takes little memory for slow readers', async () => {
    // Hardly to be compressed, and text nevertheless.
    const noise = randomBytes(1.5 * MIB).toString('base64');
    let answered = 0;
    const { port, server } = await serve(
      (request) => {
        answered++;
        request.sendResponse(noise);
      },
      { compress: true },
    );
    const before = process.memoryUsage.rss();
    const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').pause());
    for (const socket of sockets) socket.write(get('/', 'Accept-Encoding: gzip'));
    // As much work for zlib's threads: the responses could have been finished meanwhile.
    const piece = Buffer.from(noise.slice(0, 1 << 20));
    for (let done = 0; done < 4 * noise.length || answered < 4; done += piece.length) await gzip(piece);
    expect((process.memoryUsage.rss() - before) / MIB, 'growth, in MiB').to.be.below(100);
    for (const channel of server.channels) expect(channel.pendingBytes).to.be.below(400_000);
    for (const socket of sockets) socket.destroy();
  });
});
