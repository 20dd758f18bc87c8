// Remote procedure calls in length-prefixed messages; calls may be pipelined and are answered in order.
// Run it with `pnpm example 05-rpc`; try `python3 examples/test/support/rpc-client.py 8084 sha256 hello`.
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { Engine, NetStruct, Server, Stream } from '@inseam/engine';

type Call = [id: number, method: Buffer, argument: Buffer];
const CALL = new NetStruct('I B$ I$');
const REPLY = new NetStruct('I ? I$'); // id, whether it went well, the result or what went wrong

const METHODS = new Map<string, (argument: Buffer) => string | Promise<string>>([
  ['reverse', (text) => [...String(text)].reverse().join('')],
  ['sha256', (data) => createHash('sha256').update(data).digest('hex')],
  ['resolve', async (name) => (await lookup(String(name))).address],
]);

class Caller extends Stream {
  override async onConnect() {
    this.readDelimiter = CALL;
    this.bufferSize = 2 ** 20; // The longest call.
    for await (const [id, name, argument] of this.pieces<Call>()) {
      const [ok, result] = await call(String(name), argument);
      if (!this.closed && !this.writePacked(REPLY, id, ok, result)) await this.drained();
    }
  }
}

async function call(name: string, argument: Buffer): Promise<[ok: boolean, result: string]> {
  try {
    const method = METHODS.get(name);
    return method ? [true, await method(argument)] : [false, `no method ${name}`];
  } catch (error) {
    return [false, (error as Error).message];
  }
}

const server = new Server({ ConnectionClass: Caller });
Engine.instance().stopOnSignals();
await server.listen(Number(process.env.PORT ?? 8084));
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
