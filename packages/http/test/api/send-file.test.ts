import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { container, UsageError } from '@inseam/engine';
import { HTTPError, type HTTPRequest, HTTPServer, MimeTypes, type SendFileOptions } from '@inseam/http';
import { expect } from 'chai';
import { fileWire, readAnswer } from '../support/file-wire.js';
import { get, message } from '../support/message.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { wire } from '../support/wire.js';

const LAST_MODIFIED = 'Mon, 03 Feb 2020 04:05:06 GMT';
const DIGITS = '0123456789';

function etagOf(path: string): string {
  const { size, mtimeMs, ctimeMs, ino } = statSync(path);
  const [modified, changed] = [mtimeMs, ctimeMs].map((ms) => Math.floor(ms * 1000));
  return `"${[size, modified, changed, ino].map((value) => value?.toString(16)).join('-')}"`;
}

/** A file of ten digits, and one that is too long for the cache. */
function digits(options: SendFileOptions = {}) {
  const folder = temporaryFolder();
  const path = folder.add('digits.txt', DIGITS);
  return { folder, path, etag: etagOf(path), ...fileWire('digits.txt', options, { fileRoot: folder.path }) };
}

/** As many bytes as are asked for, of which no two places within 64 KiB are alike. */
function longContent(length: number): string {
  let text = '';
  for (let i = 0; text.length < length; i++) text += `${i.toString(36)};`;
  return text.slice(0, length);
}

describe('api: sendFile', () => {
  it('sends a file with its type, length and validators', async () => {
    const { ask, etag } = digits();
    expect(await ask()).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: text/plain; charset=utf-8
      ETag: ${etag}
      Last-Modified: ${LAST_MODIFIED}
      Accept-Ranges: bytes
      Content-Length: 10
      Date: now

      ${DIGITS}`);
  });

  for (const size of [0, 1, 15_360, 15_361, 65_536, 65_537, 300_000]) {
    it(`sends ${size} bytes as they are, and again`, async () => {
      const folder = temporaryFolder();
      const content = longContent(size);
      folder.add('file', content);
      const { ask } = fileWire('file', {}, { fileRoot: folder.path });
      for (const _ of [1, 2]) {
        const answer = readAnswer(await ask());
        expect(answer.headers['Content-Length']).to.equal(String(size));
        expect(answer.content === content, 'the same bytes').to.equal(true);
      }
    });
  }

  it('sends bytes that are no text', async () => {
    const folder = temporaryFolder();
    folder.add(
      'bytes',
      Uint8Array.from({ length: 256 }, (_, i) => i),
    );
    const { ask } = fileWire('bytes', {}, { fileRoot: folder.path });
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
    expect(readAnswer(await ask()).content).to.equal(all);
  });

  it('answers HEAD with the head of GET, of a small file and of a large one', async () => {
    const { path, ...far } = digits();
    const head = (await far.ask()).slice(0, -10);
    expect(await far.ask(get().replace('GET', 'HEAD'))).to.equal(head);
    const folder = temporaryFolder();
    folder.add('large', longContent(100_000));
    const large = fileWire('large', {}, { fileRoot: folder.path });
    const answer = readAnswer(await large.ask(get().replace('GET', 'HEAD')));
    expect(answer).to.include({ status: 200, content: '' });
    expect(answer.headers['Content-Length']).to.equal('100000');
    expect(large.ended).to.equal(false);
  });

  it('answers a second request on the connection', async () => {
    const { ask } = digits();
    for (const _ of [1, 2, 3]) expect(readAnswer(await ask()).content).to.equal(DIGITS);
  });

  it('answers requests behind a large file in order', async () => {
    const folder = temporaryFolder();
    const content = longContent(200_000);
    folder.add('large', content);
    folder.add('small', DIGITS);
    const { ask } = fileWire(
      (request) => request.sendFile(request.path.slice(1)),
      {},
      { fileRoot: folder.path },
    );
    const text = await ask(get('/large') + get('/small') + get('/missing'));
    const second = text.indexOf('HTTP/1.1 200', 20);
    expect(readAnswer(text.slice(0, second)).content === content).to.equal(true);
    expect(text.slice(second)).to.match(/\r\n\r\n0123456789HTTP\/1\.1 404 Not Found\r\n/);
  });

  it('tells an HTTP/1.0 client the length, and closes', async () => {
    const { ask, ...far } = digits();
    const answer = readAnswer(await ask('GET / HTTP/1.0\r\n\r\n'));
    expect(answer.headers).to.include({ 'Content-Length': '10', Connection: 'close' });
    expect(far.connection.closed).to.equal(true);
  });

  it('sends cookies that were set', async () => {
    const folder = temporaryFolder();
    folder.add('digits.txt', DIGITS);
    const { ask } = fileWire(
      (request) => {
        request.cookiesOut.set('a', 'b');
        return request.sendFile('digits.txt');
      },
      {},
      { fileRoot: folder.path },
    );
    expect(await ask()).to.include('Set-Cookie: a=b');
  });

  it('keeps a status that was set, and then neither conditions nor ranges count: RFC 9110 §13.2.1', async () => {
    const folder = temporaryFolder();
    folder.add('404.html', 'gone');
    const { ask } = fileWire(
      (request) => {
        request.sendStatus(404);
        return request.sendFile('404.html');
      },
      {},
      { fileRoot: folder.path },
    );
    const answer = readAnswer(await ask(get('/', 'If-None-Match: *', 'Range: bytes=0-0')));
    expect(answer).to.include({ status: 404, content: 'gone' });
  });

  it('a status of 200 that was set is one as if none was', async () => {
    const folder = temporaryFolder();
    folder.add('file', DIGITS);
    const { askFor } = fileWire(
      (request) => {
        request.sendStatus(200);
        return request.sendFile('file');
      },
      {},
      { fileRoot: folder.path },
    );
    expect(await askFor('If-None-Match: *')).to.match(/^HTTP\/1\.1 304 /);
    expect(readAnswer(await askFor('Range: bytes=1-2'))).to.include({ status: 206, content: '12' });
  });

  it('sends no content with a status that has none', async () => {
    for (const size of [10, 100_000]) {
      const folder = temporaryFolder();
      folder.add('file', longContent(size));
      const { ask } = fileWire(
        (request) => {
          request.sendStatus(204);
          return request.sendFile('file');
        },
        {},
        { fileRoot: folder.path },
      );
      expect(readAnswer(await ask())).to.include({ status: 204, content: '' });
      expect(readAnswer(await ask())).to.include({ status: 204, content: '' });
    }
  });

  it('sends all of the file, without conditions, in answer to another method', async () => {
    const { ask } = digits();
    const answer = readAnswer(
      await ask(get('/', 'If-None-Match: *', 'Range: bytes=0-0').replace('GET', 'POST')),
    );
    expect(answer).to.include({ status: 200, content: DIGITS });
  });

  it('says that a file from the future was modified now: RFC 9110 §8.8.2.1', async () => {
    const folder = temporaryFolder();
    folder.add('file', DIGITS, Date.UTC(2037, 0, 1) / 1000);
    const { ask, askFor } = fileWire('file', {}, { fileRoot: folder.path });
    expect(readAnswer(await ask()).headers['Last-Modified']).to.equal('Thu, 01 Jan 2026 00:00:00 GMT');
    expect(await askFor('If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT')).to.match(/^HTTP\/1\.1 304 /);
    expect(await askFor('If-Modified-Since: Wed, 31 Dec 2025 23:59:59 GMT')).to.match(/^HTTP\/1\.1 200 /);
  });

  it('a fraction of a second is no reason to send a file again', async () => {
    const folder = temporaryFolder();
    folder.add('file', 'one', 1_600_000_000.75);
    const { ask, askFor } = fileWire('file', {}, { fileRoot: folder.path });
    const date = readAnswer(await ask()).headers['Last-Modified'];
    expect(date).to.equal('Sun, 13 Sep 2020 12:26:40 GMT');
    expect(await askFor(`If-Modified-Since: ${date}`)).to.match(/^HTTP\/1\.1 304 /);
    expect(await askFor('Range: bytes=0-0', `If-Range: ${date}`)).to.match(/^HTTP\/1\.1 206 /);
  });

  for (const text of ['less', 'more than there was']) {
    it(`a file of which there is ${text.slice(0, 4)} when it is read is read again`, async () => {
      const folder = temporaryFolder();
      const path = folder.add('file', DIGITS);
      const parts = container.createChildContainer();
      // The type is asked for between opening and reading.
      const of = () => {
        writeFileSync(path, text);
        return 'x/y';
      };
      parts.register(MimeTypes, { useValue: { of } });
      const server = new HTTPServer(() => {}, { container: parts, fileRoot: folder.path });
      const far = fileWire((request) => server.files.send(request, 'file', {}));
      const answer = readAnswer(await far.ask());
      expect(answer).to.include({ status: 200, content: text });
      expect(answer.headers).to.include({ 'Content-Length': String(text.length), ETag: etagOf(path) });
    });
  }

  it('tells two states within a second apart by their tags', async () => {
    const folder = temporaryFolder();
    folder.add('file', 'one', 1_600_000_000.25);
    const { ask } = fileWire('file', {}, { fileRoot: folder.path });
    const one = readAnswer(await ask()).headers;
    folder.add('file', 'two', 1_600_000_000.250_01);
    const two = readAnswer(await ask()).headers;
    expect(two['Last-Modified']).to.equal(one['Last-Modified']);
    expect(two.ETag).not.to.equal(one.ETag);
  });
});

describe('api: sendFile, conditions', () => {
  it('304 leaves out what describes the content, and keeps the rest', async () => {
    const headers = {
      'Cache-Control': 'max-age=60',
      Expires: 'Thu, 01 Jan 2026 00:01:00 GMT',
      'Content-Location': '/digits',
      'Content-Language': 'en',
      'X-Other': 'x',
    };
    const { askFor, etag } = digits({ headers, filename: 'a', precompressed: true });
    expect(await askFor(`If-None-Match: ${etag}`)).to.equal(message`
      HTTP/1.1 304 Not Modified
      ETag: ${etag}
      Last-Modified: ${LAST_MODIFIED}
      Cache-Control: max-age=60
      Expires: Thu, 01 Jan 2026 00:01:00 GMT
      Content-Location: /digits
      X-Other: x
      Vary: Accept-Encoding
      Date: now

      `);
  });

  it('304 answers HEAD too, and a large file', async () => {
    const { ask, etag } = digits();
    expect(await ask(get('/', `If-None-Match: ${etag}`).replace('GET', 'HEAD'))).to.match(/^HTTP\/1\.1 304 /);
    const folder = temporaryFolder();
    folder.add('large', longContent(100_000));
    const large = fileWire('large', {}, { fileRoot: folder.path });
    for (const _ of [1, 2]) {
      expect(await large.askFor(`If-Modified-Since: ${LAST_MODIFIED}`)).to.match(
        /^HTTP\/1\.1 304 [\s\S]*\r\n\r\n$/,
      );
    }
  });

  it('412 says so, and nothing of the file', async () => {
    const { askFor } = digits({ headers: { 'X-Other': 'x' } });
    expect(await askFor('If-Match: "x"')).to.equal(
      message`
      HTTP/1.1 412 Precondition Failed
      Content-Type: text/plain; charset=utf-8
      Content-Length: 24
      Date: now

      412 Precondition Failed
      `.replace(/\r\n$/, '\n'),
    );
  });

  it("the handler's own validators are those that count", async () => {
    const headers = { ETag: 'W/"mine"', 'Last-Modified': 'Sat, 01 Feb 2020 00:00:00 GMT' };
    const { ask, askFor, etag } = digits({ headers });
    expect(readAnswer(await ask()).headers).to.include(headers);
    expect(await askFor('If-None-Match: "mine"')).to.match(/^HTTP\/1\.1 304 /);
    expect(await askFor(`If-None-Match: ${etag}`)).to.match(/^HTTP\/1\.1 200 /);
    expect(await askFor('If-Match: "mine"')).to.match(/^HTTP\/1\.1 412 /);
    expect(await askFor('If-Modified-Since: Sat, 01 Feb 2020 00:00:00 GMT')).to.match(/^HTTP\/1\.1 304 /);
    expect(await askFor('If-Modified-Since: Fri, 31 Jan 2020 23:59:59 GMT')).to.match(/^HTTP\/1\.1 200 /);
  });
});

describe('api: sendFile, ranges', () => {
  it('206 has the range, and says which', async () => {
    const { askFor, etag } = digits();
    expect(await askFor('Range: bytes=2-4')).to.equal(message`
      HTTP/1.1 206 Partial Content
      Content-Type: text/plain; charset=utf-8
      ETag: ${etag}
      Last-Modified: ${LAST_MODIFIED}
      Accept-Ranges: bytes
      Content-Range: bytes 2-4/10
      Content-Length: 3
      Date: now

      234`);
  });

  it('416 says how long the file is', async () => {
    const { askFor } = digits({ headers: { 'X-Other': 'x' } });
    expect(await askFor('Range: bytes=10-')).to.equal(
      message`
      HTTP/1.1 416 Range Not Satisfiable
      Content-Range: bytes */10
      Content-Type: text/plain; charset=utf-8
      Content-Length: 26
      Date: now

      416 Range Not Satisfiable
      `.replace(/\r\n$/, '\n'),
    );
  });

  for (const size of [1_000, 100_000]) {
    it(`several ranges are parts of one content, of ${size} bytes`, async () => {
      const folder = temporaryFolder();
      const content = longContent(size);
      folder.add('file.html', content);
      const { askFor } = fileWire('file.html', {}, { fileRoot: folder.path });
      for (const _ of [1, 2]) {
        const answer = readAnswer(await askFor('Range: bytes=0-0, -2, 500-509'));
        expect(answer.status).to.equal(206);
        const boundary = /^multipart\/byteranges; boundary=([\w-]{36})$/.exec(
          answer.headers['Content-Type'] ?? '',
        )?.[1];
        const part = (start: number, end: number) =>
          `--${boundary}\r\nContent-Type: text/html; charset=utf-8\r\n` +
          `Content-Range: bytes ${start}-${end - 1}/${size}\r\n\r\n${content.slice(start, end)}\r\n`;
        const parts = part(0, 1) + part(size - 2, size) + part(500, 510);
        expect(answer.content).to.equal(`${parts}--${boundary}--\r\n`);
        expect(answer.headers).to.include({ 'Content-Length': String(answer.content.length) });
        expect(answer.headers).not.to.have.property('Content-Range');
      }
    });
  }

  it('boundaries differ', async () => {
    const folder = temporaryFolder();
    folder.add('file', longContent(1_000));
    const { askFor } = fileWire('file', {}, { fileRoot: folder.path });
    const boundaries = [await askFor('Range: bytes=0-0,-1'), await askFor('Range: bytes=0-0,-1')].map(
      (answer) => readAnswer(answer).headers['Content-Type'],
    );
    expect(boundaries[0]).not.to.equal(boundaries[1]);
  });

  it('parts that are not shorter than the file are not worth it', async () => {
    const folder = temporaryFolder();
    const { askFor } = fileWire('file', {}, { fileRoot: folder.path });
    const ask = async (size: number) => {
      folder.add('file', longContent(size));
      return readAnswer(await askFor('Range: bytes=0-0,-1'));
    };
    const { length } = (await ask(900)).content;
    expect(await ask(length + 1)).to.include({ status: 206 });
    const whole = await ask(length);
    expect(whole).to.include({ status: 200 });
    expect(whole.content).to.have.length(length);
  });

  it('HEAD has no ranges: RFC 9110 §14.2', async () => {
    const { ask } = digits();
    const answer = readAnswer(await ask(get('/', 'Range: bytes=0-1').replace('GET', 'HEAD')));
    expect(answer.status).to.equal(200);
    expect(answer.headers['Content-Length']).to.equal('10');
  });

  it('If-Range decides', async () => {
    const { askFor, etag } = digits();
    const range = 'Range: bytes=0-0';
    expect(await askFor(range, `If-Range: ${etag}`)).to.match(/^HTTP\/1\.1 206 /);
    expect(await askFor(range, 'If-Range: "x"')).to.match(/^HTTP\/1\.1 200 /);
    expect(await askFor(range, `If-Range: ${LAST_MODIFIED}`)).to.match(/^HTTP\/1\.1 206 /);
    expect(await askFor('Range: bytes=10-', 'If-Range: "x"')).to.match(/^HTTP\/1\.1 200 /);
  });

  it('conditions come first', async () => {
    const { askFor, etag } = digits();
    expect(await askFor('Range: bytes=10-', `If-None-Match: ${etag}`)).to.match(/^HTTP\/1\.1 304 /);
    expect(await askFor('Range: bytes=0-0', 'If-Match: "x"')).to.match(/^HTTP\/1\.1 412 /);
  });

  it('an empty file has no range', async () => {
    const folder = temporaryFolder();
    folder.add('empty', '');
    const { askFor } = fileWire('empty', {}, { fileRoot: folder.path });
    // RFC 9110 §14.1.2: a suffix can be satisfied, by nothing; there is no Content-Range for that.
    expect(readAnswer(await askFor('Range: bytes=-5')).status).to.equal(200);
    for (const range of ['0-', '-0']) {
      const answer = readAnswer(await askFor(`Range: bytes=${range}`));
      expect(answer.status).to.equal(416);
      expect(answer.headers['Content-Range']).to.equal('bytes */0');
    }
  });

  it("a handler's Accept-Ranges: none means it", async () => {
    const { askFor } = digits({ headers: { 'accept-ranges': 'none' } });
    const answer = readAnswer(await askFor('Range: bytes=0-0'));
    expect(answer.status).to.equal(200);
    expect(answer.headers).to.include({ 'accept-ranges': 'none' }).and.not.to.have.property('Accept-Ranges');
  });

  it("a part's type is the handler's, byte for byte", async () => {
    const folder = temporaryFolder();
    folder.add('file', longContent(1_000));
    const options = { headers: { 'Content-Type': 'x/y; a="\xe4"' } };
    const { askFor } = fileWire('file', options, { fileRoot: folder.path });
    const answer = readAnswer(await askFor('Range: bytes=0-0,-1'));
    expect(answer.content).to.include('Content-Type: x/y; a="\xe4"\r\n');
    expect(answer.headers['Content-Length']).to.equal(String(answer.content.length));
    expect(answer.headers['Content-Type']).to.match(/^multipart/);
  });
});

describe('api: sendFile, headers', () => {
  const types: Record<string, string> = {
    'a.html': 'text/html; charset=utf-8',
    'a.HTML': 'text/html; charset=utf-8',
    'a.tar.gz': 'application/gzip',
    'a.json': 'application/json; charset=utf-8',
    'a.png': 'image/png',
    'a.js': 'text/javascript; charset=utf-8',
    'a.unknown': 'application/octet-stream',
    html: 'application/octet-stream',
    '.html': 'application/octet-stream',
    'a.': 'application/octet-stream',
    'dir.html/a': 'application/octet-stream',
  };
  for (const [name, type] of Object.entries(types)) {
    it(`${name} is ${type}`, () => expect(new MimeTypes().of(`/x/${name}`)).to.equal(type));
  }

  it('the container can have other types', async () => {
    const folder = temporaryFolder();
    folder.add('a.txt', DIGITS);
    const parts = container.createChildContainer();
    parts.register(MimeTypes, { useValue: { of: () => 'x/y' } });
    const server = new HTTPServer(() => {}, { container: parts, fileRoot: folder.path });
    const far = fileWire((request) => server.files.send(request, 'a.txt', {}));
    expect(readAnswer(await far.ask()).headers['Content-Type']).to.equal('x/y');
  });

  it('guessMime: false says nothing of the content', async () => {
    const { ask } = digits({ guessMime: false });
    expect(readAnswer(await ask()).headers['Content-Type']).to.equal('application/octet-stream');
  });

  it('filename makes it a download: RFC 6266', async () => {
    const { ask } = digits({ filename: 'ö "1"\r\n\ud800.txt' });
    expect(readAnswer(await ask()).headers['Content-Disposition']).to.equal(
      'attachment; filename="? \\"1\\"???.txt"; filename*=UTF-8\'\'%C3%B6%20%221%22%0D%0A%EF%BF%BD.txt',
    );
  });

  it("the handler's headers win, in any letters, and may be repeated", async () => {
    const headers: [string, string][] = [
      ['content-type', 'x/y'],
      ['last-modified', 'x'],
      ['CONTENT-DISPOSITION', 'inline'],
      ['Link', '<a>'],
      ['Link', '<b>'],
    ];
    const { ask, etag } = digits({ headers, filename: 'a' });
    expect(await ask()).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: x/y
      ETag: ${etag}
      Accept-Ranges: bytes
      last-modified: x
      CONTENT-DISPOSITION: inline
      Link: <a>
      Link: <b>
      Content-Length: 10
      Date: now

      ${DIGITS}`);
  });

  it('headers without a readable validator have none', async () => {
    const { askFor } = digits({ headers: { ETag: 'x', 'Last-Modified': 'x' } });
    expect(await askFor(`If-Modified-Since: ${LAST_MODIFIED}`)).to.match(/^HTTP\/1\.1 200 /);
    expect(await askFor('If-Match: "x"')).to.match(/^HTTP\/1\.1 412 /);
  });
});

describe('api: sendFile, precompressed', () => {
  function site(options: SendFileOptions = {}, names = ['app.js.br', 'app.js.zst', 'app.js.gz']) {
    const folder = temporaryFolder();
    folder.add('app.js', DIGITS);
    for (const name of names) folder.add(name, `as ${name}`);
    return { folder, ...fileWire('app.js', { precompressed: true, ...options }, { fileRoot: folder.path }) };
  }

  const cases: { accept: string | null; names?: string[]; expect: string | null }[] = [
    { accept: null, expect: null },
    { accept: '', expect: null },
    { accept: 'gzip, deflate, br, zstd', expect: 'br' },
    { accept: 'gzip, deflate, br, zstd', names: ['app.js.gz', 'app.js.zst'], expect: 'zstd' },
    { accept: 'gzip, deflate, br, zstd', names: ['app.js.gz'], expect: 'gzip' },
    { accept: 'gzip, deflate, br, zstd', names: [], expect: null },
    { accept: 'gzip;q=1, br;q=0.9', expect: 'gzip' },
    { accept: 'br;q=0, gzip;q=0.1, identity;q=0.5', expect: null },
    { accept: 'br;q=0, *', expect: 'zstd' },
    { accept: '*;q=0', expect: null },
    { accept: 'identity', expect: null },
    { accept: 'identity;q=0, gzip;q=0.1', expect: 'gzip' },
    { accept: 'GZIP', expect: 'gzip' },
    { accept: 'x-br, deflate', expect: null },
  ];
  for (const { accept, names, expect: coding } of cases) {
    it(`${JSON.stringify(accept)} of ${names ?? 'all'}: ${coding ?? 'as it is'}`, async () => {
      const { askFor } = site({}, names);
      for (const _ of [1, 2]) {
        const answer = readAnswer(await askFor(...(accept === null ? [] : [`Accept-Encoding: ${accept}`])));
        const extension = { br: 'br', zstd: 'zst', gzip: 'gz' }[coding ?? ''];
        expect(answer.content).to.equal(coding === null ? DIGITS : `as app.js.${extension}`);
        expect(answer.headers['Content-Encoding']).to.equal(coding ?? undefined);
        expect(answer.headers).to.include({
          Vary: 'Accept-Encoding',
          'Content-Type': 'text/javascript; charset=utf-8',
        });
      }
    });
  }

  it('a neighbour has its own tag and ranges', async () => {
    const { folder, askFor } = site();
    const etag = etagOf(join(folder.path, 'app.js.gz'));
    const gzip = 'Accept-Encoding: gzip';
    expect(await askFor(gzip, `If-None-Match: ${etag}`)).to.match(/^HTTP\/1\.1 304 /);
    const answer = readAnswer(await askFor(gzip, 'Range: bytes=0-1', `If-Range: ${etag}`));
    expect(answer).to.include({ status: 206, content: 'as' });
    expect(answer.headers).to.include({
      'Content-Range': 'bytes 0-1/12',
      'Content-Encoding': 'gzip',
      ETag: etag,
    });
  });

  it('a neighbour that is older than the file is not used', async () => {
    const { folder, askFor } = site({}, []);
    folder.add('app.js.br', 'old', 1_500_000_000);
    folder.add('app.js.gz', 'new');
    expect(readAnswer(await askFor('Accept-Encoding: br, gzip')).content).to.equal('new');
  });

  it('what is no file is no neighbour', async () => {
    const { folder, askFor } = site({}, []);
    mkdirSync(join(folder.path, 'app.js.br'));
    expect(readAnswer(await askFor('Accept-Encoding: br, gzip')).content).to.equal(DIGITS);
  });

  it('large ones are sent too', async () => {
    const folder = temporaryFolder();
    folder.add('a.txt', longContent(200_000));
    const content = longContent(100_000);
    folder.add('a.txt.gz', content);
    const { askFor } = fileWire('a.txt', { precompressed: true }, { fileRoot: folder.path });
    for (const _ of [1, 2]) {
      expect(readAnswer(await askFor('Accept-Encoding: gzip')).content === content).to.equal(true);
    }
  });

  it('without the file its neighbours are nothing', async () => {
    const folder = temporaryFolder();
    folder.add('a.gz', 'x');
    const { askFor } = fileWire('a', { precompressed: true }, { fileRoot: folder.path });
    expect(await askFor('Accept-Encoding: gzip')).to.match(/^HTTP\/1\.1 404 /);
  });

  it("Vary joins the handler's, and a handler's Content-Encoding is the end of it", async () => {
    const gzip = 'Accept-Encoding: gzip';
    const both = site({ headers: { Vary: 'Cookie' } });
    expect(await both.askFor(gzip)).to.include('Vary: Cookie\r\nVary: Accept-Encoding\r\n');
    for (const vary of ['accept-encoding, Cookie', '*']) {
      const own = site({ headers: { Vary: vary } });
      expect((await own.askFor(gzip)).match(/Vary/g)).to.have.length(1);
    }
    const encoded = site({ headers: { 'Content-Encoding': 'x' } });
    const answer = readAnswer(await encoded.askFor(gzip));
    expect(answer.content).to.equal(DIGITS);
    expect(answer.headers).not.to.have.property('Vary');
  });

  it('off, neighbours are not looked at', async () => {
    const { askFor } = site({ precompressed: false });
    const answer = readAnswer(await askFor('Accept-Encoding: br'));
    expect(answer.content).to.equal(DIGITS);
    expect(answer.headers).not.to.have.property('Vary');
  });
});

describe('api: sendFile, what goes wrong', () => {
  it('404 is answered, and the connection goes on', async () => {
    const folder = temporaryFolder();
    const { ask, ...far } = fileWire('missing', { headers: { ETag: '"x"' } }, { fileRoot: folder.path });
    const expected = message`
      HTTP/1.1 404 Not Found
      Content-Type: text/plain; charset=utf-8
      Content-Length: 14
      Date: now

      404 Not Found
      `.replace(/\r\n$/, '\n');
    expect(await ask()).to.equal(expected);
    expect(await ask()).to.equal(expected);
    expect(far.log.entries).to.deep.equal([]);
  });

  it('onError is called instead, and may send something else', async () => {
    const folder = temporaryFolder();
    folder.add('index.html', 'index');
    const errors: HTTPError[] = [];
    const { ask } = fileWire(
      (request) =>
        request.sendFile(request.path.slice(1), {
          onError: (error) => {
            errors.push(error);
            return request.sendFile('index.html');
          },
        }),
      {},
      { fileRoot: folder.path },
    );
    expect(readAnswer(await ask(get('/missing')))).to.include({ status: 200, content: 'index' });
    expect(readAnswer(await ask(get('/../x')))).to.include({ status: 200, content: 'index' });
    expect(errors.map(({ status }) => status)).to.deep.equal([404, 403]);
    expect(errors[0]?.cause).to.include({ code: 'ENOENT' });
  });

  it('conditions and ranges are no errors', async () => {
    const onError = () => {
      throw new Error('called');
    };
    const { askFor } = digits({ onError });
    expect(await askFor('If-Match: "x"')).to.match(/^HTTP\/1\.1 412 /);
    expect(await askFor('Range: bytes=10-')).to.match(/^HTTP\/1\.1 416 /);
  });

  it('an onError that throws an HTTPError answers with it', async () => {
    const { HTTPError } = await import('@inseam/http');
    const onError = async () => {
      throw new HTTPError(410, 'gone');
    };
    const { ask, log } = fileWire('missing', { onError }, { fileRoot: temporaryFolder().path });
    expect(readAnswer(await ask())).to.include({ status: 410, content: 'gone' });
    expect(log.entries).to.deep.equal([]);
  });

  it('an onError that fails is reported, and 500 answered', async () => {
    for (const path of ['missing', '../x']) {
      const onError = () => {
        throw new TypeError('x');
      };
      const { ask, log } = fileWire(path, { onError }, { fileRoot: temporaryFolder().path });
      expect(await ask()).to.match(/^HTTP\/1\.1 500 [\s\S]*\r\n\r\n500 Internal Server Error\n$/);
      expect(log.entries.at(-1)?.message).to.equal('onError of sendFile failed');
    }
  });

  it('says in the log that a path is outside the root, and how one below it is written', async () => {
    const root = temporaryFolder().path;
    for (const [path, hint] of [
      ['/a', "; for a path below it, send './a'"],
      ['../a', ''],
    ] as const) {
      const { ask, log } = fileWire(path, {}, { fileRoot: root });
      expect(await ask()).to.match(/^HTTP\/1\.1 403 /);
      const message = `sendFile answers 403: ${JSON.stringify(path)} is not under ${root}${hint}`;
      expect(log.entries.map(({ level, message }) => [level, message])).to.deep.equal([['warn', message]]);
    }
  });

  it('the request’s own path is a mistake without a root, decoded or not', async () => {
    const target = join(temporaryFolder().path, 'a b');
    const urls = [target.replace(' ', '%20'), '/etc/hostname'];
    for (const url of urls) {
      for (const handler of [
        (request: HTTPRequest) => request.sendFile(request.path),
        (request: HTTPRequest) => request.sendFile(decodeURIComponent(request.path)),
      ]) {
        const far = wire(handler);
        expect(await far.exchange(get(url))).to.match(/^HTTP\/1\.1 500 /);
        expect(far.log.codes).to.deep.equal(['HTTP_FILE']);
      }
    }
    const rooted = wire((request) => request.sendFile(request.path), { fileRoot: '/' });
    const own = wire((request) => request.sendFile('/etc/nothing'));
    for (const far of [rooted, own]) {
      await far.exchange(get('/etc/nothing%zz'));
      expect(far.log.codes).to.deep.equal([]);
    }
  });

  it('an onError that throws an HTTPError answers with its headers', async () => {
    const onError = () => {
      throw new HTTPError(401, 'who?\n', { headers: { 'WWW-Authenticate': 'Basic' } });
    };
    const { ask } = fileWire('missing', { onError }, { fileRoot: temporaryFolder().path });
    expect(await ask()).to.match(
      /^HTTP\/1\.1 401 [\s\S]*\r\nWWW-Authenticate: Basic\r\n[\s\S]*\r\n\r\nwho\?\n$/,
    );
  });

  it('an onError that fails in the middle of its answer breaks the connection off', async () => {
    const folder = temporaryFolder();
    const far = fileWire(
      (request) =>
        request.sendFile('missing', {
          onError: () => {
            request.send('half');
            throw new TypeError('x');
          },
        }),
      {},
      { fileRoot: folder.path },
    );
    await far.ask();
    expect(far.connection.closed).to.equal(true);
  });

  it('an onError that has answered and then fails is reported only', async () => {
    const far = fileWire(
      (request) =>
        request.sendFile('missing', {
          onError: () => {
            request.sendResponse('own');
            throw new TypeError('x');
          },
        }),
      {},
      { fileRoot: temporaryFolder().path },
    );
    expect(readAnswer(await far.ask()).content).to.equal('own');
    expect(far.connection.closed).to.equal(false);
    expect(far.log.entries).to.have.length(1);
  });

  it('a failure of the server is reported and answered 500, without cookies', async () => {
    const folder = temporaryFolder();
    const path = folder.add('a.txt', DIGITS);
    const parts = container.createChildContainer();
    const error = new Error('no types today');
    parts.register(MimeTypes, {
      useValue: {
        of: () => {
          throw error;
        },
      },
    });
    const server = new HTTPServer(() => {}, { container: parts, fileRoot: folder.path });
    const far = fileWire((request) => {
      request.cookiesOut.set('a', 'b');
      return server.files.send(request, 'a.txt', {});
    });
    const answer = readAnswer(await far.ask());
    expect(answer.status).to.equal(500);
    expect(answer.headers).not.to.have.property('Set-Cookie');
    expect(far.log.entries).to.deep.include({ level: 'error', message: `sending ${path} failed`, error });
  });

  it('nothing happens when the client has gone', async () => {
    const folder = temporaryFolder();
    folder.add('a.txt', DIGITS);
    const far = wire(() => {}, { fileRoot: folder.path });
    await far.exchange(get());
    const request = far.connection.currentRequest;
    far.client.abort();
    await far.settle();
    for (const path of ['a.txt', 'missing', '../x']) await request?.sendFile(path);
    expect(request?.finished).to.equal(false);
    expect(far.log.entries).to.deep.equal([]);
  });

  it('nothing happens when the client goes while the file is looked for', async () => {
    const folder = temporaryFolder();
    folder.add('a.txt', DIGITS);
    for (const path of ['a.txt', 'missing']) {
      let called = 0;
      const far = wire(() => {}, { fileRoot: folder.path });
      await far.exchange(get());
      const request = far.connection.currentRequest;
      const sent = request?.sendFile(path, { onError: () => called++ });
      far.connection.abort();
      await sent;
      expect(request?.finished).to.equal(false);
      expect(far.log.entries).to.deep.equal([]);
      expect(called).to.equal(0);
    }
  });

  it('a second answer while the file is looked for is a mistake, and the first to come is sent', async () => {
    const folder = temporaryFolder();
    folder.add('a.txt', DIGITS);
    const far = fileWire(
      (request) => {
        const sent = request.sendFile('a.txt');
        request.sendResponse('sooner');
        return sent;
      },
      {},
      { fileRoot: folder.path },
    );
    expect(readAnswer(await far.ask()).content).to.equal('sooner');
    expect(far.connection.closed).to.equal(false);
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal(['sendFile came too late']);
    expect(far.log.entries[0]?.error).to.include({ code: 'HTTP_FINISHED' });
  });

  it('two files at once: one is sent, the other one a mistake', async () => {
    const folder = temporaryFolder();
    const content = longContent(100_000);
    folder.add('a.txt', content);
    const far = fileWire(
      async (request) => {
        await Promise.all([request.sendFile('a.txt'), request.sendFile('a.txt')]);
      },
      {},
      { fileRoot: folder.path },
    );
    expect(readAnswer(await far.ask()).content === content).to.equal(true);
    expect(far.connection.closed).to.equal(false);
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal(['sendFile came too late']);
  });

  it('a handler that finishes early has finished', async () => {
    const folder = temporaryFolder();
    const content = longContent(300_000);
    folder.add('a.txt', content);
    const far = fileWire(
      async (request) => {
        const sent = request.sendFile('a.txt');
        while (request.response.isUntouched) await new Promise((resolve) => setImmediate(resolve));
        request.finish();
        await sent;
      },
      {},
      { fileRoot: folder.path },
    );
    expect(readAnswer(await far.ask()).content === content).to.equal(true);
    expect(far.log.entries).to.deep.equal([]);
  });
});

describe('api: sendFile, mistakes of the handler', () => {
  const mistakes: { name: string; path?: unknown; options?: object; code: string }[] = [
    { name: 'a path that is no text', path: 1, code: 'HTTP_FILE' },
    { name: 'a URL', path: new URL('file:///x'), code: 'HTTP_FILE' },
    { name: 'an unknown option', options: { maxAge: 1 }, code: 'ENGINE_OPTION' },
    { name: 'guessMime that is no boolean', options: { guessMime: 1 }, code: 'HTTP_OPTION' },
    { name: 'precompressed that is no boolean', options: { precompressed: 'br' }, code: 'HTTP_OPTION' },
    { name: 'followSymlinks that is no boolean', options: { followSymlinks: 1 }, code: 'HTTP_OPTION' },
    { name: 'a file name that is no text', options: { filename: true }, code: 'HTTP_OPTION' },
    { name: 'an onError that is no function', options: { onError: 404 }, code: 'HTTP_OPTION' },
    { name: 'a header that could not be sent', options: { headers: { a: '\n' } }, code: 'HTTP_HEADER_VALUE' },
    { name: 'a Content-Length', options: { headers: { 'content-length': 1 } }, code: 'HTTP_HEADER_FRAMING' },
    { name: 'a Content-Range', options: { headers: { 'Content-Range': 'x' } }, code: 'HTTP_HEADER_FRAMING' },
    {
      name: 'a Transfer-Encoding',
      options: { headers: { 'Transfer-Encoding': 'chunked' } },
      code: 'HTTP_HEADER_FRAMING',
    },
  ];
  for (const { name, path = 'digits.txt', options = {}, code } of mistakes) {
    it(`${name} is refused at the call, with nothing sent`, async () => {
      let thrown: unknown;
      const folder = temporaryFolder();
      folder.add('digits.txt', DIGITS);
      const far = wire(
        (request) => {
          try {
            request.sendFile(path as string, options);
          } catch (error) {
            thrown = error;
          }
          request.sendResponse('other');
        },
        { fileRoot: folder.path },
      );
      expect(readAnswer(await far.exchange(get())).content).to.equal('other');
      expect(thrown).to.be.instanceOf(UsageError).and.include({ code });
    });
  }

  it('undefined is an option left out', async () => {
    const { ask } = digits({
      filename: undefined,
      guessMime: undefined,
      headers: undefined,
      precompressed: undefined,
      followSymlinks: undefined,
      onError: undefined,
    });
    expect(readAnswer(await ask()).content).to.equal(DIGITS);
  });

  it('a response that has begun, or is finished, is no place for a file', async () => {
    const codes: unknown[] = [];
    const far = wire((request) => {
      const attempt = () => {
        try {
          request.sendFile('x');
        } catch (error) {
          codes.push((error as UsageError).code);
        }
      };
      request.send('a');
      attempt();
      request.finish();
      attempt();
    });
    await far.exchange(get());
    expect(codes).to.deep.equal(['HTTP_ORDER', 'HTTP_FINISHED']);
  });

  for (const fileRoot of ['', '\0', 1, null]) {
    it(`a fileRoot of ${JSON.stringify(fileRoot)} is refused`, () => {
      expect(() => new HTTPServer(() => {}, { fileRoot: fileRoot as string }))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_OPTION');
    });
  }
});

describe('api: sendFile, relative paths', () => {
  it('the working directory is asked for at each call', async () => {
    const before = process.cwd();
    const one = temporaryFolder();
    const two = temporaryFolder();
    one.add('file', 'one');
    two.add('file', 'two');
    const { ask } = fileWire('file');
    try {
      process.chdir(one.path);
      expect(readAnswer(await ask()).content).to.equal('one');
      process.chdir(two.path);
      expect(readAnswer(await ask()).content).to.equal('two');
    } finally {
      process.chdir(before);
    }
  });

  it('a relative fileRoot is what it was when the server was made', async () => {
    const folder = temporaryFolder();
    folder.add('file', 'one');
    const before = process.cwd();
    const { ask } = fileWire('file', {}, { fileRoot: relative(before, folder.path) });
    try {
      process.chdir('/');
      expect(readAnswer(await ask()).content).to.equal('one');
    } finally {
      process.chdir(before);
    }
  });
});
