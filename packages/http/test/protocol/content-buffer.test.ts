import { expect } from 'chai';
import { ContentBuffer } from '#http/protocol/content-buffer.js';

describe('protocol: ContentBuffer', () => {
  it('gives back what was pushed, in order, once', () => {
    const buffer = new ContentBuffer();
    for (const text of ['a', 'bc', 'def', '']) buffer.push(Buffer.from(text), 100);
    expect(buffer.length).to.equal(6);
    expect(buffer.take().toString()).to.equal('abcdef');
    expect(buffer.length).to.equal(0);
    expect(buffer.take()).to.have.length(0);
  });

  it('copies: the pieces stay the caller’s', () => {
    const buffer = new ContentBuffer();
    const piece = Buffer.from('one');
    buffer.push(piece, 100);
    buffer.push(piece, 100);
    piece.fill(0);
    expect(buffer.take().toString()).to.equal('oneone');
  });

  it('takes no more memory than the content can need, whatever the pieces', () => {
    const buffer = new ContentBuffer();
    for (let i = 0; i < 10_000; i++) buffer.push(Buffer.from('x'), 10_000);
    const content = buffer.take();
    expect([content.length, content.buffer.byteLength]).to.deep.equal([10_000, 10_000]);
  });

  it('forgets what it is told to', () => {
    const buffer = new ContentBuffer();
    buffer.push(Buffer.from('abc'), 100);
    buffer.clear();
    buffer.push(Buffer.from('d'), 100);
    expect(buffer.take().toString()).to.equal('d');
  });
});
