/** Who the client is, as the application sees it through nginx; and that nobody else can say so. */
import { join } from 'node:path';
import type { HTTPServerOptions } from '@inseam/http';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { ask, CLIENT } from '../support/ask.js';
import { RawClient } from '../support/raw-client.js';
import { APP_PORT, describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const SPOOFS: [string, Record<string, string | string[]>][] = [
  ['X-Forwarded-For', { 'X-Forwarded-For': '203.0.113.9' }],
  ['X-Forwarded-For twice', { 'X-Forwarded-For': ['203.0.113.9', '203.0.113.8'] }],
  ['X-Forwarded-For of a trusted address', { 'X-Forwarded-For': '127.0.0.1' }],
  ['X-Real-IP', { 'X-Real-IP': '203.0.113.9' }],
  ['X-Forwarded-Proto', { 'X-Forwarded-Proto': 'https' }],
  ['X-Forwarded-Host', { 'X-Forwarded-Host': 'evil.example' }],
  ['Forwarded', { Forwarded: 'for=203.0.113.9;proto=https;host=evil.example' }],
  ['underscores', { X_Forwarded_For: '203.0.113.9', X_Real_IP: '203.0.113.9', X_Forwarded_Proto: 'https' }],
  [
    'nginx’s fields as fields of the connection',
    { Connection: 'X-Forwarded-For, X-Real-IP, X-Forwarded-Proto', 'X-Forwarded-For': '203.0.113.9' },
  ],
  [
    'all of them',
    {
      'X-Forwarded-For': '203.0.113.9',
      'X-Real-IP': '203.0.113.9',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'for=203.0.113.9;proto=https;host=evil.example',
    },
  ],
];

describeWithNginx('behind nginx the client', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);

  const tellsOrigin = (options: HTTPServerOptions = {}) =>
    AppBehindNginx.listen(
      nginx,
      (request) => {
        const { remoteIp, scheme, host, isSecure, fullUrl } = request;
        request.sendJSON([remoteIp, scheme, host, isSecure, fullUrl]);
      },
      options,
    );
  const origin = async (...args: Parameters<typeof ask>): Promise<unknown> =>
    JSON.parse((await ask(...args)).body.toString());

  for (const { over, port } of FRONTS) {
    const host = `127.0.0.1:${port}`;
    const seen = [CLIENT, 'http', host, false, `http://${host}/a?b`];

    it(`is seen by the application over ${over}`, async () => {
      await tellsOrigin();
      expect(await origin(port, '/a?b')).to.deep.equal(seen);
      const other = [await origin(port, '/', { localAddress: '127.1.2.3' })].flat()[0];
      expect(other).to.equal('127.1.2.3');
    });

    for (const [what, headers] of SPOOFS) {
      it(`is seen over ${over} whatever it says of itself: ${what}`, async () => {
        await tellsOrigin();
        expect(await origin(port, '/a?b', { headers })).to.deep.equal(seen);
      });
    }

    it(`has no header of this kind pass nginx, over ${over}`, async () => {
      const names = ['X-Real-IP', 'X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded'];
      await AppBehindNginx.listen(nginx, (request) =>
        request.sendJSON(names.flatMap((name) => request.headers.getAll(name))),
      );
      const [, headers] = SPOOFS.at(-1) ?? [];
      expect(await origin(port, '/', { headers })).to.deep.equal([CLIENT, CLIENT, 'http', host]);
    });

    it(`cannot be told over ${over} to an application that believes nobody`, async () => {
      await tellsOrigin({ xheaders: false });
      const [, headers] = SPOOFS.at(-1) ?? [];
      const nginxItself = over === 'TCP' ? '127.0.0.1' : '';
      expect(await origin(port, '/a?b', { headers })).to.deep.equal([nginxItself, ...seen.slice(1)]);
    });

    it(`names the host, over ${over}: in the target, in Host, or not at all`, async () => {
      await tellsOrigin();
      const cases: [string, string][] = [
        ['GET / HTTP/1.1\r\nHost: www.Example.org:99\r\n', `www.example.org:${port}`],
        ['GET http://one.example/ HTTP/1.1\r\nHost: two.example\r\n', `one.example:${port}`],
        ['GET http://one.example:99/ HTTP/1.1\r\nHost: two.example\r\n', `one.example:${port}`],
        ['GET / HTTP/1.1\r\nHost: [::1]:99\r\n', `[::1]:${port}`],
        ['GET / HTTP/1.0\r\n', `localhost:${port}`],
      ];
      for (const [head, expected] of cases) {
        const client = await RawClient.connect(port);
        client.write(`${head}Connection: close\r\n\r\n`);
        const answer = await client.readToEnd();
        expect(answer).to.contain('HTTP/1.1 200 OK');
        expect(answer, head).to.contain(`"http","${expected}"`);
      }
    });
  }

  it('that comes past nginx is not believed', async () => {
    await tellsOrigin({ xheaders: ['127.0.0.1', 'unix'] });
    for (const [what, headers] of SPOOFS) {
      const host = `127.0.0.1:${APP_PORT}`;
      const direct = await origin(APP_PORT, '/a?b', { headers });
      expect(direct, what).to.deep.equal([CLIENT, 'http', host, false, `http://${host}/a?b`]);
    }
    const [{ port }] = FRONTS;
    expect(await origin(port, '/')).to.deep.include(CLIENT);
  });

  it('that can connect to the socket itself is believed: its permissions are the guard', async () => {
    await tellsOrigin();
    const options = { socketPath: join(nginx.directory, 'run/app.sock'), localAddress: undefined };
    const headers = { 'X-Forwarded-For': '203.0.113.9', Host: 'localhost' };
    expect(await origin(0, '/', { ...options, headers })).to.deep.include('203.0.113.9');
    expect(await origin(0, '/', { ...options, headers: { Host: 'localhost' } })).to.deep.include('');
  });
});
