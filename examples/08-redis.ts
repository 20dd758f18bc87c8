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
    let args: string[] = [];
    let count = 0;
    this.readDelimiter = '\r\n';
    for await (const piece of this) {
      const text = piece.toString('latin1'); // A character for each byte: values may be binary.
      const [, sign, size] = /^([*$])(\d{1,7})$/.exec(text) ?? [];
      if (typeof this.readDelimiter === 'number') args.push(text.slice(0, -2));
      else if (sign === '*') [args, count] = [[], Number(size)];
      else if (!sign && text !== '') await this.run(text.split(' '));
      this.readDelimiter = sign === '$' ? Number(size) + 2 : '\r\n';
      if (count > 0 && args.length === count) await this.run(args.splice(0));
    }
  }

  async run([name = '', ...args]: string[]) {
    const command = commands[name.toUpperCase()];
    const reply = command && args.length >= command.length ? command(...args) : '-ERR not understood\r\n';
    if (!this.writeLatin1(reply)) await this.drained();
  }
}

const server = await new Server({ ConnectionClass: Client }).listen(Number(process.env.PORT ?? 6380));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
