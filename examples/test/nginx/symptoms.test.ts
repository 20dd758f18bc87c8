/** What goes wrong looks as docs/guide/nginx.md says: each of its rows is brought about, and its message found in nginx's log. */
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HTTPServerOptions, RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { ask, until } from '../support/ask.js';
import { APP_PORT, describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const GUIDE = readFileSync(
  fileURLToPath(new URL('../../../../docs/guide/nginx.md', import.meta.url)),
  'utf8',
);
const [TCP, UNIX] = FRONTS.map((front) => front.port) as [number, number];
const SENDFILE: HTTPServerOptions = {
  sendfile: 'X-Accel-Redirect',
  sendfilePrefix: '/_files/',
  fileRoot: '/nowhere',
};
const sendsFile: RequestHandler = (request) =>
  request.path === '/' ? request.sendFile('a.txt') : request.sendResponse('', 404);

interface Symptom {
  name: string;
  /** What is wrong. */
  arrange: (nginx: RunningNginx) => unknown;
  port?: number;
  body?: string;
  status: number;
  /** In error.log and in the guide. */
  error?: string;
  /** In access.log and in the guide. */
  access?: string;
}

const file = (nginx: RunningNginx) => join(nginx.directory, 'files/a.txt');

const SYMPTOMS: Symptom[] = [
  {
    name: 'no application',
    arrange: () => {},
    status: 502,
    error: 'connect() failed (111: Connection refused)',
  },
  {
    name: 'no socket',
    arrange: () => {},
    port: UNIX,
    status: 502,
    error: 'connect() to unix:run/app.sock failed (2: No such file or directory)',
  },
  {
    name: 'a socket for its owner alone',
    arrange: async (nginx) => {
      await AppBehindNginx.listen(nginx, sendsFile);
      chmodSync(join(nginx.directory, 'run/app.sock'), 0);
    },
    port: UNIX,
    status: 502,
    error: 'connect() to unix:run/app.sock failed (13: Permission denied)',
  },
  {
    name: 'an application that closes',
    arrange: (nginx) => AppBehindNginx.listen(nginx, ({ connection }) => connection.close()),
    status: 502,
    error: 'upstream prematurely closed connection',
  },
  {
    name: 'an application that expects a PROXY header',
    arrange: (nginx) => AppBehindNginx.listen(nginx, sendsFile, { proxyProtocol: ['loopback'] }),
    status: 502,
    error: 'recv() failed (104: Connection reset by peer)',
  },
  {
    name: 'a file for its owner alone',
    arrange: async (nginx) => {
      await AppBehindNginx.listen(nginx, sendsFile, SENDFILE);
      writeFileSync(file(nginx), 'a');
      chmodSync(file(nginx), 0);
    },
    status: 403,
    error: 'failed (13: Permission denied)',
  },
  {
    name: 'a link',
    arrange: async (nginx) => {
      await AppBehindNginx.listen(nginx, sendsFile, SENDFILE);
      symlinkSync('/etc/passwd', file(nginx));
    },
    status: 403,
    error: 'failed (40: Too many levels of symbolic links)',
  },
  {
    name: 'a file somewhere else',
    arrange: (nginx) => AppBehindNginx.listen(nginx, sendsFile, SENDFILE),
    status: 404,
    error: 'failed (2: No such file or directory)',
  },
  {
    name: 'another prefix than the location’s',
    arrange: (nginx) => AppBehindNginx.listen(nginx, sendsFile, { ...SENDFILE, sendfilePrefix: '/other/' }),
    status: 404,
    access: '200 : 404',
  },
  {
    name: 'no prefix',
    arrange: (nginx) =>
      AppBehindNginx.listen(nginx, (request) => request.sendFile('a.txt'), {
        ...SENDFILE,
        sendfilePrefix: undefined,
      }),
    status: 500,
    error: 'rewrite or internal redirection cycle',
  },
  {
    name: 'too much',
    arrange: () => {},
    body: 'x'.repeat(10 * 2 ** 20 + 1),
    status: 413,
    error: 'client intended to send too large body',
  },
];

describeWithNginx('the guide to nginx knows', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);
  afterEach(() => rmSync(file(nginx), { force: true }));

  for (const { name, arrange, port = TCP, body = '', status, error = '', access = '' } of SYMPTOMS) {
    it(`${name}: ${status}`, async () => {
      await arrange(nginx);
      const lengths = [nginx.log('error').length, nginx.log('access').length] as const;
      expect((await ask(port, '/', body === '' ? {} : { method: 'POST' }, body)).status).to.equal(status);
      // A request is logged after its last byte has gone.
      await until(() => nginx.log('access').length > lengths[1]);
      const row = GUIDE.split('\n').filter(
        (line) => line.startsWith(`| ${status} |`) && line.includes(error || access),
      );
      expect(row).to.have.length(1);
      expect(nginx.log('error').slice(lengths[0]))
        .to.contain(error)
        .and.to.match(error ? /./ : /^$/);
      expect(nginx.log('access').slice(lengths[1])).to.contain(access);
    });
  }

  it('an answer that did not come from nginx', async () => {
    await AppBehindNginx.listen(nginx, sendsFile, SENDFILE);
    const { status, headers, body } = await ask(APP_PORT, '/');
    expect([status, headers['x-accel-redirect'], body.length]).to.deep.equal([200, '/_files/a.txt', 0]);
  });
});
