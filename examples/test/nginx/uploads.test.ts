/** Uploads through nginx, as they come and by way of its disk: refused, broken off, and too large. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HTTPServerOptions } from '@inseam/http';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { ask, until } from '../support/ask.js';
import { blocks, postBigForm } from '../support/big-form.js';
import { RawClient } from '../support/raw-client.js';
import { describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const MIB = 2 ** 20;
const [AS_IT_COMES, BY_THE_DISK] = FRONTS.map((front) => front.port) as [number, number];

describeWithNginx('uploads through nginx', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);
  afterEach('nothing of them is left', () => until(() => leftovers().length === 0));

  /** Files that nginx or the application still keep of a request. */
  const leftovers = () =>
    readdirSync(join(nginx.directory, 'run'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      /^(?:body|proxy|inseam-\w+)\/./.test(path),
    );

  const refuses = (options: HTTPServerOptions = {}) =>
    AppBehindNginx.listen(nginx, () => expect.fail('the handler was called'), {
      earlyHandler: (request) => request.sendResponse('who are you?\n', 401),
      ...options,
    });

  for (const { over, port } of FRONTS) {
    it(`one of 10 MiB and a byte is 413 by nginx, over ${over}, and is not the application’s affair`, async () => {
      const app = await AppBehindNginx.listen(nginx, (request) =>
        request.sendResponse(String(request.body.length)),
      );
      const options = { method: 'POST', headers: { 'Content-Length': 10 * MIB + 1 } };
      expect(
        (await ask(port, '/', { ...options, headers: { ...options.headers, Expect: '100-continue' } }))
          .status,
      ).to.equal(413);
      expect(app.asked).to.deep.equal([]);
      const largest = await ask(port, '/', { method: 'POST' }, 'x'.repeat(10 * MIB));
      expect([largest.status, largest.body.toString()]).to.deep.equal([200, String(10 * MIB)]);
      const toUpload = await ask(port, '/upload', {
        method: 'POST',
        headers: { 'Content-Length': 2 ** 31 + 1 },
      });
      expect([toUpload.status, app.asked.length]).to.deep.equal([413, 1]);
    });

    it(`one beyond the application’s limit is its 413, over ${over}`, async () => {
      const app = await AppBehindNginx.listen(nginx, () => expect.fail('the handler was called'), {
        maxRequest: MIB,
      });
      const { status, body } = await ask(port, '/upload', { method: 'POST' }, 'x'.repeat(MIB + 1));
      expect([status, body.toString()]).to.deep.equal([
        413,
        '413 Content Too Large: the request body is larger than this server takes\n',
      ]);
      expect([app.asked.length, app.logged]).to.deep.equal([1, ['HTTP_BODY_TOO_LARGE']]);
    });

    it(`a refusal reaches a client that goes on sending, over ${over}`, async () => {
      await refuses();
      for (let i = 0; i < 10; i++) {
        const response = await postBigForm(port, '/upload', 8 * MIB);
        expect(response.statusCode).to.equal(401);
        response.destroy();
      }
    });

    it(`one without a length is passed on whole, over ${over}`, async () => {
      const app = await AppBehindNginx.listen(nginx, () => expect.fail('the handler was called'), {
        earlyHandler: async (request) => {
          const pieces: Buffer[] = [];
          for await (const piece of request) pieces.push(piece);
          request.sendResponse(Buffer.concat(pieces));
        },
      });
      const client = await RawClient.connect(port);
      client.write('POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
      client.write('5\r\nhello\r\n8\r\n, chunks\r\n0\r\n\r\n');
      await client.read(/\r\n\r\nhello, chunks$/);
      client.socket.destroy();
      expect(app.logged).to.deep.equal([]);
    });
  }

  it('a refusal comes before the content is sent, where nginx passes it on as it comes', async () => {
    await refuses();
    const client = await RawClient.connect(AS_IT_COMES);
    client.write('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    expect(await client.read(/who are you/)).to.match(/^HTTP\/1\.1 401 Unauthorized\r\n/);
    client.socket.destroy();
  });

  it('the application sees each piece of it as it comes, and that the client breaks off', async () => {
    const pieces: string[] = [];
    let failure: unknown = null;
    const app = await AppBehindNginx.listen(nginx, () => {}, {
      earlyHandler: async (request) => {
        try {
          for await (const piece of request) pieces.push(piece.toString());
        } catch (error) {
          failure = error;
          throw error;
        }
      },
    });
    const client = await RawClient.connect(AS_IT_COMES);
    client.write('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    for (const piece of ['one', 'two', 'three']) {
      client.write(piece);
      await until(() => pieces.join('').endsWith(piece));
    }
    client.socket.destroy();
    await until(() => failure !== null && app.open === 0);
    expect(failure).to.have.property('code', 'HTTP_INCOMPLETE');
  });

  it('a form that is broken off is given up with its files', async () => {
    let received = 0;
    const app = await AppBehindNginx.listen(nginx, () => expect.fail('the handler was called'), {
      earlyHandler: (request) => {
        request.maxUpload = Number.POSITIVE_INFINITY;
        request.onProgress = (bytes) => {
          received = bytes;
        };
      },
    });
    const [, sent] = [null, null] as [null, import('node:http').ClientRequest | null];
    void sent;
    const upload = new AbortController();
    const posted = postBigForm(AS_IT_COMES, '/upload', 2 ** 30, {}, { signal: upload.signal });
    await until(() => received > 4 * MIB && leftovers().length > 0);
    upload.abort();
    await posted.catch(() => {});
    await until(() => app.open === 0);
  });

  it('the application is asked nothing about one that is broken off on nginx’s disk', async () => {
    const app = await AppBehindNginx.listen(nginx, (request) => request.finish());
    const client = await RawClient.connect(BY_THE_DISK);
    client.write('POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
    for (const block of blocks(32 * MIB)) if (!client.socket.write(block)) await once(client.socket, 'drain');
    client.socket.destroy();
    await until(() => nginx.log('access').includes('"POST /upload HTTP/1.1" 400'));
    expect(app.asked).to.deep.equal([]);
  });
});
