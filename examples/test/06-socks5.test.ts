import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPServer } from '@inseam/http';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { blocksTaken, MANY, readOn } from './support/slow-reader.js';

const GREETING = '\x05\x01\0';
/** The answers to a greeting and to a request. */
const ACCEPTED = '\x05\0\x05\0\0\x01\0\0\0\0\0\0';
const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('06-socks5', () => {
  let proxy: RunningExample;
  before(async () => {
    proxy = await RunningExample.start('06-socks5');
  });
  after(() => proxy[Symbol.asyncDispose]());

  describe('with curl', () => {
    const file = randomBytes(30_000_000);
    const web = new HTTPServer(
      (request) => {
        if (request.method === 'POST') request.sendResponse(sha256(request.body));
        else request.sendResponse(file);
      },
      { maxRequest: file.length },
    );
    let folder: string;
    before(async () => {
      await web.listen(0);
      folder = mkdtempSync(join(tmpdir(), 'inseam-socks5-'));
      writeFileSync(join(folder, 'sent'), file);
    });
    after(() => {
      web.close();
      rmSync(folder, { recursive: true });
    });

    const curl = (option: string, url: string, ...others: string[]) =>
      runTool('curl', ['-sS', option, `127.0.0.1:${proxy.port}`, `http://${url}/`, ...others]);

    for (const [option, host, title] of [
      ['--socks5-hostname', 'localhost', 'a name'],
      ['--socks5', '127.0.0.1', 'an IPv4 address'],
      ['--socks5-hostname', '[::1]', 'an IPv6 address'],
    ] as const) {
      if (host === '[::1]' && !hasIPv6) continue;
      itWith('curl', `carries a large download, from ${title}`, async () => {
        const command = `curl -sS ${option} 127.0.0.1:${proxy.port} 'http://${host}:${web.port}/' | sha256sum`;
        expect(await runTool('sh', ['-c', command])).to.equal(`${sha256(file)}  -\n`);
      });
    }

    itWith('curl', 'carries a large upload', async () => {
      const output = await curl('--socks5', `127.0.0.1:${web.port}`, '--data-binary', `@${folder}/sent`);
      expect(output).to.equal(sha256(file));
    });

    itWith(
      'curl',
      'carries several requests on one connection, and several connections at once',
      async () => {
        const one = `http://127.0.0.1:${web.port}/`;
        const args = [
          '-sS',
          '--socks5',
          `127.0.0.1:${proxy.port}`,
          '-d',
          'a',
          '-w',
          ' %{num_connects}\n',
          one,
          one,
        ];
        const outputs = await Promise.all(Array.from({ length: 8 }, () => runTool('curl', args)));
        const hash = sha256(Buffer.from('a'));
        for (const output of outputs) expect(output).to.equal(`${hash} 1\n${hash} 0\n`);
      },
    );

    itWith('curl', 'says that a target refuses, or is not to be found', async () => {
      const refused = await curl('--socks5', `127.0.0.1:${await freePort()}`).catch(String);
      expect(refused).to.match(/ended with 97: .* \(5\)/);
      const unknown = await curl('--socks5-hostname', 'no-such-host.invalid').catch(String);
      expect(unknown).to.match(/ended with 97: .* \(4\)/);
    });
  });

  describe('with raw sockets', () => {
    let target: Server;
    let connections: Socket[];
    let request: string;
    beforeEach(async () => {
      connections = [];
      target = createServer({ allowHalfOpen: true }, (socket) =>
        connections.push(socket.on('error', () => {})),
      );
      target.listen(0, '127.0.0.1');
      await once(target, 'listening');
      const { port } = target.address() as AddressInfo;
      request = `\x05\x01\0\x01\x7f\0\0\x01${String.fromCharCode(port >> 8, port & 255)}`;
    });
    afterEach(() => {
      for (const socket of connections) socket.destroy();
      target.close();
    });

    /** Both ends of a connection through the proxy. */
    async function dial({ port } = proxy): Promise<[client: RawClient, target: Socket]> {
      const client = await RawClient.connect(port, { allowHalfOpen: true });
      client.socket.on('error', () => {});
      const accepted = once(target, 'connection');
      client.write(GREETING + request);
      await accepted;
      await client.read(new RegExp(`^.{${ACCEPTED.length}}`, 's'));
      expect(client.text).to.equal(ACCEPTED);
      client.text = '';
      return [client, connections.at(-1) as Socket];
    }

    it('says that it takes no passwords', async () => {
      const client = await RawClient.connect(proxy.port);
      client.write('\x05\x01\x02');
      expect(await client.read(/\xff/)).to.equal('\x05\xff');
      client.socket.destroy();
    });

    it('reads what comes byte by byte, and hands on what was sent too early', async () => {
      const client = await RawClient.connect(proxy.port);
      client.socket.setNoDelay();
      const accepted = once(target, 'connection');
      for (const byte of `${GREETING}${request}early`) client.write(byte);
      const [socket] = await accepted;
      await readOn(socket, 5, (text) => expect('early').to.contain(text));
      await client.read(/.{12}/s);
      expect(client.text).to.equal(ACCEPTED);
      client.socket.destroy();
    });

    if (hasIPv6) {
      it('dials an IPv6 address', async () => {
        const client = await RawClient.connect(proxy.port);
        const mapped = `\x04${'\0'.repeat(10)}\xff\xff\x7f\0\0\x01`;
        client.write(`${GREETING}\x05\x01\0${mapped}${request.slice(-2)}`);
        await client.read(/.{12}/s);
        expect(client.text).to.equal(ACCEPTED);
        client.socket.destroy();
      });
    }

    it('hands on the end of one direction and leaves the other open: the client is first', async () => {
      const [client, socket] = await dial();
      client.socket.end('question');
      expect(await text(socket)).to.equal('question');
      socket.end('answer');
      expect(await client.readToEnd()).to.equal('answer');
    });

    it('hands on the end of one direction and leaves the other open: the target is first', async () => {
      const [client, socket] = await dial();
      socket.end('answer');
      expect(await client.readToEnd()).to.equal('answer');
      client.socket.end('question');
      expect(await text(socket)).to.equal('question');
    });

    it('hands on a reset of the target, so that half an answer is not taken for a whole one', async () => {
      const [client, socket] = await dial();
      const closed = hadError(client.socket);
      socket.write('ans');
      await client.read(/ans/);
      socket.resetAndDestroy();
      expect(await closed).to.equal(true);
    });

    it('hands on a reset of the client', async () => {
      const [client, socket] = await dial();
      const closed = hadError(socket.resume());
      client.socket.resetAndDestroy();
      expect(await closed).to.equal(true);
    });

    for (const [title, order] of [
      ['the target wait for a client', (ends: Socket[]) => ends],
      ['the client wait for a target', (ends: Socket[]) => ends.reverse()],
    ] as const) {
      it(`makes ${title} that does not read`, async () => {
        const [client, socket] = await dial();
        const [idle, busy] = order([client.socket, socket]) as [Socket, Socket];
        idle.removeAllListeners('data').pause();
        const [other, echo] = await dial();
        echo.pipe(echo);
        const turn = (i: number) => {
          other.write('x');
          return other.read(new RegExp(`^x{${i + 1}}`));
        };
        expect(await blocksTaken(busy, () => Buffer.alloc(1_000_000), turn)).to.be.lessThan(MANY);
        await readOn(idle, MANY * 1_000_000);
      });
    }

    for (const [title, bytes, outcome] of [
      ['a command other than CONNECT', '\x05\x02\0\x01\x7f\0\0\x01\0\x50', '\x07'],
      ['a kind of address that does not exist', '\x05\x01\0\x05\x7f\0\0\x01\0\x50', '\x08'],
    ] as const) {
      it(`refuses ${title}`, async () => {
        const client = await RawClient.connect(proxy.port);
        client.write(GREETING + bytes);
        expect(await client.readToEnd()).to.equal(`\x05\0\x05${outcome}\0\x01\0\0\0\0\0\0`);
      });
    }

    it('does not mind a client that leaves before it has said all', async () => {
      await using quiet = await RunningExample.start('06-socks5');
      const whole = GREETING + request;
      for (let length = 0; length < whole.length; length++) {
        const client = await RawClient.connect(quiet.port);
        client.socket.end(whole.slice(0, length), 'latin1');
        await client.readToEnd();
      }
      expect(connections).to.have.lengthOf(0);
      expect(quiet.output).to.match(/^listening on port \d+ \(Ctrl-C stops\)\n$/);
    });

    it('closes what is open at Ctrl-C', async () => {
      await using stopping = await RunningExample.start('06-socks5');
      const [client, socket] = await dial(stopping);
      stopping.interrupt();
      expect([await client.readToEnd(), await text(socket)]).to.deep.equal(['', '']);
      client.socket.end();
      socket.end();
      expect(await stopping.ended()).to.equal(0);
      expect(stopping.output).to.match(/^listening on port \d+ \(Ctrl-C stops\)\n$/);
    });
  });
});

/** Whether a socket ends by an error, once it is closed. */
function hadError(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => socket.on('close', resolve));
}

/** Everything until the peer's end. */
async function text(socket: Socket): Promise<string> {
  let all = '';
  for await (const chunk of socket.setEncoding('latin1').iterator({ destroyOnReturn: false })) all += chunk;
  return all;
}

/** A port on which nobody listens at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
