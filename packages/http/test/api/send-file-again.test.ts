/** What is sent from memory, or by what is known already, is what the disk would give: the second answer is the first. */
import {
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { SendFileOptions } from '@inseam/http';
import { expect } from 'chai';
import { fileWire, readAnswer, SETTLED, warmFileWire } from '../support/file-wire.js';
import { get } from '../support/message.js';
import { MODIFIED, temporaryFolder } from '../support/temporary-folder.js';

const SMALL = '0123456789'.repeat(120);
const SIZES: Record<string, number> = { small: 1_200, 'not so small': 20_000, large: 100_000 };

/** Requests of which no two are answered alike. */
const REQUESTS: Record<string, string> = {
  GET: get(),
  HEAD: get().replace('GET', 'HEAD'),
  POST: get().replace('GET', 'POST'),
  'HTTP/1.0': 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'a range': get('/', 'Range: bytes=3-5'),
  'a last range': get('/', 'Range: bytes=-5'),
  'no range': get('/', 'Range: bytes=1000000-'),
  'a range of HEAD': get('/', 'Range: bytes=3-5').replace('GET', 'HEAD'),
  'a condition that holds': get('/', 'If-None-Match: "x"'),
  'a condition that does not': get('/', 'If-None-Match: *'),
  'a condition of POST': get('/', 'If-None-Match: *').replace('GET', 'POST'),
  'a failed condition': get('/', 'If-Match: "x"'),
  'an encoding': get('/', 'Accept-Encoding: gzip'),
};

const WISHES: Record<string, SendFileOptions> = {
  nothing: {},
  headers: { headers: { 'X-Other': 'x', ETag: '"own"' } },
  'a name': { filename: 'a.txt' },
  'no type': { guessMime: false },
  'a smaller one': { precompressed: true },
  'all links': { followSymlinks: true },
};

describe('api: sendFile, again', () => {
  for (const [size, length] of Object.entries(SIZES)) {
    for (const [wish, options] of Object.entries(WISHES)) {
      it(`a ${size} file with ${wish}: the same answer as the first, to all kinds of requests`, async () => {
        const folder = temporaryFolder();
        folder.add('a.html', SMALL.repeat(100).slice(0, length));
        folder.add('a.html.gz', 'smaller');
        for (const [kind, request] of Object.entries(REQUESTS)) {
          const first = await fileWire('a.html', options, { fileRoot: folder.path }).ask(request);
          const warm = await warmFileWire('a.html', options, { fileRoot: folder.path });
          expect(await warm.ask(request), kind).to.equal(first);
          expect(await warm.ask(request), kind).to.equal(first);
        }
      });
    }

    it(`a ${size} file that is replaced, changed, removed or made a link is what it is now`, async () => {
      const folder = temporaryFolder();
      const path = folder.add('a', 'a'.repeat(length));
      const { ask } = await warmFileWire('a', {}, { fileRoot: folder.path });
      const now = async () => {
        const { status, content } = readAnswer(await ask());
        return `${status} ${content.slice(0, 1)} ${content.length}`;
      };
      expect(await now()).to.equal(`200 a ${length}`);
      folder.add('new', 'b'.repeat(length));
      renameSync(join(folder.path, 'new'), path);
      expect(await now()).to.equal(`200 b ${length}`);
      writeFileSync(path, 'c'.repeat(length + 1));
      expect(await now()).to.equal(`200 c ${length + 1}`);
      utimesSync(path, MODIFIED, MODIFIED);
      expect(await now()).to.equal(`200 c ${length + 1}`);
      rmSync(path);
      expect((await now()).slice(0, 3)).to.equal('404');
      symlinkSync('/etc/passwd', path);
      expect((await now()).slice(0, 3)).to.equal('403');
    });
  }

  for (const [size, length] of Object.entries(SIZES)) {
    it(`a ${size} file that is changed where it is, and its time put back, has another tag`, async () => {
      const folder = temporaryFolder();
      const path = folder.add('a', 'a'.repeat(length));
      const { ask } = await warmFileWire('a', {}, { fileRoot: folder.path });
      const tag = readAnswer(await ask()).headers.ETag;
      // The clock of the file system may stand still for a moment.
      const { ctimeMs } = statSync(path);
      do {
        folder.add('a', 'b'.repeat(length));
        await new Promise((resolve) => setImmediate(resolve));
      } while (statSync(path).ctimeMs === ctimeMs);
      expect(readAnswer(await ask(get('/', `If-None-Match: ${tag}`))).status).to.equal(200);
      const range = await ask(get('/', 'Range: bytes=1-1', `If-Range: ${tag}`));
      expect(readAnswer(range).status).to.equal(200);
    });
  }

  it('a status that says "reset" says that there is nothing, so that nobody waits for more', async () => {
    const folder = temporaryFolder();
    folder.add('a', SMALL);
    const { ask } = fileWire(
      (request) => {
        request.sendStatus(205);
        return request.sendFile('a');
      },
      {},
      { fileRoot: folder.path },
      SETTLED,
    );
    const first = await ask();
    expect(first).to.include('Content-Length: 0\r\n');
    expect(readAnswer(await ask()).headers).to.deep.equal(readAnswer(first).headers);
  });

  it('a handler that writes the file and sends it sends what it has written', async () => {
    const folder = temporaryFolder();
    const path = folder.add('a', 'old');
    const { ask } = fileWire(
      (request) => {
        if (request.method === 'PUT') writeFileSync(path, 'newer');
        return request.sendFile('a');
      },
      {},
      { fileRoot: folder.path },
      SETTLED,
    );
    await ask();
    // All in one turn.
    const put = get().replace('GET', 'PUT');
    expect((await ask(get() + put + get())).match(/old|newer/g)).to.deep.equal(['old', 'newer', 'newer']);
  });

  it('a small file is answered before the call returns', async () => {
    const folder = temporaryFolder();
    folder.add('a', SMALL);
    const finished: boolean[] = [];
    const options = { fileRoot: folder.path };
    const { ask } = fileWire(
      (request) => {
        const sent = request.sendFile('a');
        finished.push(request.finished);
        return sent;
      },
      {},
      options,
      SETTLED,
    );
    for (const _ of [1, 2, 3]) await ask();
    expect(finished).to.deep.equal([false, true, true]);
  });

  it('from the future, it was modified now', async () => {
    const folder = temporaryFolder();
    folder.add('a', SMALL, Date.UTC(2105, 0, 1) / 1000);
    const { ask } = await warmFileWire('a', {}, { fileRoot: folder.path });
    expect(readAnswer(await ask()).headers['Last-Modified']).to.equal('Fri, 01 Jan 2100 00:00:00 GMT');
  });

  it('cookies and a status go with it', async () => {
    const folder = temporaryFolder();
    folder.add('a', SMALL);
    const { ask } = fileWire(
      (request) => {
        request.cookiesOut.set('a', 'b');
        request.sendStatus(404);
        return request.sendFile('a');
      },
      {},
      { fileRoot: folder.path },
      SETTLED,
    );
    const first = await ask(get('/', 'If-None-Match: *'));
    expect(first).to.match(/^HTTP\/1\.1 404 Not Found\r\nSet-Cookie: a=b[\s\S]*9$/);
    expect(await ask(get('/', 'If-None-Match: *'))).to.equal(first);
  });

  it('a status without content has none', async () => {
    const folder = temporaryFolder();
    folder.add('a', SMALL);
    const { ask } = fileWire(
      (request) => {
        request.sendStatus(204);
        return request.sendFile('a');
      },
      {},
      { fileRoot: folder.path },
      SETTLED,
    );
    const first = await ask();
    expect(first).to.match(/^HTTP\/1\.1 204 No Content\r\n(?!.*Content-Length)[\s\S]*\r\n\r\n$/);
    expect(await ask()).to.equal(first);
  });

  it('what was followed out of the root is not sent to others', async () => {
    const folder = temporaryFolder();
    folder.add('out', SMALL);
    folder.add('root/x', '');
    symlinkSync(join(folder.path, 'out'), join(folder.path, 'root/link'));
    const options = [{ followSymlinks: true }, {}, { followSymlinks: true }, {}];
    const { ask } = fileWire(
      (request) => request.sendFile('link', options.shift()),
      {},
      { fileRoot: join(folder.path, 'root') },
      SETTLED,
    );
    const statuses: number[] = [];
    for (const _ of [1, 2, 3, 4]) statuses.push(readAnswer(await ask()).status);
    expect(statuses).to.deep.equal([200, 403, 200, 403]);
  });

  it('no descriptor is left, whatever the answer', async () => {
    const folder = temporaryFolder();
    folder.add('small', SMALL);
    folder.add('large', SMALL.repeat(100));
    folder.add('large.gz', SMALL.repeat(90));
    folder.add('root/x', '');
    symlinkSync(join(folder.path, 'large'), join(folder.path, 'root/link'));
    const paths = ['small', 'large', 'missing', '.', 'root', 'link'];
    for (const fileRoot of [folder.path, join(folder.path, 'root')]) {
      const { ask } = fileWire(
        (request) => request.sendFile(request.path.slice(1) || '.', { precompressed: true }),
        {},
        { fileRoot },
        SETTLED,
      );
      for (const path of [...paths, ...paths]) {
        for (const line of ['X: x', 'If-None-Match: *', 'Range: bytes=0-0', 'Accept-Encoding: gzip']) {
          await ask(get(`/${path}`, line));
        }
      }
    }
    const left = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder.path);
      } catch {
        return false;
      }
    });
    expect(left).to.deep.equal([]);
  });
});
