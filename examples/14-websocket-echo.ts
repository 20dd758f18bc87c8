// Says back what it is told, text as text and bytes as bytes. Run it with `pnpm example 14-websocket-echo`, then talk to it
// with `npx wscat -c ws://localhost:8089`.
import { Engine } from '@inseam/engine';
import { HTTPServer } from '@inseam/http';
import { WebSocket, webSocketHandler } from '@inseam/websocket';

class Echo extends WebSocket {
  override async onRead(message: string | Buffer) {
    if (!this.write(message)) await this.drained(); // Who does not listen is not read any further.
  }
}

const handler = webSocketHandler(Echo, { perMessageDeflate: true });
const server = await new HTTPServer(handler).listen(Number(process.env.PORT ?? 8089));
Engine.instance().stopOnSignals();
console.log(`ws://localhost:${server.port}/ (Ctrl-C stops)`);
