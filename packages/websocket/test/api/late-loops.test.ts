/** Messages that come before anybody reads them: without an `onRead` they wait for a loop. */
import { upgrade, WebSocket, type WebSocketClass } from '@inseam/websocket';
import { expect } from 'chai';
import { binary, close, ping, text } from '../support/frames.js';
import { handshake, type Wire, wire } from '../support/wire.js';

const LONG = 'x'.repeat(10_000);

interface Far extends Wire {
  readonly socket: WebSocket;
}

/** A WebSocket that nobody reads, and `behind` in the segment of its handshake. */
async function unread(Class: WebSocketClass = WebSocket, behind: Buffer = Buffer.alloc(0)): Promise<Far> {
  const sockets: WebSocket[] = [];
  const far = wire(async (request) => {
    const socket = await upgrade(request, Class);
    if (socket !== null) sockets.push(socket);
  });
  far.send(Buffer.concat([Buffer.from(handshake()), behind]));
  expect(await far.takeHead()).to.match(/^HTTP\/1\.1 101 /);
  const [socket] = sockets;
  if (socket === undefined) throw new Error('no socket');
  return Object.defineProperties({ socket } as Far, Object.getOwnPropertyDescriptors(far));
}

/** What a loop gives, and how it ends. */
function reading(socket: WebSocket, most = Number.POSITIVE_INFINITY): unknown[] {
  const got: unknown[] = [];
  void (async () => {
    try {
      for await (const message of socket) if (got.push(message) === most) return;
      got.push('(end)');
    } catch (error) {
      got.push(`(${(error as { code?: string }).code})`);
    }
  })();
  return got;
}

class Silent extends WebSocket {}

describe('api: a loop that comes late', () => {
  for (const Class of [WebSocket, Silent]) {
    it(`gets what came before, with ${Class.name}`, async () => {
      const far = await unread(Class, text('a'));
      far.send(Buffer.concat([binary('b'), text('c')]));
      await far.settle();
      const got = reading(far.socket);
      far.send(text('d'));
      await far.settle();
      expect(got).to.deep.equal(['a', Buffer.from('b'), 'c', 'd']);
    });

    it(`also when the peer has closed meanwhile, which was answered, with ${Class.name}`, async () => {
      const far = await unread(Class);
      far.send(Buffer.concat([text('a'), text('b'), close(4_000, 'bye')]));
      expect(await far.take()).to.deep.equal(['close 4000 bye']);
      expect(far.socket.closed).to.equal(true);
      const got = reading(far.socket);
      await far.settle();
      expect(got).to.deep.equal(['a', 'b', '(end)']);
      expect(reading(far.socket)).to.deep.equal([]);
      await far.settle();
    });
  }

  it('throws the reason behind what came before, when the peer has gone without a word', async () => {
    const far = await unread();
    far.send(text('a'));
    await far.settle();
    far.client.end();
    await far.settle();
    const got = reading(far.socket);
    await far.settle();
    expect(got).to.deep.equal(['a', '(WEBSOCKET_NO_CLOSE)']);
  });

  it('may be left with something unread', async () => {
    const far = await unread();
    far.send(Buffer.concat([text('a'), text('b'), close(1_000)]));
    await far.settle();
    const got = reading(far.socket, 1);
    await far.settle();
    expect(got).to.deep.equal(['a']);
  });

  it('is cut by a delimiter that was set before it', async () => {
    const far = await unread();
    far.send(Buffer.concat([text('a\nb'), text('c\nd'), close(1_000)]));
    await far.settle();
    far.socket.readDelimiter = '\n';
    const got = reading(far.socket);
    await far.settle();
    expect(got).to.deep.equal(['a', 'bc', '(end)']);
  });

  it('pings are answered meanwhile', async () => {
    const far = await unread();
    expect(await far.exchange(Buffer.concat([text('a'), ping('here')]))).to.deep.equal(['pong here']);
  });

  it('what we have closed ourselves gives nothing', async () => {
    const far = await unread();
    far.send(text('a'));
    await far.settle();
    far.socket.close();
    const got = reading(far.socket);
    far.send(close(1_000));
    await far.settle();
    expect(got).to.deep.equal(['(end)']);
  });

  it('64 KiB wait, then the peer does', async () => {
    const far = await unread();
    for (let i = 0; i < 50; i++) far.send(text(`${i} ${LONG}`));
    await far.settle();
    expect(far.client.pendingBytes).to.be.above(300_000);
    const got = reading(far.socket);
    await far.settle();
    expect(got.map((message) => Number.parseInt(String(message), 10))).to.deep.equal([...Array(50).keys()]);
  });

  it('of a class that has no onRead the peer does not, since there may never be a loop', async () => {
    const far = await unread(Silent);
    for (let i = 0; i < 50; i++) far.send(text(`${i} ${LONG}`));
    expect(await far.exchange(close(1_001))).to.deep.equal(['close 1001']);
    expect([far.client.pendingBytes, far.socket.closed]).to.deep.equal([0, true]);
    const got = reading(far.socket);
    await far.settle();
    expect(got).to.deep.equal(['(end)']);
  });

  it('an onRead that is assigned in time gets everything', async () => {
    const got: unknown[] = [];
    const far = wire(async (request) => {
      const socket = await upgrade(request);
      if (socket !== null) socket.onRead = (message) => got.push(message);
    });
    far.send(Buffer.concat([Buffer.from(handshake()), text('a'), text('b')]));
    await far.takeHead();
    far.send(text('c'));
    await far.settle();
    expect(got).to.deep.equal(['a', 'b', 'c']);
  });

  it('of a handler that ends with the connection is no error for the log', async () => {
    const far = wire(async (request) => {
      const socket = await upgrade(request);
      if (socket !== null) for await (const _ of socket);
    });
    far.send(handshake());
    await far.takeHead();
    far.client.end();
    await far.settle();
    expect(far.log.entries.map(({ level }) => level)).to.deep.equal(['debug']);
    expect(far.log.codes).to.deep.equal(['WEBSOCKET_NO_CLOSE']);
  });
});
