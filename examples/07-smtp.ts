// A mail server (RFC 5321) that prints mails, over STARTTLS only. Run it with `pnpm example 07-smtp`, then
// `curl smtp://localhost:2525 --ssl-reqd -k --mail-from ann@a.org --mail-rcpt bob@b.org -T README.md`.
import { readFileSync } from 'node:fs';
import { Engine, Server, Stream } from '@inseam/engine';

// openssl req -x509 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem
const { TLS_KEY = 'key.pem', TLS_CERT = 'cert.pem', PORT = 2525 } = process.env;
const TLS = { key: readFileSync(TLS_KEY), cert: readFileSync(TLS_CERT) };
const COMMAND = /\s*(?:data(?=\r\n)|\S[^\n]*\n)/iy; // A line; but the line end of DATA begins the mail.

class Session extends Stream {
  override async onConnect() {
    let mail = { from: '', to: [] as string[] };
    this.readDelimiter = COMMAND;
    this.bufferSize = 2 ** 20; // The longest mail.
    this.write('220 localhost\r\n');
    for await (const piece of this) {
      const [, word = '', address = ''] = /(\w+)(?:[^<]*<([^>]*)>)?/.exec(String(piece)) ?? [];
      const verb = this.readDelimiter === COMMAND ? word.toUpperCase() : 'RSET'; // A mail ends like that.
      let reply = '250 ok';
      if (this.readDelimiter !== COMMAND) console.log(mail, String(piece).replaceAll('\r\n.', '\r\n'));
      if (verb === 'EHLO' && !this.tls) reply = '250-localhost\r\n250 STARTTLS';
      else if (verb === 'STARTTLS' && !this.tls) reply = '220 go ahead';
      else if (verb === 'QUIT') reply = '221 goodbye';
      else if (!this.tls) reply = '530 STARTTLS first';
      else if (verb === 'MAIL' || verb === 'RSET') mail = { from: address, to: [] };
      else if (verb === 'RCPT') mail.to.push(address);
      else if (verb === 'DATA' && mail.to.length > 0) reply = '354 go on';
      else if (verb !== 'EHLO' && verb !== 'NOOP') reply = '503 not now';
      this.readDelimiter = reply.startsWith('354') ? '\r\n.\r\n' : COMMAND;
      if (!this.write(`${reply}\r\n`)) await this.drained();
      if (reply.startsWith('220')) this.startTls(TLS);
      if (reply.startsWith('221')) break;
    }
  }
}

const server = await new Server({ ConnectionClass: Session }).listen(Number(PORT));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
