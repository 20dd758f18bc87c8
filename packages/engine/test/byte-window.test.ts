import { ByteWindow, NEED_MORE } from '@inseam/engine/byte-window';
import { expect } from 'chai';
import fc from 'fast-check';

const unread = (window: ByteWindow) => window.bytes.toString('latin1', window.start, window.end);

describe('ByteWindow', () => {
  it('borrows a chunk, and copies nothing of one that is read within the call', () => {
    const window = new ByteWindow();
    const chunk = Buffer.from('hello');
    window.push(chunk);
    expect(window.bytes).to.equal(chunk);
    window.start += 5;
    window.retain();
    expect(window.bytes.length).to.equal(0);
    expect([window.start, window.end, window.length]).to.deep.equal([0, 0, 0]);
  });

  it('keeps what remains after retain, though the chunk changes', () => {
    const window = new ByteWindow();
    const chunk = Buffer.from('hello');
    window.push(chunk);
    window.start += 2;
    window.retain();
    chunk.fill(0);
    expect(unread(window)).to.equal('llo');
  });

  it('never writes into a borrowed chunk', () => {
    const window = new ByteWindow();
    const memory = Buffer.from('abcdef');
    window.push(memory.subarray(0, 3));
    window.push(Buffer.from('XYZ'));
    expect(unread(window)).to.equal('abcXYZ');
    expect(memory.toString()).to.equal('abcdef');
  });

  it('takeAll gives bytes to keep, and nothing remains', () => {
    const window = new ByteWindow();
    const chunk = Buffer.from('hello');
    window.push(chunk);
    window.start += 1;
    const rest = window.takeAll();
    chunk.fill(0);
    expect(rest.toString()).to.equal('ello');
    expect(window.length).to.equal(0);
  });

  it('clear drops everything', () => {
    const window = new ByteWindow();
    window.push(Buffer.from('x'));
    window.clear();
    expect(window.length).to.equal(0);
    window.push(Buffer.from('y'));
    expect(unread(window)).to.equal('y');
  });

  it('NEED_MORE is a value of its own', () => {
    expect(NEED_MORE).to.be.a('symbol');
  });

  it('is a queue of bytes, for any order of pushing, reading, retaining and reusing the chunk', () => {
    const step = fc.record({
      push: fc.uint8Array({ maxLength: 40 }),
      read: fc.nat(60),
      retain: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const window = new ByteWindow();
        let expected = '';
        for (const { push, read, retain } of steps) {
          const chunk = Buffer.from(push);
          window.push(chunk);
          expected += chunk.toString('latin1');
          const reading = Math.min(read, window.length);
          window.start += reading;
          expected = expected.slice(reading);
          if (retain) {
            window.retain();
            chunk.fill(0xee);
          }
          expect(unread(window)).to.equal(expected);
          expect(window.length).to.equal(expected.length);
          if (!retain) window.retain();
        }
      }),
    );
  });

  it('copies each byte a constant number of times, however small the chunks', () => {
    const window = new ByteWindow();
    const n = 1 << 16;
    let copied = 0;
    let bytes = window.bytes;
    for (let i = 0; i < n; i++) {
      window.push(Buffer.from([i & 0xff]));
      window.retain();
      // Another array means that all of it was copied.
      if (window.bytes !== bytes) copied += window.length;
      bytes = window.bytes;
    }
    expect(window.length).to.equal(n);
    expect(copied).to.be.lessThan(4 * n);
  });

  it('latin1 is the text of what comes next, also after more has come, and of more than is decoded at once', () => {
    const window = new ByteWindow();
    window.push(Buffer.from('one\xfftwo', 'latin1'));
    expect(window.latin1(4)).to.equal('one\xff');
    window.start += 4;
    expect(window.latin1(3)).to.equal('two');
    window.start += 1;
    window.retain();
    window.push(Buffer.from('!'.repeat(5_000)));
    expect(window.latin1(3)).to.equal('wo!');
    expect(window.latin1(5_002)).to.equal(`wo${'!'.repeat(5_000)}`);
    window.start += 5_002;
    window.retain();
    window.push(Buffer.from('new'));
    expect(window.latin1(3)).to.equal('new');
  });
});
