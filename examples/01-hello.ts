// Answers every request. Run: pnpm start
import { Engine } from '@inseam/engine';
import { HTTPServer } from '@inseam/http';

const server = new HTTPServer((request) => {
  request.sendResponse(`Hello, ${request.get.get('name') ?? 'World'}!\n`);
});

await server.listen(Number(process.env.PORT ?? 8080));
const address = server.localAddress;
console.log(`http://localhost:${address && 'port' in address ? address.port : 80}/ (Ctrl-C stops)`);

const engine = Engine.instance();
engine.stopOnSignals();
await engine.start();
console.log('stopped');
