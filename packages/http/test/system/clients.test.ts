import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request as nodeRequest, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPServer } from '@inseam/http';
import { expect } from 'chai';
import { serve } from '../support/serve.js';
import { echo } from '../support/wire.js';

/** One request through node:http; resolves to the response's content. */
function ask(
  options: RequestOptions,
  content = '',
): Promise<{ response: IncomingMessage; text: string; port: number }> {
  return new Promise((resolve, reject) => {
    const outgoing = nodeRequest(options, (response) => {
      const port = response.socket.localPort ?? 0;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (data: string) => {
        text += data;
      });
      response.on('end', () => resolve({ response, text, port }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    if (outgoing.getHeader('Expect') === undefined) outgoing.end(content);
    else outgoing.on('continue', () => outgoing.end(content));
  });
}

describe('system: fetch', () => {
  it('gets, posts, and reads what comes in pieces', async () => {
    const { url } = await serve(async (request) => {
      if (request.path !== '/pieces') return echo(request);
      for (const piece of ['one ', 'two ', 'three']) {
        request.send(piece);
        await request.drained();
      }
      request.finish();
    });
    expect(await (await fetch(`${url}/a?b`)).text()).to.equal('GET /a?b');
    expect(await (await fetch(url, { method: 'POST', body: 'hello' })).text()).to.equal('POST / hello');
    expect(await (await fetch(`${url}/pieces`)).text()).to.equal('one two three');
  });

  it('sends a body of unknown length', async () => {
    const { url } = await serve((request) =>
      request.sendResponse(`${request.headers.get('transfer-encoding')} ${request.body}`),
    );
    const body = new ReadableStream({
      start(controller) {
        for (const piece of ['he', 'll', 'o']) controller.enqueue(Buffer.from(piece));
        controller.close();
      },
    });
    const answer = await fetch(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    expect(await answer.text()).to.equal('chunked hello');
  });

  it('carries 5 MiB there and back', async () => {
    const { url } = await serve((request) => request.sendResponse(request.body));
    const body = Buffer.alloc(5 << 20, 'abcdefg');
    const back = Buffer.from(await (await fetch(url, { method: 'POST', body })).arrayBuffer());
    expect(back.equals(body)).to.equal(true);
  });

  it('HEAD, 204 and 304 leave the connection in order', async () => {
    const { url } = await serve((request) => request.sendResponse('x', Number(request.path.slice(1))));
    for (const status of [200, 204, 304, 200]) {
      const answer = await fetch(`${url}/${status}`, { method: status === 200 ? 'HEAD' : 'GET' });
      expect([answer.status, await answer.text()]).to.deep.equal([status, '']);
    }
  });

  it('aborting is heard by the handler', async () => {
    let begun = () => {};
    const began = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let left = () => {};
    const hasLeft = new Promise<void>((resolve) => {
      left = resolve;
    });
    const { url } = await serve((request) => {
      request.signal.addEventListener('abort', () => left());
      begun();
    });
    const controller = new AbortController();
    const answer = fetch(url, { signal: controller.signal }).catch((error: Error) => error.name);
    await began;
    controller.abort();
    await hasLeft;
    expect(await answer).to.equal('AbortError');
  });

  it('sets and gets cookies', async () => {
    const { url } = await serve((request) => {
      request.cookiesOut.set('seen', `${request.cookies.a} twice`).set('b', '2');
      request.sendResponse('');
    });
    const answer = await fetch(url, { headers: { Cookie: 'a=1' } });
    expect(answer.headers.getSetCookie()).to.deep.equal(['seen=1%20twice', 'b=2']);
  });
});

describe('system: node:http', () => {
  it('reuses a kept connection', async () => {
    const { port, server } = await serve(echo);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const { text, port: from } = await ask(
        { port, host: '127.0.0.1', agent, method: 'POST', path: `/${i}` },
        'x',
      );
      expect(text).to.equal(`POST /${i} x`);
      ports.add(from);
    }
    expect([ports.size, server.channels.size]).to.deep.equal([1, 1]);
    agent.destroy();
  });

  it('waits for 100 Continue', async () => {
    const { port } = await serve(echo);
    const headers = { Expect: '100-continue', 'Content-Length': 5 };
    const { text } = await ask({ port, host: '127.0.0.1', method: 'POST', headers }, 'hello');
    expect(text).to.equal('POST / hello');
  });

  it('talks over a Unix socket, where there is no address', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const socketPath = join(folder, 'socket');
    const { server: other } = await serve(echo);
    const server = await new HTTPServer((request) => request.sendResponse(`[${request.remoteIp}]`), {
      engine: other.engine,
    }).listen(socketPath);
    expect((await ask({ socketPath })).text).to.equal('[]');
    server.close();
    rmSync(folder, { recursive: true });
  });
});
