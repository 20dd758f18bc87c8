import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request as nodeRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { HTTPServer, type RequestHandler } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { serve } from '../support/serve.js';

const run = promisify(execFile);
const isEquipped = ['openssl', 'curl'].every((tool) => spawnSync('which', [tool]).status === 0);
const isWanted = isEquipped || process.env.CI !== undefined;

(isWanted ? describe : describe.skip)(
  `system: https${isWanted ? '' : ' (pending: openssl or curl is not installed)'}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const [keyFile, certFile] = [join(folder, 'key'), join(folder, 'cert')];
    let tls = { key: '', cert: '' };

    before(() => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
      const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
      execFileSync('openssl', ['req', '-x509', ...key, '-out', certFile, ...names], { stdio: 'pipe' });
      tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
    });
    after(() => rmSync(folder, { recursive: true }));

    async function serveInTls(handler: RequestHandler) {
      const served = await serve(handler);
      served.server.startTls(tls);
      return { ...served, url: `https://127.0.0.1:${served.port}` };
    }

    async function curl(...args: string[]): Promise<string> {
      return (await run('curl', ['-sS', '--max-time', '10', '--cacert', certFile, ...args])).stdout;
    }

    /** A client that sends what the test says, in TLS. */
    function dial(port: number) {
      const options = { port, host: '127.0.0.1', ca: tls.cert, allowHalfOpen: true };
      const socket = connect(options as ConnectionOptions);
      let text = '';
      let look = () => {};
      socket.setEncoding('latin1').on('data', (data: string) => {
        text += data;
        look();
      });
      socket.on('error', () => {});
      const over = new Promise<string>((resolve) => socket.on('close', () => resolve(text)));
      const until = (condition: (text: string) => boolean) =>
        new Promise<string>((resolve) => {
          look = () => condition(text) && resolve(text);
          look();
        });
      return { socket, over, until };
    }

    it('a request knows that it came in TLS', async () => {
      const { url } = await serveInTls((request) =>
        request.sendResponse(
          [request.scheme, request.isSecure, request.fullUrl, request.connection.tls?.protocol].join(' '),
        ),
      );
      const answer = await curl('-H', 'Host: example.com', '--tlsv1.3', `${url}/a?b`);
      expect(answer).to.equal('https true https://example.com/a?b TLSv1.3');
    });

    it('and that it did not', async () => {
      const { url } = await serve((request) =>
        request.sendResponse([request.scheme, request.isSecure, request.connection.tls].join(' ')),
      );
      expect(await curl(url)).to.equal('http false ');
    });

    it('curl asks twice over one connection', async () => {
      const { url } = await serveInTls((request) => request.sendResponse(request.path));
      expect(await curl('-w', ' %{num_connects};', `${url}/1`, `${url}/2`)).to.equal('/1 1;/2 0;');
    });

    it('node:https keeps its connection, and resumes its session on the next', async () => {
      const { url, server } = await serveInTls((request) => request.sendResponse(request.path));
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: tls.cert });
      const ask = (path: string) =>
        new Promise<[text: string, port: number | undefined, isResumed: boolean]>((resolve, reject) => {
          const outgoing = nodeRequest(`${url}${path}`, { agent }, (response) => {
            const socket = response.socket as TLSSocket;
            const { localPort: port } = socket;
            let text = '';
            response.setEncoding('utf8').on('data', (data: string) => {
              text += data;
            });
            response.on('end', () => resolve([text, port, socket.isSessionReused()]));
          });
          outgoing.on('error', reject).end();
        });
      const [first, firstPort] = await ask('/1');
      const [second, secondPort, isResumed] = await ask('/2');
      expect([first, second, secondPort, isResumed]).to.deep.equal(['/1', '/2', firstPort, false]);
      for (const stream of server.channels) stream.close();
      while (server.channels.size > 0) await new Promise((resolve) => setImmediate(resolve));
      const [third, thirdPort, isResumedNow] = await ask('/3');
      expect([third, isResumedNow]).to.deep.equal(['/3', true]);
      expect(thirdPort).not.to.equal(firstPort);
      agent.destroy();
    });

    it('large bodies go both ways', async () => {
      const { url } = await serveInTls((request) => request.sendResponse(request.body));
      const file = join(folder, 'body');
      const body = Buffer.alloc(8 << 20, 'a large body ');
      writeFileSync(file, body);
      const output = join(folder, 'answer');
      await curl('--data-binary', `@${file}`, '-o', output, url);
      expect(readFileSync(output).equals(body)).to.equal(true);
    });

    it('a pipeline is answered in order', async () => {
      const { port } = await serveInTls((request) => request.sendResponse(`${request.url};`));
      const { socket, until } = dial(port);
      const urls = Array.from({ length: 200 }, (_, i) => `/${i}`);
      socket.write(urls.map((url) => get(url)).join(''));
      const text = await until((read) => read.endsWith('/199;'));
      expect(text.match(/\/\d+(?=;)/g)).to.deep.equal(urls);
      socket.destroy();
    });

    it('a client that half-closes gets its answer', async () => {
      const { port } = await serveInTls(async (request) => {
        await new Promise((resolve) => setImmediate(resolve));
        request.sendResponse('still');
      });
      const { socket, over } = dial(port);
      socket.end(get());
      expect(await over).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*still$/);
    });

    it('a response that was broken off does not look complete', async () => {
      const { url } = await serveInTls((request) => {
        request.send('hello');
        throw new Error('x');
      });
      const code = await curl(url).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      expect(code, 'CURLE_PARTIAL_FILE or CURLE_RECV_ERROR').to.be.oneOf([18, 56]);
    });

    it('a client that speaks plainly is not answered, and others are', async () => {
      const { port, url, log, server } = await serveInTls((request) => request.sendResponse('hello'));
      const code = await curl(`http://127.0.0.1:${port}`).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      expect(code, 'CURLE_GOT_NOTHING or CURLE_RECV_ERROR').to.be.oneOf([52, 56]);
      expect(await curl(url)).to.equal('hello');
      while (server.channels.size > 0) await new Promise((resolve) => setImmediate(resolve));
      expect(log.entries.map(({ message }) => message)).to.deep.equal(['HTTPConnection could not connect']);
    });

    it('a client that does not trust the certificate goes, and others are answered', async () => {
      const { url, port } = await serveInTls((request) => request.sendResponse('hello'));
      const code = await run('curl', ['-sS', '--max-time', '10', `https://127.0.0.1:${port}`]).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      expect(code, 'CURLE_PEER_FAILED_VERIFICATION').to.equal(60);
      expect(await curl(url)).to.equal('hello');
    });

    it('engine.stop() finishes a request in TLS', async () => {
      let begun = () => {};
      const began = new Promise<void>((resolve) => {
        begun = resolve;
      });
      let finish = () => {};
      const { url, server } = await serveInTls((request) => {
        finish = () => request.sendResponse('last');
        begun();
      });
      const answer = curl(url);
      await began;
      const stopped = server.engine.stop();
      finish();
      expect(await answer).to.equal('last');
      await stopped;
      expect(server.engine.channels.size).to.equal(0);
    });

    for (const port of [80, 443]) {
      it(`listens on port ${port} unless told otherwise, ${port === 443 ? 'with' : 'without'} TLS`, async () => {
        const { server: owner } = await serve(() => {});
        const server = new HTTPServer(() => {}, { engine: owner.engine });
        if (port === 443) server.startTls(tls);
        // Whether it may is the machine's affair; where it tried shows in any case.
        const tried = await server.listen().then(
          () => server.port,
          (error: { cause: { port: number } }) => error.cause.port,
        );
        expect(tried).to.equal(port);
        server.close();
      });
    }
  },
);
