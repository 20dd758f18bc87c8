/** A real proxy in front: HAProxy writes the headers, and we must read them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StreamAddress } from '@inseam/engine';
import { RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { parseAddress } from '#src/address';
import { ProxiedTransport } from '#src/proxy/proxied-transport';
import { SocketListener } from '#src/transports/socket-listener';
import { itWith } from '../support/debian-tool.js';
import { hasIPv6 } from '../support/loopback-hosts.js';

const itWithHaproxy = (title: string, check: () => Promise<void>) => itWith('haproxy', title, check);

/** IPv6 is not to be had everywhere, CI included. */
function itWithIPv6(title: string, check: () => Promise<void>): void {
  if (hasIPv6) itWithHaproxy(title, check);
  else it(`${title} (pending: this machine has no IPv6)`);
}

const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
let cleanups: (() => unknown)[] = [];

/** A connection that has come through the proxy and is open. */
interface Passed {
  sink: RecordingSink;
  transport: ProxiedTransport;
}

/** Sends back what it reads. */
class Echo extends RecordingSink {
  constructor(readonly transport: ProxiedTransport) {
    super();
  }
  override onChunk(chunk: Buffer): void {
    super.onChunk(chunk);
    this.transport.write(Buffer.from(chunk));
  }
  override onEnd(): void {
    super.onEnd();
    this.transport.end();
  }
}

/** Listens for the proxy; resolves to the first connection when it is open. */
async function listen(): Promise<{ port: number; passed: Promise<Passed> }> {
  let pass: (passed: Passed) => void = () => {};
  const passed = new Promise<Passed>((resolve) => {
    pass = resolve;
  });
  const options = { backlog: 8, ipv6Only: false, mode: null };
  const listener = await SocketListener.listen(parseAddress(['127.0.0.1', 0]), options, {
    onTransport: async (inner) => {
      const transport = new ProxiedTransport(inner);
      cleanups.push(() => transport.abort());
      const sink = new Echo(transport);
      transport.open(sink);
      await sink.until(() => sink.events.length > 0);
      pass({ sink, transport });
    },
    onError: (error) => assert.fail(error),
  });
  cleanups.push(() => listener.close());
  assert('port' in listener.address);
  return { port: listener.address.port, passed };
}

/** Runs HAProxy between `front`, a listening server that it takes over, and `port`. */
function startHaproxy(front: Server, port: number, serverOptions: string): void {
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `
global
  nbthread 1
  maxconn 16
defaults
  mode tcp
  timeout connect 10s
  timeout client 10s
  timeout server 10s
listen front
  bind fd@3
  # A check that waits for an answer: others may reset the connection before their header is read.
  option tcp-check
  tcp-check expect string hello
  unique-id-format made-by-haproxy
  server back 127.0.0.1:${port} ${serverOptions}
`,
  );
  // The descriptor has no public name; with it, no port has to be guessed.
  const { fd } = (front as unknown as { _handle: { fd: number } })._handle;
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  front.close();
  cleanups.push(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
}

async function openFront(where: { host: string; port: 0 } | { path: string }): Promise<Server> {
  const front = createServer().listen(where);
  await once(front, 'listening');
  return front;
}

/** Where our own connection from the proxy comes from. */
function expectProxyItself(address: StreamAddress | null): void {
  assert(address !== null && 'host' in address);
  expect([address.host, address.family]).to.deep.equal(['127.0.0.1', 4]);
}

/** Sends 'hello' through the proxy, and waits for the echo. */
async function exchange(client: Socket): Promise<void> {
  client.write('hello');
  const [answer] = await once(client, 'data');
  expect(String(answer)).to.equal('hello');
}

/** Whom the connection came from and where it went to, as a client of `host` sees it and as we are told. */
async function throughTcp(listenHost: string, clientHost: string, serverOptions: string) {
  const { port, passed } = await listen();
  const front = await openFront({ host: listenHost, port: 0 });
  const frontAddress = front.address();
  assert(frontAddress !== null && typeof frontAddress === 'object');
  startHaproxy(front, port, serverOptions);
  const client = connect(frontAddress.port, clientHost);
  cleanups.push(() => client.destroy());
  await exchange(client);
  const { transport, sink } = await passed;
  expect(sink.text, 'nothing of the header').to.equal('hello');
  const family = clientHost.includes(':') ? (6 as const) : (4 as const);
  return {
    told: { remote: transport.remoteAddress, local: transport.localAddress },
    seen: {
      remote: { host: clientHost, port: client.localPort, family },
      local: { host: clientHost, port: frontAddress.port, family },
    },
  };
}

const versions = {
  'version 1': 'send-proxy',
  'version 2': 'send-proxy-v2',
  'version 2 with TLS details': 'send-proxy-v2-ssl-cn',
  'version 2 with a checksum and more': 'send-proxy-v2 proxy-v2-options crc32c,unique-id,authority',
};

describe('system: HAProxy', () => {
  afterEach(async () => {
    const all = cleanups;
    cleanups = [];
    for (const cleanup of all.reverse()) await cleanup();
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, options] of Object.entries(versions)) {
    itWithHaproxy(`${name}: IPv4`, async () => {
      const { told, seen } = await throughTcp('127.0.0.1', '127.0.0.1', options);
      expect(told).to.deep.equal(seen);
    });

    itWithIPv6(`${name}: IPv6`, async () => {
      const { told, seen } = await throughTcp('::1', '::1', options);
      expect(told).to.deep.equal(seen);
    });

    itWithIPv6(`${name}: IPv4 at a socket for both`, async () => {
      const { told, seen } = await throughTcp('::', '127.0.0.1', options);
      expect(told).to.deep.equal(seen);
    });

    itWithHaproxy(`${name}: a client on a Unix socket is the proxy itself`, async () => {
      const { port, passed } = await listen();
      const front = await openFront({ path: join(folder, 'front.sock') });
      // The server deletes its own path when it closes here.
      const path = join(folder, 'moved.sock');
      renameSync(join(folder, 'front.sock'), path);
      startHaproxy(front, port, options);
      const client = connect(path);
      cleanups.push(() => client.destroy());
      await exchange(client);
      const { transport, sink } = await passed;
      expect(sink.text).to.equal('hello');
      expectProxyItself(transport.remoteAddress);
      expect(transport.localAddress).to.deep.equal({ host: '127.0.0.1', port, family: 4 });
    });
  }

  itWithHaproxy('version 2: its health check is the proxy itself', async () => {
    const { port, passed } = await listen();
    const options = 'send-proxy-v2 proxy-v2-options crc32c check';
    startHaproxy(await openFront({ host: '127.0.0.1', port: 0 }), port, options);
    const { transport, sink } = await passed;
    expect(sink.events[0]).to.equal('open');
    expectProxyItself(transport.remoteAddress);
    transport.write('hello');
    await sink.until(() => sink.events.some((event) => event === 'end' || event.startsWith('close')));
  });
});
