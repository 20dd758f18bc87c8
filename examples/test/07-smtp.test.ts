import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { RunningTool } from './support/running-tool.js';

const source = fileURLToPath(new URL('../../07-smtp.ts', import.meta.url));

describe('07-smtp', () => {
  let folder: string;
  let smtp: RunningExample;

  const start = () =>
    RunningExample.start('07-smtp', { TLS_KEY: join(folder, 'key.pem'), TLS_CERT: join(folder, 'cert.pem') });

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'inseam-smtp-'));
    // The certificate is made as the example says.
    const command = /^\/\/ (openssl req .*)$/m.exec(readFileSync(source, 'utf8'))?.[1] ?? 'false';
    expect(spawnSync('sh', ['-c', command], { cwd: folder }).status).to.equal(0);
  });
  after(() => rmSync(folder, { recursive: true }));
  beforeEach(async () => {
    smtp = await start();
  });
  afterEach(() => smtp[Symbol.asyncDispose]());

  /** Sends `mail` with curl, and resolves to what curl says of the dialogue. */
  function curl(mail: string, ...options: string[]): Promise<string> {
    const file = join(folder, 'mail.txt');
    writeFileSync(file, mail);
    const addresses = [
      '--mail-from',
      'ann@a.example',
      '--mail-rcpt',
      'bob@b.example',
      '--mail-rcpt',
      'carl@c.example',
    ];
    const trusted = ['--cacert', join(folder, 'cert.pem')];
    const url = `smtp://localhost:${smtp.port}`;
    return runTool('curl', ['-sS', url, ...addresses, ...trusted, '-T', file, ...options]);
  }

  /** A dialogue over TLS that has come to the first mail's recipient. */
  function secure(): RunningTool {
    const trusted = [
      '-CAfile',
      join(folder, 'cert.pem'),
      '-verify_return_error',
      '-verify_hostname',
      'localhost',
    ];
    return new RunningTool('openssl', [
      's_client',
      '-quiet',
      '-starttls',
      'smtp',
      ...trusted,
      '-connect',
      `localhost:${smtp.port}`,
    ]);
  }

  itWith('curl', 'takes a mail from curl over verified TLS, and prints it', async () => {
    await curl('Subject: hello\r\n\r\nGrüße\r\n', '--ssl-reqd');
    await smtp.printed(/\nSubject: hello\r\n\r\nGrüße\r?\n/);
    expect(smtp.output).to.contain("{ from: 'ann@a.example', to: [ 'bob@b.example', 'carl@c.example' ] }");
    expect(smtp.output).not.to.match(/inseam/);
  });

  itWith('curl', 'takes away the dots that curl puts before dots, and ends at none of them', async () => {
    await curl('.\r\n.one\r\n..two\r\n\r\n.\r\nend\r\n', '--ssl-reqd');
    await smtp.printed(/end/);
    expect(smtp.output).to.contain('\r\n.\r\n.one\r\n..two\r\n\r\n.\r\nend');
  });

  itWith('curl', 'takes an empty mail, and a large one', async () => {
    await curl('', '--ssl-reqd');
    await smtp.printed(/from: .*\n/);
    await curl(`${'a line of thirty characters ...\r\n'.repeat(30_000)}the last one\r\n`, '--ssl-reqd');
    await smtp.printed(/the last one/);
    expect(smtp.output.match(/a line of thirty/g)).to.have.lengthOf(30_000);
  });

  itWith('curl', 'takes none without TLS', async () => {
    expect(await curl('Subject: hello\r\n').catch(String)).to.match(/ended with 55: curl: .*530/);
    expect(smtp.output).not.to.contain('hello');
  });

  itWith('openssl', 'takes two mails in one session of openssl s_client, in any case', async () => {
    await using client = secure();
    await client.read(/250 STARTTLS/);
    client.write('ehlo me\r\nMail From:<a@a>\r\nrcpt to:<b@b>\r\ndata\r\none\r\n.\r\n');
    await client.read(/354 go on\r\n250 ok\r\n/);
    client.write('DATA\r\nNOOP\r\nMAIL FROM:<> SIZE=3\r\nRCPT TO:<c@c>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n');
    expect(await client.ended()).to.equal(0);
    expect(client.output.match(/STARTTLS/g), 'offered once, before TLS').to.have.lengthOf(1);
    expect(client.output).to.match(
      /503 not now\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n221 goodbye\r\n$/,
    );
    expect(smtp.output).to.match(
      /\{ from: 'a@a', to: \[ 'b@b' \] \} \r\none\n\{ from: '', to: \[ 'c@c' \] \} \r\ntwo\n$/,
    );
  });

  itWith('openssl', 'answers commands out of order, and goes on', async () => {
    await using client = secure();
    await client.read(/250 STARTTLS/);
    client.write(
      'DATA\r\nMAIL FROM:<a@a>\r\nDATA\r\nSTARTTLS\r\nEXPN all\r\n<>\r\nRCPT TO:<b@b>\r\nRSET\r\nDATA\r\n\r\nQUIT\r\n',
    );
    expect(await client.ended()).to.equal(0);
    const replies = client.output.match(/^\d{3} (?!STARTTLS).*$/gm)?.map((reply) => reply.slice(0, 3));
    expect(replies).to.deep.equal(['503', '250', '503', '503', '503', '503', '250', '250', '503', '221']);
  });

  it('does not do what was smuggled in behind STARTTLS in plain text', async () => {
    const client = await RawClient.connect(smtp.port);
    client.write('EHLO me\r\nSTARTTLS\r\nMAIL FROM:<evil@example>\r\nRCPT TO:<b@b>\r\nDATA\r\nevil\r\n.\r\n');
    expect(await client.readToEnd()).to.equal(
      '220 localhost\r\n250-localhost\r\n250 STARTTLS\r\n220 go ahead\r\n',
    );
    await smtp.printed(/ENGINE_TLS_HANDSHAKE/);
    expect(smtp.output).not.to.contain('evil');
  });

  itWith('openssl', 'hangs up on a mail of more than a megabyte', async () => {
    await using client = secure();
    await client.read(/250 STARTTLS/);
    client.write(`MAIL FROM:<a@a>\r\nRCPT TO:<b@b>\r\nDATA\r\n${`${'x'.repeat(998)}\r\n`.repeat(1100)}.\r\n`);
    await smtp.printed(/ENGINE_BUFFER_OVERFLOW/);
    await client.ended();
    expect(smtp.output).not.to.contain('xxx');
    await curl('Subject: small\r\n', '--ssl-reqd');
    await smtp.printed(/Subject: small/);
  });

  it('stops at Ctrl-C', async () => {
    const client = await RawClient.connect(smtp.port);
    await client.read(/220 localhost\r\n/);
    smtp.interrupt();
    await client.readToEnd();
    client.socket.end();
    expect(await smtp.ended()).to.equal(0);
    expect(smtp.output).not.to.match(/inseam/);
  });
});
