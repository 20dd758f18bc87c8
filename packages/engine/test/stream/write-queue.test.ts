import { expect } from 'chai';
import fc from 'fast-check';
import { WriteQueue } from '#src/stream/write-queue';

/** Everything in `queue`, taken in slices of `most`; checks what holds for every one of them. */
function takeAll(queue: WriteQueue, most: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (;;) {
    const before = queue.size;
    const piece = queue.take(most);
    if (piece === null) break;
    const bytes = typeof piece === 'string' ? Buffer.from(piece, 'latin1') : Buffer.from(piece);
    expect(bytes.length).to.be.greaterThan(0);
    // A slice of text has `most` code units and one more where a pair would be cut: three bytes for each at most.
    expect(bytes.length).to.be.at.most(3 * most + 3);
    expect(queue.size).to.equal(before - bytes.length);
    pieces.push(bytes);
  }
  expect(queue.size).to.equal(0);
  return pieces;
}

const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  // Halves of surrogate pairs, in any order.
  fc.string({ unit: fc.constantFrom('a', 'é', '€', '\ud83d', '\ude00') }),
);

describe('WriteQueue', () => {
  it('joins adjacent text into one piece', () => {
    const queue = new WriteQueue();
    queue.pushText('one ');
    queue.pushLatin1('t\xf6 ');
    queue.pushText('three');
    expect(queue.isSingle).to.equal(true);
    expect(queue.take(100)).to.equal('one t\xf6 three');
    expect(queue.take(100)).to.equal(null);
  });

  it('joins ASCII to latin1 before it, and nothing else', () => {
    const queue = new WriteQueue();
    queue.pushLatin1('t\xf6 ');
    queue.pushText('three');
    expect(queue.isSingle).to.equal(true);
    queue.pushText('\xf6');
    expect([queue.isSingle, queue.size]).to.deep.equal([false, 10]);
    expect(Buffer.concat(takeAll(queue, 100)).toString('latin1')).to.equal('t\xf6 three\xc3\xb6');
  });

  it('joins any text to UTF-8 before it, and no latin1', () => {
    const queue = new WriteQueue();
    queue.pushText('€');
    queue.pushText('\n');
    queue.pushText('ü');
    queue.pushText('');
    expect([queue.isSingle, queue.size, queue.total]).to.deep.equal([true, 6, 6]);
    queue.pushLatin1('\xf6');
    expect([queue.isSingle, queue.size]).to.deep.equal([false, 7]);
    expect(queue.gather()?.toString('latin1')).to.equal('\xe2\x82\xac\n\xc3\xbc\xf6');
  });

  it('encodes each text by itself: halves of a pair from two calls stay halves', () => {
    const queue = new WriteQueue();
    queue.pushText('a\ud83d');
    queue.pushText('\ude00b');
    expect([queue.isSingle, queue.size]).to.deep.equal([false, 8]);
    expect(Buffer.concat(takeAll(queue, 100)).toString()).to.equal('a\ufffd\ufffdb');
    expect(queue.total).to.equal(8);
  });

  it('joins no more than 64 KiB', () => {
    const queue = new WriteQueue();
    queue.pushText('a'.repeat(65_535));
    queue.pushText('b');
    queue.pushText('c');
    expect(queue.isSingle).to.equal(false);
    expect(queue.take(100_000)).to.have.length(65_536);
    expect(queue.take(100_000)).to.equal('c');
    queue.pushText('é'.repeat(65_535));
    queue.pushText('b');
    queue.pushText('c');
    expect(queue.isSingle).to.equal(false);
    expect(queue.take(100_000)).to.have.length(131_071);
    expect(queue.take(100_000)).to.equal('c');
  });

  it('keeps text, bytes and UTF-8 in order', () => {
    const queue = new WriteQueue();
    queue.pushText('a');
    queue.pushBytes(Buffer.from('b'));
    queue.pushText('ü');
    queue.pushText('c');
    expect(queue.size).to.equal(5);
    expect(Buffer.concat(takeAll(queue, 100)).toString()).to.equal('abüc');
    expect(queue.total).to.equal(5);
  });

  it('ignores what is empty', () => {
    const queue = new WriteQueue();
    queue.pushText('');
    queue.pushLatin1('');
    queue.pushBytes(new Uint8Array());
    expect(queue.size).to.equal(0);
    expect(queue.take(1)).to.equal(null);
  });

  it('hands out bytes without copying them', () => {
    const queue = new WriteQueue();
    const bytes = Buffer.from('abcdef');
    queue.pushBytes(bytes);
    const first = queue.take(4) as Uint8Array;
    expect([first.buffer, first.byteOffset, first.length]).to.deep.equal([bytes.buffer, bytes.byteOffset, 4]);
    expect(queue.take(4)).to.deep.equal(bytes.subarray(4));
  });

  it('takes text that was joined to what is partly taken', () => {
    const queue = new WriteQueue();
    queue.pushText('abc');
    expect(queue.take(2)).to.equal('ab');
    queue.pushText('def');
    expect(queue.take(9)).to.equal('cdef');
  });

  for (const most of [1, 2, 3]) {
    it(`never splits a surrogate pair, in slices of ${most}`, () => {
      for (const pair of ['😀', 'a😀b', '😀😀', '\ud83d😀', '😀\ude00', 'aa\ud83d😀\ude00']) {
        const queue = new WriteQueue();
        queue.pushText(pair);
        expect(Buffer.concat(takeAll(queue, most)).toString('hex')).to.equal(
          Buffer.from(pair).toString('hex'),
        );
      }
    });
  }

  it('clear drops everything', () => {
    const queue = new WriteQueue();
    queue.pushText('abc');
    queue.pushBytes(Buffer.from('d'));
    queue.clear();
    expect([queue.size, queue.take(9)]).to.deep.equal([0, null]);
  });

  it('gives the bytes of what was pushed, for any interleaving of pushing and taking', () => {
    const push = fc.oneof(
      fc.record({ text }),
      fc.record({ bytes: fc.uint8Array({ maxLength: 20 }) }),
      fc.record({
        latin1: fc.string({
          unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        }),
      }),
    );
    const steps = fc.array(fc.tuple(push, fc.nat(3)), { maxLength: 20 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 12 }), (all, most) => {
        const queue = new WriteQueue();
        const sent: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const [data, takes] of all) {
          if ('text' in data) {
            queue.pushText(data.text);
            expected.push(Buffer.from(data.text));
          } else if ('latin1' in data) {
            queue.pushLatin1(data.latin1);
            expected.push(Buffer.from(data.latin1, 'latin1'));
          } else {
            queue.pushBytes(data.bytes);
            expected.push(Buffer.from(data.bytes));
          }
          for (let i = 0; i < takes; i++) {
            const piece = (i === 1 ? queue.gather() : null) ?? queue.take(most);
            if (piece !== null)
              sent.push(typeof piece === 'string' ? Buffer.from(piece, 'latin1') : Buffer.from(piece));
          }
          const [total, gone] = [expected, sent].map((list) => Buffer.concat(list).length);
          expect([queue.total, queue.size]).to.deep.equal([total, (total ?? 0) - (gone ?? 0)]);
        }
        sent.push(...takeAll(queue, most));
        expect(Buffer.concat(sent).toString('hex')).to.equal(Buffer.concat(expected).toString('hex'));
      }),
    );
  });

  describe('gather', () => {
    it('makes one of several small pieces, up to a waypoint', () => {
      const queue = new WriteQueue();
      queue.pushLatin1('t\xf6');
      queue.pushText('\xf6');
      queue.pushBytes(Buffer.from('!'));
      queue.pushWaypoint({ kind: 'moment' });
      queue.pushText('later');
      expect(queue.gather()?.toString('latin1')).to.equal('t\xf6\xc3\xb6!');
      expect([queue.size, queue.total, queue.waypoint?.kind]).to.deep.equal([5, 10, 'moment']);
      expect(queue.gather(), 'nothing before the waypoint').to.equal(null);
      queue.passWaypoint();
      expect(queue.gather(), 'a single piece is handed out as it is').to.equal(null);
      expect(queue.take(9)).to.equal('later');
    });

    it('leaves large pieces, and what is partly taken, as they are', () => {
      const queue = new WriteQueue();
      queue.pushBytes(Buffer.alloc(16_384));
      queue.pushBytes(Buffer.alloc(1));
      expect(queue.gather()).to.equal(null);
      queue.take(16_384);
      queue.pushBytes(Buffer.alloc(3));
      expect(queue.gather()).to.have.length(4);
      queue.pushBytes(Buffer.alloc(4));
      queue.take(2);
      queue.pushBytes(Buffer.alloc(1));
      expect(queue.gather()).to.equal(null);
      expect(queue.size).to.equal(3);
    });
  });

  it('takes a great many small pieces in linear time: a quadratic queue needs minutes', () => {
    const queue = new WriteQueue();
    const byte = Buffer.from('b');
    const pieces = 400_000;
    for (let i = 0; i < pieces; i++) queue.pushBytes(byte);
    let taken = 0;
    while (queue.take(65_536) !== null) taken++;
    expect([taken, queue.size, queue.total]).to.deep.equal([pieces, 0, pieces]);
  });
});
