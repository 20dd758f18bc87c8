import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { itWith } from '../support/debian-tool.js';
import { ask, failure, temporaryPaths } from '../support/echo-server.js';

const SOURCE = `
  import { Engine, Server, Stream } from '@inseam/engine';
  class Echo extends Stream { onRead(data) { this.write(data); } }
  const { LISTEN_FDS, LISTEN_PID } = process.env;
  const servers = [];
  for (let fd = 3; fd < 3 + Number(LISTEN_FDS); fd++)
    servers.push(await new Server({ ConnectionClass: Echo }).listen({ fd }));
  console.log(JSON.stringify([Number(LISTEN_PID) === process.pid, ...servers.map((server) => server.localAddress)]));
  Engine.instance().stopOnSignals();
  await Engine.instance().start();
  console.log('stopped');`;

describe('socket activation', () => {
  const newPath = temporaryPaths();
  const cwd = fileURLToPath(new URL('../../../', import.meta.url));

  /** Starts the server through the tool, with a listening socket for each of `addresses`; resolves when it waits for a client. */
  async function activate(
    addresses: string[],
  ): Promise<{ child: ChildProcess; output: () => string; end: Promise<unknown> }> {
    const args = [
      ...addresses.flatMap((address) => ['-l', address]),
      process.execPath,
      '--input-type=module',
      '-e',
      SOURCE,
    ];
    const child = spawn('systemd-socket-activate', args, { cwd, timeout: 10_000, killSignal: 'SIGKILL' });
    let output = '';
    let said = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text;
    });
    const end = once(child, 'close');
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (text: Buffer) => {
        said += text;
        if (said.match(/Listening on/g)?.length === addresses.length) resolve();
      });
      void end.then(() => reject(new Error(said)));
    });
    return { child, output: () => output, end };
  }

  async function freePort(): Promise<number> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await once(server.close(), 'close');
    return port;
  }

  itWith(
    'systemd-socket-activate',
    'systemd’s TCP socket is descriptor 3, and its first client waits for the server',
    async () => {
      const port = await freePort();
      const { child, output, end } = await activate([`127.0.0.1:${port}`]);
      for (const text of ['first', 'second'])
        expect(await ask({ host: '127.0.0.1', port }, text)).to.equal(text);
      child.kill('SIGTERM');
      expect(await end).to.deep.equal([0, null]);
      expect(output()).to.equal(`[true,{"host":"127.0.0.1","port":${port},"family":4}]\nstopped\n`);
      expect(await failure(ask({ host: '127.0.0.1', port }, ''))).to.equal('ECONNREFUSED');
    },
  );

  itWith(
    'systemd-socket-activate',
    'systemd’s Unix socket serves, and its file is systemd’s to remove',
    async () => {
      const path = newPath();
      const { child, output, end } = await activate([path]);
      for (const text of ['first', 'second']) expect(await ask({ path }, text)).to.equal(text);
      child.kill('SIGTERM');
      expect(await end).to.deep.equal([0, null]);
      expect(output()).to.equal('[true,{"path":""}]\nstopped\n');
      expect(existsSync(path)).to.equal(true);
    },
  );

  itWith('systemd-socket-activate', 'several sockets are descriptors in their order', async () => {
    const port = await freePort();
    const path = newPath();
    const { child, output, end } = await activate([path, `127.0.0.1:${port}`]);
    expect(await ask({ host: '127.0.0.1', port }, 'tcp')).to.equal('tcp');
    expect(await ask({ path }, 'unix')).to.equal('unix');
    child.kill('SIGTERM');
    expect(await end).to.deep.equal([0, null]);
    expect(output()).to.equal(`[true,{"path":""},{"host":"127.0.0.1","port":${port},"family":4}]\nstopped\n`);
  });
});
