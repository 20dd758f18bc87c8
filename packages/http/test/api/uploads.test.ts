import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { container } from '@inseam/engine';
import { type HTTPRequest, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { formPost } from '../support/multipart.js';
import { readRefusal } from '../support/refusal.js';
import { seeForm } from '../support/see-form.js';
import { field, file, firstOf, KIB, many, ON_DISK } from '../support/upload-parts.js';
import { eventually, uploadPlace } from '../support/upload-place.js';
import { type Wire, wire } from '../support/wire.js';

describe('api: uploaded files', () => {
  const place = uploadPlace();

  it('are in memory up to fileMemoryBytes, and beyond it on the disk for nobody else', async () => {
    const seen: unknown[] = [];
    const far = wire(async (request) => {
      for (const one of request.files.a ?? []) {
        const { path } = one;
        if (path === undefined) seen.push(one.size);
        else seen.push([one.size, statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777]);
        expect(await one.bytes()).to.deep.equal(Buffer.alloc(one.size, 'a'));
      }
      request.sendResponse('done');
    });
    far.send(formPost([file(65_536), file(65_537), file(0), file(700_000)]));
    await eventually(() => far.sink.text.includes('done'));
    expect(seen).to.deep.equal([65_536, [65_537, 0o600, 0o700], 0, [700_000, 0o600, 0o700]]);
  });

  it('of which many are in memory do not wait for the disk', async () => {
    const far = wire((request) => request.sendResponse(`${request.files.a?.length} came`));
    far.send(formPost(many(100, file(64 * KIB))));
    await eventually(() => far.sink.text.includes('100 came'));
  });

  it('stay in memory as long as the server wants, with none on the disk', async () => {
    const far = wire((request) => request.sendResponse(`${firstOf(request).path} ${firstOf(request).size}`), {
      limits: { fileMemoryBytes: 4_000 * KIB },
    });
    far.send(formPost([file(4_000 * KIB)]));
    await eventually(() => far.sink.text.includes(`undefined ${4_000 * KIB}`));
    expect(place.files()).to.deep.equal([]);
  });

  const labels: { filename: string; label: string }[] = [
    { filename: 'filename="plain.txt"', label: 'plain.txt' },
    { filename: 'filename=token', label: 'token' },
    { filename: 'filename="/etc/passwd"', label: 'passwd' },
    { filename: 'filename="..\\\\..\\\\boot.ini"', label: 'boot.ini' },
    { filename: 'filename="C:\\Users\\me\\a.txt"', label: 'a.txt' },
    { filename: 'filename="a/b\\\\c/d"', label: 'd' },
    { filename: 'filename=".."', label: '' },
    { filename: 'filename="x/.."', label: '' },
    { filename: 'filename="."', label: '' },
    { filename: 'filename="..."', label: '...' },
    { filename: 'filename="a/"', label: '' },
    { filename: 'filename="a \\"b\\" c"', label: 'a "b" c' },
    { filename: 'filename="a%22b%2F"', label: 'a%22b%2F' },
    { filename: 'filename="ü 🦔.png"', label: 'ü 🦔.png' },
    { filename: "filename*=UTF-8''%e2%82%ac.txt", label: '€.txt' },
    { filename: "filename*=utf-8'en'a%20b", label: 'a b' },
    { filename: "filename*=iso-8859-1''%e4", label: 'ä' },
    { filename: 'filename="b"; filename*=UTF-8\'\'a', label: 'a' },
    { filename: "filename*=UTF-8''..%2f..%2Fpasswd", label: 'passwd' },
    { filename: "filename*=UTF-8''a%5Cb", label: 'b' },
    { filename: "filename*=UTF-8''.%00.", label: '' },
    { filename: "filename*=UTF-8''%0D%0Aa%00b%7f%C2%85c", label: 'abc' },
    { filename: "filename*=UTF-8''%E2%80%A8%2Fa%2Fb%E2%80%A9%2Fc", label: 'c' },
    { filename: `filename="${'x'.repeat(10_000)}"`, label: 'x'.repeat(10_000) },
  ];
  for (const { filename, label } of labels) {
    it(`called ${filename.slice(0, 60)} are labelled ${JSON.stringify(label.slice(0, 40))}`, async () => {
      const disposition = `Content-Disposition: form-data; name=a; ${filename}`;
      const seen = await seeForm(formPost([{ lines: [disposition], content: 'x' }]), ON_DISK);
      expect(seen).to.deep.equal({ fields: [], files: [['a', label, 'text/plain', 'x']] });
    });
  }

  it('do not come with a name that is of a charset that nobody knows, nor does their part', async () => {
    const disposition = "Content-Disposition: form-data; name=a; filename*=nobody''x";
    const seen = await seeForm(formPost([{ lines: [disposition], content: 'x' }]));
    expect(seen).to.deep.equal({ fields: [], files: [] });
  });

  for (const method of ['PUT', 'PATCH', 'DELETE', 'GET', 'OPTIONS', 'QUERY']) {
    it(`come with ${method} as with POST`, async () => {
      const text = formPost([field(1), file(1)]).toString('latin1');
      const bytes = Buffer.from(text.replace('POST', method), 'latin1');
      expect(await seeForm(bytes)).to.deep.equal({
        fields: [['a', 'v']],
        files: [['a', 'n', 'text/plain', 'a']],
      });
    });
  }
});

describe('api: uploads and the connection', () => {
  const place = uploadPlace();
  const answer = (request: HTTPRequest) =>
    request.sendResponse(`<${request.url} ${request.post.get('n') ?? ''}>`);
  const upload = (n: number) => formPost([{ name: 'n', content: String(n) }, file(300 * KIB)]);

  it('stays for the next upload, pipelined or not', async () => {
    const far = wire(answer, ON_DISK);
    for (const n of [1, 2, 3]) {
      far.send(upload(n));
      await eventually(() => far.sink.text.includes(`</ ${n}>`));
    }
    far.send(Buffer.concat([upload(4), upload(5), Buffer.from(get('/6')), upload(7)]));
    await eventually(() => far.sink.text.includes('</ 7>'));
    expect(far.sink.text.match(/<.*?>/g)?.join('')).to.equal('</ 1></ 2></ 3></ 4></ 5></6 ></ 7>');
    expect(far.ended).to.equal(false);
  });

  it('carries requests behind an upload that the handler takes its time with, in order', async () => {
    const far = wire(async (request) => {
      const bytes = request.files.a === undefined ? 0 : (await firstOf(request).bytes()).length;
      request.sendResponse(`<${request.url} ${bytes}>`);
    }, ON_DISK);
    far.send(Buffer.concat([upload(1), Buffer.from(get('/2') + get('/3'))]));
    await eventually(() => far.sink.text.includes('</3 0>'));
    expect(far.sink.text.match(/<.*?>/g)).to.deep.equal([`</ ${300 * KIB}>`, '</2 0>', '</3 0>']);
  });

  it('several bring their uploads at once', async () => {
    const far = wire(answer, ON_DISK);
    const all: Wire[] = [far, ...Array.from({ length: 9 }, () => far.another())];
    const form = upload(1);
    for (let at = 0; at < form.length; at += 10_000) {
      for (const one of all) one.send(form.subarray(at, at + 10_000));
      await far.settle();
    }
    await eventually(() => all.every((one) => one.sink.text.includes('</ 1>')));
  });

  it('is not kept behind a form that was refused', async () => {
    const far = wire(answer, ON_DISK);
    far.send(Buffer.concat([formPost(Buffer.from('no form')), Buffer.from(get('/2'))]));
    await eventually(() => far.ended);
    expect(readRefusal(far, await far.take())).to.equal('400 HTTP_FORM');
  });

  it('is read no faster than a slow disk writes, and goes on with it', async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    class SlowStore extends TempStore {
      override async create() {
        const made = await super.create();
        const writev = made.handle.writev.bind(made.handle);
        made.handle.writev = async (buffers) => {
          await gate;
          return writev(buffers);
        };
        return made;
      }
    }
    container.register(TempStore, { useValue: new SlowStore(place.path) });
    const content = Buffer.alloc(20_000 * KIB, 'disk');
    const far = wire(
      async (request) => {
        expect(Buffer.compare(await firstOf(request).bytes(), content)).to.equal(0);
        answer(request);
      },
      { maxUpload: 1e9, limits: { bodyTimeoutMs: 1_000 } },
    );
    const form = formPost([{ name: 'a', filename: 'n', content }]);
    for (let at = 0; at < form.length; at += 65_536) far.send(form.subarray(at, at + 65_536));
    await eventually(() => place.files().length === 1);
    // A disk may take longer than a client that says nothing.
    await far.pass(5_000);
    expect(far.connection.bytesRead, 'read').to.be.within(1_000 * KIB, 1_500 * KIB);
    expect(far.client.pendingBytes, 'waiting').to.be.above(18_000 * KIB);
    open();
    await eventually(() => far.sink.text.includes('</ >'));
    expect(far.ended).to.equal(false);
  });

  it('is answered 500 when the disk fails, once and for the log, and the server goes on', async () => {
    const failures: { name: string; handle: 'writev' | 'close' | null }[] = [
      { name: 'create', handle: null },
      { name: 'write', handle: 'writev' },
      { name: 'close', handle: 'close' },
    ];
    for (const { name, handle } of failures) {
      let isBroken = true;
      class BrokenStore extends TempStore {
        override async create() {
          const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
          if (isBroken && handle === null) throw full;
          const made = await super.create();
          if (!isBroken || handle === null) return made;
          const close = made.handle.close.bind(made.handle);
          made.handle[handle] = async () => {
            await close();
            throw full;
          };
          return made;
        }
      }
      container.register(TempStore, { useValue: new BrokenStore(place.path) });
      const far = wire(answer, ON_DISK);
      far.send(upload(1));
      far.send(upload(2));
      await eventually(() => far.ended);
      expect(await far.take(), name).to.match(/^HTTP\/1\.1 500 [\s\S]*\r\n\r\n500 Internal Server Error\n$/);
      expect(
        far.log.entries.map(({ error }) => (error as NodeJS.ErrnoException).code),
        name,
      ).to.deep.equal(['ENOSPC']);
      await eventually(() => place.files().length === 0);
      isBroken = false;
      const next = far.another();
      next.send(upload(3));
      await eventually(() => next.sink.text.includes('</ 3>'));
    }
  });

  it('what cannot be removed after a failure is no failure of its own', async () => {
    class BrokenStore extends TempStore {
      override async create() {
        const made = await super.create();
        rmSync(made.path);
        mkdirSync(made.path);
        return made;
      }
    }
    container.register(TempStore, { useValue: new BrokenStore(place.path) });
    const far = wire(answer, ON_DISK);
    far.send(upload(1).subarray(0, 290 * KIB));
    await eventually(() => existsSync(place.path) && far.connection.bytesRead > 280 * KIB);
    await far.settle();
    far.client.abort();
    await eventually(() => far.connection.closed);
    await far.settle();
    expect(far.log.entries).to.deep.equal([]);
  });
});
