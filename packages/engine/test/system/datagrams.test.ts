import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Datagram, type DatagramAddress, type DatagramOptions } from '#src/datagram';
import { DatagramServer } from '#src/datagram-server';
import { itWith } from '../support/debian-tool.js';
import { EventLog } from '../support/event-log.js';
import { hasIPv6, Peer } from '../support/recording-datagram.js';
import { runChild } from '../support/run-child.js';
import { systemEngine } from '../support/system-engine.js';

const IMPORT = `
  import { Datagram } from './dist/datagram.js';
  import { DatagramServer } from './dist/datagram-server.js';`;

/** Ends by itself, and what it prints until then. */
const ends: { name: string; source: string; stdout?: string }[] = [
  { name: 'one that was never used', source: 'new Datagram();' },
  {
    name: 'a server that is unreferenced',
    source: 'const s = await new DatagramServer().listen(0); s.unref();',
  },
  { name: 'a server that was closed', source: 'const s = await new DatagramServer().listen(0); s.close();' },
  {
    name: 'one that was unreferenced before it had a socket',
    source: "const d = new Datagram(); d.unref(); d.onWrite = () => console.log('sent'); d.write('x', 9);",
    stdout: 'sent\n',
  },
  {
    name: 'one that has sent its last packet and closed',
    source: `
      const d = new Datagram();
      d.onClose = (reason) => console.log('closed', reason);
      d.write('x', 9);
      d.close();`,
    stdout: 'closed null\n',
  },
  {
    name: 'an answer that has come',
    source: `
      class Echo extends DatagramServer { onRead(data, remote) { this.write(data, remote); this.close(); } }
      class Client extends Datagram { onRead(data) { console.log(String(data)); this.close(); } }
      const server = await new Echo().listen(['127.0.0.1', 0]);
      new Client().connect(['127.0.0.1', server.port]).write('hello');`,
    stdout: 'hello\n',
  },
];

/** Stays until it is told to go. */
const holds: { name: string; source: string }[] = [
  { name: 'a server that listens', source: 'await new DatagramServer().listen(0);' },
  { name: 'one that waits for answers', source: "new Datagram().write('x', 9);" },
  {
    name: 'one that is referenced again',
    source: "const d = new Datagram(); d.unref(); d.write('x', 9); d.onWrite = () => d.ref();",
  },
];

/** Open sockets of this process. */
function sockets(): number {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
    } catch {
      return false; // closed meanwhile, as the one is that reads the folder
    }
  }).length;
}

async function freePort(): Promise<number> {
  const peer = await Peer.bind();
  const [, port] = peer.address;
  await peer.close();
  return port;
}

/** The hop limit of one packet to `to` as socat sees it. */
async function hopsSeen(to: string, options: DatagramOptions): Promise<string> {
  const port = await freePort();
  const member = to.startsWith('239.') ? `,ip-add-membership=${to}:127.0.0.1` : '';
  const receive = `UDP4-RECVFROM:${port},recvttl${member}`;
  const socat = spawn('socat', ['-d', '-d', '-u', receive, 'SYSTEM:echo $SOCAT_IP_TTL']);
  const log = new EventLog();
  let output = '';
  socat.stderr.on('data', (text) => {
    if (/receiving on/.test(String(text))) log.add('ready');
  });
  socat.stdout.on('data', (text) => {
    output += String(text);
  });
  socat.on('close', () => log.add('end'));
  await log.until('ready');
  const datagram = new Datagram({ engine: systemEngine().engine, ...options });
  datagram.write('x', [to, port]);
  datagram.close();
  await log.until('end');
  return output;
}

describe('a process', () => {
  for (const { name, source, stdout } of ends) {
    it(`is not held by a datagram socket: ${name}`, async () => {
      const end = await runChild(`${IMPORT}\n${source}`);
      expect(end).to.deep.equal({ code: 0, signal: null, stdout: stdout ?? '', stderr: '' });
    });
  }

  for (const { name, source } of holds) {
    it(`is held by a datagram socket: ${name}`, async () => {
      // The timer holds nothing: it comes only to a process that something else keeps alive.
      const end = await runChild(`${IMPORT}
        process.on('beforeExit', () => process.exit(9));
        ${source}
        setTimeout(() => process.exit(7), 50).unref();`);
      expect(end).to.include({ code: 7, signal: null });
    });
  }
});

describe('workers of node:cluster', () => {
  it('share the port of a server, and have one each to send from', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const worker = join(folder, 'worker.mjs');
    writeFileSync(
      worker,
      `const { Datagram } = await import(process.argv[2] + 'datagram.js');
      const { DatagramServer } = await import(process.argv[2] + 'datagram-server.js');
      const server = await new DatagramServer().listen(['127.0.0.1', 0]);
      const [sender, client] = [new Datagram(), new Datagram()];
      sender.write('x', 9);
      client.connect(9);
      client.onReadError = () => {};
      client.onConnect = () => process.send([server, sender, client].map((each) => each.localAddress.port));`,
    );
    // All at once: a worker that has ended would leave its port to the next.
    const { stdout } = await runChild(`
      import cluster from 'node:cluster';
      import { once } from 'node:events';
      const args = [new URL('./dist/', 'file://' + process.cwd() + '/').href];
      cluster.setupPrimary({ exec: ${JSON.stringify(worker)}, args, execArgv: [] });
      const workers = [cluster.fork(), cluster.fork()];
      const ports = (await Promise.all(workers.map((each) => once(each, 'message')))).map(([list]) => list);
      console.log(JSON.stringify(ports));
      for (const each of workers) each.process.kill();`);
    rmSync(folder, { recursive: true });
    const [one, two] = JSON.parse(stdout) as [number[], number[]];
    expect(one[0]).to.equal(two[0]);
    expect(new Set([...one, ...two]).size).to.equal(5);
  });
});

describe('datagrams', () => {
  /** Answers in capitals. */
  class Loud extends DatagramServer {
    override onRead(data: Buffer, remote: DatagramAddress) {
      this.write(data.toString().toUpperCase(), remote);
    }
  }

  for (const host of hasIPv6 ? ['127.0.0.1', '[::1]'] : ['127.0.0.1']) {
    itWith('socat', `socat gets its answer on ${host} from a server on a port alone`, async () => {
      const { engine } = systemEngine();
      const server = await new Loud({ engine }).listen(0);
      // Its input stays open: at the end of it, it would wait for more answers.
      const socat = spawn('socat', ['-', `UDP:${host}:${server.port}`]);
      const log = new EventLog();
      socat.stdout.on('data', (text) => log.add(String(text)));
      socat.on('close', () => log.add('end'));
      socat.stdin.write('hello\n');
      await log.until('HELLO\n');
      socat.kill();
      await log.until('end');
      await engine.stop();
      expect(server.closed).to.equal(true);
    });
  }

  itWith('socat', 'ttl and multicastTtl are what socat sees', async () => {
    expect(await hopsSeen('127.0.0.1', { ttl: 7 })).to.equal('7\n');
    const multicastInterface = '127.0.0.1';
    expect(await hopsSeen('239.255.77.78', { multicastTtl: 5, multicastInterface })).to.equal('5\n');
    expect(await hopsSeen('239.255.77.78', { multicastInterface })).to.equal('1\n');
  });

  // Descriptors can be looked at on Linux only.
  if (process.platform !== 'linux') return;

  it('hundreds that end in every way leave no socket and no channel behind', async () => {
    const { engine, reports } = systemEngine();
    const before = sockets();
    const server = await new Loud({ engine }).listen(['127.0.0.1', 0]);
    const to: [string, number] = ['127.0.0.1', server.port ?? 0];
    const closed: Promise<void>[] = [];
    const ways: ((datagram: Datagram) => void)[] = [
      (datagram) => {
        datagram.write('x', to);
        datagram.close();
      },
      (datagram) => {
        datagram.write('x', to);
        datagram.abort();
      },
      (datagram) => datagram.connect(to).abort(),
      (datagram) => {
        datagram.connect(to).write('x');
        datagram.onRead = () => datagram.close();
      },
      (datagram) => {
        datagram.connect(to).onConnect = () => datagram.close(false);
      },
      (datagram) => {
        datagram.write('x', to);
        datagram.close();
        const lame = new Datagram({ engine, multicastInterface: 'no interface' });
        lame.write('x', to);
      },
      (datagram) => {
        datagram.onConnectError = () => {};
        datagram.connect(['127.255.255.255', 9]);
      },
    ];
    for (let i = 0; i < 300; i++) {
      const datagram = new Datagram({ engine });
      closed.push(
        new Promise((resolve) => {
          datagram.onClose = () => resolve();
        }),
      );
      ways[i % ways.length]?.(datagram);
    }
    await Promise.all(closed);
    await engine.stop();
    expect(engine.channels.size).to.equal(0);
    expect(sockets()).to.be.at.most(before);
    expect(reports.take()).to.deep.equal([]);
  });
});
