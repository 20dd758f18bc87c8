import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type InseamError, Server, Stream, TransportError } from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { engineWith, RecordingSocket } from '../support/client-parts.js';
import { clientEngine, Echo, serveOurs, serveRaw, serveWs } from '../support/client-peers.js';

const isEquipped = spawnSync('which', ['openssl']).status === 0;
const isWanted = isEquipped || process.env.CI !== undefined;

(isWanted ? describe : describe.skip)(
  `system: a client in TLS${isWanted ? '' : ' (pending: openssl is not installed)'}`,
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

    async function echo(socket: RecordingSocket, message: string): Promise<unknown> {
      socket.write(message);
      await socket.until(() => socket.messages.length > 0 || socket.closed);
      const [answer] = socket.messages;
      socket.close();
      expect(await socket.over()).to.equal('close 1000  null');
      return answer;
    }
    async function rejection(promise: Promise<unknown>): Promise<InseamError> {
      return promise.then(
        () => expect.fail('it was opened'),
        (error) => error,
      );
    }

    for (const scheme of ['wss', 'https']) {
      it(`${scheme}: to our own server`, async () => {
        const { port } = await serveOurs({}, Echo, undefined, tls);
        const { engine } = clientEngine();
        const options = { engine, tls: { ca: tls.cert } };
        const socket = await RecordingSocket.connect(`${scheme}://localhost:${port}/`, options);
        const long = 'x'.repeat(1 << 20);
        expect((await echo(socket, long)) === long).to.equal(true);
      });
    }

    it('to the server of ws, by address', async () => {
      const { port } = await serveWs(
        {},
        (peer) => void peer.on('message', (data) => peer.send(`${data}!`)),
        tls,
      );
      const { engine } = clientEngine();
      const options = { engine, tls: { ca: tls.cert } };
      const socket = await RecordingSocket.connect(`wss://127.0.0.1:${port}/`, options);
      expect(await echo(socket, 'x')).to.equal('x!');
    });

    it('over a Unix socket, where localhost is verified', async () => {
      const path = join(folder, 'tls.sock');
      await serveOurs({}, Echo, path, tls);
      const { engine } = clientEngine();
      const options = { engine, tls: { ca: tls.cert } };
      const socket = await RecordingSocket.connect(`wss+unix:${path}:/x`, options);
      expect(await echo(socket, 'x')).to.equal('x');
    });

    it('offers HTTP/1.1 by ALPN, and the name of the URL', async () => {
      const { engine } = engineWith();
      const seen: unknown[] = [];
      class Peer extends Stream {
        override onConnect(): void {
          seen.push(this.tls?.alpnProtocol, this.tls?.servername);
          this.abort();
        }
      }
      const server = new Server({ ConnectionClass: Peer, engine });
      server.startTls({ ...tls, ALPNProtocols: ['h2', 'http/1.1'] });
      await server.listen(['127.0.0.1', 0]);
      const address = server.localAddress;
      const port = address !== null && 'port' in address ? address.port : 0;
      const client = clientEngine().engine;
      const error = await rejection(
        WebSocket.connect(`wss://localhost:${port}/`, { engine: client, tls: { ca: tls.cert } }),
      );
      expect(error).to.be.instanceOf(TransportError);
      expect(seen).to.deep.equal(['http/1.1', 'localhost']);
      await engine.stop();
    });

    it('does not take a certificate that it does not know, unless told to', async () => {
      const { port } = await serveOurs({}, Echo, undefined, tls);
      const { engine, log } = clientEngine();
      const url = `wss://localhost:${port}/`;
      const error = await rejection(RecordingSocket.connect(url, { engine }));
      expect(error)
        .to.be.instanceOf(TransportError)
        .with.include({ code: 'ENGINE_TLS_HANDSHAKE', phase: 'tls' });
      expect(engine.stats()).to.include({ channels: 0, timers: 0 });
      expect(log.entries).to.deep.equal([]);
      const socket = await RecordingSocket.connect(url, { engine, tls: { rejectUnauthorized: false } });
      expect(await echo(socket, 'x')).to.equal('x');
    });

    it('ws: to a server in TLS, and wss: to one without, fail', async () => {
      const { port: secure } = await serveOurs({}, Echo, undefined, tls);
      const { port: plain } = await serveOurs();
      const { engine } = clientEngine();
      for (const url of [`ws://127.0.0.1:${secure}/`, `wss://127.0.0.1:${plain}/`]) {
        await rejection(RecordingSocket.connect(url, { engine }));
        expect(engine.stats()).to.include({ channels: 0, timers: 0 });
      }
    });

    it('connectTimeoutMs counts the TLS handshake, handshakeTimeoutMs does not', async () => {
      const clock = fakeClock();
      const { engine } = engineWith(clock);
      let heard = () => {};
      const hello = new Promise<void>((resolve) => {
        heard = resolve;
      });
      const { port } = await serveRaw((socket) => void socket.on('data', () => heard()));
      const limits = { handshakeTimeoutMs: 1_000 };
      let error: InseamError | null = null;
      const over = rejection(
        RecordingSocket.connect(`wss://127.0.0.1:${port}/`, { engine, limits, connectTimeoutMs: 5_000 }),
      ).then((reason) => {
        error = reason;
      });
      await hello;
      clock.advance(4_900);
      await new Promise((resolve) => setImmediate(resolve));
      expect(error).to.equal(null);
      clock.advance(1_300);
      await over;
      expect(error).to.include({ code: 'ENGINE_CONNECT_TIMEOUT', phase: 'timeout' });
      expect(engine.stats()).to.include({ channels: 0, timers: 0 });
    });
  },
);
