import { inspect } from 'node:util';
import {
  type Cutter,
  ENGINE_LIMITS,
  type InseamError,
  NEED_MORE,
  NetStruct,
  ProtocolError,
  type ReadDelimiter,
  Struct,
  UsageError,
} from '@inseam/engine';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import { CuttingStream } from './support/cutting-stream.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, settled, testEngines } from './support/test-engine.js';

/** Stays open when a piece is too long, and does nothing about it. */
class Stuck extends RecordingStream {
  override onOverflowError(error: InseamError): unknown {
    this.log.add(`overflow ${error.code} at ${this.bufferedBytes}`);
    return undefined;
  }
}

/** Waits for a semicolon. */
const toSemicolon: Cutter<string> = {
  cut(buffer) {
    const end = buffer.indexOf(';');
    return end === -1 ? NEED_MORE : { data: buffer.toString('latin1', 0, end), consumed: end + 1 };
  },
};

describe('Stream, overflow', () => {
  const newEngine = testEngines();

  /** `longest` is a piece of 8 bytes, as they are counted, and `tooLong` one of 9. */
  const kinds: { name: string; delimiter: ReadDelimiter; longest: string; tooLong: string }[] = [
    { name: 'text, without it', delimiter: ';', longest: '12345678;', tooLong: '123456789;' },
    {
      name: 'longer text, without it',
      delimiter: '\r\n',
      longest: '12345678\r\n',
      tooLong: '12345678\r\r\n',
    },
    {
      name: 'bytes, without them',
      delimiter: Buffer.from([0]),
      longest: '12345678\0',
      tooLong: '123456789\0',
    },
    { name: 'a RegExp, with its match', delimiter: /\r?\n/, longest: '123456\r\n', tooLong: '1234567\r\n' },
    { name: 'a sticky RegExp', delimiter: /\d+;/y, longest: '1234567;', tooLong: '12345678;' },
    { name: 'a NetStruct', delimiter: new NetStruct('B$'), longest: '\x071234567', tooLong: '\x0812345678' },
    {
      name: 'a Cutter, with all it consumes',
      delimiter: toSemicolon,
      longest: '1234567;',
      tooLong: '12345678;',
    },
    {
      name: 'a Cutter of some size',
      delimiter: { ...toSemicolon, size: 2 },
      longest: '1234567;',
      tooLong: '12345678;',
    },
  ];
  for (const { name, delimiter, longest, tooLong } of kinds) {
    it(`comes one byte above bufferSize, for ${name}, however the input comes`, async () => {
      for (const { way, chunks } of feedEveryWay(
        Buffer.from(longest + longest + tooLong + longest, 'latin1'),
      )) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, CuttingStream);
        stream.readDelimiter = delimiter;
        stream.bufferSize = 8;
        for (const chunk of chunks) far.write(chunk);
        await stream.log.until('close');
        expect(stream.log.events, way).to.deep.equal([
          'connect',
          'read',
          'read',
          'overflow ENGINE_BUFFER_OVERFLOW',
          'close ENGINE_BUFFER_OVERFLOW',
        ]);
        expect(stream.errors[0], way).to.be.instanceOf(ProtocolError);
        expect(stream.bufferedBytes, way).to.equal(0);
        expect(test.reports.take()).to.deep.equal(['warn: CuttingStream failed: ENGINE_BUFFER_OVERFLOW']);
        await done(stream, test);
      }
    });

    it(`comes without an end in sight, for ${name}`, async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Stuck);
      stream.readDelimiter = delimiter;
      stream.bufferSize = 8;
      const start = typeof delimiter === 'object' && delimiter instanceof NetStruct ? '\xff' : '1';
      for (const byte of `${start}2345678`) far.write(byte);
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect']);
      // A long delimiter might have begun.
      for (const byte of '99') far.write(byte);
      await settled();
      expect(stream.log.events).to.have.lengthOf(1);
      await done(stream, test);
    });
  }

  it('counts pieces, not what comes together', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    stream.readDelimiter = '\n';
    stream.bufferSize = 3;
    far.write('one\ntwo\nsix\nten');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read one', 'read two', 'read six']);
    await done(stream, test);
  });

  it('does not come for whole chunks, however long', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    stream.bufferSize = 1;
    far.write('123');
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read 123']);
    await done(stream, test);
  });

  it('comes above 64 KiB where nothing else was said', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine, Stuck);
    expect([stream.bufferSize, ENGINE_LIMITS.bufferSize]).to.deep.equal([65_536, 65_536]);
    stream.readDelimiter = ';';
    far.write('x'.repeat(65_536));
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    far.write('x');
    await settled();
    expect(stream.log.events).to.deep.equal(['overflow ENGINE_BUFFER_OVERFLOW at 65537']);
    await done(stream, test);
  });

  const raising: { delimiter: ReadDelimiter; bytes: string }[] = [
    { delimiter: 5, bytes: '12345' },
    { delimiter: new Struct('5s'), bytes: '12345' },
    { delimiter: new NetStruct('3sB$x'), bytes: '123\0x' },
    { delimiter: { ...toSemicolon, size: 5 }, bytes: '1234;' },
  ];
  for (const { delimiter, bytes } of raising) {
    it(`${inspect(delimiter, { depth: 0 })} raises bufferSize to its own size`, async () => {
      for (const isSetFirst of [true, false]) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, CuttingStream);
        if (isSetFirst) stream.bufferSize = 3;
        stream.readDelimiter = delimiter;
        stream.bufferSize = 3;
        for (const byte of bytes + bytes) far.write(byte);
        await settled();
        expect(stream.log.events).to.deep.equal(['connect', 'read', 'read']);
        expect(stream.bufferSize, 'as it was').to.equal(3);
        await done(stream, test);
      }
    });
  }

  it('is told of the piece that is too long by then: bufferSize set inside onRead counts for the next', async () => {
    const test = newEngine();
    class Lowers extends Stuck {
      override onRead(data: Buffer) {
        super.onRead(data);
        this.bufferSize = 2;
      }
    }
    const { stream, far } = connect(test.engine, Lowers);
    stream.readDelimiter = ';';
    far.write('123;12;123;');
    await settled();
    expect(stream.log.events).to.deep.equal([
      'connect',
      'read 123',
      'read 12',
      'overflow ENGINE_BUFFER_OVERFLOW at 4',
    ]);
    await done(stream, test);
  });

  for (const bytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '9', undefined]) {
    it(`bufferSize may not be ${inspect(bytes)}`, () => {
      const stream = new RecordingStream({ engine: newEngine().engine });
      expect(() => {
        stream.bufferSize = bytes as number;
      })
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_BUFFER_SIZE');
      expect(stream.bufferSize).to.equal(65_536);
    });
  }
});
