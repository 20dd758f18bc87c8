/** Connections between nginx and the application: kept, given up and made anew; and what goes over them as it comes. */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { cpus } from 'node:os';
import { type EventStream, HTTP_LIMITS, MAX_REQUEST } from '@inseam/http';
import { upgrade, WEBSOCKET_LIMITS, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { ask, until } from '../support/ask.js';
import { RawClient } from '../support/raw-client.js';
import { describeWithNginx, FRONTS, NGINX_CONF, RunningNginx } from '../support/running-nginx.js';

const MIB = 2 ** 20;
const WORKERS = cpus().length;
const get = (path: string, ...lines: string[]) =>
  ['GET', path, 'HTTP/1.1\r\nHost: localhost\r\n'].join(' ') +
  lines.map((line) => `${line}\r\n`).join('') +
  '\r\n';

describeWithNginx('nginx and the application', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);

  it('agree about time and size: nginx gives up first', () => {
    const text = readFileSync(NGINX_CONF, 'utf8');
    const setting = (name: string) => [...text.matchAll(new RegExp(`^ *${name} (\\d+)([smk]);`, 'gm'))];
    const ms = (name: string) => setting(name).map(([, count]) => 1000 * Number(count));
    // The first two are of connections to the application, the last one is of the clients'.
    const [tcp, unix] = ms('keepalive_timeout');
    expect([tcp, unix].every((kept) => kept !== undefined && kept < HTTP_LIMITS.keepAliveTimeoutMs)).to.equal(
      true,
    );
    expect(ms('client_body_timeout')[0]).to.be.below(HTTP_LIMITS.bodyTimeoutMs);
    expect(ms('client_header_timeout')[0]).to.be.at.most(HTTP_LIMITS.headTimeoutMs);
    expect(ms('send_timeout')[0]).to.be.at.most(HTTP_LIMITS.writeTimeoutMs);
    expect(WEBSOCKET_LIMITS.pingIntervalMs * 1.5).to.be.below(ms('proxy_read_timeout')[0] ?? 0);
    expect(Number(setting('client_max_body_size')[0]?.[1]) * 2 ** 20).to.equal(MAX_REQUEST);
  });

  for (const { over, port } of FRONTS) {
    const upstream = over === 'TCP' ? 'app_tcp' : 'app_socket';
    describe(`over ${over}`, () => {
      it('use one connection for 200 requests of one client', async () => {
        const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse(request.body));
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        for (let i = 0; i < 100; i++) {
          const posted = await ask(port, '/', { method: 'POST', agent }, `content ${i}`);
          expect([posted.status, posted.body.toString()]).to.deep.equal([200, `content ${i}`]);
          expect((await ask(port, '/', { agent })).status).to.equal(200);
        }
        agent.destroy();
        expect([app.asked.length, app.accepted]).to.deep.equal([200, 1]);
      });

      it('use one connection for each of nginx’s workers for 200 clients', async () => {
        const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse('ok'));
        for (let i = 0; i < 200; i++) expect((await ask(port, '/')).status).to.equal(200);
        expect(app.asked).to.have.length(200);
        expect(app.accepted).to.be.within(1, WORKERS);
      });

      it('use as many as there are requests at a time', async () => {
        const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse('ok'));
        const agent = new Agent({ keepAlive: true, maxSockets: 8 });
        const answers = await Promise.all(Array.from({ length: 200 }, () => ask(port, '/', { agent })));
        agent.destroy();
        expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([200]));
        expect(app.accepted).to.be.within(1, 8);
      });

      it('lose no POST when the application is started again', async () => {
        for (let i = 0; i < 5; i++) {
          const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse(request.body));
          for (let j = 0; j < 5; j++) {
            const posted = await ask(port, '/', { method: 'POST' }, `content ${i}`);
            expect([posted.status, posted.body.toString()]).to.deep.equal([200, `content ${i}`]);
          }
          await app.stop();
        }
      });

      it('let a request that has begun end when the application stops, and say so when it is down', async () => {
        let answer = () => {};
        const app = await AppBehindNginx.listen(nginx, (request) => {
          answer = () => request.sendResponse('in time');
        });
        const begun = ask(port, '/');
        await until(() => app.asked.length === 1);
        const stopped = app.stop();
        expect((await ask(port, '/')).status).to.equal(502);
        answer();
        expect((await begun).body.toString()).to.equal('in time');
        await stopped;
      });

      it('switch to a WebSocket’s protocol when both sides want it, and to no other', async () => {
        const ends: number[] = [];
        class Echo extends WebSocket {
          override onRead(message: string) {
            this.write(`<${message}>`);
          }
          override onClose(code: number) {
            ends.push(code);
          }
        }
        const app = await AppBehindNginx.listen(nginx, (request) => {
          if (request.headers.has('upgrade')) return void upgrade(request, Echo);
          request.sendResponse(`no ${request.headers.get('connection')}`);
        });
        const client = await RawClient.connect(port);
        const key = ['Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13'];
        client.write(get('/socket', 'Upgrade: WebSocket', 'Connection: keep-alive, Upgrade', ...key));
        const head = await client.read(/\r\n\r\n/);
        expect(head)
          .to.match(/^HTTP\/1\.1 101 .*\r\nConnection: upgrade\r\n/s)
          .and.to.match(/\nUpgrade: websocket\r/)
          .and.to.match(/\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r/);
        for (const text of ['one', 'two', 'six']) {
          client.write(`\x81\x83\0\0\0\0${text}`);
          await client.read(new RegExp(`\x81\x05<${text}>`));
        }
        client.write('\x88\x82\0\0\0\0\x0f\xa0');
        const bytes = await client.readToEnd();
        expect(bytes.slice(-4)).to.equal('\x88\x02\x0f\xa0');
        client.socket.end();
        await until(() => app.open === 0);
        expect(ends).to.deep.equal([4000]);
        const other = await RawClient.connect(port);
        other.write(
          get('/socket', 'Upgrade: h2c', 'Connection: Upgrade, HTTP2-Settings', 'HTTP2-Settings: AAMAAABk'),
        );
        expect(await other.read(/no null$/)).to.match(/^HTTP\/1\.1 200 /);
        other.socket.destroy();
      });

      it('bring events as they are sent', async () => {
        let events: EventStream | undefined;
        let isClosed = false;
        const app = await AppBehindNginx.listen(nginx, (request) => {
          events = request.sendEvents();
          events.onClose = () => {
            isClosed = true;
          };
        });
        const client = await RawClient.connect(port);
        client.write(get('/', 'Accept: text/event-stream', 'Accept-Encoding: gzip'));
        expect(await client.read(/\r\n\r\n/)).to.contain('Content-Type: text/event-stream\r\n');
        for (let i = 0; i < 5; i++) {
          // The next one is sent when the client has this one.
          events?.send(`number ${i}`);
          await client.read(new RegExp(`data: ?number ${i}\n\n`));
        }
        client.socket.destroy();
        await until(() => isClosed && app.open === 0);
      });

      it('end a response that nobody reads any more', async () => {
        let hasLeft = 0;
        const app = await AppBehindNginx.listen(nginx, async (request) => {
          request.onClose = () => hasLeft++;
          request.sendHeaders();
          while (!request.signal.aborted) if (!request.send(Buffer.alloc(65_536))) await request.drained();
        });
        const client = await RawClient.connect(port);
        client.write(get('/'));
        await client.read(/\r\n\r\n/);
        client.socket.destroy();
        await until(() => hasLeft === 1 && app.open === 0);
        expect(app.logged).to.deep.equal([]);
      });

      it('hold back an answer that the client does not take, instead of putting it on the disk', async () => {
        let sent = 0;
        await AppBehindNginx.listen(nginx, async (request) => {
          if (request.path === '/other') return request.sendResponse('ok');
          request.sendHeaders();
          for (; sent < 256 * MIB && !request.signal.aborted; sent += MIB) {
            if (!request.send(Buffer.alloc(MIB))) await request.drained();
          }
        });
        const client = await RawClient.connect(port);
        client.write(get('/'));
        await client.read(/\r\n\r\n/);
        client.socket.pause();
        for (let i = 0; i < 100; i++) await ask(port, '/other');
        expect(sent / MIB, 'sent, in MiB').to.be.below(64);
        client.socket.destroy();
      });

      it('say what was said: a redirection goes to where the application sends it, and no version is told', async () => {
        await AppBehindNginx.listen(nginx, (request) => request.redirect(`http://${upstream}/a`));
        const { status, headers } = await ask(port, '/');
        expect([status, headers.location]).to.deep.equal([302, `http://${upstream}/a`]);
        expect(headers.server).to.equal('nginx');
      });

      it('compress what is worth it', async () => {
        await AppBehindNginx.listen(nginx, (request) => request.sendJSON('x'.repeat(Number(request.query))));
        // Via: a proxy in front of nginx, say.
        const headers = { 'Accept-Encoding': 'gzip', Via: '1.1 other' };
        const answer = await ask(port, '/?5000', { headers });
        expect(answer.headers).to.include({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
        expect(answer.body.length).to.be.below(200);
        expect((await ask(port, '/?5000')).headers).not.to.have.property('content-encoding');
        expect((await ask(port, '/?500', { headers })).headers).not.to.have.property('content-encoding');
      });
    });
  }
});
