/** Files that the application names and nginx sends: X-Accel-Redirect. The application's own `fileRoot` does not exist. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { ask } from '../support/ask.js';
import { describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const CONTENT = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * i) % 251));
const LAST = CONTENT.length - 1;
const AWKWARD = [
  ...[
    'a b.txt',
    '100%.txt',
    '%41.txt',
    '%2e%2e%2f.txt',
    'what?.txt',
    'a?b=c&d.txt',
    'a#b.txt',
    'a+b.txt',
    'a;b=1.txt',
  ],
  ...[
    'Grüße ☃ 日本.txt',
    'back\\slash.txt',
    `quo"te's.txt`,
    '<b>.txt',
    'two  spaces/%20/file.txt',
    '..dots...txt',
    '~.txt',
  ],
  ...['tab\t.txt', 'line\r\nX-Injected: yes\r\n\r\n.txt', '\x7f\x01.txt'],
];

describeWithNginx('nginx sends the files', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
    for (const name of AWKWARD) {
      mkdirSync(dirname(join(nginx.directory, 'files', name)), { recursive: true });
      writeFileSync(join(nginx.directory, 'files', name), `this is ${name}`);
    }
    writeFileSync(join(nginx.directory, 'files/A.txt'), 'this is another file');
    writeFileSync(join(nginx.directory, 'files/data.bin'), CONTENT);
    writeFileSync(join(nginx.directory, 'secret.txt'), 'not for you');
    symlinkSync('../secret.txt', join(nginx.directory, 'files/link.txt'));
    symlinkSync('..', join(nginx.directory, 'files/up'));
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);

  /** Sends `?name=`. */
  const sendsFiles = () =>
    AppBehindNginx.listen(nginx, (request) => request.sendFile(request.get.get('name') ?? ''), {
      sendfile: 'X-Accel-Redirect',
      sendfilePrefix: '/_files/',
      fileRoot: join(nginx.directory, 'no-such-directory'),
    });

  for (const { over, port } of FRONTS) {
    describe(`with the application over ${over}`, () => {
      beforeEach(async () => {
        await sendsFiles();
      });
      const get = (name: string, headers: Record<string, string> = {}, method = 'GET') =>
        ask(port, `/?name=${encodeURIComponent(name)}`, { headers, method });

      it('whole, byte for byte, with the application’s type and nginx’s validators', async () => {
        const { status, headers, body } = await get('data.bin');
        expect(status).to.equal(200);
        expect(body.equals(CONTENT)).to.equal(true);
        expect(headers).to.include({ 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' });
        expect(headers).to.include.keys('etag', 'last-modified').and.not.have.property('x-accel-redirect');
        expect(headers).to.include({
          'content-length': String(CONTENT.length),
          'x-content-type-options': 'nosniff',
        });
      });

      const ranges: [string, number, number][] = [
        ['bytes=0-0', 0, 0],
        ['bytes=100-199', 100, 199],
        ['bytes=99990-', 99_990, LAST],
        ['bytes=-10', LAST - 9, LAST],
        ['bytes=5-1000000', 5, LAST],
      ];
      for (const [range, first, last] of ranges) {
        it(`a range of it: ${range}`, async () => {
          const { status, headers, body } = await get('data.bin', { Range: range });
          expect([status, headers['content-range']]).to.deep.equal([
            206,
            `bytes ${first}-${last}/${CONTENT.length}`,
          ]);
          expect(body.equals(CONTENT.subarray(first, last + 1))).to.equal(true);
        });
      }

      it('several ranges of it', async () => {
        const { status, headers, body } = await get('data.bin', { Range: 'bytes=1-3,50000-50999,-5' });
        expect(status).to.equal(206);
        const [, boundary] =
          /^multipart\/byteranges; boundary=(\S+)$/.exec(headers['content-type'] ?? '') ?? [];
        const parts = body.toString('latin1').split(`\r\n--${boundary}`).slice(1, -1);
        const found = parts.map((part) => {
          const [head = '', content = ''] = part.split('\r\n\r\n');
          return [/Content-Range: bytes (.*)/.exec(head)?.[1], Buffer.from(content, 'latin1')];
        });
        expect(found).to.deep.equal([
          [`1-3/${CONTENT.length}`, CONTENT.subarray(1, 4)],
          [`50000-50999/${CONTENT.length}`, CONTENT.subarray(50_000, 51_000)],
          [`${LAST - 4}-${LAST}/${CONTENT.length}`, CONTENT.subarray(-5)],
        ]);
      });

      it('a range beyond its end is 416 with its length', async () => {
        const { status, headers } = await get('data.bin', { Range: `bytes=${CONTENT.length}-` });
        expect([status, headers['content-range']]).to.deep.equal([416, `bytes */${CONTENT.length}`]);
      });

      it('text as it is, so that ranges of it are possible for a client that takes gzip', async () => {
        writeFileSync(join(nginx.directory, 'files/long.txt'), 'text '.repeat(1000));
        const whole = await get('long.txt', { 'Accept-Encoding': 'gzip' });
        expect(whole.headers).not.to.have.property('content-encoding');
        expect(whole.headers).to.include({
          'content-type': 'text/plain; charset=utf-8',
          'content-length': '5000',
        });
        expect(whole.headers.etag).to.match(/^"/);
        const part = await get('long.txt', { 'Accept-Encoding': 'gzip', Range: 'bytes=5-8' });
        expect([part.status, part.body.toString()]).to.deep.equal([206, 'text']);
      });

      it('HEAD, and conditions', async () => {
        const head = await get('data.bin', {}, 'HEAD');
        expect([head.status, head.body.length, head.headers['content-length']]).to.deep.equal([
          200,
          0,
          '100000',
        ]);
        const { etag = '', 'last-modified': modified = '' } = head.headers;
        expect((await get('data.bin', { 'If-None-Match': etag })).status).to.equal(304);
        expect((await get('data.bin', { 'If-None-Match': '"other"' })).status).to.equal(200);
        expect((await get('data.bin', { 'If-Modified-Since': modified })).status).to.equal(304);
        expect((await get('data.bin', { Range: 'bytes=0-1', 'If-Range': etag })).status).to.equal(206);
        const stale = await get('data.bin', { Range: 'bytes=0-1', 'If-Range': '"other"' });
        expect([stale.status, stale.body.length]).to.deep.equal([200, CONTENT.length]);
      });

      it('names with everything in them that a name can have', async () => {
        for (const name of AWKWARD) {
          const { status, headers, body } = await get(name);
          expect([name, status, body.toString()]).to.deep.equal([name, 200, `this is ${name}`]);
          expect(headers).not.to.have.property('x-injected');
        }
      });

      it('one that is not there is 404, also a directory and a name with NUL', async () => {
        for (const name of ['missing', 'A.txt\0', 'two  spaces', 'two  spaces/']) {
          expect([name, (await get(name)).status]).to.deep.equal([name, 404]);
        }
      });

      it('nothing outside its directory: neither by dots nor by links', async () => {
        const refusals: [string, number][] = [
          ['../secret.txt', 403],
          ['x/../../secret.txt', 403],
          ['/etc/passwd', 403],
          ['link.txt', 403],
          ['up/secret.txt', 404],
        ];
        for (const [name, refusal] of refusals) {
          const { status, body } = await get(name);
          expect([name, status]).to.deep.equal([name, refusal]);
          expect(body.toString()).not.to.contain('not for you');
        }
      });
    });

    it(`keeps five headers of the application, over ${over}`, async () => {
      const kept = {
        'content-type': 'text/x-kept',
        'content-disposition': 'attachment; filename=kept',
        'cache-control': 'max-age=60',
        expires: 'Thu, 01 Jan 2099 00:00:00 GMT',
      };
      const lost = { 'content-language': 'tlh', etag: '"ours"', 'x-other': 'x' };
      await AppBehindNginx.listen(
        nginx,
        (request) => {
          request.cookiesOut.set('kept', 'yes');
          request.sendFile('A.txt', { headers: { ...kept, ...lost } });
        },
        { sendfile: 'X-Accel-Redirect', sendfilePrefix: '/_files/', fileRoot: '/nowhere' },
      );
      const { headers } = await ask(port, '/');
      expect(headers).to.include(kept).and.not.have.any.keys('content-language', 'x-other');
      expect(headers['set-cookie']).to.deep.equal(['kept=yes']);
      expect(headers.etag).not.to.equal('"ours"');
    });

    it(`a client cannot name them itself, by nginx’s server over ${over}`, async () => {
      const app = await sendsFiles();
      const spellings = [
        ...[
          '/_files/data.bin',
          '/%5Ffiles/data.bin',
          '//_files/data.bin',
          '/./_files/data.bin',
          '/x/../_files/data.bin',
        ],
        ...['/_files/', '/_files%2fdata.bin', '/_files/../_files/data.bin'],
      ];
      for (const path of spellings) expect([path, (await ask(port, path)).status]).to.deep.equal([path, 404]);
      expect(app.asked).to.deep.equal([]);
      for (const path of ['/_files../secret.txt', '/_FILES/data.bin', '/_files']) {
        await ask(port, path);
        expect(app.asked.splice(0)).to.deep.equal([`GET ${path}`]);
      }
      const asked = await ask(port, '/?name=missing', {
        headers: { 'X-Accel-Redirect': '/_files/data.bin' },
      });
      expect(asked.status).to.equal(404);
    });
  }
});
