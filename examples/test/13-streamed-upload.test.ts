import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';

const MIB = 2 ** 20;
const MOST = 40 * MIB;
const TOKEN = 'a token';

describe('13-streamed-upload', () => {
  let scratch: string;
  let uploads: string;
  let example: RunningExample;
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'inseam-upload-'));
    uploads = join(scratch, 'uploads');
    example = await RunningExample.start('13-streamed-upload', {
      TOKEN,
      UPLOADS: uploads,
      MOST_BYTES: String(MOST),
    });
  });
  after(async () => {
    await example[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });
  afterEach(() => {
    for (const name of readdirSync(uploads)) rmSync(join(uploads, name));
  });

  /** Sends a file of so many bytes with curl. */
  const upload = (bytes: number, ...args: string[]) => {
    const path = join(scratch, 'file');
    writeFileSync(path, Buffer.alloc(bytes, 'content '));
    return runTool('curl', ['-sS', '-i', '-u', `:${TOKEN}`, '-T', path, ...args, example.url]);
  };

  for (const [name, args] of [
    ['with a length', []],
    ['in chunks', ['-H', 'Transfer-Encoding: chunked']],
  ] as const) {
    itWith('curl', `keeps a file that comes ${name}`, async () => {
      const answer = await upload(MOST, ...args);
      expect(answer).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 Created\r\n/);
      const { path, bytes, sha256 } = JSON.parse(answer.split('\r\n\r\n')[2] ?? '');
      expect(bytes).to.equal(MOST);
      const content = readFileSync(path);
      expect(content.equals(Buffer.alloc(MOST, 'content '))).to.equal(true);
      expect(createHash('sha256').update(content).digest('hex')).to.equal(sha256);
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      expect(path).to.match(/\/uploads\/[\da-f-]{36}$/);
    });
  }

  itWith(
    'curl',
    'reads nothing of a file that is announced too large, and keeps nothing of one that gets so',
    async () => {
      const announced = await upload(MOST + 1);
      expect(announced).to.match(/^HTTP\/1\.1 413 /);
      expect(announced).not.to.contain('100 Continue');
      expect(await upload(MOST + 1, '-H', 'Transfer-Encoding: chunked')).to.contain('HTTP/1.1 413 ');
      expect(readdirSync(uploads)).to.deep.equal([]);
    },
  );

  itWith('curl', 'answers strangers and other methods before they have sent anything', async () => {
    for (const stranger of [':another token', ':', `x:${TOKEN}`]) {
      const answer = await upload(MIB, '-u', stranger);
      expect(answer).to.match(/^HTTP\/1\.1 401 Unauthorized\r\n(.*\r\n)*WWW-Authenticate: Basic /);
    }
    expect(await upload(MIB, '-X', 'POST')).to.match(/^HTTP\/1\.1 405 (.*\r\n)+Allow: PUT\r\n/);
    expect(await runTool('curl', ['-sS', '-i', example.url])).to.match(/^HTTP\/1\.1 405 /);
    expect(readdirSync(uploads)).to.deep.equal([]);
  });

  itWith('curl', 'keeps an empty file, too', async () => {
    expect(JSON.parse((await upload(0)).split('\r\n\r\n').at(-1) ?? '').bytes).to.equal(0);
    expect(readdirSync(uploads)).to.have.lengthOf(1);
  });

  it('removes what has come from a client that leaves in the middle, and goes on', async () => {
    const client = await RawClient.connect(example.port);
    const credentials = Buffer.from(`:${TOKEN}`).toString('base64');
    client.write(
      `PUT / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${credentials}\r\nContent-Length: 1000\r\n\r\nbegin`,
    );
    const size = () =>
      readdirSync(uploads).reduce((sum, name) => sum + statSync(join(uploads, name)).size, 0);
    while (size() === 0) await fetch(example.url);
    client.socket.destroy();
    while (readdirSync(uploads).length > 0) await fetch(example.url);
    expect((await fetch(example.url)).status).to.equal(405);
    expect(existsSync(uploads)).to.equal(true);
  });
});
