import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { chunkedFormPost, formPost, multipart } from '../support/multipart.js';
import { field, file, KIB, ON_DISK } from '../support/upload-parts.js';
import { eventually, uploadPlace } from '../support/upload-place.js';
import { wire } from '../support/wire.js';

describe('api: onProgress', () => {
  uploadPlace();

  function watch(onProgress?: (request: HTTPRequest) => void) {
    const told: [number, number | null][] = [];
    const far = wire((request) => request.sendResponse(`handled ${request.url}`), {
      ...ON_DISK,
      earlyHandler: (request) => {
        request.onProgress = (received, total) => {
          told.push([received, total]);
          onProgress?.(request);
        };
      },
    });
    return { far, told };
  }

  it('grows with what has come, and ends with the total', async () => {
    const { far, told } = watch();
    const form = multipart([file(500 * KIB)]);
    const bytes = formPost(form);
    for (let at = 0; at < bytes.length; at += 50_000) far.send(bytes.subarray(at, at + 50_000));
    await eventually(() => far.sink.text.includes('handled'));
    expect(told.at(-1)).to.deep.equal([form.length, form.length]);
    expect(told.length).to.be.above(5);
    for (const [i, [received, total]] of told.entries()) {
      expect(total).to.equal(form.length);
      expect(received).to.be.above(told[i - 1]?.[0] ?? 0);
    }
  });

  it('knows no total of chunks', async () => {
    const { far, told } = watch();
    const form = multipart([file(99)]);
    far.send(chunkedFormPost(form, 10));
    await eventually(() => far.sink.text.includes('handled'));
    expect(told).to.deep.equal([[form.length, null]]);
  });

  it('tells of other content too, and nothing where there is none', async () => {
    const { far, told } = watch();
    await far.exchange(post('he', 'Content-Length: 5'));
    await far.exchange('llo');
    await far.exchange(get());
    expect(told).to.deep.equal([
      [2, 5],
      [5, 5],
    ]);
  });

  it('is reported when it throws, and the upload goes on', async () => {
    const { far } = watch(() => {
      throw new Error('x');
    });
    far.send(formPost([file(99)]));
    await eventually(() => far.sink.text.includes('handled'));
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal([
      'HTTPConnection.request.onProgress threw',
    ]);
  });

  it('may answer: what is unread then is not read, and what follows is', async () => {
    for (const bytes of [
      formPost([file(99)]),
      formPost([field(5)]),
      formPost(Buffer.from('x'), 'Content-Type: a/b'),
    ]) {
      const { far } = watch((request) => request.sendResponse('early'));
      far.send(Buffer.concat([bytes, Buffer.from(get('/2') + get('/3'))]));
      await eventually(() => far.sink.text.includes('handled /3'));
      expect(far.sink.text.match(/early|handled \/\d/g)).to.deep.equal(['early', 'handled /2', 'handled /3']);
    }
    const { far, told } = watch((request) => request.sendResponse('early', 413));
    far.send(formPost([file(300 * KIB)]).subarray(0, 280 * KIB));
    await eventually(() => far.ended);
    expect(await far.take()).to.match(/ 413 [\s\S]*Connection: close[\s\S]*early$/);
    expect(told).to.have.length(1);
  });
});
