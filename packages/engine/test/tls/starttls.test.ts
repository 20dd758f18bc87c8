import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectRaw } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectNode } from 'node:tls';
import type { StreamOptions } from '@inseam/engine';
import { expect } from 'chai';
import { describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { behind, clientHello } from '../support/client-hello.js';
import { settled } from '../support/test-engine.js';
import { clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';
import { WireTap } from '../support/wire-tap.js';

/** A server's stream by lines: `STARTTLS` begins TLS, every other line is answered. */
class Lines extends TlsStream {
  constructor(options: StreamOptions) {
    super(options);
    this.readDelimiter = '\r\n';
  }
  override onRead(line: Buffer): unknown {
    super.onRead(line);
    if (line.toString() !== 'STARTTLS') this.write(`you said ${line}\r\n`);
    else {
      this.write('220 go ahead\r\n');
      this.startTls(serverTls());
    }
    return undefined;
  }
}

/** A client's stream by lines: `220 go ahead` begins TLS. */
class LineClient extends TlsStream {
  constructor(options: StreamOptions) {
    super(options);
    this.readDelimiter = '\r\n';
  }
  override onRead(line: Buffer): unknown {
    super.onRead(line);
    if (line.toString() === '220 go ahead') this.startTls(clientTls());
    return undefined;
  }
}

/** What a wire's recording has where TLS begins. */
const RECORD = '\x16\x03';
const FAILURE = ['connect', 'tls error ENGINE_TLS_HANDSHAKE', 'close ENGINE_TLS_HANDSHAKE'];

describeTls('TLS on an open stream (STARTTLS)', () => {
  const newEngine = checkedEngines();

  /** Both ends of an open connection without TLS, and what goes over the wire between them. */
  async function open(Near = TlsStream, Far = TlsStream) {
    const { engine } = newEngine();
    const server = await listen(null, { engine, ConnectionClass: Far });
    const tap = await WireTap.open(server.port ?? 0);
    const client = await new Near({ engine }).connect(['127.0.0.1', tap.port]).opened();
    const accepted = await server.nth(1);
    await accepted.opened();
    return { tap, client, accepted };
  }

  it('what comes before is plain, everything after it is not', async () => {
    const { client, accepted, tap } = await open(LineClient, Lines);
    client.write('hello\r\nSTARTTLS\r\n');
    await client.log.until('tls');
    client.write('secret question\r\n');
    await client.log.until('read you said secret question');
    const [hello, command] = ['hello\r\nSTARTTLS\r\n', 'you said hello\r\n220 go ahead\r\n'];
    expect(tap.sent.slice(0, hello.length)).to.equal(hello);
    expect(tap.sent.slice(hello.length).slice(0, 2)).to.equal(RECORD);
    expect(tap.answered.slice(0, command.length)).to.equal(command);
    expect(tap.answered.slice(command.length).slice(0, 2)).to.equal(RECORD);
    expect(`${tap.sent}${tap.answered}`).not.to.include('secret');
    expect(client.story).to.deep.equal(['connect', 'tls']);
    expect(accepted.story).to.deep.equal(['connect', 'tls']);
    expect(accepted.heard).to.equal('helloSTARTTLSsecret question');
    expect([client.tls?.protocol, accepted.tls?.protocol]).to.deep.equal(['TLSv1.3', 'TLSv1.3']);
    client.close();
    await Promise.all([client.log.until('close'), accepted.log.until('close')]);
    expect(client.story.at(-1)).to.equal('close');
    expect(accepted.story.slice(-2)).to.deep.equal(['end', 'close']);
  });

  /** A server's stream that begins TLS behind the first `plainBytes` of what it reads. */
  const securedBehind = (plainBytes: number): typeof TlsStream =>
    class extends TlsStream {
      constructor(options: StreamOptions = {}) {
        super(options);
        this.readDelimiter = plainBytes;
      }
      override onRead(data: Buffer): unknown {
        if (this.readDelimiter !== null) this.startTls(serverTls());
        this.readDelimiter = null;
        return super.onRead(data);
      }
    };

  for (const size of [6, 2_000_000]) {
    it(`what is written before, while and after the handshake runs keeps its order (${size} bytes each)`, async () => {
      const [before, during, after] = ['b', 'd', 'a'].map((letter) => letter.repeat(size)) as [
        string,
        string,
        string,
      ];
      const { client, accepted, tap } = await open(TlsStream, securedBehind(size));
      client.onTlsHandshake = () => client.write(after);
      client.write(before);
      client.startTls(clientTls());
      client.write(during);
      client.flush();
      expect((await accepted.untilRead(3 * size)) === before + during + after).to.equal(true);
      expect(tap.sent.slice(0, size) === before).to.equal(true);
      expect(tap.sent.slice(size).slice(0, 2)).to.equal(RECORD);
      expect(tap.sent).not.to.match(/dddd|aaaa/);
      expect(client.bytesWritten).to.equal(3 * size);
    });
  }

  it('files keep their place, too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const file = join(folder, 'file');
    const text = 'contents '.repeat(50_000);
    writeFileSync(file, text);
    const { client, accepted, tap } = await open(TlsStream, securedBehind(text.length));
    const sent = [client.writeFile(file)];
    client.startTls(clientTls());
    sent.push(client.writeFile(file));
    client.write('end');
    expect((await accepted.untilRead(2 * text.length + 3)) === `${text}${text}end`).to.equal(true);
    await Promise.all(sent);
    expect(tap.sent.slice(text.length).slice(0, 2)).to.equal(RECORD);
    expect(tap.sent.slice(text.length)).not.to.include('contents');
    rmSync(folder, { recursive: true });
  });

  it('flush() during the handshake sends nothing in between', async () => {
    const { client, accepted, tap } = await open();
    client.startTls(clientTls());
    client.flush();
    client.write('secret');
    client.flush();
    accepted.startTls(serverTls());
    accepted.flush();
    accepted.write('answer');
    accepted.flush();
    expect(await accepted.untilRead(6)).to.equal('secret');
    expect(await client.untilRead(6)).to.equal('answer');
    expect(tap.sent.slice(0, 2)).to.equal(RECORD);
    expect(tap.answered.slice(0, 2)).to.equal(RECORD);
    expect(`${tap.sent}${tap.answered}`).not.to.match(/secret|answer/);
  });

  describe('what has come behind the command', () => {
    /** A connection to a server of `Class` without TLS; what it sends is up to the test. */
    async function dialRaw(Class = Lines as typeof TlsStream) {
      const { engine } = newEngine();
      const server = await listen(null, { engine, ConnectionClass: Class });
      const socket = connectRaw({ port: server.port ?? 0, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      await once(socket, 'connect');
      const accepted = await server.nth(1);
      await accepted.opened();
      return { socket, accepted };
    }

    /** Begins TLS without waiting for the answer to `command`, and has a line answered. */
    async function beginAtOnce(Class: typeof TlsStream) {
      const { socket, accepted } = await dialRaw(Class);
      const wire = behind('STARTTLS\r\n', '220 go ahead\r\n', socket);
      const client = connectNode({ ...clientTls(), socket: wire, host: '127.0.0.1' });
      await once(client, 'secureConnect');
      client.write('hello\r\n');
      expect(String((await once(client, 'data'))[0])).to.equal('you said hello\r\n');
      client.end();
      await accepted.log.until('close');
      expect(accepted.story).to.deep.equal(['connect', 'tls', 'end', 'close']);
      expect(accepted.heard).to.equal('STARTTLShello');
    }

    it('in one segment is taken for the handshake', () => beginAtOnce(Lines as typeof TlsStream));

    it('is so while reading is paused, and what is read afterwards waits', async () => {
      class Paused extends Lines {
        override onRead(line: Buffer) {
          if (line.toString() === 'STARTTLS') this.pause();
          return super.onRead(line);
        }
        override onTlsHandshake() {
          this.engine.callback(() => this.resume());
          return super.onTlsHandshake();
        }
      }
      await beginAtOnce(Paused as typeof TlsStream);
    });

    it('is so in a loop over the lines', async () => {
      class Loop extends TlsStream {
        override async onConnect() {
          super.onConnect();
          this.readDelimiter = '\r\n';
          for await (const line of this) {
            this.onRead(line);
            if (line.toString() !== 'STARTTLS') this.write(`you said ${line}\r\n`);
            else {
              this.write('220 go ahead\r\n');
              this.startTls(serverTls());
            }
          }
        }
      }
      await beginAtOnce(Loop as typeof TlsStream);
    });

    for (const delimiter of ['-end-', /-end-/]) {
      it(`is so when it was searched already for ${delimiter}: the search begins anew behind it`, async () => {
        class Searches extends TlsStream {
          override onConnect() {
            this.readDelimiter = delimiter;
            return super.onConnect();
          }
        }
        const { socket, accepted } = await dialRaw(Searches as typeof TlsStream);
        const client = connectNode({ ...clientTls(), socket, host: '127.0.0.1' });
        while (accepted.bufferedBytes === 0) await settled();
        accepted.startTls(serverTls());
        await once(client, 'secureConnect');
        client.write('short-end-');
        await accepted.log.until('read short');
        client.destroy();
        await accepted.log.until('close');
      });
    }

    describe('while what was written before it is still being sent', () => {
      const bulk = 'b'.repeat(8_000_000);
      /** Whether `data` is the client's command: then TLS begins behind a lot. */
      function answer(stream: TlsStream, data: Buffer): void {
        if (stream.tls !== null) {
          stream.write(`you said ${data}`);
          return;
        }
        stream.write(bulk);
        stream.startTls(serverTls());
      }

      for (const [name, Class] of [
        [
          'by pieces',
          class extends TlsStream {
            override onRead(data: Buffer) {
              super.onRead(data);
              answer(this, data);
            }
          },
        ],
        [
          'by chunks, in a parser of its own',
          class extends TlsStream {
            protected override onChunk(chunk: Buffer) {
              this.onRead(chunk);
              answer(this, chunk);
            }
          },
        ],
      ] as const) {
        it(`is taken for the handshake, for a protocol that reads ${name}`, async () => {
          const { socket, accepted } = await dialRaw(Class as typeof TlsStream);
          socket.write('STARTTLS');
          await accepted.untilRead(8);
          const wire = behind('', bulk, socket);
          socket.pause();
          const client = connectNode({ ...clientTls(), socket: wire, host: '127.0.0.1' });
          // Its first bytes are there before the handshake can begin, and are read or wait.
          for (let turn = 0; turn < 20; turn++) await settled();
          expect(accepted.pendingBytes).to.be.greaterThan(0);
          socket.resume();
          await once(client, 'secureConnect');
          client.end('hello');
          expect(String((await once(client, 'data'))[0])).to.equal('you said hello');
          await accepted.log.until('close');
          expect(accepted.heard).to.equal('STARTTLShello');
        });
      }
    });

    const injected = 'EHLO evil\r\nMAIL FROM:<evil>\r\n';
    for (const [name, Class] of [
      ['handlers', Lines],
      [
        'handlers that pause',
        class extends Lines {
          override onRead(line: Buffer) {
            this.pause();
            this.engine.callback(() => this.resume());
            return super.onRead(line);
          }
        },
      ],
    ] as const) {
      it(`in plain is never delivered to ${name}, and fails the handshake (CVE-2011-0411)`, async () => {
        const { socket, accepted } = await dialRaw(Class as typeof TlsStream);
        socket.write(`STARTTLS\r\n${injected}`);
        await accepted.log.until('close');
        expect(accepted.story).to.deep.equal(FAILURE);
        expect(accepted.heard).to.equal('STARTTLS');
        socket.destroy();
      });
    }

    it('in plain is never delivered, however it is cut', async () => {
      for (const cut of [9, 10, 11, 15]) {
        const { socket, accepted } = await dialRaw();
        const all = `STARTTLS\r\n${injected}`;
        socket.write(all.slice(0, cut));
        await settled();
        socket.write(all.slice(cut));
        await accepted.log.until('close');
        expect(accepted.story).to.deep.equal(FAILURE);
        expect(accepted.heard).to.equal('STARTTLS');
        socket.destroy();
      }
    });

    it('in plain, and then a handshake, fails all the same', async () => {
      const { socket, accepted } = await dialRaw();
      socket.write(Buffer.concat([Buffer.from('STARTTLS\r\nEHLO evil\r\n'), await clientHello()]));
      await accepted.log.until('close');
      expect(accepted.story).to.deep.equal(FAILURE);
      expect(accepted.heard).to.equal('STARTTLS');
      socket.destroy();
    });

    it('in plain is never delivered to a client either', async () => {
      const { client, accepted } = await open(LineClient);
      accepted.write('220 go ahead\r\n250 you are an admin\r\n');
      await client.log.until('close');
      expect(client.story).to.deep.equal(FAILURE);
      expect(client.heard).to.equal('220 go ahead');
    });
  });
});
