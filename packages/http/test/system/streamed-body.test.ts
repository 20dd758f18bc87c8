/** Early handlers and content taken piece by piece, over real sockets. */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { container, type InseamError } from '@inseam/engine';
import { HTTPError, type HTTPRequest, type RequestHandler, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { dial, serve } from '../support/serve.js';

const MIB = 1 << 20;
const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;
const never = () => expect.fail('the request handler was called');

/** Without curl: pending on somebody's own machine, a failure where everything is to be tested. */
function itWithCurl(title: string, check: () => Promise<void>): void {
  if (hasCurl || process.env.CI) it(title, check);
  else it(`${title} (pending: curl is not installed)`);
}

async function lengthOf(content: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const piece of content) length += piece.length;
  return length;
}

describe('system: early answers', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'inseam-test-'));
    await writeFile(join(directory, 'large'), Buffer.alloc(3 * MIB, 'x'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const answers: Record<string, RequestHandler> = {
    'at once': () => {
      throw new HTTPError(401, 'who are you?');
    },
    'a little later': async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      request.sendResponse('who are you?', 401);
    },
    'after a piece': async (request) => {
      for await (const _ of request) break;
      request.sendResponse('who are you?', 401);
    },
  };
  for (const [when, earlyHandler] of Object.entries(answers)) {
    it(`a client that goes on sending gets an answer that comes ${when}`, async () => {
      const { port } = await serve(never, { earlyHandler });
      const { socket, text, over } = dial(port);
      socket.write(post('', `Content-Length: ${8 * MIB}`));
      socket.end(Buffer.alloc(8 * MIB));
      expect(await over).to.equal(null);
      expect(text()).to.match(/^HTTP\/1\.1 401 [\s\S]*\r\nConnection: close\r\n\r\nwho are you\?$/);
    });

    for (const [how, ...headers] of [
      ['with Expect', '-H', 'Expect: 100-continue', '--expect100-timeout', '9'],
      ['without Expect', '-H', 'Expect:'],
    ]) {
      itWithCurl(`curl ${how} gets an answer that comes ${when}`, async () => {
        const { url } = await serve(never, { earlyHandler });
        const file = `@${join(directory, 'large')}`;
        const args = [
          '-sS',
          '--max-time',
          '10',
          ...headers,
          '-w',
          ' %{http_code} %{size_upload}',
          '--data-binary',
          file,
          url,
        ];
        const [, status, sent] = /^who are you\? (\d+) (\d+)$/.exec((await run('curl', args)).stdout) ?? [];
        expect(status).to.equal('401');
        // Who waits for leave and does not get it sends nothing.
        if (how === 'with Expect' && when !== 'after a piece') expect(sent).to.equal('0');
      });
    }
  }
});

describe('system: forms and early handlers', () => {
  it('a form that is answered while it comes leaves no file behind', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'inseam-test-'));
    const files = async () =>
      (await readdir(directory, { recursive: true })).filter((name) => name.includes('/'));
    const parts = container.createChildContainer();
    parts.register(TempStore, { useValue: new TempStore(directory) });
    const begun = gate();
    const { port } = await serve(never, {
      container: parts,
      earlyHandler: (request) => {
        request.onProgress = async (received) => {
          if (received < MIB || request.finished) return;
          request.onProgress = null;
          while ((await files()).length === 0) await new Promise((resolve) => setImmediate(resolve));
          begun.open();
          request.sendResponse('enough', 413);
        };
      },
    });
    const { socket, text, over } = dial(port);
    socket.write(post('', 'Content-Type: multipart/form-data; boundary=b', `Content-Length: ${4 * MIB}`));
    socket.write('--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n');
    socket.write(Buffer.alloc(2 * MIB));
    await begun.opened;
    socket.end();
    expect(await over).to.equal(null);
    expect(text()).to.match(/^HTTP\/1\.1 413 [\s\S]*Connection: close\r\n\r\nenough$/);
    while ((await files()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    await rm(directory, { recursive: true });
  });
});

describe('system: content piece by piece', () => {
  it('64 MiB through a slow loop take no memory to speak of', async () => {
    const before = process.memoryUsage.rss();
    let most = before;
    let ahead = 0;
    const sent = createHash('sha256');
    const { port } = await serve(never, {
      earlyHandler: async (request) => {
        const received = createHash('sha256');
        let taken = 0;
        for await (const piece of request) {
          received.update(piece);
          taken += piece.length;
          ahead = Math.max(ahead, request.connection.bytesRead - taken);
          most = Math.max(most, process.memoryUsage.rss());
          await new Promise((resolve) => setImmediate(resolve));
        }
        request.sendResponse(received.digest('hex'));
      },
    });
    const { socket, until } = dial(port);
    socket.write(post('', `Content-Length: ${64 * MIB}`));
    const piece = Buffer.alloc(MIB);
    for (let i = 0; i < 64; i++) {
      const mine = Buffer.from(piece.fill(i));
      sent.update(mine);
      if (!socket.write(mine)) await once(socket, 'drain');
    }
    const digest = sent.digest('hex');
    expect(await until((text) => text.endsWith(digest))).to.match(/^HTTP\/1\.1 200 /);
    expect(ahead, 'bytes read and not taken').to.be.below(200_000);
    expect((most - before) / MIB, 'growth, in MiB').to.be.below(60);
    socket.destroy();
  });

  for (const [what, take] of [
    ['Readable.from', (request: HTTPRequest) => lengthOf(Readable.from(request))],
    [
      'new Response',
      async (request: HTTPRequest) =>
        (await new Response(request as unknown as ReadableStream).arrayBuffer()).byteLength,
    ],
    [
      'ReadableStream.from',
      async (request: HTTPRequest) => (await new Response(streamFrom(request)).arrayBuffer()).byteLength,
    ],
  ] as const) {
    it(`${what} takes it, whole, and the connection stays`, async () => {
      const { port } = await serve((request) => request.sendResponse('next'), {
        earlyHandler: async (request) => {
          if (request.method === 'POST') request.sendResponse(`got ${await take(request)}`);
        },
      });
      const { socket, until } = dial(port);
      socket.write(post('', 'Content-Length: 1000000'));
      socket.write(Buffer.alloc(1_000_000));
      await until((text) => text.endsWith('got 1000000'));
      socket.write(get());
      await until((text) => text.endsWith('next'));
      socket.destroy();
    });
  }

  it('a pipeline writes it to a file', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'inseam-test-'));
    const path = join(directory, 'upload');
    const { url } = await serve(never, {
      earlyHandler: async (request) => {
        await pipeline(request, createWriteStream(path));
        request.sendResponse('written', 201);
      },
    });
    const content = Buffer.alloc(5 * MIB, 'pipeline');
    const response = await fetch(url, { method: 'PUT', body: content });
    expect([response.status, await response.text()]).to.deep.equal([201, 'written']);
    expect((await readFile(path)).equals(content)).to.equal(true);
    await rm(directory, { recursive: true });
  });

  it('a pipeline whose target fails leaves the content, and answers 500', async () => {
    const { port, log } = await serve(never, {
      earlyHandler: (request) => pipeline(request, createWriteStream('/nowhere/at/all')),
    });
    const { socket, text, over } = dial(port);
    socket.write(post('', `Content-Length: ${MIB}`));
    socket.end(Buffer.alloc(MIB));
    expect(await over).to.equal(null);
    expect(text()).to.match(/^HTTP\/1\.1 500 [\s\S]*Connection: close/);
    expect(log.entries).to.have.length(1);
  });

  it('a stream that is destroyed leaves the content, and what follows is not taken for a request', async () => {
    const urls: string[] = [];
    const { port } = await serve(never, {
      earlyHandler: async (request) => {
        urls.push(request.url);
        const stream = Readable.from(request);
        await once(stream, 'data');
        await new Promise((resolve) => stream.once('close', resolve).destroy());
        request.sendResponse('enough');
      },
    });
    const { socket, text, over } = dial(port);
    const smuggled = get('/smuggled');
    socket.write(post('', `Content-Length: ${100_000 + smuggled.length}`));
    socket.write('x'.repeat(100_000));
    socket.end(smuggled + get('/next'));
    expect(await over).to.equal(null);
    expect([text().match(/HTTP\/1\.1/g)?.length, urls]).to.deep.equal([1, ['/']]);
  });

  for (const [how, code, end] of [
    ['resets the connection', 'ENGINE_CONNECTION_LOST', 'resetAndDestroy'],
    ['shuts its side', 'HTTP_INCOMPLETE', 'end'],
  ] as const) {
    it(`a client that ${how} in the middle breaks the loop off with ${code}`, async () => {
      const [begun, broken] = [gate(), gate()];
      let caught: InseamError | undefined;
      const { port, log } = await serve(never, {
        earlyHandler: async (request) => {
          try {
            for await (const _ of request) begun.open();
          } catch (error) {
            caught = error as InseamError;
            broken.open();
            throw error;
          }
        },
      });
      const { socket, text, over } = dial(port);
      socket.write(post('half', 'Content-Length: 8'));
      await begun.opened;
      socket[end]();
      await broken.opened;
      await over;
      expect(caught?.code).to.equal(code);
      expect(text()).to.match(end === 'end' ? /^HTTP\/1\.1 400 / : /^$/);
      expect(log.entries.map(({ level }) => level)).to.deep.equal([end === 'end' ? 'warn' : 'debug']);
    });
  }

  it('what comes is echoed as it comes, to a client that sends as it reads', async () => {
    const { url } = await serve(never, {
      earlyHandler: async (request) => {
        request.sendHeaders({ 'Content-Type': 'text/plain' });
        for await (const piece of request) if (!request.send(piece)) await request.drained();
        request.finish();
      },
    });
    async function* pieces() {
      for (let i = 0; i < 64; i++) yield Buffer.alloc(65_536, i);
    }
    const init = { method: 'POST', body: streamFrom(pieces()), duplex: 'half' };
    const response = await fetch(url, init as RequestInit);
    expect((await response.arrayBuffer()).byteLength).to.equal(4 * MIB);
  });
});

/** ReadableStream.from, which the types do not know yet. */
function streamFrom(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const { from } = ReadableStream as unknown as {
    from(it: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array>;
  };
  return from.call(ReadableStream, source);
}
