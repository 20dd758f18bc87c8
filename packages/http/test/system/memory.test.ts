import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { dial, serve } from '../support/serve.js';

const MIB = 1 << 20;

/** Measures how far the memory of the process has grown, at its highest, in MiB. */
function growth(): () => number {
  const before = process.memoryUsage.rss();
  let most = before;
  return () => {
    most = Math.max(most, process.memoryUsage.rss());
    return (most - before) / MIB;
  };
}

describe('system: memory', () => {
  it('an upload of 1 GiB beyond maxRequest gets 413, and is neither read to its end nor kept', async () => {
    let handled = 0;
    const { port, log } = await serve(() => handled++);
    const { socket, text, over } = dial(port);
    const piece = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')]);
    const grown = growth();
    let sent = 0;
    const sendOn = () => {
      while (sent < 1024 * MIB && !socket.destroyed) {
        sent += piece.length;
        grown();
        if (!socket.write(piece)) return;
      }
    };
    socket.on('drain', sendOn);
    socket.write(post('', 'Transfer-Encoding: chunked'));
    sendOn();
    await over;
    expect(text()).to.match(/^HTTP\/1\.1 413 Content Too Large\r\n/);
    expect(sent / MIB, 'sent, in MiB').to.be.below(100);
    expect(grown(), 'growth, in MiB').to.be.below(100);
    expect([log.codes, handled]).to.deep.equal([['HTTP_BODY_TOO_LARGE'], 0]);
  });

  it('a body that comes in tiny chunks takes memory for its bytes only', async () => {
    const { port } = await serve((request) => request.sendResponse(String(request.body.length)));
    const { socket, until } = dial(port);
    const piece = Buffer.from('1\r\nx\r\n'.repeat(10_000));
    const grown = growth();
    socket.write(post('', 'Transfer-Encoding: chunked'));
    for (let i = 0; i < 100; i++) {
      if (!socket.write(piece)) await once(socket, 'drain');
      grown();
    }
    socket.write('0\r\n\r\n');
    expect(await until((text) => text.includes('1000000'))).to.match(/ 200 OK/);
    expect(grown(), 'growth, in MiB').to.be.below(48);
    socket.destroy();
  });

  const readers = 12;
  for (const [what, content] of [
    ['bytes', Buffer.alloc(10 * MIB, 'b')],
    ['text', 't'.repeat(10 * MIB)],
  ] as const) {
    it(`10 MiB of ${what} for each of ${readers} slow readers are not copied for each`, async () => {
      let answered = 0;
      let allAnswered = () => {};
      const everybody = new Promise<void>((resolve) => {
        allAnswered = resolve;
      });
      const { port } = await serve((request) => {
        request.sendResponse(content);
        if (++answered === readers) allAnswered();
      });
      const grown = growth();
      const sockets: Socket[] = [];
      for (let i = 0; i < readers; i++) {
        const socket = connect(port, '127.0.0.1').pause();
        socket.write(get('/', 'Connection: close'));
        sockets.push(socket);
      }
      await everybody;
      await new Promise((resolve) => setImmediate(resolve));
      expect(grown(), 'growth, in MiB').to.be.below(40);
      for (const socket of sockets) {
        let length = 0;
        socket.on('data', (data) => {
          length += data.length;
        });
        await once(socket.resume(), 'end');
        expect(length).to.be.above(10 * MIB);
      }
    });
  }
});
