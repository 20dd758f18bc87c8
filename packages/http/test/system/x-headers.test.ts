import { mkdtempSync, rmSync } from 'node:fs';
import { request as nodeRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HTTPServer, type XHeadersOption } from '@inseam/http';
import { expect } from 'chai';

const SPOOFED = {
  'X-Forwarded-For': '192.0.2.1',
  'X-Forwarded-Proto': 'https',
  'X-Forwarded-Host': 'a.example',
};

describe('system: X-headers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-x-headers-'));
  const servers: HTTPServer[] = [];

  afterEach(() => {
    for (const server of servers.splice(0)) server.abort();
  });
  after(() => rmSync(folder, { recursive: true }));

  async function ask(
    xheaders: XHeadersOption,
    path: string | null,
    headers: Record<string, string>,
  ): Promise<string> {
    const server = new HTTPServer(
      (request) => request.sendResponse(`${request.remoteIp} ${request.fullUrl}`),
      { xheaders },
    );
    servers.push(server);
    await server.listen(path ?? ['127.0.0.1', 0]);
    const target = path === null ? { host: '127.0.0.1', port: server.port } : { socketPath: path };
    return new Promise((resolve, reject) => {
      const outgoing = nodeRequest(
        { ...target, agent: false, headers: { Host: 'b.example', ...headers } },
        (response) => {
          let text = '';
          response.setEncoding('utf8');
          response.on('data', (data: string) => {
            text += data;
          });
          response.on('end', () => resolve(text));
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  for (const xheaders of [true, 1, ['unix']]) {
    it(`${JSON.stringify(xheaders)} believes a Unix socket`, async () => {
      expect(await ask(xheaders, join(folder, 'a.sock'), SPOOFED)).to.equal('192.0.2.1 https://a.example/');
      expect(await ask(xheaders, join(folder, 'b.sock'), {})).to.equal(' http://b.example/');
    });
  }

  for (const xheaders of [false, ['loopback']]) {
    it(`${JSON.stringify(xheaders)} does not`, async () => {
      expect(await ask(xheaders, join(folder, 'c.sock'), SPOOFED)).to.equal(' http://b.example/');
    });
  }

  it('true believes this machine', async () => {
    expect(await ask(true, null, SPOOFED)).to.equal('192.0.2.1 https://a.example/');
    expect(await ask(['unix', '127.0.0.2'], null, SPOOFED)).to.equal('127.0.0.1 http://b.example/');
  });
});
