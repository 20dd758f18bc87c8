import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { StreamOptions } from '@inseam/engine';
import { expect } from 'chai';
import { certificates, describeTls, filesOf } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { runTool } from '../support/debian-tool.js';
import { startChild } from '../support/run-child.js';
import { clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';

/** Answers every line, and closes at `bye`. */
class Lines extends TlsStream {
  constructor(options: StreamOptions) {
    super(options);
    this.readDelimiter = '\n';
  }
  override onRead(line: Buffer): unknown {
    super.onRead(line);
    this.write(`you said ${line}\n`);
    if (line.toString() === 'bye') this.close();
    return undefined;
  }
}

/** As much of an SMTP server as STARTTLS needs. */
class Mail extends TlsStream {
  constructor(options: StreamOptions) {
    super(options);
    this.readDelimiter = '\r\n';
  }
  override onConnect(): unknown {
    this.write('220 ready\r\n');
    return super.onConnect();
  }
  override onRead(line: Buffer): unknown {
    super.onRead(line);
    const command = line.toString();
    if (command === 'STARTTLS') {
      this.write('220 go ahead\r\n');
      this.startTls(serverTls());
    } else if (command === 'QUIT') {
      this.write('221 bye\r\n');
      this.close();
    } else {
      this.write(this.tls === null ? '250-here\r\n250 STARTTLS\r\n' : '250 here, in TLS\r\n');
    }
    return undefined;
  }
}

describeTls('TLS with a real client: openssl s_client', () => {
  const newEngine = checkedEngines();

  /** What s_client shows of a session with `port` in which it sends `input`, until the server closes. */
  function converse(port: number | null, input: string, ...args: string[]): Promise<string> {
    const always = ['-connect', `127.0.0.1:${port}`, '-CAfile', filesOf('ca').cert, '-verify_return_error'];
    return runTool('openssl', ['s_client', ...always, '-ign_eof', ...args], input);
  }

  for (const version of ['tls1_2', 'tls1_3']) {
    it(`speaks with a server, and sees its end (${version})`, async () => {
      const { engine } = newEngine();
      const server = await listen(serverTls(), { engine, ConnectionClass: Lines });
      const output = await converse(
        server.port,
        'hello\nbye\n',
        `-${version}`,
        '-verify_hostname',
        'localhost',
      );
      expect(output).to.include('you said hello\nyou said bye\n');
      expect(output).to.match(/Verification: OK\nVerified peername: localhost/);
      const accepted = await server.nth(1);
      await accepted.log.until('close');
      expect(accepted.story).to.deep.equal(['tls', 'connect', 'close']);
      expect(accepted.tls?.protocol).to.equal(version === 'tls1_2' ? 'TLSv1.2' : 'TLSv1.3');
    });
  }

  it('gets a certificate by name, agrees on a protocol and shows its own certificate', async () => {
    const { engine } = newEngine();
    const { aTest, ca } = certificates();
    const server = await listen(
      serverTls({
        certificates: { 'a.test': aTest },
        ALPNProtocols: ['lines'],
        requestCert: true,
        ca: ca.cert,
      }),
      { engine, ConnectionClass: Lines },
    );
    const { key, cert } = filesOf('client');
    const own = ['-key', key, '-cert', cert, '-alpn', 'other,lines', '-servername', 'a.test'];
    const output = await converse(server.port, 'bye\n', ...own, '-verify_hostname', 'a.test');
    expect(output).to.match(/ALPN protocol: lines/);
    expect(output).to.match(/Verified peername: a\.test/);
    const { tls, peerCertificate } = await server.nth(1);
    expect(tls).to.include({ servername: 'a.test', alpnProtocol: 'lines', authorized: true });
    expect(peerCertificate?.subject.CN).to.equal('client');
  });

  it('is told by an alert what was wrong', async () => {
    const { engine } = newEngine();
    const server = await listen(serverTls({ minVersion: 'TLSv1.3' }), { engine });
    const output = await converse(server.port, '', '-tls1_2').catch((error) => error.message);
    expect(output).to.match(/alert protocol version/);
    await (await server.nth(1)).log.until('close');
  });

  it('begins TLS in the middle of a session (-starttls smtp)', async () => {
    const { engine } = newEngine();
    const server = await listen(null, { engine, ConnectionClass: Mail });
    const output = await converse(server.port, 'NOOP\r\nQUIT\r\n', '-starttls', 'smtp', '-quiet');
    expect(output).to.include('250 here, in TLS\r\n221 bye\r\n');
    const accepted = await server.nth(1);
    await accepted.log.until('close');
    expect(accepted.story).to.deep.equal(['connect', 'tls', 'close']);
    expect(accepted.heard).to.match(/^EHLO .*STARTTLSNOOPQUIT$/);
  });

  it('resumes its session five times, as it likes to (-reconnect)', async () => {
    const { engine } = newEngine();
    const server = await listen(serverTls(), { engine, ConnectionClass: Lines });
    const output = await converse(server.port, 'bye\n', '-tls1_2', '-reconnect');
    expect(output.match(/^New, /gm)).to.have.length(1);
    expect(output.match(/^Reused, /gm)).to.have.length(5);
    await (await server.nth(6)).log.until('close');
    expect(server.accepted.map(({ story }) => story.slice(0, 2))).to.deep.equal(
      Array(6).fill(['tls', 'connect']),
    );
  });
});

describeTls('TLS with a real server: openssl s_server', () => {
  const newEngine = checkedEngines();

  /** An s_server that answers each line with its letters reversed; `run` gets its port. */
  async function withServer(args: string[], run: (port: number) => Promise<void>): Promise<void> {
    const { key, cert } = filesOf('local');
    const always = ['s_server', '-accept', '127.0.0.1:0', '-key', key, '-cert', cert, '-rev'];
    const child = spawn('openssl', [...always, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      let output = '';
      for await (const chunk of child.stdout) {
        output += chunk;
        const port = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(output)?.[1];
        if (port === undefined) continue;
        await run(Number(port));
        return;
      }
      expect.fail(`s_server did not listen: ${output}`);
    } finally {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }

  for (const version of ['tls1_2', 'tls1_3']) {
    it(`speaks with it, and leaves in good order (${version})`, async () => {
      const { engine } = newEngine();
      await withServer([`-${version}`], async (port) => {
        const client = new TlsStream({ engine }).startTls(clientTls());
        client.readDelimiter = '\n';
        await client.connect(['127.0.0.1', port]).opened();
        client.write('stressed\n');
        await client.log.until('read desserts');
        client.close();
        await client.log.until('close');
        expect(client.story).to.deep.equal(['tls', 'connect', 'close']);
        expect(client.tls).to.include({ authorized: true });
      });
    });
  }

  it('shows the certificate that it asks for', async () => {
    const { engine } = newEngine();
    await withServer(
      ['-Verify', '1', '-CAfile', filesOf('ca').cert, '-verify_return_error'],
      async (port) => {
        const { key, cert } = certificates().client;
        const client = new TlsStream({ engine }).startTls(clientTls({ key, cert }));
        client.readDelimiter = '\n';
        await client.connect(['127.0.0.1', port]).opened();
        client.write('stressed\n');
        await client.log.until('read desserts');
        client.abort();
        await client.log.until('close');
      },
    );
  });
});

describeTls('TLS and the process', () => {
  /** Both ends of a connection in a process of its own, which `source` does something to. */
  const child = (source: string) =>
    startChild(`
      import { readFileSync } from 'node:fs';
      import { Server, Stream } from '@inseam/engine';
      class Far extends Stream { onConnect() { this.unref(); } }
      class Near extends Stream { onConnect() { console.log('connected'); } onClose() { console.log('closed'); } }
      const server = new Server({ ConnectionClass: Far }).startTls({
        key: readFileSync('${filesOf('local').key}'), cert: readFileSync('${filesOf('local').cert}'),
      });
      await server.listen(['127.0.0.1', 0]);
      server.unref();
      const near = new Near().startTls({ rejectUnauthorized: false });
      const address = ['127.0.0.1', server.port];
      ${source}`);

  for (const [when, source] of [
    ['before it connects', 'near.connect(address).unref();'],
    ['when it has', 'near.connect(address).onTlsHandshake = () => near.unref();'],
    ['afterwards', 'await near.connect(address).opened(); near.unref();'],
  ] as const) {
    it(`a stream in TLS does not hold it when it is unreferenced ${when}`, async () => {
      const end = await child(source).end;
      expect(end).to.deep.equal({ code: 0, signal: null, stdout: 'connected\n', stderr: '' });
    });
  }

  for (const [when, source] of [
    ['is', 'near.connect(address);'],
    ['is again', 'near.connect(address); near.unref(); near.ref();'],
    ['is again, afterwards', 'near.connect(address).unref(); await near.opened(); near.ref();'],
  ] as const) {
    it(`a stream in TLS holds it when it ${when} referenced`, async () => {
      const { printed, end } = child(
        `${source} await near.opened();
        // Whoever is still here after this has been held.
        setTimeout(() => near.close(), 50).unref();`,
      );
      await printed('closed');
      expect(await end).to.include({ code: 0, stdout: 'connected\nclosed\n' });
    });
  }
});
