// A response of any length, sent piece by piece: it waits for slow clients and stops for those that leave.
// Run it with `pnpm example 03-stream-response`, then `curl -N localhost:8082/?lines=1000000`.
import { Engine } from '@inseam/engine';
import { HTTPError, HTTPServer } from '@inseam/http';

const server = new HTTPServer(async (request) => {
  const lines = Number(request.get.get('lines') ?? 10);
  if (!(lines >= 0)) throw new HTTPError(400, 'lines must be a number\n');

  request.sendHeaders({ 'Content-Type': 'text/plain; charset=utf-8' });
  for (let i = 1; i <= lines && !request.signal.aborted; i++) {
    if (!request.send(`line ${i} of ${lines}\n`)) await request.drained();
  }
  request.finish();
});

const engine = Engine.instance();
engine.stopOnSignals();
await server.listen(Number(process.env.PORT ?? 8082));
console.log(`http://localhost:${server.port}/?lines=100 (Ctrl-C stops)`);
await engine.start();
console.log('stopped');
