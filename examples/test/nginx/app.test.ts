/** examples/nginx as a user runs it: the application is a process of its own, beside nginx, in one directory. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ask, CLIENT } from '../support/ask.js';
import { isTheSame, openResponse, postBigForm } from '../support/big-form.js';
import { RawClient } from '../support/raw-client.js';
import { describeWithNginx, FRONTS, RunningNginx, toolIn } from '../support/running-nginx.js';
import type { RunningTool } from '../support/running-tool.js';

const APP = fileURLToPath(new URL('../../../dist/nginx/app.js', import.meta.url));
const MIB = 2 ** 20;
const LARGE = 256 * MIB;
const NOBODY = 65_534;
const TOKEN = { Authorization: 'Bearer sesame' };

async function startApp(directory: string, uid?: number): Promise<RunningTool> {
  // The shell says the number of its process, and becomes the application.
  const app = toolIn(directory, ['sh', '-c', 'echo pid $$; exec "$0" "$@"', process.execPath, APP], uid);
  await app.read(/listening/);
  return app;
}

/** The most memory that `app` has had so far, in bytes. */
function peakOf(app: RunningTool): number {
  const [, pid] = /pid (\d+)/.exec(app.output) ?? [];
  const [, kib] = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

async function textOf(response: IncomingMessage): Promise<string> {
  return (await response.setEncoding('utf8').toArray()).join('');
}

describeWithNginx('examples/nginx', () => {
  let nginx: RunningNginx;
  let app: RunningTool;
  before(async () => {
    nginx = await RunningNginx.start();
    app = await startApp(nginx.directory);
  });
  after(async () => {
    await app?.[Symbol.asyncDispose]();
    await nginx?.[Symbol.asyncDispose]();
  });

  for (const { over, port } of FRONTS) {
    it(`says who the client is, over ${over}`, async () => {
      const { status, body } = await ask(port, '/');
      expect([status, body.toString()]).to.deep.equal([
        200,
        `${CLIENT} asked for http://127.0.0.1:${port}/\n`,
      ]);
    });

    it(`has a WebSocket that says the same, over ${over}`, async () => {
      const client = await RawClient.connect(port, { localAddress: CLIENT });
      client.write(
        `GET /socket HTTP/1.1\r\nHost: localhost:${port}\r\nOrigin: http://localhost:${port}\r\n` +
          'Upgrade: websocket\r\nConnection: Upgrade\r\nX-Forwarded-For: 192.0.2.1\r\n' +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      await client.read(new RegExp(`${CLIENT} asked for http://localhost:${port}/socket$`));
      const bytes = '\xff\x00';
      client.write(`\x82\x82\0\0\0\0${bytes}`);
      await client.read(new RegExp(`\x82\x02${bytes}$`));
      client.socket.destroy();
      expect((await ask(port, '/socket')).status).to.equal(426);
    });

    it(`takes 256 MiB over ${over}, has them sent by nginx, and needs little memory`, async function () {
      this.timeout(60_000); // On a machine that is busy with others.
      const before = peakOf(app);
      const posted = await postBigForm(port, '/upload', LARGE, TOKEN);
      expect(posted.statusCode).to.equal(201);
      const url = new URL(await textOf(posted));
      expect((peakOf(app) - before) / MIB, 'growth, in MiB').to.be.below(64);
      expect(readdirSync(join(nginx.directory, 'files'))).to.deep.equal([
        url.pathname.slice('/files/'.length),
      ]);
      const response = await openResponse(port, `${url.pathname}?as=big.bin`);
      expect(response.headers).to.include({
        'content-length': String(LARGE),
        'content-disposition': 'attachment; filename=big.bin',
        // nginx's.
        'x-content-type-options': 'nosniff',
      });
      expect(await isTheSame(response, LARGE)).to.equal(true);
      const part = await ask(port, url.pathname, { headers: { Range: 'bytes=65536-65541' } });
      expect([part.status, part.body.readUIntBE(0, 6)]).to.deep.equal([206, 65_536]);
      rmSync(join(nginx.directory, url.pathname));
    });

    it(`takes nothing from strangers, over ${over}`, async () => {
      const { status, headers } = await ask(port, '/upload', { method: 'POST' }, 'x');
      expect([status, headers['www-authenticate']]).to.deep.equal([401, 'Bearer']);
      const options = { method: 'POST', headers: TOKEN };
      expect((await ask(port, '/upload', options, 'x')).status).to.equal(422);
      expect((await ask(port, '/files/not-an-id')).status).to.equal(404);
    });
  }

  it('leaves nothing in run/ when it stops', async () => {
    app.signal('SIGTERM');
    expect(await app.ended()).to.equal(0);
    expect(
      readdirSync(join(nginx.directory, 'run')).filter((name) => /^app|^inseam/.test(name)),
    ).to.deep.equal([]);
  });
});

describeWithNginx('examples/nginx, as a user without rights', () => {
  const uid = process.getuid?.() === 0 ? NOBODY : undefined;

  it('runs, nginx as well as the application', async () => {
    await using nginx = await RunningNginx.start(uid);
    await using _app = await startApp(nginx.directory, uid);
    for (const { port } of FRONTS) {
      const posted = await postBigForm(port, '/upload', MIB, TOKEN);
      const { pathname } = new URL(await textOf(posted));
      expect(await isTheSame(await openResponse(port, pathname), MIB)).to.equal(true);
    }
    const owner = statSync(join(nginx.directory, 'run/nginx.pid')).uid;
    expect(owner).to.equal(uid ?? process.getuid?.());
  });
});
