import { UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { expect } from 'chai';
import fc from 'fast-check';
import type { DatagramAddress } from '#src/datagram';
import { type Sender, SenderBuffers } from '#src/datagram/sender-buffers';
import { OVERFLOW } from '#src/delimiters/read-buffer';
import type { Cutter, ReadDelimiter } from '#src/delimiters/read-delimiter';

const from = (port: number, host = '127.0.0.1'): DatagramAddress => ({ host, port, family: 4 });

function buffersWith(readDelimiter: ReadDelimiter, maxSenders = 8): SenderBuffers {
  const buffers = new SenderBuffers(maxSenders);
  buffers.readDelimiter = readDelimiter;
  return buffers;
}

/** The pieces there are, as text; ends with 'OVERFLOW' at one. */
function cutAll(buffers: SenderBuffers, sender: Sender): string[] {
  const pieces: string[] = [];
  for (;;) {
    const piece = buffers.cut(sender);
    if (piece === NEED_MORE) return pieces;
    if (piece === OVERFLOW) return [...pieces, 'OVERFLOW'];
    pieces.push(String(piece));
  }
}

/** Hears one packet as the server does. */
function hear(buffers: SenderBuffers, port: number, text: string, now = 0): string[] {
  const sender = buffers.take(from(port), now);
  buffers.push(sender, Buffer.from(text, 'latin1'));
  const pieces = cutAll(buffers, sender);
  buffers.settle(sender);
  return pieces;
}

/** Four bytes of length, then so many of text; remembers nothing. */
const lengthPrefixed: Cutter<Buffer> = {
  cut(buffer) {
    const end = buffer.length < 1 ? Number.POSITIVE_INFINITY : 1 + (buffer[0] as number);
    return buffer.length < end ? NEED_MORE : { data: buffer.subarray(1, end), consumed: end };
  },
};

const kinds: {
  name: string;
  delimiter: ReadDelimiter;
  first: string[];
  second: string[];
  pieces: string[][];
}[] = [
  {
    name: 'text',
    delimiter: '\r\n',
    first: ['a\r', '\nb'],
    second: ['\n', 'c\r\n'],
    pieces: [['a'], ['\nc']],
  },
  {
    name: 'bytes',
    delimiter: Buffer.from('||'),
    first: ['a|', '|b'],
    second: ['|x', '|||'],
    pieces: [['a'], ['|x']],
  },
  {
    name: 'a number',
    delimiter: 3,
    first: ['ab', 'cd'],
    second: ['1', '23456'],
    pieces: [['abc'], ['123', '456']],
  },
  {
    name: 'a RegExp',
    delimiter: /\d\d/,
    first: ['abc1', '2d'],
    second: ['x9', 'y34'],
    pieces: [['abc'], ['x9y']],
  },
  {
    name: 'a sticky RegExp',
    delimiter: /a+b/y,
    first: ['aa', 'b'],
    second: ['a', 'abab'],
    pieces: [['aab'], ['aab', 'ab']],
  },
  {
    name: 'a Cutter',
    delimiter: lengthPrefixed,
    first: ['\x03a', 'bc\x01'],
    second: ['\x02x', 'y'],
    pieces: [['abc'], ['xy']],
  },
];

describe('SenderBuffers', () => {
  for (const { name, delimiter, first, second, pieces } of kinds) {
    it(`keeps senders apart whose packets come in turns, and cuts by ${name}`, () => {
      const buffers = buffersWith(delimiter);
      const cut: string[][] = [[], []];
      first.forEach((text, i) => {
        cut[0]?.push(...hear(buffers, 1, text));
        cut[1]?.push(...hear(buffers, 2, second[i] ?? ''));
      });
      expect(cut).to.deep.equal(pieces);
    });
  }

  it('gives each sender what it would give for all its packets at once, however they are mixed', () => {
    const delimiter = fc.constantFrom<ReadDelimiter>('a', 'ab', 2, /b[ab]/, /[^c]+c/y);
    const packet = fc.record({
      port: fc.integer({ min: 1, max: 4 }),
      text: fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 }),
    });
    fc.assert(
      fc.property(delimiter, fc.array(packet), (readDelimiter, packets) => {
        const mixed = buffersWith(readDelimiter);
        const pieces = new Map<number, string[]>();
        for (const { port, text } of packets) {
          pieces.set(port, [...(pieces.get(port) ?? []), ...hear(mixed, port, text)]);
        }
        for (const [port, cut] of pieces) {
          const alone = buffersWith(readDelimiter);
          const inOrder = packets.filter((each) => each.port === port).map(({ text }) => text);
          expect(cut).to.deep.equal(inOrder.flatMap((text) => hear(alone, 1, text)));
        }
      }),
    );
  });

  it('keeps nobody whose pieces are all finished', () => {
    const buffers = buffersWith('\n');
    for (let port = 1; port <= 5; port++) expect(hear(buffers, port, 'a\nb\n')).to.deep.equal(['a', 'b']);
    expect(buffers.size).to.equal(0);
    hear(buffers, 1, 'a');
    expect(buffers.size).to.equal(1);
    hear(buffers, 1, '\n');
    expect(buffers.size).to.equal(0);
  });

  it('tells senders apart by host and by port', () => {
    const buffers = buffersWith('\n');
    for (const [host, port] of [
      ['127.0.0.1', 1],
      ['127.0.0.1', 11],
      ['127.0.0.2', 1],
      ['::1', 1],
    ] as const) {
      const sender = buffers.take(from(port, host), 0);
      buffers.push(sender, Buffer.from('x'));
      buffers.settle(sender);
    }
    expect(buffers.size).to.equal(4);
  });

  it('drops who was silent longest when there are too many, and is silent about it', () => {
    const buffers = buffersWith('\n', 3);
    for (const port of [1, 2, 3]) hear(buffers, port, `${port}`);
    hear(buffers, 1, '+');
    hear(buffers, 4, '4');
    expect(buffers.size).to.equal(3);
    const rest = [1, 2, 3, 4].map((port) => hear(buffers, port, '\n')[0]);
    expect(rest).to.deep.equal(['1+', '', '3', '4']);
  });

  it('drops what was last added to long enough ago', () => {
    const buffers = buffersWith('\n');
    hear(buffers, 1, 'a', 10);
    hear(buffers, 2, 'b', 20);
    hear(buffers, 1, 'c', 30);
    hear(buffers, 3, 'd', 40);
    buffers.expire(19);
    expect(buffers.size).to.equal(3);
    buffers.expire(30);
    expect(buffers.size).to.equal(1);
    expect([1, 2, 3].map((port) => hear(buffers, port, '\n')[0])).to.deep.equal(['', '', 'd']);
  });

  it('drops everything from a sender whose piece is too long, and nothing of the others', () => {
    const buffers = buffersWith('\n');
    buffers.bufferSize = 4;
    hear(buffers, 2, 'fine');
    expect(hear(buffers, 1, 'abcd\nab')).to.deep.equal(['abcd']);
    expect(hear(buffers, 1, 'cde\nx')).to.deep.equal(['OVERFLOW']);
    expect(hear(buffers, 1, 'y\n')).to.deep.equal(['y']);
    expect(hear(buffers, 2, '\n')).to.deep.equal(['fine']);
    expect(hear(buffers, 3, 'abcde')).to.deep.equal(['OVERFLOW']);
    expect(buffers.size).to.equal(0);
  });

  it('starts a RegExp anew after an overflow', () => {
    const buffers = buffersWith(/;;/);
    buffers.bufferSize = 4;
    expect(hear(buffers, 1, 'abcdef')).to.deep.equal(['OVERFLOW']);
    expect(hear(buffers, 1, 'a;;b')).to.deep.equal(['a']);
  });

  it('raises bufferSize to the size of a number', () => {
    const buffers = buffersWith(6);
    buffers.bufferSize = 4;
    expect(hear(buffers, 1, 'abcde')).to.deep.equal([]);
    expect(hear(buffers, 1, 'f')).to.deep.equal(['abcdef']);
    const sized: Cutter = {
      size: 6,
      cut: (buffer) => (buffer.length < 6 ? NEED_MORE : { data: buffer, consumed: buffer.length }),
    };
    buffers.readDelimiter = sized;
    expect(hear(buffers, 1, 'abcde')).to.deep.equal([]);
    expect(hear(buffers, 1, 'f')).to.deep.equal(['abcdef']);
  });

  it('looks at a RegExp no more often than there are unfinished pieces', () => {
    const newline = /\n/;
    let looks = 0;
    const { source } = newline;
    Object.defineProperty(newline, 'source', {
      get() {
        looks++;
        return source;
      },
    });
    const buffers = buffersWith(newline);
    hear(buffers, 1, 'a\n');
    const before = looks;
    for (let port = 1; port <= 100; port++) hear(buffers, port, 'a\nb\n');
    expect(looks).to.equal(before);
    for (let i = 0; i < 100; i++) hear(buffers, 1, 'a');
    hear(buffers, 2, 'a\n');
    expect(looks).to.be.at.most(2 * before);
  });

  it('searches each byte once, however small the packets', () => {
    const buffers = buffersWith('\r\n');
    const n = 2048;
    const { indexOf } = Buffer.prototype;
    let searched = 0;
    Buffer.prototype.indexOf = function (this: Buffer, value: string | number | Uint8Array, from?: number) {
      searched += this.length - (from ?? 0);
      return indexOf.call(this, value, from);
    } as typeof indexOf;
    try {
      for (let i = 0; i < n; i++) expect(hear(buffers, 1, 'x')).to.deep.equal([]);
    } finally {
      Buffer.prototype.indexOf = indexOf;
    }
    // Each search looks again at what may be the first half of a delimiter.
    expect(searched).to.be.within(n, 3 * n);
  });

  it('drops everything from a sender whose input a Cutter refuses, and hands its error on', () => {
    const picky: Cutter = {
      cut(buffer) {
        if (buffer[0] === 0x21) throw new Error('no !');
        return buffer.length < 2 ? NEED_MORE : { data: buffer.subarray(0, 2), consumed: 2 };
      },
    };
    const buffers = buffersWith(picky);
    expect(() => hear(buffers, 1, '!ab')).to.throw('no !');
    const sender = buffers.take(from(1), 0);
    expect(cutAll(buffers, sender)).to.deep.equal([]);
    buffers.settle(sender);
    expect(hear(buffers, 1, 'abc')).to.deep.equal(['ab']);
  });

  it('cuts what is there by a delimiter that was changed', () => {
    const buffers = buffersWith('\n');
    for (const port of [1, 2]) hear(buffers, port, `${port};2|3`);
    buffers.readDelimiter = ';';
    const senders = buffers.takeAll();
    expect(buffers.size).to.equal(0);
    expect(senders.map((sender) => cutAll(buffers, sender))).to.deep.equal([['1'], ['2']]);
    buffers.readDelimiter = /\|/;
    expect(senders.map((sender) => cutAll(buffers, sender))).to.deep.equal([['2'], ['2']]);
    buffers.readDelimiter = null;
    expect(senders.map((sender) => cutAll(buffers, sender))).to.deep.equal([['3'], ['3']]);
  });

  it('does not wait for its caller: a packet may change once it is settled', () => {
    const buffers = buffersWith('\n');
    const packet = Buffer.from('abc');
    const sender = buffers.take(from(1), 0);
    buffers.push(sender, packet);
    expect(cutAll(buffers, sender)).to.deep.equal([]);
    buffers.settle(sender);
    packet.fill(0);
    expect(hear(buffers, 1, '\n')).to.deep.equal(['abc']);
  });

  it('clear forgets everybody', () => {
    const buffers = buffersWith('\n');
    hear(buffers, 1, 'a');
    buffers.clear();
    expect(buffers.size).to.equal(0);
    expect(hear(buffers, 1, '\n')).to.deep.equal(['']);
  });

  it('refuses delimiters and sizes that could not work, and keeps the old', () => {
    const buffers = buffersWith('\n');
    for (const value of ['', 0, -1, 1.5, /a*/, {}, true] as ReadDelimiter[]) {
      expect(() => {
        buffers.readDelimiter = value;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_READ_DELIMITER');
    }
    for (const size of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => {
        buffers.bufferSize = size;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_BUFFER_SIZE');
    }
    expect(buffers.bufferSize).to.equal(65_536);
    expect(hear(buffers, 1, 'a\n')).to.deep.equal(['a']);
  });
});
