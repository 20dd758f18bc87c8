import { HTTPServer } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { dial, serve } from '../support/serve.js';
import { echo } from '../support/wire.js';

describe('system: sockets', () => {
  it('answers a pipeline of 1,000 requests in order', async () => {
    const { port } = await serve(async (request) => {
      if (request.url.endsWith('7')) await Promise.resolve();
      request.sendResponse(`${request.url};`);
    });
    const { socket, until } = dial(port);
    const urls = Array.from({ length: 1_000 }, (_, i) => `/${i}`);
    socket.write(urls.map((url) => get(url)).join(''));
    const text = await until((read) => read.endsWith('/999;'));
    expect(text.match(/\/\d+(?=;)/g)).to.deep.equal(urls);
    socket.destroy();
  });

  it('a client that goes on sending after a refusal can read why', async () => {
    const { port } = await serve(echo);
    const { socket, text, over } = dial(port);
    socket.write(`${get('/', 'X : y')}${'x'.repeat(500_000)}`);
    socket.end();
    expect(await over).to.equal(null);
    expect(text()).to.match(/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\n$/);
  });

  it('a client that half-closes gets its answer', async () => {
    const { port } = await serve(async (request) => {
      await new Promise((resolve) => setImmediate(resolve));
      request.sendResponse('still');
    });
    const { socket, text, over } = dial(port);
    socket.end(get());
    expect(await over).to.equal(null);
    expect(text()).to.match(/still$/);
  });

  it('engine.stop() finishes requests and closes idle connections', async () => {
    let begun = () => {};
    const began = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let finish = () => {};
    const { port, server } = await serve((request) => {
      finish = () => request.sendResponse('last');
      begun();
    });
    const busy = dial(port);
    const idle = dial(port);
    busy.socket.write(get());
    await began;
    const stopped = server.engine.stop();
    await idle.over;
    finish();
    expect(await busy.over).to.equal(null);
    expect(busy.text()).to.match(/Connection: close\r\n\r\nlast$/);
    await stopped;
    expect(server.engine.channels.size).to.equal(0);
  });

  it('a close-delimited response whose handler fails does not look complete', async () => {
    let fail = () => {};
    const { port } = await serve(async (request) => {
      request.send('first half');
      await new Promise<void>((_, reject) => {
        fail = () => reject(new Error('no second half'));
      });
    });
    const { socket, until, over } = dial(port);
    socket.write('GET / HTTP/1.0\r\n\r\n');
    await until((text) => text.endsWith('first half'));
    fail();
    expect(await over).to.equal('ECONNRESET');
  });

  it('shows an IPv4 client as such, also where both families are listened to', async () => {
    const { server } = await serve((request) => request.sendResponse(request.remoteIp));
    const other = await new HTTPServer(server.requestHandler, { engine: server.engine }).listen(0);
    const { socket, until } = dial(other.port ?? 0);
    socket.write(get());
    expect(await until((text) => text.includes('\r\n\r\n'))).to.match(/\r\n127\.0\.0\.1$/);
    socket.destroy();
  });
});
