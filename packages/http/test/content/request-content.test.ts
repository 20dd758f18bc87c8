import { HTTP_LIMITS, HTTPProtocolError, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { RequestContent } from '#http/content/request-content.js';
import type { RequestFraming } from '#http/protocol/framing.js';
import type { RequestHead } from '#http/protocol/request-head.js';

const CHUNKED: RequestFraming = { kind: 'chunked' };
const BOUNDARY = 'multipart/form-data; boundary=b';

function made(framing: RequestFraming, maxRequest = 10) {
  const told: string[] = [];
  const content = new RequestContent(
    { framing } as RequestHead,
    { limits: HTTP_LIMITS, maxRequest, tempStore: new TempStore() },
    {
      onWanted: () => told.push('wanted'),
      onLeft: () => told.push('left'),
      onRoom: () => told.push('room'),
      onContent: (body, form) => told.push(`${body}${form === null ? '' : form.fields}`),
      onContentError: (error) => told.push(error.message),
    },
  );
  return { content, told };
}

const tooLarge = (call: () => void) =>
  expect(call).to.throw(HTTPProtocolError).with.property('code', 'HTTP_BODY_TOO_LARGE');
const plain = () => 'text/plain';

describe('content: RequestContent', () => {
  it('knows the total of a length, and not that of chunks', () => {
    expect(made({ kind: 'length', length: 5 }).content.total).to.equal(5);
    expect(made(CHUNKED).content.total).to.equal(null);
  });

  it('is closed until somebody takes the content', () => {
    const { content, told } = made(CHUNKED);
    expect([content.isOpen, content.hasTaker]).to.deep.equal([false, false]);
    content.end();
    content.collect('', plain, 10);
    expect([content.isOpen, content.hasTaker, content.isTaken]).to.deep.equal([true, true, false]);
    expect(told).to.deep.equal([]);
  });

  it('collects pieces into a body, and counts them', () => {
    const { content, told } = made(CHUNKED);
    content.collect('', plain, 0);
    expect([content.received, content.hasProgress]).to.deep.equal([0, false]);
    content.push(Buffer.from('ab'));
    expect([content.received, content.hasProgress, content.isOpen]).to.deep.equal([2, true, true]);
    content.push(Buffer.from('cde'));
    content.end();
    expect([content.received, told]).to.deep.equal([5, ['abcde']]);
  });

  it('refuses a length above the limit, and chunks once they are; exactly the limit is taken', () => {
    const announced = made({ kind: 'length', length: 5 }, 4);
    tooLarge(() => announced.content.collect('', plain, 100));
    expect(announced.content.hasTaker).to.equal(false);
    made({ kind: 'length', length: 5 }, 5).content.collect('', plain, 0);
    const { content } = made(CHUNKED, 5);
    content.collect('', plain, 100);
    content.push(Buffer.from('hello'));
    tooLarge(() => content.push(Buffer.from('!')));
  });

  it('measures a multipart form, and nothing else, by the other limit', async () => {
    const field = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n';
    const header = `Content-Type: ${BOUNDARY}\r\n`;
    const { content, told } = made({ kind: 'length', length: field.length }, 5);
    tooLarge(() => content.collect(header, () => BOUNDARY, field.length - 1));
    content.collect(header, () => BOUNDARY, field.length);
    content.push(Buffer.from(field));
    content.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.deep.equal(['a=1']);
  });

  it('gives a loop one piece for each that it wants, without a limit', async () => {
    const { content, told } = made({ kind: 'length', length: 500 });
    const loop = content.take();
    expect([content.hasTaker, content.isTaken]).to.deep.equal([true, true]);
    const first = loop.next();
    expect([told, content.isOpen]).to.deep.equal([['wanted'], true]);
    content.push(Buffer.alloc(400, 'x'));
    expect(content.isOpen, 'nothing more is wanted').to.equal(false);
    expect((await first).value?.length).to.equal(400);
    void loop.next();
    expect(content.isOpen).to.equal(true);
    await loop.return();
    expect(told).to.deep.equal(['wanted', 'wanted', 'left']);
  });

  it('tells nobody but the loop that has taken it once the request is over', async () => {
    const { content, told } = made(CHUNKED);
    const loop = content.take();
    content.breakOff(new Error('over'));
    const result = await loop.next().catch((error: Error) => error.message);
    await loop.return();
    expect([result, told]).to.deep.equal(['over', []]);
    const body = made(CHUNKED);
    body.content.collect('', plain, 0);
    body.content.breakOff(new Error('over'));
    body.content.end();
    expect(body.told).to.deep.equal([]);
  });
});
