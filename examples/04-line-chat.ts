// A chat: your first line is your name, and what you write from then on goes to everybody else.
// Run it with `pnpm example 04-line-chat`, then type into `nc localhost 8083`, in two terminals.
import { Engine, Server, Stream } from '@inseam/engine';

class Guest extends Stream {
  name = '';

  override async onConnect() {
    this.readDelimiter = '\n';
    this.bufferSize = 1000;
    this.writeTimeoutMs = 10_000; // One who does not read holds up all others.
    this.write('Your name?\n');
    for await (const line of this) {
      const text = String(line).replace(/\p{Cc}/gu, ''); // Terminals obey control characters.
      const isNew = this.name === '';
      this.name ||= text;
      if (text !== '') await this.tellOthers(isNew ? `* ${text} is here` : `${this.name}: ${text}`);
    }
  }

  override onOverflowError() {
    this.write('That line is too long.\n');
    this.close();
  }

  override async onClose() {
    if (this.name !== '') await this.tellOthers(`* ${this.name} has left`);
  }

  async tellOthers(text: string) {
    const others = [...server.channels].filter((guest) => guest !== this && guest.name && !guest.closed);
    await Promise.all(others.map((guest) => guest.write(`${text}\n`) || guest.drained()));
  }
}

const server = new Server({ ConnectionClass: Guest });
Engine.instance().stopOnSignals();
await server.listen(Number(process.env.PORT ?? 8083));
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
