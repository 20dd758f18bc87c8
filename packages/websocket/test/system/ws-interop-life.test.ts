/** Our server and the clients of `ws`: the handshake, and every way to end. */
import { HTTPError, type HTTPHeaders, type HTTPRequest } from '@inseam/http';
import { upgrade, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { Echo, realServer, until } from '../support/real-server.js';
import { type Refusal, WsClient } from '../support/ws-client.js';

/** What the server says of its side's end, once it has come. */
async function serverEnd(): Promise<string> {
  await until(() => Echo.all.length > 0);
  return (await Echo.all[0]?.ended) ?? '';
}

describe('our server, and the end of a client of `ws`', () => {
  for (const perMessageDeflate of [false, true]) {
    describe(perMessageDeflate ? 'with compression' : 'without compression', () => {
      for (const [code, reason] of [
        [1000, ''],
        [1000, 'done'],
        [1001, 'ä'.repeat(61)],
        [1003, ''],
        [1007, ''],
        [1008, ''],
        [1009, ''],
        [1010, ''],
        [1011, ''],
        [1014, ''],
        [3000, 'x'.repeat(123)],
        [4999, ''],
      ] as const) {
        it(`tells ${code} with ${Buffer.byteLength(reason)} bytes of a reason, whoever says it`, async () => {
          const { url, log } = await realServer(webSocketHandler(Echo, { perMessageDeflate }));
          const first = await WsClient.open(url);
          first.send('x'.repeat(5_000));
          const said = `${code} ${reason}`.trimEnd();
          expect(await first.close(code, reason)).to.equal(said);
          expect(await serverEnd()).to.equal(said);
          const second = await WsClient.open(url);
          Echo.all[1]?.write('y'.repeat(5_000));
          Echo.all[1]?.close(code, reason);
          expect(await second.ended()).to.equal(said);
          // Nothing that was written before is lost.
          expect(await second.take(1)).to.deep.equal(['y'.repeat(5_000)]);
          expect(await Echo.all[1]?.ended).to.equal(said);
          expect(log.codes).to.deep.equal([]);
        });
      }
    });
  }

  it('tells 1005 where nothing was said but Close', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const client = await WsClient.open(url);
    expect(await client.close()).to.equal('1005');
    expect(await serverEnd()).to.equal('1005');
  });

  it('tells 1006 and why, where the client was gone all at once', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const client = await WsClient.open(url);
    client.terminate();
    expect(await serverEnd()).to.match(/^1006 \(\w+\)$/);
  });

  it('is seen as 1006 where we abort', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const client = await WsClient.open(url);
    Echo.all[0]?.abort();
    expect(await client.ended()).to.equal('1006');
    expect(await serverEnd()).to.equal('1006');
  });

  it('is 1001 for all of them when the engine stops, behind everything that was written', async () => {
    const { server, url } = await realServer(webSocketHandler(Echo));
    const clients = await Promise.all(Array.from({ length: 20 }, () => WsClient.open(url)));
    for (const socket of Echo.all) socket.write('z'.repeat(100_000));
    await server.engine.stop();
    for (const client of clients) {
      expect(await client.ended()).to.equal('1001 going away');
      expect((await client.take(1))[0]).to.have.lengthOf(100_000);
    }
    expect(Echo.all.map(({ end }) => end.slice(0, 4))).to.deep.equal(Array(20).fill('1001'));
    expect(server.engine.channels.size).to.equal(0);
  });

  for (const { name, send, code, error, limits = {} } of [
    {
      name: 'text that is no UTF-8',
      send: (client: WsClient) => client.send(Buffer.from([0xc3, 0x28]), { binary: false }),
      code: 1007,
      error: 'WEBSOCKET_UTF8',
    },
    {
      name: 'a message above the limit',
      send: (client: WsClient) => client.send('x'.repeat(1_001)),
      code: 1009,
      error: 'WEBSOCKET_MESSAGE_TOO_LARGE',
      limits: { maxMessageBytes: 1_000 },
    },
    {
      name: 'a message that is above the limit when it is inflated',
      send: (client: WsClient) => client.send('x'.repeat(2_000_000), { compress: true }),
      code: 1009,
      error: 'WEBSOCKET_MESSAGE_TOO_LARGE',
    },
    {
      name: 'more fragments than the limit',
      send: (client: WsClient) => {
        for (let i = 0; i < 12; i++) client.send('x', { fin: false });
      },
      code: 1008,
      error: 'WEBSOCKET_TOO_MANY_FRAGMENTS',
      limits: { maxFragments: 10 },
    },
    {
      name: 'more pings than the limit',
      send: (client: WsClient) => {
        for (let i = 0; i < 12; i++) client.ping();
      },
      code: 1008,
      error: 'WEBSOCKET_TOO_MANY_CONTROL_FRAMES',
      limits: { maxControlFramesPerSecond: 10 },
    },
  ]) {
    it(`is ${code} after ${name}`, async () => {
      const { url, log } = await realServer(webSocketHandler(Echo, { perMessageDeflate: true, limits }));
      const client = await WsClient.open(url, { perMessageDeflate: { threshold: 0 } });
      send(client);
      expect((await client.ended()).split(' ')[0]).to.equal(String(code));
      // The client has answered with the same code, or has not been read any more.
      expect(await serverEnd()).to.match(new RegExp(`^(1006|${code}) .*\\(${error}\\)$`));
      expect(log.codes).to.deep.equal([error]);
    });
  }

  it('is the client’s 1009 where our message is too large for it', async () => {
    const { url } = await realServer(webSocketHandler(Echo));
    const client = await WsClient.open(url, { maxPayload: 100 });
    Echo.all[0]?.write('x'.repeat(101));
    expect(await serverEnd()).to.equal('1009');
    expect(await client.ended()).to.match(/^100[69]$/);
  });
});

describe('our server, and the handshake of a client of `ws`', () => {
  class Choosy extends Echo {
    override async onHandshake(request: HTTPRequest, headers: HTTPHeaders): Promise<boolean> {
      await Promise.resolve();
      if (request.path === '/closed')
        throw new HTTPError(503, 'come back later', { headers: { 'Retry-After': '9' } });
      headers.append('X-Greeting', 'hello');
      request.cookiesOut.set('seen', request.cookies.name ?? 'nobody', { path: '/' });
      return request.path !== '/private';
    }
  }

  const choosy = async () => {
    const options = { protocols: ['chat.v2', 'chat.v1'], origins: ['https://example.org'] };
    return realServer((request) => {
      if (request.path === '/redirected') return request.redirect('/');
      void upgrade(request, Choosy, options);
    });
  };

  it('settles the subprotocol in our order, and answers with headers and cookies', async () => {
    const { url } = await choosy();
    const headers = { Cookie: 'name=ann', Origin: 'https://example.org' };
    const client = await WsClient.open(url, { headers }, ['other', 'chat.v1', 'chat.v2']);
    expect([client.socket.protocol, Echo.all[0]?.protocol]).to.deep.equal(['chat.v2', 'chat.v2']);
    expect(client.headers['x-greeting']).to.equal('hello');
    expect(client.headers['set-cookie']).to.deep.equal(['seen=ann; Path=/']);
    expect(await client.close(1000)).to.equal('1000');
  });

  for (const { name, path = '', options = {}, status, headers = {}, body = /./ } of [
    { name: 'a path that is not for all', path: 'private', status: 403, headers: { 'x-greeting': 'hello' } },
    {
      name: 'a path that is closed',
      path: 'closed',
      status: 503,
      headers: { 'retry-after': '9' },
      body: /^come back/,
    },
    { name: 'another origin', options: { origin: 'https://example.com' }, status: 403 },
    {
      name: 'version 8',
      options: { protocolVersion: 8 },
      status: 426,
      headers: { 'sec-websocket-version': '13' },
    },
    { name: 'what goes elsewhere', path: 'redirected', status: 302, headers: { location: '/' } },
  ]) {
    it(`answers ${status} to ${name}`, async () => {
      const { url } = await choosy();
      const refusal = await WsClient.open(url + path, options).catch((error: Refusal) => error);
      if (refusal instanceof WsClient) throw new Error('it was taken');
      expect(refusal.status).to.equal(status);
      expect(refusal.headers).to.include(headers);
      if (status !== 302) expect(refusal.body).to.match(body);
      expect(Echo.all).to.deep.equal([]);
    });
  }
});
