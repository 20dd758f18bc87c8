import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, Stream } from '@inseam/engine';
import { expect } from 'chai';
import { collectGarbage } from '../support/collect-garbage.js';
import { EventLog } from '../support/event-log.js';
import { systemEngine } from '../support/system-engine.js';

const CONNECTIONS = 300;

/** Open sockets of this process. Other descriptors are the runtime's, which opens some when it pleases. */
function sockets(): number {
  return readdirSync('/proc/self/fd').filter(isSocket).length;
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:');
  } catch {
    return false; // closed meanwhile, as the one is that reads the folder
  }
}

/** How a client dies, having sent something. */
const deaths: Record<string, (socket: Socket) => void> = {
  'ends in good order': (socket) => socket.end(),
  'resets the connection': (socket) => socket.resetAndDestroy(),
  'closes at once': (socket) => socket.destroy(),
};

describe('nothing is left behind by hundreds of connections', () => {
  if (process.platform !== 'linux') return;
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, die] of Object.entries(deaths)) {
    for (const kind of ['tcp', 'unix'] as const) {
      if (kind === 'unix' && name === 'resets the connection') continue;
      it(`${kind}, when the client ${name}`, async () => {
        const { engine } = systemEngine();
        const log = new EventLog();
        let opened = 0;
        let closed = 0;
        const gone: WeakRef<Stream>[] = [];
        class Counted extends Stream {
          override onConnect() {
            opened++;
            this.write('welcome');
            gone.push(new WeakRef(this));
          }
          override onClose() {
            closed++;
            if (closed === CONNECTIONS) log.add('all closed');
          }
        }
        const server = new Server({ engine, ConnectionClass: Counted });
        const before = sockets();
        await server.listen(kind === 'tcp' ? ['127.0.0.1', 0] : join(folder, 'socket'));
        const address = server.localAddress;
        for (let i = 0; i < CONNECTIONS; i++) {
          const socket = new Socket();
          socket.on('error', () => {});
          if (address !== null && 'path' in address) socket.connect(address.path);
          else socket.connect(server.port ?? 0, '127.0.0.1');
          // Not before it is accepted: a connection that is reset earlier is refused, and not counted.
          socket.once('data', () => socket.write('x', () => die(socket)));
        }
        await log.until('all closed');
        expect([opened, closed]).to.deep.equal([CONNECTIONS, CONNECTIONS]);
        expect([server.channels.size, engine.channels.size]).to.deep.equal([0, 1]);
        await engine.stop();
        // The clients' own ends may need a turn more.
        while (sockets() > before) await new Promise((resolve) => setImmediate(resolve));
        expect(sockets()).to.be.at.most(before);
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
        collectGarbage();
        expect(gone.filter((ref) => ref.deref() !== undefined)).to.have.length.below(CONNECTIONS / 10);
      });
    }
  }
});
