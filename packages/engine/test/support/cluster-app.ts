/**
 * One server in several processes, for the tests of node:cluster: started as the primary, it forks itself. What happens goes to
 * whoever has started it, as messages; 'stop' from there stops the workers' engines.
 *
 *     node cluster-app.js rr|none WORKERS ADDRESS
 */
import cluster from 'node:cluster';
import { Engine, type ListenAddress, Server, Stream } from '@inseam/engine';

/** What the primary tells. */
export type ClusterMessage =
  | { readonly listening: { pids: number[]; port: number | null } }
  | { readonly exited: { pid: number; code: number | null; signal: string | null } };

const [policy, count, address = ''] = process.argv.slice(2);

/** Says whose it is, then answers what it reads. */
class Named extends Stream {
  override onConnect(): void {
    this.write(`${process.pid}\n`);
  }
  override onRead(data: Buffer): void {
    this.write(data);
  }
}

function runPrimary(): void {
  cluster.schedulingPolicy = policy === 'rr' ? cluster.SCHED_RR : cluster.SCHED_NONE;
  const tell = (message: ClusterMessage) => process.send?.(message);
  const pids: number[] = [];
  for (let i = 0; i < Number(count); i++) {
    const worker = cluster.fork();
    const pid = worker.process.pid ?? 0;
    worker.on('message', ({ port }: { port: number | null }) => {
      if (pids.push(pid) === Number(count)) tell({ listening: { pids, port } });
    });
    worker.on('exit', (code, signal) => {
      tell({ exited: { pid, code, signal } });
      // The way to the tests is all that holds the primary then.
      if (Object.keys(cluster.workers ?? {}).length === 0) process.disconnect();
    });
  }
  // Tests that have failed leave nothing running: the workers follow.
  process.once('disconnect', () => process.exit());
  process.on('message', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.send('stop');
  });
}

async function runWorker(): Promise<void> {
  const listenAddress = JSON.parse(address) as ListenAddress;
  const server = await new Server({ ConnectionClass: Named }).listen(listenAddress);
  process.send?.({ port: server.port });
  process.once('message', () => {
    void Engine.instance()
      .stop()
      .then(() => process.disconnect());
  });
}

if (cluster.isPrimary) runPrimary();
else await runWorker();
