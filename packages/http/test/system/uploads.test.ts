import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { container } from '@inseam/engine';
import { type HTTPRequest, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { itWith } from '../support/it-with.js';
import { post } from '../support/message.js';
import { chunkedFormPost, FORM_TYPE, formPost, multipart } from '../support/multipart.js';
import { readForm } from '../support/see-form.js';
import { dial, serve } from '../support/serve.js';
import { eventually, uploadPlace } from '../support/upload-place.js';

const MIB = 1 << 20;
const run = promisify(execFile);

/** Answers with what it has read, file contents by their length and last byte. */
async function describeForm(request: HTTPRequest): Promise<void> {
  const { fields, files } = await readForm(request);
  const lines = fields.map(([name, value]) => `${name}=${value}`);
  for (const [field, name, type, content] of files) {
    lines.push(`${field}: ${name} ${type} ${content.length} ${content.charCodeAt(content.length - 1) || 0}`);
  }
  request.sendResponse(`${lines.join('\n')}\n`);
}

describe('system: uploads by real clients', () => {
  const place = uploadPlace();
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'inseam-test-'));
    writeFileSync(join(folder, 'small.txt'), 'small');
    writeFileSync(join(folder, 'ü "large".bin'), Buffer.alloc(3 * MIB, 7));
    writeFileSync(join(folder, 'empty'), '');
  });
  after(() => rmSync(folder, { recursive: true }));

  const curl = async (...args: string[]) => (await run('curl', ['-sS', '--max-time', '15', ...args])).stdout;

  itWith(
    'curl',
    'curl -F sends fields, small, large and empty files, and an input that was left empty',
    async () => {
      const { url } = await serve(describeForm);
      const answer = await curl(
        ...[
          '--form-string',
          'a= 1;2 ',
          '-F',
          `s=@${folder}/small.txt`,
          '-F',
          `l=@${folder}/ü "large".bin;type=image/png`,
        ],
        ...[
          '-F',
          `e=@${folder}/empty`,
          '-F',
          `n=@${folder}/empty;filename=`,
          '-F',
          `p=@${folder}/small.txt;filename=../x/y`,
        ],
        url,
      );
      // curl writes a quote as a backslash and a quote, or as browsers do.
      expect(answer.replace('%22large%22', '"large"')).to.equal(
        [
          'a= 1;2 ',
          's: small.txt text/plain 5 108',
          'l: ü "large".bin image/png 3145728 7',
          'e: empty application/octet-stream 0 0',
          'p: y text/plain 5 108',
          '',
        ].join('\n'),
      );
    },
  );

  itWith(
    'curl',
    'curl sends chunks, with and without waiting for 100 Continue, and uses its connection again',
    async () => {
      const { url } = await serve(describeForm);
      for (const expectation of ['Expect:', 'Expect: 100-continue']) {
        const form = [
          '-F',
          `l=@${folder}/ü "large".bin`,
          '-H',
          'Transfer-Encoding: chunked',
          '-H',
          expectation,
        ];
        const answer = await curl('--expect100-timeout', '14', ...form, '-w', '%{num_connects};', url, url);
        expect(answer.match(/ 3145728 7\n\d/g)).to.deep.equal([' 3145728 7\n1', ' 3145728 7\n0']);
      }
    },
  );

  itWith('curl', 'curl is told 413 when it announces too much, and sends nothing', async () => {
    const { url } = await serve(describeForm, { maxUpload: MIB });
    const answer = await curl(
      ...['-F', `l=@${folder}/ü "large".bin`, '-H', 'Expect: 100-continue', '--expect100-timeout', '14'],
      ...['-w', '%{http_code} %{size_upload}', url],
    );
    expect(answer).to.match(/^413 Content Too Large: .*\n413 0$/);
  });

  itWith('curl', 'curl -d sends a URL-encoded form', async () => {
    const { url } = await serve(describeForm);
    expect(await curl('-d', 'a=1', '--data-urlencode', 'b=ü &', url)).to.equal('a=1\nb=ü &\n');
  });

  itWith('python3', 'Python sends a form, whole and in chunks', async () => {
    const { port } = await serve(describeForm);
    const script = `
import http.client, sys
boundary = 'python-form'
part = lambda head, content: b'--' + boundary.encode() + b'\\r\\nContent-Disposition: form-data; ' + head + b'\\r\\n\\r\\n' + content + b'\\r\\n'
form = part(b'name="a"', b'1') + part(b'name="f"; filename="n"', bytes([9]) * 1000000) + b'--python-form--\\r\\n'
client = http.client.HTTPConnection('127.0.0.1', ${port})
headers = {'Content-Type': 'multipart/form-data; boundary=' + boundary}
client.request('POST', '/', form, headers)
sys.stdout.write(client.getresponse().read().decode())
client.request('PUT', '/', iter([form[i:i + 70001] for i in range(0, len(form), 70001)]), headers, encode_chunked=True)
sys.stdout.write(client.getresponse().read().decode())
`;
    const { stdout } = await run('python3', ['-c', script]);
    expect(stdout).to.equal('a=1\nf: n text/plain 1000000 9\n'.repeat(2));
  });

  it('fetch sends FormData, many at once and one after another', async () => {
    const { url } = await serve(describeForm);
    const form = (n: number) => {
      const data = new FormData();
      data.append('n', String(n));
      data.append('f', new Blob([Buffer.alloc(n * 200_000, n)], { type: 'image/gif' }), `ü ${n}`);
      return data;
    };
    const send = async (n: number) => (await fetch(url, { method: 'POST', body: form(n) })).text();
    const all = [1, 2, 3, 4, 5, 6];
    for (let times = 0; times < 2; times++) {
      expect(await Promise.all(all.map(send))).to.deep.equal(
        all.map((n) => `n=${n}\nf: ü ${n} image/gif ${n * 200_000} ${n}\n`),
      );
    }
    expect(place.files()).to.deep.equal([]);
  });

  it('a disk that is not there is answered 500 and reported, and small files and later ones are taken', async () => {
    const missing = join(place.path, 'missing');
    container.register(TempStore, { useValue: new TempStore(missing) });
    const { url, log } = await serve(describeForm);
    const send = async (bytes: number) => {
      const data = new FormData();
      data.append('f', new Blob([Buffer.alloc(bytes, 1)]), 'n');
      return (await fetch(url, { method: 'POST', body: data })).text();
    };
    expect(await send(100_000)).to.equal('500 Internal Server Error\n');
    expect(await send(10)).to.equal('f: n application/octet-stream 10 1\n');
    expect(log.entries.map(({ error }) => (error as NodeJS.ErrnoException).code)).to.deep.equal(['ENOENT']);
    mkdirSync(missing);
    expect(await send(100_000)).to.equal('f: n application/octet-stream 100000 1\n');
  });
});

describe('system: clients that disappear', () => {
  const place = uploadPlace();
  const form = formPost([
    { name: 'a', content: '1' },
    { name: 'f', filename: 'n', content: Buffer.alloc(600_000) },
  ]);

  for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
    it(`in the middle of an upload, by ${how}, leave nothing`, async () => {
      let handled = 0;
      const { server, port } = await serve(() => handled++);
      for (const part of [20, 250, 450, 70_000, 300_000, form.length - 1]) {
        const { socket, over } = dial(port);
        socket.write(form.subarray(0, part));
        const connection = () => [...server.channels].at(-1);
        await eventually(() => (connection()?.bytesRead ?? 0) === part);
        if (part === 300_000) await eventually(() => place.files().length === 1);
        socket[how]();
        await over;
        await eventually(() => server.channels.size === 0 && place.files().length === 0);
      }
      expect(handled).to.equal(0);
    });
  }

  it('while a handler is at work leave it its files until it is done', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const sizes: number[] = [];
    let handled = 0;
    const { server, port, log } = await serve(async (request) => {
      handled++;
      await gate;
      for (const file of request.files.f ?? []) sizes.push((await file.bytes()).length);
      request.sendResponse('nobody reads it');
    });
    const { socket, over } = dial(port);
    socket.write(form);
    await eventually(() => handled === 1);
    socket.resetAndDestroy();
    await over;
    await eventually(() => server.channels.size === 0);
    expect(place.files()).to.have.length(1);
    release();
    await eventually(() => place.files().length === 0);
    expect([sizes, log.entries]).to.deep.equal([[600_000], []]);
  });

  it('a refusal reaches a client that goes on sending', async () => {
    const { port } = await serve(() => {}, { maxUpload: 2 * MIB, limits: { maxFileBytes: MIB } });
    const { socket, over, text } = dial(port);
    socket.write(post('', FORM_TYPE, 'Transfer-Encoding: chunked'));
    const chunk = chunkedFormPost(
      multipart([{ name: 'f', filename: 'n', content: Buffer.alloc(8 * MIB) }]),
      65_536,
    );
    socket.write(chunk.subarray(chunk.indexOf('\r\n\r\n') + 4));
    await over;
    expect(text()).to.match(/^HTTP\/1\.1 413 /);
    await eventually(() => place.files().length === 0);
  });
});
