import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import { Server } from '@inseam/engine';
import { expect } from 'chai';
import { readAll } from '../support/piece-loop.js';
import { RecordingStream } from '../support/recording-stream.js';
import { systemEngine } from '../support/system-engine.js';
import { settled } from '../support/test-engine.js';

/** Answers every line, and the end with how many they were. */
class Counter extends RecordingStream {
  override async onConnect() {
    this.readDelimiter = '\n';
    let lines = 0;
    for await (const line of this) {
      lines++;
      this.write(`${line}!\n`);
    }
    this.write(`${lines} lines\n`);
  }
}

describe('for await over a real socket', () => {
  let { engine, reports } = systemEngine();
  let server = createServer();
  let accepted: Promise<Socket>;

  /** A stream to a peer of node:net's, which does what the test says. */
  async function connected(): Promise<{ stream: RecordingStream; peer: Socket }> {
    const { port } = server.address() as AddressInfo;
    const stream = new RecordingStream({ engine }).connect(['127.0.0.1', port]);
    await stream.log.until('connect');
    return { stream, peer: await accepted };
  }

  beforeEach(async () => {
    ({ engine, reports } = systemEngine());
    server = createServer({ allowHalfOpen: true, noDelay: true });
    accepted = once(server, 'connection').then(([socket]) => (socket as Socket).on('error', () => {}));
    await once(server.listen(0, '127.0.0.1'), 'listening');
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await engine.stop();
    expect(engine.channels.size).to.equal(0);
    expect(reports.take()).to.deep.equal([]);
  });

  it('gives a server every line, and the end; what it writes then is sent', async () => {
    const counting = new Server({ engine, ConnectionClass: Counter });
    await counting.listen(['127.0.0.1', 0]);
    const socket = connectSocket({ host: '127.0.0.1', port: counting.port ?? 0 });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text) => {
      answer += text;
    });
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}`);
    for (let i = 0; i < lines.length; i += 1_000) socket.write(`${lines.slice(i, i + 1_000).join('\n')}\n`);
    socket.end();
    await once(socket, 'close');
    expect(answer).to.equal(`${lines.join('!\n')}!\n20000 lines\n`);
    counting.close();
  });

  it('makes the peer wait for a slow loop, in bounded memory, and loses nothing', async () => {
    const { stream, peer } = await connected();
    stream.readDelimiter = 1_000;
    const pieces = stream.pieces();
    peer.write(Buffer.alloc(1_000_000));
    const first = await pieces.next();
    // Far more than the system's buffers take.
    while (peer.writableLength < 8_000_000) {
      peer.write(Buffer.alloc(1_000_000));
      await settled();
    }
    const { bytesRead } = stream;
    expect(stream.bufferedBytes).to.be.within(0, 65_536);
    expect(stream.bytesRead - stream.bufferedBytes, 'one piece').to.equal(first.value?.length);
    peer.end();
    let total = first.value?.length ?? 0;
    for await (const piece of pieces) total += piece.length;
    expect(total).to.equal(peer.bytesWritten);
    expect(total).to.be.greaterThan(bytesRead);
    await stream.log.until('close');
  });

  it('ends when the peer does, and with the stream', async () => {
    const { stream, peer } = await connected();
    stream.readDelimiter = ';';
    peer.end('a;b;c');
    await readAll(stream);
    expect(stream.bufferedBytes).to.equal(1);
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b', 'over', 'end', 'close']);
  });

  it('throws when the peer resets the connection', async () => {
    const { stream, peer } = await connected();
    const reading = readAll(stream);
    peer.write('a');
    await stream.log.until('piece a');
    peer.resetAndDestroy();
    await reading;
    expect(stream.log.events.at(-1)).to.equal('threw ENGINE_CONNECTION_LOST');
    expect(stream.log.events).to.include('close ENGINE_CONNECTION_LOST');
  });

  it('closes the stream when it is left, and the peer sees what was written and the end', async () => {
    const { stream, peer } = await connected();
    stream.readDelimiter = '\n';
    peer.write('QUIT\nmore\n');
    for await (const line of stream) {
      stream.write(`${line}: good bye`);
      break;
    }
    const seen: Buffer[] = [];
    peer.on('data', (data) => seen.push(data));
    await once(peer, 'end');
    peer.end();
    expect(Buffer.concat(seen).toString()).to.equal('QUIT: good bye');
    await stream.log.until('close');
    expect(stream.log.events.at(-1)).to.equal('close');
  });
});
