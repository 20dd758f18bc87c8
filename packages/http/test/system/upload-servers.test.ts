import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Child, startChild } from '../support/child.js';
import { itWith } from '../support/it-with.js';
import { post } from '../support/message.js';
import { chunkedFormPost, FORM_TYPE, multipart } from '../support/multipart.js';
import { dial } from '../support/serve.js';
import { eventually } from '../support/upload-place.js';

const MIB = 1 << 20;

/** A server in a process of its own, its uploads below `place`; `source` is its handler and what else it does. */
function uploadServer(place: string, source: string, command: readonly string[] = []): Child {
  return startChild(
    `
    import { container, Engine } from '@inseam/engine';
    import { HTTPServer, TempStore } from '@inseam/http';
    container.register(TempStore, { useValue: new TempStore(${JSON.stringify(place)}) });
    let most = 0;
    const peak = () => (most = Math.max(most, process.memoryUsage.rss()));
    const GIB = 2 ** 30;
    ${source}
    await server.listen(['127.0.0.1', 0]);
    console.log('port', server.localAddress.port);
    await Engine.instance().start();
    `,
    command,
  );
}

describe('system: servers that end in the middle of an upload', () => {
  let place = '';
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'inseam-test-'));
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  const files = () => readdirSync(place, { recursive: true }).filter((name) => String(name).includes('/'));
  const form = multipart([{ name: 'f', filename: 'n', content: Buffer.alloc(4 * MIB) }]);

  const ends: { how: string; source: string; signal: NodeJS.Signals; clientLeaves: boolean }[] = [
    {
      how: 'a signal whose stop runs out of patience',
      source: "process.once('SIGTERM', () => Engine.instance().stop({ stopTimeoutMs: 100 }));",
      signal: 'SIGTERM',
      clientLeaves: false,
    },
    {
      how: 'a signal whose stop waits for the client, which leaves',
      source: 'Engine.instance().stopOnSignals();',
      signal: 'SIGINT',
      clientLeaves: true,
    },
    {
      how: 'process.exit()',
      source: "process.once('SIGUSR2', () => process.exit(0));",
      signal: 'SIGUSR2',
      clientLeaves: false,
    },
  ];
  for (const { how, source, signal, clientLeaves } of ends) {
    it(`by ${how} leave nothing`, async () => {
      const child = uploadServer(place, `${source} const server = new HTTPServer(() => {});`);
      const { socket, over } = dial(Number(await child.said('port')));
      socket.write(post('', FORM_TYPE, `Content-Length: ${form.length}`));
      socket.write(form.subarray(0, 3 * MIB));
      await eventually(() => files().length === 1);
      child.process.kill(signal);
      if (clientLeaves) socket.destroy();
      const { code, output } = await child.end;
      await over;
      expect(code, output).to.equal(0);
      expect(readdirSync(place)).to.deep.equal([]);
    });
  }
});

describe('system: uploads and what there is of disk and memory', () => {
  let place = '';
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'inseam-test-'));
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  itWith(
    'prlimit',
    'a file that the system does not let grow is answered 500, reported once, and gone',
    async () => {
      const child = uploadServer(
        place,
        `process.once('SIGTERM', () => Engine.instance().stop());
      const server = new HTTPServer((request) => request.sendResponse(String(request.files.f[0].size)));`,
        ['prlimit', '--fsize=1000000'],
      );
      const url = `http://127.0.0.1:${await child.said('port')}`;
      const send = async (bytes: number) => {
        const data = new FormData();
        data.append('f', new Blob([Buffer.alloc(bytes)]), 'n');
        return (await fetch(url, { method: 'POST', body: data })).text();
      };
      expect(await send(900_000)).to.equal('900000');
      expect(await send(3 * MIB)).to.equal('500 Internal Server Error\n');
      await eventually(() => readdirSync(place, { recursive: true }).length === 1);
      expect(await send(900_000)).to.equal('900000');
      child.process.kill('SIGTERM');
      const { code, output } = await child.end;
      expect(code, output).to.equal(0);
      expect(output.match(/reading a request failed/g)).to.have.length(1);
      expect(output).to.include('EFBIG');
    },
  );

  /** Sends a form with one file of `mib` MiB; resolves to the answer. */
  async function sendLarge(port: number, mib: number): Promise<string> {
    const [head = '', tail = ''] = multipart([{ name: 'f', filename: 'n', content: '@' }])
      .toString()
      .split('@');
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.write(post(head, FORM_TYPE, `Content-Length: ${head.length + mib * MIB + tail.length}`));
    const piece = randomBytes(MIB);
    for (let sent = 0; sent < mib; sent++) if (!socket.write(piece)) await once(socket, 'drain');
    socket.write(tail);
    await eventually(() => / peak=\d+;/.test(answer));
    socket.destroy();
    return answer.slice(answer.indexOf('\r\n\r\n') + 4);
  }

  const LARGE = Number(process.env.INSEAM_LARGE_UPLOAD_MIB ?? 512);
  it(`${LARGE} MiB go to the disk in little memory`, async () => {
    const { bavail, bsize } = statfsSync(place);
    expect(bavail * bsize, 'room for it').to.be.above(1.2 * LARGE * MIB);
    const child = uploadServer(
      place,
      `
      const before = process.memoryUsage.rss();
      const server = new HTTPServer(
        (request) => request.sendResponse('size=' + request.files.f[0].size + ' peak=' + (peak() - before) + ';'),
        { maxUpload: 4 * GIB, earlyHandler: (request) => { request.onProgress = peak; } },
      );`,
    );
    const answer = await sendLarge(Number(await child.said('port')), LARGE);
    child.process.kill('SIGTERM');
    await child.end;
    const [, size, peak] = /size=(\d+) peak=(\d+);/.exec(answer) ?? [];
    expect(Number(size)).to.equal(LARGE * MIB);
    expect(Number(peak) / MIB, 'growth, in MiB').to.be.below(64);
  }).timeout(120_000);

  it('a field that comes byte by byte takes memory for its bytes only', async () => {
    const child = uploadServer(
      place,
      `
      const before = process.memoryUsage.rss();
      const server = new HTTPServer(
        (request) => request.sendResponse('size=' + request.post.get('a').length + ' peak=' + (peak() - before) + ';'),
        { earlyHandler: (request) => { request.onProgress = peak; } },
      );`,
    );
    const port = Number(await child.said('port'));
    const { socket, until } = dial(port);
    socket.write(chunkedFormPost(multipart([{ name: 'a', content: 'v'.repeat(900_000) }]), 1));
    const answer = await until((text) => / peak=\d+;/.test(text));
    socket.destroy();
    child.process.kill('SIGTERM');
    await child.end;
    const [, peak] = /size=900000 peak=(\d+);/.exec(answer) ?? [];
    expect(Number(peak) / MIB, 'growth, in MiB').to.be.below(56);
  });
});
