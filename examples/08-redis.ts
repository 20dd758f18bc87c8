// A store of values for Redis clients (RESP2, in pipelines, too): PING, ECHO, GET, SET and DEL.
// Run it with `pnpm example 08-redis`, then `redis-cli -p 6380 set greeting hello`.
import { Engine, Server, Stream } from '@inseam/engine';

const values = new Map<string, string>();
const bulk = (text?: string) => (text === undefined ? '$-1\r\n' : `$${text.length}\r\n${text}\r\n`);
const commands: Record<string, (...args: string[]) => string> = {
  PING: (text = '') => (text ? bulk(text) : '+PONG\r\n'),
  ECHO: (text) => bulk(text),
  GET: (key) => bulk(values.get(key)),
  SET: (key, value) => values.set(key, value) && '+OK\r\n',
  DEL: (...keys) => `:${keys.filter((key) => values.delete(key)).length}\r\n`,
};

class Client extends Stream {
  override async onConnect() {
    for (;;) {
      const line = await this.text('\r\n');
      const count = Number(/^\*(\d{1,7})$/.exec(line)?.[1] ?? -1);
      const args = count === -1 ? line.split(' ') : [];
      while (args.length < count) {
        const size = Number(/^\$(\d{1,7})$/.exec(await this.text('\r\n'))?.[1] ?? 0);
        args.push((await this.text(size + 2)).slice(0, -2));
      }
      const [name = '', ...rest] = args;
      const command = commands[name.toUpperCase()];
      const reply = command && rest.length >= command.length ? command(...rest) : '-ERR not understood\r\n';
      if (name && !this.writeLatin1(reply)) await this.drained();
    }
  }

  async text(delimiter: string | number) {
    return (await this.read(delimiter)).toString('latin1'); // A character for each byte: values may be binary.
  }
}

const server = await new Server({ ConnectionClass: Client }).listen(Number(process.env.PORT ?? 6380));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
