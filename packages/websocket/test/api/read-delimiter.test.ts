import { NetStruct, type ReadDelimiter, Struct } from '@inseam/engine';
import { ENTIRE_MESSAGE, type MessageDelimiter, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { counted, cutting } from '../support/cutting.js';
import { binary, close, text } from '../support/frames.js';
import { socketWire } from '../support/wire.js';

const bytes = (...texts: string[]) => texts.map((piece) => Buffer.from(piece));

interface Case {
  name: string;
  delimiter: MessageDelimiter;
  frames: Buffer[];
  pieces: unknown[];
}

const cases: Case[] = [
  {
    name: 'ENTIRE_MESSAGE, text',
    delimiter: ENTIRE_MESSAGE,
    frames: [text('a'), text('')],
    pieces: ['a', ''],
  },
  { name: 'null, text', delimiter: null, frames: [text('ab'), text(''), text('c')], pieces: ['ab', 'c'] },
  { name: 'null, bytes', delimiter: null, frames: [binary('ab'), binary('c')], pieces: bytes('ab', 'c') },
  { name: 'text, within text', delimiter: '\n', frames: [text('a\nb\n')], pieces: ['a', 'b'] },
  {
    name: 'text, over text',
    delimiter: '\n',
    frames: [text('a'), text('b\nc'), text('\n')],
    pieces: ['ab', 'c'],
  },
  {
    name: 'text, over its own borders',
    delimiter: '\r\n',
    frames: [text('a\r'), text('\nb\r\n')],
    pieces: ['a', 'b'],
  },
  {
    name: 'text, over bytes',
    delimiter: '€',
    frames: [binary('a€b'), binary('c€')],
    pieces: bytes('a', 'bc'),
  },
  { name: 'text beyond Latin-1', delimiter: '𝄞', frames: [text('aé𝄞b'), text('€𝄞')], pieces: ['aé', 'b€'] },
  { name: 'text, which leaves empty pieces', delimiter: ',', frames: [text(',a,,')], pieces: ['', 'a', ''] },
  {
    name: 'bytes, over bytes',
    delimiter: Buffer.from([0, 1]),
    frames: [binary('a\0'), binary('\x01b')],
    pieces: bytes('a'),
  },
  {
    name: 'a number, over text, in code units',
    delimiter: 2,
    frames: [text('a€b'), text('c𝄞d')],
    pieces: ['a€', 'bc', '𝄞'],
  },
  {
    name: 'a number, over bytes',
    delimiter: 3,
    frames: [binary('abcd'), binary('ef'), binary('g')],
    pieces: bytes('abc', 'def'),
  },
  {
    name: 'a RegExp, over text',
    delimiter: /\s+/,
    frames: [text('a b\t'), text('é  c')],
    pieces: ['a', 'b', 'é'],
  },
  {
    name: 'a RegExp, over bytes',
    delimiter: /[,;]/,
    frames: [binary('a,b'), binary(';c')],
    pieces: bytes('a', 'b'),
  },
  {
    name: 'Struct, over bytes',
    delimiter: new Struct('!HB'),
    frames: [binary('\0\x01\x02\0'), binary('\x03\x04')],
    pieces: [
      [1, 2],
      [3, 4],
    ],
  },
  {
    name: 'NetStruct, over bytes',
    delimiter: new NetStruct('B$'),
    frames: [binary('\x02a'), binary('b\0')],
    pieces: [bytes('ab'), bytes('')],
  },
  {
    name: 'a Cutter, over bytes',
    delimiter: counted,
    frames: [binary('\x01a\x02b'), binary('c\0')],
    pieces: ['a', 'bc', ''],
  },
];

describe('api: readDelimiter', () => {
  for (const { name, delimiter, frames, pieces } of cases) {
    it(`${name}: a segment each, and all in one`, async () => {
      for (const segments of [frames, [Buffer.concat(frames)]]) {
        const far = await socketWire(cutting(delimiter));
        for (const bytes of segments) far.send(bytes);
        await far.settle();
        expect(far.messages).to.deep.equal(pieces);
        expect(far.socket.readDelimiter).to.equal(delimiter);
        expect(far.socket.connected).to.equal(true);
      }
    });
  }

  it('a sticky RegExp gives its matches', async () => {
    const far = await socketWire(cutting(/(\w)=(\w);/y));
    far.send(Buffer.concat([text('a=1;b='), text('2;')]));
    await far.settle();
    expect(far.messages.map((match) => [...(match as string[])])).to.deep.equal([
      ['a=1;', 'a', '1'],
      ['b=2;', 'b', '2'],
    ]);
  });

  it('is ENTIRE_MESSAGE at first', async () => {
    expect(new WebSocket().readDelimiter).to.equal(ENTIRE_MESSAGE);
    expect((await socketWire()).socket.readDelimiter).to.equal(ENTIRE_MESSAGE);
  });

  it('may be set in onConnect, for what came with the handshake', async () => {
    class Late extends WebSocket {
      override onConnect(): void {
        this.readDelimiter = '\n';
      }
    }
    const far = await socketWire(Late, { behind: text('a\nb\nc') });
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b']);
  });

  it('may be set from outside, also for what is there', async () => {
    const far = await socketWire(cutting('\n'));
    await far.exchange(text('a,b,c'));
    far.socket.readDelimiter = ',';
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b']);
    far.socket.readDelimiter = ENTIRE_MESSAGE;
    await far.settle();
    expect(far.messages).to.deep.equal(['a', 'b', 'c']);
    await far.exchange(Buffer.concat([binary('d,'), text()]));
    expect(far.messages.slice(3)).to.deep.equal([Buffer.from('d,'), '']);
  });

  it('that changes inside onRead governs what is there already', async () => {
    const after: Record<string, ReadDelimiter> = { size: 3, abc: ';' };
    class Changing extends WebSocket {
      constructor() {
        super();
        this.readDelimiter = '\n';
      }
      override onRead(piece: string): void {
        const next = after[piece];
        if (piece === 'whole') this.readDelimiter = ENTIRE_MESSAGE;
        else if (next !== undefined) this.readDelimiter = next;
      }
    }
    const far = await socketWire(Changing);
    far.send(Buffer.concat([text('one\nsize\nab'), text('cx;whole;r;s'), text('t;u')]));
    await far.settle();
    expect(far.messages).to.deep.equal(['one', 'size', 'abc', 'x', 'whole', 'r;s', 't;u']);
  });

  it('that changes from ENTIRE_MESSAGE inside onRead governs the next message of the segment', async () => {
    class Changing extends WebSocket {
      override onRead(): void {
        this.readDelimiter = 1;
      }
    }
    const far = await socketWire(Changing);
    far.send(Buffer.concat([text('ab'), text('cd')]));
    await far.settle();
    expect(far.messages).to.deep.equal(['ab', 'c', 'd']);
  });

  it('pieces wait as messages do: for a promise, a loop, and before a Close', async () => {
    class Slow extends WebSocket {
      constructor() {
        super();
        this.readDelimiter = ',';
      }
      override onRead(): Promise<void> {
        return new Promise((resolve) => setImmediate(resolve));
      }
    }
    const far = await socketWire(Slow);
    far.send(Buffer.concat([text('a,b,'), text('c,d'), close(1000)]));
    await far.until(() => far.socket.closed);
    expect(far.calls).to.deep.equal(['connect', 'text a', 'text b', 'text c', 'close 1000']);
    const looped = await socketWire(cutting(','));
    const iterator = looped.socket[Symbol.asyncIterator]();
    looped.send(text('a,b,'));
    const values = [await iterator.next(), await iterator.next()];
    expect(values.map(({ value }) => value)).to.deep.equal(['a', 'b']);
  });
});
