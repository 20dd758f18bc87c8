import zlib from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { CODINGS, type Coding, ContentCoder, compressNow } from '#http/responses/content-coder.js';

const decoders: Record<Coding, (bytes: Buffer) => Buffer> = {
  br: zlib.brotliDecompressSync,
  gzip: zlib.gunzipSync,
  zstd: (zlib as unknown as { zstdDecompressSync: (bytes: Buffer) => Buffer }).zstdDecompressSync,
};

describe('api: content codings', () => {
  it('are best first, and those that this Node has', () => {
    expect(CODINGS).to.deep.equal('zstdCompressSync' in zlib ? ['br', 'zstd', 'gzip'] : ['br', 'gzip']);
  });

  for (const coding of CODINGS) {
    it(`${coding}: pieces of every kind come out as they went in, flushed or not`, async () => {
      const piece = fc.oneof(
        fc.string({ unit: fc.constantFrom('a', '\n', 'é', '𝄞') }),
        fc.uint8Array({ maxLength: 50 }),
      );
      const run = async (pieces: (string | Uint8Array)[], flushAt: number) => {
        const out: Buffer[] = [];
        const coder = new ContentCoder(coding, (bytes) => out.push(bytes));
        for (const [i, each] of pieces.entries()) {
          await coder.write(each, async () => {});
          if (i === flushAt) coder.flush();
        }
        await coder.end();
        const expected = Buffer.concat(pieces.map((each) => Buffer.from(each)));
        expect(decoders[coding](Buffer.concat(out)).equals(expected)).to.equal(true);
      };
      await fc.assert(fc.asyncProperty(fc.array(piece, { maxLength: 5 }), fc.nat(5), run), { numRuns: 20 });
    });

    it(`${coding}: small pieces are compressed together, in order with large ones, and are copied`, async () => {
      const out: Buffer[] = [];
      let steps = 0;
      const coder = new ContentCoder(coding, (bytes) => out.push(bytes));
      const piece = Buffer.alloc(1_000);
      const expected: Buffer[] = [];
      for (let i = 0; i < 100; i++) {
        const isLarge = i % 40 === 39;
        const bytes = isLarge ? Buffer.alloc(20_000, 'L') : piece.fill(i);
        expected.push(Buffer.from(bytes));
        await coder.write(bytes, async () => {
          steps++;
        });
      }
      expect(steps, 'of a hundred pieces').to.be.within(5, 10);
      await coder.end();
      expect(decoders[coding](Buffer.concat(out)).equals(Buffer.concat(expected))).to.equal(true);
    });

    it(`${coding}: a whole, as text and as bytes`, () => {
      for (const content of ['', 'äöü€', 'x'.repeat(5_000)]) {
        expect(decoders[coding](compressNow(coding, content)).toString()).to.equal(content);
        expect(decoders[coding](compressNow(coding, Buffer.from(content))).toString()).to.equal(content);
      }
    });

    it(`${coding}: a long text is cut into steps, never through a character`, async () => {
      for (const lead of ['', 'x']) {
        const text = lead + '𝄞'.repeat(100_000);
        const out: Buffer[] = [];
        let steps = 0;
        const coder = new ContentCoder(coding, (bytes) => out.push(bytes));
        await coder.write(text, async () => {
          steps++;
        });
        await coder.end();
        expect(steps).to.equal(4);
        expect(decoders[coding](Buffer.concat(out)).toString()).to.equal(text);
      }
    });

    it(`${coding}: half a character at the end is nobody's fault but the text's`, () => {
      const out: Buffer[] = [];
      const coder = new ContentCoder(coding, (bytes) => out.push(bytes));
      const text = `${'x'.repeat(70_000)}\ud834`;
      return coder
        .write(text, async () => {})
        .then(() => coder.end())
        .then(() =>
          expect(decoders[coding](Buffer.concat(out)).toString()).to.equal(`${'x'.repeat(70_000)}\ufffd`),
        );
    });

    it(`${coding}: whoever waits for one that is destroyed is told`, async () => {
      const failed = (promise: Promise<void>) =>
        promise.then(
          () => 'resolved',
          () => 'rejected',
        );
      const coder = new ContentCoder(coding, () => {});
      const writing = failed(coder.write(Buffer.alloc(1_000_000), async () => {}));
      coder.destroy();
      coder.destroy();
      expect(await writing).to.equal('rejected');
      expect(await failed(coder.write(Buffer.alloc(20_000), async () => {}))).to.equal('rejected');
      expect(await failed(coder.end())).to.equal('rejected');
    });
  }
});
