import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Engine } from '@inseam/engine';
import { expect } from 'chai';
import { Echo, LoggedServer, toNet } from '../support/echo-server.js';
import { EventLog } from '../support/event-log.js';
import { systemEngine } from '../support/system-engine.js';

/** A client that writes down what it sees. */
class Client {
  readonly log = new EventLog();
  readonly socket: Socket;
  constructor(server: LoggedServer<Echo>) {
    this.socket = connect(toNet(server.localAddress));
    this.socket
      .setEncoding('latin1')
      .on('connect', () => this.log.add('connect'))
      .on('data', (text) => this.log.add(`read ${text}`))
      .on('end', () => this.log.add('end'))
      .on('error', (error: NodeJS.ErrnoException) => this.log.add(`error ${error.code}`))
      .on('close', () => this.log.add('close'));
  }
}

/** Every stream that a server makes, with its log. */
class Kept extends Echo {
  static made: Kept[] = [];
  override onConnect(): unknown {
    Kept.made.push(this);
    return super.onConnect();
  }
}

describe('a server of few connections', () => {
  let engine: Engine;
  let reports: EventLog;
  const clients: Client[] = [];

  beforeEach(() => {
    ({ engine, reports } = systemEngine());
    Kept.made = [];
  });
  afterEach(async () => {
    for (const { socket } of clients.splice(0)) socket.destroy();
    await engine.stop();
    expect(engine.channels.size).to.equal(0);
    expect(reports.take()).to.deep.equal([]);
  });

  const listen = (maxConnections: number) =>
    new LoggedServer<Echo>({ engine, ConnectionClass: Kept, maxConnections }).listen(['127.0.0.1', 0]);

  /** A client that has been accepted by the system, whether or not it is served. */
  async function come(server: LoggedServer<Echo>, text = ''): Promise<Client> {
    const client = new Client(server);
    clients.push(client);
    await client.log.until('connect');
    if (text !== '') await new Promise((resolve) => client.socket.write(text, resolve));
    return client;
  }

  /** A round trip on a server of its own: what was under way before it has arrived. */
  async function roundTrip(): Promise<void> {
    const other = await listen(1);
    const client = await come(other, 'round');
    await client.log.until('read round');
    client.socket.end();
    await client.log.until('close');
    other.close();
    Kept.made.splice(
      Kept.made.findIndex((stream) => stream.server === (other as unknown)),
      1,
    );
  }

  it('serves the next one, from its first byte, as soon as a place is free', async () => {
    const server = await listen(2);
    const [first, second] = [await come(server, 'one'), await come(server, 'two')];
    await Promise.all([first.log.until('read one'), second.log.until('read two')]);
    const third = await come(server, 'three');
    const fourth = await come(server, 'four');
    await roundTrip();
    expect(third.log.events, 'it is connected, and that is all').to.deep.equal(['connect']);
    expect([server.channels.size, engine.stats().accepted, engine.channels.size]).to.deep.equal([2, 3, 3]);
    expect(server.log.events, 'nor has user code heard of it').to.deep.equal(['listen', 'accept', 'accept']);

    second.socket.end();
    await third.log.until('read three');
    expect(second.log.events).to.deep.equal(['connect', 'read two', 'end', 'close']);
    expect(fourth.log.events).to.deep.equal(['connect']);
    third.socket.end();
    await fourth.log.until('read four');
    first.socket.write('still here');
    await first.log.until('read still here');
    expect(server.channels.size).to.equal(2);
  });

  it('reads nothing of those that wait, however much they send', async () => {
    const server = await listen(1);
    const served = await come(server, 'x');
    await served.log.until('read x');
    const waiting = await come(server);
    const all = Buffer.alloc(32 << 20, 'w');
    waiting.socket.write(all);
    await roundTrip();
    expect(waiting.socket.writableLength, 'most of it stays with the client').to.be.above(16 << 20);
    let answered = 0;
    waiting.socket.on('data', (text) => {
      answered += text.length;
      if (answered === all.length) waiting.log.add('all');
    });
    served.socket.end();
    await waiting.log.until('all');
  });

  it('answers one that has finished its side meanwhile', async () => {
    const server = await listen(1);
    const served = await come(server, 'x');
    await served.log.until('read x');
    const waiting = await come(server, 'request');
    waiting.socket.end();
    await roundTrip();
    served.socket.end();
    await waiting.log.until('close');
    expect(waiting.log.events).to.deep.equal(['connect', 'read request', 'end', 'close']);
  });

  for (const [how, leave, lastEvents] of [
    ['closed', (socket: Socket) => socket.destroy(), ['connect', 'end', 'close']],
    ['reset', (socket: Socket) => socket.resetAndDestroy(), ['connect', 'close ENGINE_CONNECTION_LOST']],
  ] as const) {
    it(`finds out that one has ${how} meanwhile when its turn comes, and serves the next`, async () => {
      const server = await listen(1);
      const served = await come(server, 'x');
      await served.log.until('read x');
      const leaver = await come(server);
      const next = await come(server, 'next');
      leave(leaver.socket);
      await leaver.log.until('close');
      await roundTrip();
      expect(Kept.made).to.have.length(1);
      served.socket.end();
      await next.log.until('read next');
      expect(Kept.made.map((stream) => stream.log.events)).to.deep.equal([
        ['connect', 'read x', 'write', 'end', 'close'],
        lastEvents,
        ['connect', 'read next', 'write'],
      ]);
    });
  }

  it('lets those that wait go when it closes, and those that are served stay', async () => {
    const server = await listen(1);
    const served = await come(server, 'x');
    await served.log.until('read x');
    const waiting = await come(server, 'unread');
    await roundTrip();
    server.close();
    await waiting.log.until('close');
    expect(waiting.log.events, 'unread bytes make it a reset').to.deep.equal([
      'connect',
      'error ECONNRESET',
      'close',
    ]);
    served.socket.write('y');
    await served.log.until('read y');
    served.socket.end();
    await served.log.until('close');
    expect(Kept.made).to.have.length(1);
  });

  it('is stopped with the engine though some wait', async () => {
    const server = await listen(1);
    const served = await come(server, 'x');
    await served.log.until('read x');
    const waiting = await come(server);
    await roundTrip();
    await Promise.all([engine.stop(), served.log.until('close'), waiting.log.until('close')]);
    expect(waiting.log.events).to.deep.equal(['connect', 'end', 'close']);
    expect([server.channels.size, engine.stats().accepted]).to.deep.equal([0, 2]);
  });

  it('gives the place of one that is aborted to the next', async () => {
    const server = await listen(1);
    await (await come(server, 'x')).log.until('read x');
    const waiting = await come(server, 'next');
    await roundTrip();
    Kept.made[0]?.abort();
    await waiting.log.until('read next');
  });

  it('does not fill a place that is refused', async () => {
    const server = await listen(1);
    const served = await come(server, 'x');
    await served.log.until('read x');
    const refused = [await come(server, 'a'), await come(server, 'b')];
    const last = await come(server, 'last');
    await roundTrip();
    let asked = 0;
    server.onAccept = () => ++asked > 2;
    served.socket.end();
    await last.log.until('read last');
    for (const { log } of refused) await log.until('close');
    expect([asked, server.channels.size]).to.deep.equal([3, 1]);
  });

  it('serves many through a few places, in turn', async () => {
    const server = await listen(3);
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => come(server, `${i}`)));
    for (const [i, client] of all.entries()) {
      await client.log.until(`read ${i}`);
      const closed = once(client.socket, 'close');
      client.socket.end();
      await closed;
    }
    expect(engine.stats()).to.include({ accepted: 20, channels: 1 });
  });
});
