import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { HTTPRequest, UploadedFile } from '@inseam/http';
import { expect } from 'chai';
import { formPost } from '../support/multipart.js';
import { readRefusal } from '../support/refusal.js';
import { file, firstOf, KIB, ON_DISK } from '../support/upload-parts.js';
import { eventually, uploadPlace } from '../support/upload-place.js';
import { wire } from '../support/wire.js';

async function rejection(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code,
  );
}

describe('api: the life of uploaded files', () => {
  const place = uploadPlace();
  const upload = formPost([file(300 * KIB), file(9, 'b')]);

  /** A promise and what settles it. */
  function gate() {
    let open = () => {};
    let fail = (_: Error) => {};
    const passed = new Promise<void>((resolve, reject) => {
      open = resolve;
      fail = reject;
    });
    return { passed, open: () => open(), fail: (error: Error) => fail(error) };
  }

  it('ends with the response of a handler that is done', async () => {
    let path: string | undefined;
    const far = wire((request) => {
      path = firstOf(request).path;
      expect(existsSync(path ?? '')).to.equal(true);
      request.sendResponse('done');
    }, ON_DISK);
    far.send(upload);
    await eventually(() => far.sink.text.includes('done'));
    expect(place.files()).to.deep.equal([]);
    expect(existsSync(path ?? '')).to.equal(false);
  });

  it('lasts until the response when the handler has returned before', async () => {
    const requests: HTTPRequest[] = [];
    const far = wire((request) => requests.push(request), ON_DISK);
    far.send(upload);
    await eventually(() => requests.length === 1);
    await far.settle();
    expect(place.files()).to.have.length(2);
    requests[0]?.sendResponse('late');
    expect(place.files()).to.deep.equal([]);
  });

  it('lasts until the handler has settled when the response is finished before', async () => {
    const { passed, open } = gate();
    let bytes = 0;
    const far = wire(async (request) => {
      request.sendResponse('early');
      await passed;
      bytes = (await firstOf(request).bytes()).length;
    }, ON_DISK);
    far.send(upload);
    await eventually(() => far.sink.text.includes('early'));
    expect(place.files()).to.have.length(2);
    open();
    await eventually(() => place.files().length === 0);
    expect(bytes).to.equal(300 * KIB);
  });

  it('ends when the handler throws, at once or later', async () => {
    for (const handler of [
      () => {
        throw new Error('x');
      },
      () => Promise.reject(new Error('x')),
    ]) {
      const far = wire(handler, ON_DISK);
      far.send(upload);
      await eventually(() => far.sink.text.includes('500 Internal'));
      await eventually(() => place.files().length === 0);
      expect(far.log.entries.map(({ level }) => level)).to.deep.equal(['error']);
    }
  });

  it('ends when the handler rejects after its response', async () => {
    const { passed, fail } = gate();
    const far = wire(async (request) => {
      request.sendResponse('early');
      await passed;
    }, ON_DISK);
    far.send(upload);
    await eventually(() => far.sink.text.includes('early'));
    fail(new Error('x'));
    await eventually(() => place.files().length === 0);
    expect(far.log.entries).to.have.length(1);
  });

  it('lasts for a handler at work when the client has gone, and then ends', async () => {
    const { passed, open } = gate();
    const sizes: number[] = [];
    let handled = 0;
    const far = wire(async (request) => {
      handled++;
      await passed;
      sizes.push((await firstOf(request).bytes()).length);
      request.sendResponse('nobody reads it');
    }, ON_DISK);
    far.send(upload);
    await eventually(() => handled === 1);
    far.client.abort();
    await far.settle();
    expect(place.files()).to.have.length(2);
    open();
    await eventually(() => place.files().length === 0);
    expect(sizes).to.deep.equal([300 * KIB]);
  });

  it('ends when the client goes and the handler has returned', async () => {
    let handled = 0;
    const far = wire(() => {
      handled++;
    }, ON_DISK);
    far.send(upload);
    await eventually(() => handled === 1);
    far.client.abort();
    await eventually(() => place.files().length === 0);
  });

  it('ends at once when the client goes in the middle, wherever that is, and no handler hears of it', async () => {
    let handled = 0;
    for (const part of [60, 200, 300, 65_600, 262_144 + 400, 290 * KIB, upload.length - 3]) {
      for (const leave of ['abort', 'end'] as const) {
        for (const isWriting of [false, true]) {
          const far = wire(() => handled++, ON_DISK);
          far.send(upload.subarray(0, part));
          await far.settle();
          if (isWriting && part > 262_144) await eventually(() => place.files().length > 0);
          far.client[leave]();
          await eventually(() => far.connection.closed && place.files().length === 0);
        }
      }
    }
    expect(handled).to.equal(0);
  });

  it('ends when the client goes behind its last byte, before the handler is called', async () => {
    let handled = 0;
    const far = wire(() => handled++, ON_DISK);
    far.send(upload);
    await Promise.resolve();
    far.client.abort();
    await eventually(() => far.connection.closed && place.files().length === 0);
    await far.settle();
    expect(handled).to.equal(0);
  });

  it('a client that has shut its side behind its form is answered', async () => {
    const far = wire((request) => request.sendResponse(String(firstOf(request).size)), ON_DISK);
    far.send(upload);
    far.client.end();
    await eventually(() => far.sink.text.endsWith(String(300 * KIB)));
    await eventually(() => far.ended && place.files().length === 0);
  });

  it('ends when the server stops in the middle', async () => {
    const far = wire(() => {}, ON_DISK);
    far.send(upload.subarray(0, 290 * KIB));
    await eventually(() => place.files().length === 1);
    let isStopped = false;
    const stopped = far.engine.stop({ stopTimeoutMs: 500 }).then(() => {
      isStopped = true;
    });
    await far.settle();
    expect(far.connection.closed, 'it is waited for').to.equal(false);
    await far.pass(600);
    await stopped;
    expect(isStopped).to.equal(true);
    await eventually(() => place.files().length === 0);
  });

  it('ends when the body stops arriving: 408', async () => {
    const far = wire(() => {}, { limits: { fileMemoryBytes: 1, bodyTimeoutMs: 1_000 } });
    far.send(upload.subarray(0, 290 * KIB));
    await eventually(() => place.files().length === 1);
    await far.pass(1_500);
    expect(readRefusal(far, await far.take())).to.equal('408 HTTP_BODY_TIMEOUT');
    await eventually(() => place.files().length === 0);
  });

  it('a file that was moved stays, and the others go', async () => {
    const target = join(place.path, 'kept');
    const far = wire(async (request) => {
      await request.files.b?.[0]?.moveTo(target);
      request.sendResponse('moved');
    }, ON_DISK);
    far.send(upload);
    await eventually(() => far.sink.text.includes('moved'));
    await eventually(() => place.files().length === 1);
    expect(readFileSync(target, 'utf8')).to.equal('bbbbbbbbb');
    rmSync(target);
  });

  it('nothing can be done with a file when its request is over', async () => {
    for (const fileMemoryBytes of [1, 1e6]) {
      const kept: UploadedFile[] = [];
      const far = wire(
        (request) => {
          kept.push(firstOf(request));
          request.sendResponse('done');
        },
        { limits: { fileMemoryBytes } },
      );
      far.send(upload);
      await eventually(() => far.sink.text.includes('done'));
      const [one] = kept as [UploadedFile];
      expect(one.path).to.equal(undefined);
      expect(await rejection(one.bytes())).to.equal('HTTP_UPLOADED_FILE');
      expect(await rejection(one.moveTo(join(place.path, 'x')))).to.equal('HTTP_UPLOADED_FILE');
      expect(() => one.stream())
        .to.throw()
        .with.property('code', 'HTTP_UPLOADED_FILE');
    }
  });

  it('a file that cannot be removed disturbs nobody', async () => {
    for (const isAsync of [false, true]) {
      const spoilt: string[] = [];
      const far = wire((request) => {
        for (const { path } of Object.values(request.files).flat()) {
          rmSync(path ?? '');
          mkdirSync(path ?? '');
          spoilt.push(path ?? '');
        }
        request.sendResponse('done');
        return isAsync ? Promise.resolve() : undefined;
      }, ON_DISK);
      far.send(upload);
      await eventually(() => far.sink.text.includes('done'));
      await far.settle();
      expect(far.log.entries).to.deep.equal([]);
      expect(await far.exchange(upload)).to.not.match(/500/);
      await eventually(() => spoilt.length === 4);
      for (const path of spoilt) rmSync(path, { recursive: true });
    }
  });

  it('a directory that was cleared away is made again', async () => {
    const far = wire((request) => request.sendResponse(`${firstOf(request).size};`), ON_DISK);
    for (const times of [1, 2]) {
      far.send(upload);
      await eventually(() => far.sink.text.split(`${300 * KIB};`).length === times + 1);
      rmSync(place.path, { recursive: true });
      mkdirSync(place.path);
    }
  });
});
