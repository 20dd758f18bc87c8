import { inspect } from 'node:util';
import { type ReadDelimiter, Stream, Struct } from '@inseam/engine';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { settled, testEngines } from './support/test-engine.js';

describe('Stream, bufferSize until it is set', () => {
  const newEngine = testEngines();

  const delimiters: readonly [ReadDelimiter, number][] = [
    [/\n+/, 8_192],
    [/a{2,}/, 8_192],
    [/a.*b/s, 8_192],
    [/\s+/, 8_192],
    [/(?=\n)x/, 8_192],
    [/(?<=a)\n/, 8_192],
    [/^\n/, 8_192],
    [/a|b/, 65_536],
    [/\r?\n/, 65_536],
    [/(?:\r\n|\n)/, 65_536],
    [/[,;]/i, 65_536],
    ['\n', 65_536],
    [10, 65_536],
    [null, 65_536],
    [new Struct('!I'), 65_536],
    // Finds where it is, or not: nothing is searched anew, but it may need any length.
    [/\n/y, 8_192],
  ];
  for (const [delimiter, size] of delimiters) {
    const name = delimiter instanceof Struct ? 'a Struct' : inspect(delimiter);
    it(`is ${size} for ${name}, and back at 65,536 for another delimiter`, () => {
      const stream = new Stream({ engine: newEngine().engine });
      stream.readDelimiter = delimiter;
      expect(stream.bufferSize).to.equal(size);
      stream.readDelimiter = '\n';
      expect(stream.bufferSize).to.equal(65_536);
      stream.readDelimiter = delimiter;
      expect(stream.bufferSize).to.equal(size);
    });
  }

  it('is what was set from then on, before the delimiter or after it', () => {
    const stream = new Stream({ engine: newEngine().engine });
    stream.bufferSize = 20_000;
    stream.readDelimiter = /\n+/;
    expect(stream.bufferSize).to.equal(20_000);
    stream.readDelimiter = '\n';
    expect(stream.bufferSize).to.equal(20_000);
    const other = new Stream({ engine: newEngine().engine });
    other.readDelimiter = /\n+/;
    other.bufferSize = 65_536;
    expect(other.bufferSize).to.equal(65_536);
  });

  // What a RegExp matches counts, a line end does not.
  const limits: { name: string; set: (stream: Stream) => void; limit: number }[] = [
    { name: 'a RegExp', set: (stream) => Object.assign(stream, { readDelimiter: /\n+/ }), limit: 8_191 },
    {
      name: 'a RegExp with a bufferSize',
      set: (stream) => Object.assign(stream, { readDelimiter: /\n+/, bufferSize: 9_000 }),
      limit: 8_999,
    },
    {
      name: 'a line end after a RegExp',
      set: (stream) => {
        stream.readDelimiter = /\n+/;
        stream.readDelimiter = '\n';
      },
      limit: 65_536,
    },
  ];
  for (const { name, set, limit } of limits) {
    it(`is kept to, with ${name}: ${limit} bytes are a piece, one more is not`, async () => {
      for (const [length, isRefused] of [
        [limit, false],
        [limit + 1, true],
      ] as const) {
        const { engine, reports } = newEngine();
        const { stream, far } = connect(engine);
        set(stream);
        far.write(`${'x'.repeat(length)}\n`);
        await settled();
        const refused = isRefused ? ['warn: RecordingStream failed: ENGINE_BUFFER_OVERFLOW'] : [];
        expect(reports.take()).to.deep.equal(refused);
        expect(stream.log.events.some((event) => event.startsWith('read'))).to.equal(!isRefused);
        stream.abort();
        await settled();
      }
    });
  }
});
