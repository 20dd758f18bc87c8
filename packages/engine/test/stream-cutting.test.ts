import { inspect } from 'node:util';
import { type Cutter, NEED_MORE, NetStruct, type ReadDelimiter, Struct, UsageError } from '@inseam/engine';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import { CuttingStream } from './support/cutting-stream.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, settled, testEngines } from './support/test-engine.js';

/** Its first read is the length of what follows: a protocol that changes its delimiter as it reads. */
class Framed extends RecordingStream {
  override onConnect() {
    super.onConnect();
    this.readDelimiter = ':';
  }
  override onRead(data: Buffer) {
    super.onRead(data);
    this.readDelimiter = this.readDelimiter === ':' ? Number(data) : ':';
  }
}

/** Cuts by each of `kinds` in turn, set in `onRead` for the next piece. */
class TakingTurns extends CuttingStream {
  kinds: ReadDelimiter[] = [];
  override onRead(data: unknown) {
    super.onRead(data);
    this.readDelimiter = this.kinds[this.got.length % this.kinds.length] as ReadDelimiter;
  }
}

/** A delimiter of one's own: the piece stands in brackets. */
const brackets: Cutter<string> = {
  cut(buffer) {
    const end = buffer.indexOf(']');
    return end === -1 ? NEED_MORE : { data: buffer.toString('latin1', 1, end), consumed: end + 1 };
  },
};

describe('Stream, cutting', () => {
  const newEngine = testEngines();

  const text = (value: string) => Buffer.from(value, 'latin1');
  /** `first` bytes are the first piece and its delimiter, `rest` bytes remain. */
  const kinds: {
    name: string;
    delimiter: ReadDelimiter;
    bytes: string;
    got: unknown[];
    first: number;
    rest: number;
  }[] = [
    {
      name: 'text',
      delimiter: '\r\n',
      bytes: 'one\r\n\r\nrest',
      got: [text('one'), text('')],
      first: 5,
      rest: 4,
    },
    {
      name: 'bytes',
      delimiter: Buffer.from([0]),
      bytes: 'a\0b\0',
      got: [text('a'), text('b')],
      first: 2,
      rest: 0,
    },
    { name: 'a number', delimiter: 2, bytes: 'abcde', got: [text('ab'), text('cd')], first: 2, rest: 1 },
    {
      name: 'a RegExp',
      delimiter: /[;,] ?x/i,
      bytes: 'a; xb,Xc; ',
      got: [text('a'), text('b')],
      first: 4,
      rest: 3,
    },
    {
      name: 'a sticky RegExp',
      delimiter: /(\d)+(x)?;/y,
      bytes: '12;3x;4',
      got: [
        ['12;', '2', undefined],
        ['3x;', '3', 'x'],
      ],
      first: 3,
      rest: 1,
    },
    {
      name: 'a Struct',
      delimiter: new Struct('!H2s'),
      bytes: '\0\x01ab\x02\x03cd\0',
      got: [
        [1, text('ab')],
        [515, text('cd')],
      ],
      first: 4,
      rest: 1,
    },
    {
      name: 'a NetStruct',
      delimiter: new NetStruct('B$H'),
      bytes: '\x02ab\0\x01\0\0\x02\x05a',
      got: [
        [text('ab'), 1],
        [text(''), 2],
      ],
      first: 5,
      rest: 2,
    },
    { name: 'a Cutter', delimiter: brackets, bytes: '[a][b c][', got: ['a', 'b c'], first: 3, rest: 1 },
  ];
  for (const { name, delimiter, bytes, got, rest } of kinds) {
    it(`cuts by ${name}, however the input comes`, async () => {
      for (const { way, chunks } of feedEveryWay(text(bytes))) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, CuttingStream);
        stream.readDelimiter = delimiter;
        expect(stream.readDelimiter).to.equal(delimiter);
        for (const chunk of chunks) far.write(chunk);
        await settled();
        expect(stream.got, way).to.deep.equal(got);
        expect(stream.bufferedBytes, way).to.equal(rest);
        await done(stream, test);
      }
    });
  }

  it('cuts by every kind after every other, set inside onRead, however the input comes', async () => {
    for (let shift = 0; shift < kinds.length; shift++) {
      const turned = [
        ...kinds.slice(shift),
        ...kinds.slice(0, shift),
        ...kinds.slice(0, shift + 2).reverse(),
      ];
      const firsts = turned.map(({ delimiter, bytes, got, first }) => ({
        delimiter,
        bytes: bytes.slice(0, first),
        got: got[0],
      }));
      const input = text(firsts.map(({ bytes }) => bytes).join(''));
      for (const { way, chunks } of [...feedEveryWay(input)].slice(0, 20)) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, TakingTurns);
        stream.kinds = firsts.map(({ delimiter }) => delimiter);
        stream.readDelimiter = stream.kinds[0] as ReadDelimiter;
        for (const chunk of chunks) far.write(chunk);
        await settled();
        expect(stream.got, way).to.deep.equal(firsts.map(({ got }) => got));
        await done(stream, test);
      }
    }
  });

  it('changing the delimiter inside onRead governs what is buffered, however the input comes', async () => {
    for (const { way, chunks } of feedEveryWay(Buffer.from('3:a:b2:xy1:'))) {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Framed);
      for (const chunk of chunks) far.write(chunk);
      await settled();
      expect(stream.log.events, way).to.deep.equal([
        'connect',
        'read 3',
        'read a:b',
        'read 2',
        'read xy',
        'read 1',
      ]);
      expect(test.clock.pending, 'nothing left to be done').to.equal(0);
      await done(stream, test);
    }
  });

  for (const { name, delimiter, bytes, got } of kinds) {
    it(`changing it outside to ${name} governs what is buffered, in the next turn`, async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, CuttingStream);
      stream.readDelimiter = 'never';
      far.write(text(bytes));
      await settled();
      stream.readDelimiter = delimiter;
      expect(stream.got).to.deep.equal([]);
      test.clock.advance(0);
      expect(stream.got).to.deep.equal(got);
      await done(stream, test);
    });
  }

  const waiting: ReadDelimiter[] = [
    '|',
    ';;',
    text('\n'),
    9,
    /\|/,
    /[^;]+/y,
    new Struct('9s'),
    new NetStruct('B$'),
    brackets,
  ];
  for (const delimiter of waiting) {
    it(`changing it outside from ${inspect(delimiter, { depth: 0 })} governs what is buffered`, async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = delimiter;
      far.write(';a;b;c');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect']);
      stream.readDelimiter = ';';
      test.clock.advance(0);
      expect(stream.log.take()).to.deep.equal(['read ', 'read a', 'read b']);
      stream.readDelimiter = null;
      test.clock.advance(0);
      expect(stream.log.take()).to.deep.equal(['read c']);
      await done(stream, test);
    });
  }

  it('the last of several changes in one turn governs', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    stream.readDelimiter = '|';
    far.write('a;b,c');
    await settled();
    stream.readDelimiter = ';';
    stream.readDelimiter = ',';
    test.clock.advance(0);
    expect(stream.log.events).to.deep.equal(['connect', 'read a;b']);
    await done(stream, test);
  });

  it('onRead is not called inside onRead, even if it runs a turn of the engine', async () => {
    const test = newEngine();
    class Polls extends RecordingStream {
      override onRead(data: Buffer) {
        super.onRead(data);
        this.engine.poll();
        this.log.add('done');
      }
    }
    const { stream, far } = connect(test.engine, Polls);
    stream.readDelimiter = '|';
    far.write('a;');
    await settled();
    // A turn is due, but the next chunk comes first; and again, the peer's end.
    stream.readDelimiter = ';';
    far.write('b;');
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect', 'read a', 'done', 'read b', 'done']);
    stream.readDelimiter = '|';
    far.write('c;d;');
    await settled();
    stream.readDelimiter = ';';
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['read c', 'done', 'read d', 'done', 'end', 'close']);
    test.clock.advance(0);
  });

  it('a delimiter that is refused changes nothing', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    stream.readDelimiter = ';';
    far.write('a');
    await settled();
    for (const value of [
      '',
      0,
      /a*/,
      new Struct(''),
      new NetStruct(''),
      {},
      { cut: brackets.cut, size: 0 },
    ]) {
      expect(() => {
        stream.readDelimiter = value as ReadDelimiter;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_READ_DELIMITER');
    }
    expect(stream.readDelimiter).to.equal(';');
    far.write('b;');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read ab']);
    await done(stream, test);
  });

  it('a throw in onRead is reported, and the next piece is read by the delimiter that it has set', async () => {
    const test = newEngine();
    class Throws extends RecordingStream {
      override onRead(data: Buffer) {
        super.onRead(data);
        this.readDelimiter = 3;
        if (String(data) === 'a') throw new Error('no');
      }
    }
    const { stream, far } = connect(test.engine, Throws);
    stream.readDelimiter = ';';
    far.write('a;b;c');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read a', 'read b;c']);
    expect(test.reports.take()).to.deep.equal(['error: Throws.onRead threw: no']);
    await done(stream, test);
  });
});
