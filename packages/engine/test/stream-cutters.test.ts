import { inspect } from 'node:util';
import {
  type Cut,
  type Cutter,
  type InseamError,
  NEED_MORE,
  NetStruct,
  ProtocolError,
  type ReadDelimiter,
  UsageError,
} from '@inseam/engine';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import { CuttingStream } from './support/cutting-stream.js';
import { connect } from './support/memory-connection.js';
import { done, settled, testEngines } from './support/test-engine.js';

/** A cutter with a memory: a word in quotes may hold spaces. It never looks at a byte twice. */
class Words implements Cutter<string> {
  #at = 0;
  #isQuoted = false;
  looks = 0;

  cut(buffer: Buffer): Cut<string> | typeof NEED_MORE {
    for (; this.#at < buffer.length; this.#at++) {
      this.looks++;
      const byte = buffer[this.#at];
      if (byte === 0x22) this.#isQuoted = !this.#isQuoted;
      if (byte !== 0x20 || this.#isQuoted) continue;
      const consumed = this.#at + 1;
      this.#at = 0;
      return { data: buffer.toString('latin1', 0, consumed - 1), consumed };
    }
    return NEED_MORE;
  }
}

/** What is not well-formed is refused, by an error of its own. */
class Digits implements Cutter<number> {
  cut(buffer: Buffer) {
    if (!/^\d/.test(buffer.toString('latin1', 0, 1))) throw new ProtocolError('DIGITS', 'no digit');
    return { data: Number(String.fromCharCode(buffer.readUInt8(0))), consumed: 1 };
  }
}

/** Stays open when a piece cannot be cut, and does `remedy`. */
class Remedied extends CuttingStream {
  remedy: () => unknown = () => {};
  override onReadError(error: InseamError): unknown {
    this.log.add(`read error ${error.code}`);
    return this.remedy();
  }
}

describe('Stream, delimiters of your own', () => {
  const newEngine = testEngines();

  it('may have a memory: each byte is there until a piece is found, however the input comes', async () => {
    const text = 'a "b c" d"" "" e';
    for (const { way, chunks } of feedEveryWay(Buffer.from(text))) {
      const test = newEngine();
      const { stream, far } = connect(test.engine, CuttingStream);
      const words = new Words();
      stream.readDelimiter = words;
      for (const chunk of chunks) far.write(chunk);
      await settled();
      expect(stream.got, way).to.deep.equal(['a', '"b c"', 'd""', '""']);
      expect(words.looks, way).to.equal(text.length);
      expect(stream.bufferedBytes, way).to.equal(1);
      await done(stream, test);
    }
  });

  it('may give any data, also none', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine, CuttingStream);
    const all = [undefined, null, 0, '', false, Promise.resolve(), [1]];
    stream.readDelimiter = { cut: (buffer) => ({ data: all[buffer.readUInt8(0)], consumed: 1 }) };
    far.write(Buffer.from([...all.keys()]));
    await settled();
    expect(stream.got).to.deep.equal(all);
    await done(stream, test);
  });

  it('may keep views of the buffer, whatever becomes of the chunk', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine, CuttingStream);
    const seen: Buffer[] = [];
    stream.readDelimiter = {
      cut(buffer) {
        seen.push(buffer);
        return buffer.length < 3 ? NEED_MORE : { data: buffer.subarray(0, 2), consumed: 3 };
      },
    };
    for (const chunk of ['a', 'b', 'cdefghi', 'jk', 'lmno']) far.write(chunk);
    await settled();
    // The memory transport has overwritten its chunks by now.
    expect(seen.map(String)).to.deep.equal([
      ...['a', 'ab', 'abcdefghi', 'defghi', 'ghi'],
      ...['jk', 'jklmno', 'mno'],
    ]);
    expect(stream.got.map(String)).to.deep.equal(['ab', 'de', 'gh', 'jk', 'mn']);
    await done(stream, test);
  });

  it('are asked anew when they are set again, in the next turn', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine, CuttingStream);
    let isReady = false;
    const cutter: Cutter = { cut: () => (isReady ? { data: 'now', consumed: 1 } : NEED_MORE) };
    stream.readDelimiter = cutter;
    far.write('ab');
    await settled();
    isReady = true;
    stream.readDelimiter = cutter;
    expect(stream.got).to.deep.equal([]);
    test.clock.advance(0);
    expect(stream.got).to.deep.equal(['now', 'now']);
    await done(stream, test);
  });

  it('may be changed by themselves', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine, CuttingStream);
    stream.readDelimiter = {
      cut(buffer) {
        stream.readDelimiter = ';';
        return { data: buffer.readUInt8(0), consumed: 1 };
      },
    };
    far.write('\x07a;b');
    await settled();
    expect(stream.got.map(String)).to.deep.equal(['7', 'a']);
    await done(stream, test);
  });

  describe('that cannot cut', () => {
    const cutWith = (cut: () => unknown): ReadDelimiter => ({ cut }) as Cutter;
    const throws = (error: unknown) =>
      cutWith(() => {
        throw error;
      });
    const own = new ProtocolError('MINE', 'not mine');
    const typeError = new TypeError('boom');

    const failures: {
      name: string;
      delimiter: ReadDelimiter;
      code: string;
      detail: string;
      cause?: unknown;
    }[] = [
      ...[0, -1, 0.5, 4, Number.NaN, undefined].map((consumed) => ({
        name: `consumes ${consumed} of 3 bytes`,
        delimiter: cutWith(() => ({ data: 'x', consumed })),
        code: 'ENGINE_CUT',
        detail: `(consumed: ${consumed})`,
      })),
      ...[undefined, null, 'abc', { data: 'x' }].map((answer) => ({
        name: `answers ${inspect(answer)}`,
        delimiter: cutWith(() => answer),
        code: 'ENGINE_CUT',
        detail: '(consumed: undefined)',
      })),
      { name: 'throws an error of its own', delimiter: throws(own), code: 'MINE', detail: 'not mine' },
      { name: 'throws', delimiter: throws(typeError), code: 'ENGINE_CUT', detail: 'boom', cause: typeError },
      {
        name: 'throws text',
        delimiter: throws('boom'),
        code: 'ENGINE_CUT',
        detail: '(it threw: boom)',
        cause: 'boom',
      },
      {
        name: 'throws nothing',
        delimiter: throws(undefined),
        code: 'ENGINE_CUT',
        detail: '(it threw: undefined)',
      },
      {
        name: 'is a NetStruct',
        delimiter: new NetStruct('b$'),
        code: 'ENGINE_STRUCT_LENGTH',
        detail: '(-1)',
      },
      { name: 'is a RegExp', delimiter: /(?=\xff{2})/, code: 'ENGINE_READ_DELIMITER', detail: 'empty text' },
    ];
    for (const { name, delimiter, code, detail, cause } of failures) {
      it(`one that ${name}: onReadError gets ${code}, and the stream is closed`, async () => {
        const test = newEngine();
        const { stream, far } = connect(test.engine, CuttingStream);
        stream.readDelimiter = delimiter;
        far.write(Buffer.from([0xff, 0xff, 0xff]));
        far.write('more');
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal(['connect', `read error ${code}`, `close ${code}`]);
        const [error] = stream.errors;
        expect(error?.message).to.include(detail);
        expect(error).to.be.instanceOf(
          code === 'MINE' || code.includes('STRUCT') ? ProtocolError : UsageError,
        );
        expect(error?.cause).to.equal(cause);
        if (code === 'MINE') expect(error).to.equal(own);
        expect(test.reports.take()).to.deep.equal([`warn: CuttingStream failed: ${code}`]);
        await done(stream, test);
      });
    }

    it('fail at the same piece, however the input comes', async () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from('12x345'))) {
        const test = newEngine();
        const { stream, far } = connect(test.engine, CuttingStream);
        stream.readDelimiter = new Digits();
        for (const chunk of chunks) far.write(chunk);
        await stream.log.until('close');
        expect(stream.got, way).to.deep.equal([1, 2]);
        expect(stream.log.events.slice(-2), way).to.deep.equal(['read error DIGITS', 'close DIGITS']);
        test.reports.take();
        await done(stream, test);
      }
    });

    it('hold the peer until a delimiter is set, when the stream is left open', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.readDelimiter = new Digits();
      far.write('1x2');
      await settled();
      far.write('3y');
      far.end();
      await settled();
      test.clock.advance(0);
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'read', 'read error DIGITS']);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([2, 2]);
      stream.readDelimiter = 2;
      expect(stream.log.take()).to.deep.equal([]);
      test.clock.advance(0);
      await settled();
      expect(stream.got.map(String)).to.deep.equal(['1', 'x2', '3y']);
      expect(stream.log.events).to.deep.equal(['read', 'read', 'end', 'close']);
      test.clock.advance(0);
    });

    it('are replaced in onReadError: what is buffered is read on in the next turn', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = () => {
        stream.readDelimiter = ';';
      };
      stream.readDelimiter = new Digits();
      far.write('1x;y;');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'read', 'read error DIGITS']);
      test.clock.advance(0);
      expect(stream.got.map(String)).to.deep.equal(['1', 'x', 'y']);
      await done(stream, test);
    });

    it('and an onReadError that throws: it is reported, and nothing more is read', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Remedied);
      stream.remedy = async () => {
        throw new Error('no');
      };
      stream.readDelimiter = new Digits();
      far.write('x1');
      far.write('2');
      await settled();
      test.clock.advance(0);
      expect(stream.log.events).to.deep.equal(['connect', 'read error DIGITS']);
      expect(test.reports.take()).to.deep.equal(['error: Remedied.onReadError rejected: no']);
      expect(far.pendingBytes).to.equal(1);
      await done(stream, test);
    });
  });
});
