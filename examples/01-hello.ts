// One request handler, served. Run it with `pnpm start`, then open the URL that it prints.
import { Engine } from '@inseam/engine';
import { HTTPServer } from '@inseam/http';

const server = new HTTPServer((request) => {
  const name = request.get.get('name') ?? 'World';
  request.sendResponse(`Hello, ${name}!\n`);
});

const engine = Engine.instance();
engine.stopOnSignals();
await server.listen(Number(process.env.PORT ?? 8080));
console.log(`http://localhost:${server.port}/?name=you (Ctrl-C stops)`);
await engine.start();
console.log('stopped');
