import { NetStruct, Struct, UsageError } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { OVERFLOW } from '@inseam/engine/pieces';
import { WebSocketProtocolError } from '@inseam/websocket';
import { expect } from 'chai';
import fc from 'fast-check';
import { ENTIRE_MESSAGE, MessageCutter, type MessageDelimiter } from '#websocket/protocol/message-cutter.js';
import { hex } from '../support/frames.js';

const LIMIT = 100_000;

/** The pieces of `messages`, then what the cutter says in the end; bytes in hex, but for text. */
function pieces(
  delimiter: MessageDelimiter,
  messages: readonly (string | Buffer)[],
  limit = LIMIT,
): unknown[] {
  const cutter = new MessageCutter(limit);
  cutter.delimiter = delimiter;
  const found: unknown[] = [];
  for (const message of messages) {
    cutter.push(Buffer.from(message), typeof message !== 'string');
    for (let piece = cutter.cut(); piece !== NEED_MORE; piece = cutter.cut()) {
      if (piece === OVERFLOW) return [...found, 'OVERFLOW'];
      found.push(Buffer.isBuffer(piece) ? `0x${piece.toString('hex')}` : piece);
    }
  }
  if (!cutter.isEmpty) found.push('…');
  return found;
}

interface Case {
  readonly name: string;
  readonly delimiter: MessageDelimiter;
  readonly messages: readonly (string | Buffer)[];
  readonly expect: readonly unknown[];
}

const cases: readonly Case[] = [
  { name: 'null: what a message contains', delimiter: null, messages: ['ab', 'c'], expect: ['ab', 'c'] },
  { name: 'null: bytes', delimiter: null, messages: [hex('01 02'), hex('03')], expect: ['0x0102', '0x03'] },
  {
    name: 'null: text and bytes in turns',
    delimiter: null,
    messages: ['a', hex('01'), 'b'],
    expect: ['a', '0x01', 'b'],
  },
  { name: 'an empty message is no piece', delimiter: null, messages: ['', Buffer.alloc(0)], expect: [] },
  { name: 'ENTIRE_MESSAGE: what is left', delimiter: ENTIRE_MESSAGE, messages: ['ab'], expect: ['ab'] },
  {
    name: 'text: lines',
    delimiter: '\n',
    messages: ['one\ntwo\nthr', 'ee\n\nfo', 'ur'],
    expect: ['one', 'two', 'three', '', '…'],
  },
  {
    name: 'text: over two messages',
    delimiter: '\r\n',
    messages: ['one\r', '\ntwo\r', 'x\r\n'],
    expect: ['one', 'two\rx'],
  },
  {
    name: 'text: over three',
    delimiter: 'abc',
    messages: ['1a', 'b', 'c2', 'ab', 'abc'],
    expect: ['1', '2ab'],
  },
  { name: 'text of more than ASCII', delimiter: '→', messages: ['é→😀', '→'], expect: ['é', '😀'] },
  {
    name: 'text, on bytes',
    delimiter: '\n',
    messages: [hex('01 0a 02'), hex('0a')],
    expect: ['0x01', '0x02'],
  },
  {
    name: 'bytes, on bytes',
    delimiter: hex('0d 0a'),
    messages: [hex('01 0d'), hex('0a 02')],
    expect: ['0x01', '…'],
  },
  {
    name: 'a number: code units',
    delimiter: 3,
    messages: ['abcdefg', 'h', 'i'],
    expect: ['abc', 'def', 'ghi'],
  },
  { name: 'a number: not characters', delimiter: 2, messages: ['😀é', 'è'], expect: ['😀', 'éè'] },
  {
    name: 'a number, on bytes',
    delimiter: 2,
    messages: [hex('010203'), hex('04')],
    expect: ['0x0102', '0x0304'],
  },
  {
    name: 'a RegExp: what stands before a match',
    delimiter: /[;,]/,
    messages: ['a;b,', 'c', ';'],
    expect: ['a', 'b', 'c'],
  },
  {
    name: 'a RegExp over two messages',
    delimiter: /ab|xyz/,
    messages: ['1a', 'b2x', 'yz3'],
    expect: ['1', '2', '…'],
  },
  {
    name: 'a RegExp sees characters',
    delimiter: /[→😀]/u,
    messages: ['é→1😀', '2'],
    expect: ['é', '1', '…'],
  },
  {
    name: 'a RegExp with a memory of its own place',
    delimiter: /;/g,
    messages: ['aaaa;b;', 'c;'],
    expect: ['aaaa', 'b', 'c'],
  },
  { name: 'a RegExp without bounds', delimiter: /,+/, messages: ['a,,', ',b,'], expect: ['a', '', 'b'] },
  {
    name: 'a RegExp, on bytes',
    delimiter: /[^a-z]+/,
    messages: [hex('61 00 62'), hex('00')],
    expect: ['0x61', '0x62'],
  },
];

describe('protocol: MessageCutter', () => {
  for (const { name, delimiter, messages, expect: expected } of cases) {
    it(name, () => {
      expect(pieces(delimiter, messages)).to.deep.equal(expected);
    });
  }

  it('a sticky RegExp: the match itself', () => {
    const found = pieces(/(\w+)=(\w+);/y, ['a=1;b', '=2;']) as RegExpExecArray[];
    expect(found.map((match) => [match[1], match[2]])).to.deep.equal([
      ['a', '1'],
      ['b', '2'],
    ]);
  });

  it('Struct, NetStruct and a Cutter take bytes', () => {
    expect(pieces(new Struct('!H'), [hex('01'), hex('02 00 03')])).to.deep.equal([[258], [3]]);
    expect(pieces(new NetStruct('!B'), [hex('07')])).to.deep.equal([[7]]);
    const cutter = { cut: (bytes: Buffer) => ({ data: bytes[0], consumed: 1 }) };
    expect(pieces(cutter, [hex('05 06')])).to.deep.equal([5, 6]);
  });

  const bytesOnly: [string, MessageDelimiter][] = [
    ['a Buffer', Buffer.from('\n')],
    ['a Struct', new Struct('!H')],
    ['a Cutter', { cut: () => NEED_MORE }],
  ];
  for (const [name, delimiter] of bytesOnly) {
    it(`${name} refuses text by 1003`, () => {
      expect(() => pieces(delimiter, ['text']))
        .to.throw(WebSocketProtocolError)
        .that.includes({ code: 'WEBSOCKET_DATA_TYPE', closeCode: 1003 });
    });
  }

  for (const [name, messages] of [
    ['text and then bytes', ['a', Buffer.from('b\n')]],
    ['bytes and then text', [Buffer.from('a'), 'b\n']],
  ] as const) {
    it(`${name} make no piece: 1003`, () => {
      expect(() => pieces('\n', messages))
        .to.throw(WebSocketProtocolError)
        .that.includes({ code: 'WEBSOCKET_DATA_TYPE' });
    });
  }

  it('an empty message is of either type', () => {
    expect(pieces('\n', ['a', Buffer.alloc(0), '\n'])).to.deep.equal(['a']);
  });

  it('text may follow bytes, and bytes text, between two pieces', () => {
    expect(pieces('\n', ['a\n', Buffer.from('b\n'), 'c\n'])).to.deep.equal(['a', '0x62', 'c']);
  });

  const useless: [string, unknown][] = [
    ['empty text', ''],
    ['zero', 0],
    ['a fraction', 1.5],
    ['a RegExp that matches empty text', /a*/],
    ['an object', {}],
    ['undefined', undefined],
  ];
  for (const [name, delimiter] of useless) {
    it(`${name} could not cut: UsageError`, () => {
      expect(() => pieces(delimiter as MessageDelimiter, [])).to.throw(UsageError);
    });
  }

  it('a RegExp that turns out to match empty text: UsageError, not for ever', () => {
    expect(() => pieces(/(?=some\slonger\stext)/, ['some longer text']))
      .to.throw(UsageError)
      .that.includes({ code: 'WEBSOCKET_DELIMITER' });
  });

  it('another delimiter governs what is here already', () => {
    const cutter = new MessageCutter(LIMIT);
    cutter.delimiter = '\n';
    cutter.push(Buffer.from(`a;b${'-'.repeat(10_000)}`), false);
    expect(cutter.cut()).to.equal(NEED_MORE);
    cutter.push(Buffer.from('c;'), false);
    expect(cutter.cut()).to.equal(NEED_MORE);
    cutter.delimiter = ';';
    expect(cutter.cut()).to.equal('a');
    cutter.delimiter = 4;
    expect(cutter.cut()).to.equal('b---');
    cutter.delimiter = /c/;
    expect(cutter.cut()).to.equal('-'.repeat(9_997));
    cutter.delimiter = null;
    expect(cutter.cut()).to.equal(';');
    expect(cutter.isEmpty).to.equal(true);
  });

  it('another delimiter governs bytes that were searched already', () => {
    const cutter = new MessageCutter(LIMIT);
    cutter.delimiter = '\n';
    cutter.push(Buffer.from('a;b'), true);
    expect(cutter.cut()).to.equal(NEED_MORE);
    cutter.delimiter = ';';
    expect(String(cutter.cut())).to.equal('a');
  });

  it('a RegExp of the user’s keeps its lastIndex', () => {
    const pattern = /;/g;
    pattern.lastIndex = 7;
    expect(pieces(pattern, ['a;'])).to.deep.equal(['a']);
    expect(pattern.lastIndex).to.equal(7);
  });

  const delimiters: [string, MessageDelimiter, string][] = [
    ['text', '\r\n', '\r\n'],
    ['a RegExp', /\r?\n/, '\n'],
  ];
  for (const [name, delimiter, end] of delimiters) {
    for (const [kind, make] of [
      ['text', (text: string): string | Buffer => text],
      ['bytes', (text: string): string | Buffer => Buffer.from(text)],
    ] as const) {
      it(`a piece of the limit by ${name}, in ${kind}, however it is cut, and none that is longer`, () => {
        // Of a RegExp in bytes, a Stream counts the match, too.
        const piece = 'x'.repeat(kind === 'bytes' && delimiter instanceof RegExp ? 999 : 1_000);
        for (const cut of [1, 999, 1_000, 1_001, 1_002]) {
          const fits = piece + end;
          const exceeds = 'x'.repeat(1_001) + end;
          const parts = (text: string) => [text.slice(0, cut), text.slice(cut)].map(make);
          const expected = kind === 'text' ? piece : `0x${Buffer.from(piece).toString('hex')}`;
          expect(pieces(delimiter, parts(fits), 1_000), `at ${cut}`).to.deep.equal([expected]);
          expect(pieces(delimiter, parts(exceeds), 1_000), `at ${cut}`).to.deep.equal(['OVERFLOW']);
        }
      });
    }
  }

  it('text that can only be too long is refused before its delimiter comes', () => {
    expect(pieces('\r\n', ['x'.repeat(1_001)], 1_000)).to.deep.equal(['…']);
    expect(pieces('\r\n', ['x'.repeat(1_002)], 1_000)).to.deep.equal(['OVERFLOW']);
    expect(pieces('\n', ['x'.repeat(1_000)], 1_000)).to.deep.equal(['…']);
    expect(pieces('\n', ['x'.repeat(1_001)], 1_000)).to.deep.equal(['OVERFLOW']);
  });

  it('a RegExp goes on where it has searched', () => {
    const long = 'x'.repeat(3_000);
    expect(pieces(/;|---/, [long, `${long}--`, `-${long};`, 'y;'])).to.deep.equal([long + long, long, 'y']);
  });

  it('a RegExp without bounds searches no more than 8 KiB again', () => {
    expect(pieces(/;+/, ['x'.repeat(8_192), ';'])).to.deep.equal(['x'.repeat(8_192)]);
    expect(pieces(/;+/, ['x'.repeat(8_193), ';'])).to.deep.equal(['OVERFLOW']);
    expect(pieces(/;+/, [`${'x'.repeat(20_000)};`])).to.deep.equal(['x'.repeat(20_000)]);
    expect(pieces(/;+/, [`${'x'.repeat(20_001)};`], 20_000)).to.deep.equal(['OVERFLOW']);
  });

  it('long text in many messages costs no more than its length', () => {
    // Joined anew for each message this would be 80 GB to copy.
    const cutter = new MessageCutter(1 << 20);
    cutter.delimiter = '\n';
    const letter = Buffer.from('x');
    for (let i = 0; i < 400_000; i++) {
      cutter.push(letter, false);
      cutter.cut();
    }
    cutter.push(Buffer.from('\n'), false);
    expect(cutter.cut()).to.equal('x'.repeat(400_000));
  });

  it('pieces are the same however the text comes', () => {
    const unit = fc.constantFrom('a', 'b', 'é', '😀', '\r', '\n', ';');
    const text = fc.string({ unit, maxLength: 60 });
    const cuts = fc.array(fc.nat(60), { maxLength: 6 });
    const delimiter = fc.constantFrom<MessageDelimiter>('\r\n', '\n', ';', /\r?\n/, /[;é]/, /a(?:b)/, 3);
    fc.assert(
      fc.property(text, cuts, delimiter, fc.boolean(), (all, places, by, isBinary) => {
        const whole = [...all];
        const ends = [...places.map((place) => Math.min(place, whole.length)), whole.length].sort(
          (a, b) => a - b,
        );
        const parts = ends.map((end, i) => whole.slice(ends[i - 1] ?? 0, end).join(''));
        const make = (part: string) => (isBinary ? Buffer.from(part) : part);
        expect(pieces(by, parts.map(make))).to.deep.equal(pieces(by, [make(all)]));
      }),
      { numRuns: 400 },
    );
  });
});
