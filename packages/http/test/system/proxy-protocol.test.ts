import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as SecureAgent } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPServer, type HTTPServerOptions } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { dial, serve } from '../support/serve.js';

/** Where our clients come from, to tell them from the proxy. */
const CLIENT = '127.0.0.5';
const OPTIONS: HTTPServerOptions = { proxyProtocol: ['127.0.0.1'] };

const isThere = (tool: string) => spawnSync('which', [tool]).status === 0;

/** Defines a test that runs HAProxy. Without it the test is pending; on CI it fails instead. */
function itWithHaproxy(title: string, run: () => Promise<void>): void {
  const lacks = ['haproxy', 'openssl'].filter((tool) => !isThere(tool));
  if (lacks.length === 0 || process.env.CI) it(title, run);
  else it(`${title} (pending: ${lacks} is not installed)`);
}

describe('system: an HTTPServer behind the PROXY protocol', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  after(() => rmSync(folder, { recursive: true }));

  /** HAProxy in front of `port`; resolves to its own port. */
  async function startHaproxy(mode: 'tcp' | 'http', port: number, options: string): Promise<number> {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `
global
  nbthread 1
  maxconn 100
defaults
  mode ${mode}
  timeout connect 10s
  timeout client 10s
  timeout server 10s
listen front
  bind fd@3
  server back 127.0.0.1:${port} ${options}
`,
    );
    // A listening descriptor is handed over, so that no port has to be guessed. It has no public name.
    const front = createServer();
    await once(front.listen(0, '127.0.0.1'), 'listening');
    const { port: frontPort } = front.address() as AddressInfo;
    const { fd } = (front as unknown as { _handle: { fd: number } })._handle;
    const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit', fd] });
    front.close();
    cleanups.push(async () => {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    return frontPort;
  }

  /** What is answered to one request from CLIENT. */
  async function ask(port: number, agent: Agent, path: string, body = ''): Promise<string> {
    const request = agent instanceof SecureAgent ? httpsRequest : httpRequest;
    const sent = request({
      ...{ host: '127.0.0.1', port, path, agent, localAddress: CLIENT, rejectUnauthorized: false },
      method: body === '' ? 'GET' : 'POST',
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    let text = `${response.statusCode} `;
    for await (const chunk of response.setEncoding('latin1')) text += chunk;
    return text;
  }

  it('remoteIp is the client of the header, for every request of the connection', async () => {
    const { port } = await serve(
      (request) => request.sendResponse(`${request.remoteIp}${request.path}`),
      OPTIONS,
    );
    const { socket, until } = dial(port);
    socket.write(`PROXY TCP4 203.0.113.9 198.51.100.7 51234 443\r\n${get('/a')}${get('/b')}`);
    const text = await until((seen) => seen.endsWith('/b'));
    expect(text.match(/203\.0\.113\.9\/[ab]/g)).to.deep.equal(['203.0.113.9/a', '203.0.113.9/b']);
    socket.destroy();
  });

  it('a request without a header is not answered', async () => {
    let requests = 0;
    const { port, log } = await serve((request) => {
      requests++;
      request.finish();
    }, OPTIONS);
    const { socket, over, text } = dial(port);
    socket.write(get('/'));
    expect(await over).to.equal('ECONNRESET');
    expect([text(), requests]).to.deep.equal(['', 0]);
    expect(log.codes).to.deep.equal(['ENGINE_PROXY_HEADER']);
  });

  it('a header of somebody else is a bad request', async () => {
    const { port } = await serve((request) => request.finish(), { proxyProtocol: ['192.0.2.1'] });
    const { socket, over, text } = dial(port);
    socket.write(`PROXY TCP4 203.0.113.9 198.51.100.7 51234 443\r\n${get('/')}`);
    await over;
    expect(text()).to.match(/^HTTP\/1\.1 400 /);
  });

  it('a header that does not come ends the connection after connectTimeoutMs', async () => {
    const { server, port, log } = await serve((request) => request.finish(), {
      ...OPTIONS,
      connectTimeoutMs: 20,
    });
    const { over, text } = dial(port);
    await over;
    // Its own end needs a turn more.
    while (server.channels.size > 0) await new Promise((resolve) => setImmediate(resolve));
    expect([text(), log.codes]).to.deep.equal(['', ['ENGINE_CONNECT_TIMEOUT']]);
  });

  for (const mode of ['tcp', 'http'] as const) {
    for (const options of ['send-proxy', 'send-proxy-v2']) {
      itWithHaproxy(
        `HAProxy in mode ${mode}, ${options}: keep-alive, bodies, and whom they are from`,
        async () => {
          const { port } = await serve(
            (request) => request.sendResponse(`${request.remoteIp} ${request.path} ${request.body.length}`),
            OPTIONS,
          );
          const front = await startHaproxy(mode, port, options);
          const agent = new Agent({ keepAlive: true, maxSockets: 1 });
          cleanups.push(() => agent.destroy());
          for (let i = 0; i < 3; i++) {
            expect(await ask(front, agent, `/${i}`)).to.equal(`200 ${CLIENT} /${i} 0`);
            expect(await ask(front, agent, `/${i}`, 'x'.repeat(200_000))).to.equal(
              `200 ${CLIENT} /${i} 200000`,
            );
          }
        },
      );
    }
  }

  for (const options of ['send-proxy', 'send-proxy-v2', 'send-proxy-v2-ssl-cn']) {
    itWithHaproxy(`HAProxy’s ${options} before TLS that is the server’s own`, async () => {
      const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
      const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key];
      execFileSync('openssl', ['req', '-x509', ...ec, '-out', cert, '-subj', '/CN=localhost'], {
        stdio: 'pipe',
      });
      const { server, port } = await serve(
        (request) => request.sendResponse(`${request.scheme} ${request.remoteIp} ${request.path}`),
        OPTIONS,
      );
      expect(server).to.be.instanceOf(HTTPServer);
      server.startTls({ key: readFileSync(key), cert: readFileSync(cert) });
      const front = await startHaproxy('tcp', port, options);
      const agent = new SecureAgent({ keepAlive: true, maxSockets: 1 });
      cleanups.push(() => agent.destroy());
      for (const path of ['/a', '/b'])
        expect(await ask(front, agent, path)).to.equal(`200 https ${CLIENT} ${path}`);
    });
  }
});
