import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { get as httpGet } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { dial, serve } from '../support/serve.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const MIB = 1_048_576;
const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

function itWithCurl(title: string, check: () => Promise<void>): void {
  if (hasCurl || process.env.CI) it(title, check);
  else it(`${title} (pending: curl is not installed)`);
}

/** Bytes of which no two places are alike for long; `seed` makes others. */
function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE((Math.imul(i, 2_654_435_761) + seed) >>> 0, i);
  return bytes;
}

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A folder that is served whole. */
async function serveFolder() {
  const folder = temporaryFolder();
  const served = await serve((request) => request.sendFile(request.path.slice(1)), { fileRoot: folder.path });
  return { folder, ...served };
}

/** How many descriptors of this process are of the file at `path`. */
function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  }).length;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A client that stops reading with the first bytes, and later reads on to the end. */
async function stalled(port: number, target: string) {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let error: string | null = null;
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    error = cause.code ?? cause.message;
  });
  const over = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (chunks.length === 1) socket.pause();
      resolve();
    });
    socket.write(get(target));
  });
  return {
    socket,
    /** Everything that comes, without the head, and how it ended. */
    async rest() {
      socket.resume();
      await over;
      const all = Buffer.concat(chunks);
      return { content: all.subarray(all.indexOf('\r\n\r\n') + 4), error };
    },
  };
}

describe('system: files', () => {
  it('a large file arrives byte for byte, and the connection is used again', async () => {
    const { folder, url } = await serveFolder();
    const content = pattern(9 * MIB + 4);
    folder.add('large', content);
    for (const _ of [1, 2]) {
      const answer = await fetch(`${url}/large`);
      expect(digest(new Uint8Array(await answer.arrayBuffer()))).to.equal(digest(content));
    }
  });

  it('many clients, fast and slow, get each their own', async function () {
    this.timeout(60_000);
    const { folder, port } = await serveFolder();
    const contents = [0, 1, 2, 3].map((seed) => pattern(3 * MIB + seed * 4_000, seed));
    for (const [i, content] of contents.entries()) folder.add(`${i}`, content);
    const fetchSlowly = (i: number) =>
      new Promise<string>((resolve, reject) => {
        httpGet({ port, path: `/${i % 4}`, agent: false }, (answer) => {
          const hash = createHash('sha256');
          let pauses = i % 3 === 0 ? 20 : 0;
          answer.on('data', (chunk) => {
            hash.update(chunk);
            if (pauses-- <= 0) return;
            answer.pause();
            setImmediate(() => setImmediate(() => answer.resume()));
          });
          answer.on('end', () => resolve(hash.digest('hex'))).on('error', reject);
        }).on('error', reject);
      });
    const digests = await Promise.all(Array.from({ length: 48 }, (_, i) => fetchSlowly(i)));
    const expected = contents.map(digest);
    expect(digests).to.deep.equal(Array.from({ length: 48 }, (_, i) => expected[i % 4]));
  });

  it('what is asked behind a large file comes behind it', async () => {
    const { folder, port } = await serveFolder();
    folder.add('large', 'x'.repeat(5 * MIB));
    folder.add('small', 'the end');
    const client = dial(port);
    client.socket.write(get('/large') + get('/small') + get('/missing'));
    const text = await client.until((read) => read.endsWith('404 Not Found\n'));
    expect(text.indexOf('x\r') === -1).to.equal(true);
    expect(text).to.match(/xHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nthe endHTTP\/1\.1 404 /);
    client.socket.destroy();
  });

  it('parts of a large file are parts of it', async () => {
    const { folder, url } = await serveFolder();
    const content = pattern(4 * MIB);
    folder.add('large', content);
    const ranges = `bytes=0-99,${MIB}-${2 * MIB},-100000`;
    const answer = await fetch(`${url}/large`, { headers: { Range: ranges } });
    expect(answer.status).to.equal(206);
    const body = Buffer.from(await answer.arrayBuffer());
    expect(body.length).to.equal(Number(answer.headers.get('content-length')));
    const expected = [
      content.subarray(0, 100),
      content.subarray(MIB, 2 * MIB + 1),
      content.subarray(-100_000),
    ];
    for (const part of expected) expect(body.includes(part)).to.equal(true);
  });

  it('the descriptor is closed when the file is sent', async () => {
    const { folder, url } = await serveFolder();
    const path = folder.add('large', pattern(MIB));
    await (await fetch(`${url}/large`)).arrayBuffer();
    while (descriptorsOf(path) > 0) await turn();
    await fetch(`${url}/large`, { method: 'HEAD' });
    await fetch(`${url}/large`, { headers: { 'If-Match': '"x"' } });
    while (descriptorsOf(path) > 0) await turn();
  });

  it('the descriptor is closed when the client leaves, and the handler hears of that', async () => {
    const folder = temporaryFolder();
    const path = folder.add('large', '');
    truncateSync(path, 128 * MIB);
    let left = 0;
    let sent: Promise<void> | null = null;
    const { port, log } = await serve(
      (request) => {
        request.onClose = () => left++;
        sent = request.sendFile('large');
      },
      { fileRoot: folder.path },
    );
    const client = await stalled(port, '/');
    expect(descriptorsOf(path)).to.equal(1);
    client.socket.destroy();
    while (descriptorsOf(path) > 0) await turn();
    await sent;
    expect(left).to.equal(1);
    expect(log.entries).to.deep.equal([]);
  });

  const changes: { name: string; change: (path: string) => void }[] = [
    { name: 'shrinks', change: (path) => truncateSync(path, 64) },
    { name: 'grows', change: (path) => appendFileSync(path, 'more') },
    {
      name: 'is overwritten in place',
      change: (path) => {
        const fd = openSync(path, 'r+');
        writeSync(fd, 'x', 127 * MIB);
        closeSync(fd);
      },
    },
    {
      name: 'is emptied and written anew',
      change: (path) => writeFileSync(path, Buffer.alloc(128 * MIB, 'x')),
    },
  ];
  for (const { name, change } of changes) {
    it(`a file that ${name} while it is sent ends the connection, so that nobody takes it for whole`, async () => {
      const { folder, port, log } = await serveFolder();
      const path = folder.add('large', '');
      truncateSync(path, 128 * MIB);
      utimesSync(path, 1_600_000_000, 1_600_000_000);
      const client = await stalled(port, '/large');
      change(path);
      const { content, error } = await client.rest();
      expect(error).to.equal('ECONNRESET');
      expect(content.length).to.be.within(1, 128 * MIB - 1);
      expect(log.codes).to.deep.equal(['ENGINE_FILE_FAILED']);
      expect(log.entries[0]?.message).to.equal('the response of GET /large broke off');
      expect(descriptorsOf(path)).to.equal(0);
    });
  }

  for (const [name, replace] of Object.entries({
    replaced: (path: string) => {
      writeFileSync(`${path}.new`, 'new');
      renameSync(`${path}.new`, path);
    },
    removed: (path: string) => unlinkSync(path),
  })) {
    it(`a file that is ${name} while it is sent is sent as it was`, async () => {
      const { folder, port } = await serveFolder();
      const content = pattern(64 * MIB);
      const path = folder.add('large', content);
      const client = await stalled(port, '/large');
      replace(path);
      client.socket.end();
      const { content: got, error } = await client.rest();
      expect(error).to.equal(null);
      expect(digest(got)).to.equal(digest(content));
    });
  }

  it('a file that is replaced is sent as it is now, from the first request on', async () => {
    const { folder, url } = await serveFolder();
    for (const text of ['one', 'two', 'three', 'x'.repeat(100_000), 'four']) {
      folder.add('new', text);
      renameSync(join(folder.path, 'new'), join(folder.path, 'file'));
      for (const _ of [1, 2]) expect(await (await fetch(`${url}/file`)).text()).to.equal(text);
    }
  });

  itWithCurl('curl asks for parts, and goes on where it stopped', async () => {
    const { folder, url } = await serveFolder();
    const content = pattern(MIB).toString('hex');
    folder.add('file', content);
    const out = join(folder.path, 'out');
    const curl = (...args: string[]) =>
      run('curl', ['-sS', '--max-time', '10', ...args, `${url}/file`], { maxBuffer: 4 * MIB });
    expect((await curl('-r', '5-9')).stdout).to.equal(content.slice(5, 10));
    expect((await curl('-r', '-7')).stdout).to.equal(content.slice(-7));
    writeFileSync(out, content.slice(0, 1_000_003));
    await curl('-C', '-', '-o', out);
    expect(readFileSync(out, 'latin1') === content).to.equal(true);
    const isOld = await curl(
      '-z',
      'Mon, 03 Feb 2020 04:05:06 GMT',
      '-w',
      '%{http_code} %{size_download}',
      '-o',
      `${out}2`,
    );
    expect(isOld.stdout).to.equal('304 0');
    const isNew = await curl('-z', 'Mon, 03 Feb 2020 04:05:05 GMT', '-w', '%{http_code}', '-o', `${out}2`);
    expect(isNew.stdout).to.equal('200');
  });
});
