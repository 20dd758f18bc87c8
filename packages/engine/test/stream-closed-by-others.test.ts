import type { InseamError } from '@inseam/engine';
import { transportError } from '@inseam/engine/errors';
import { expect } from 'chai';
import { connect, type MemoryConnection } from './support/memory-connection.js';
import type { RecordingStream } from './support/recording-stream.js';
import { done, rest, type TestEngine, testEngines } from './support/test-engine.js';

type Connection = MemoryConnection<RecordingStream>;

/** What `call` answers, or the code of what it throws. */
function tried(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return (error as InseamError).code;
  }
}

describe('Stream, write() after', () => {
  const newEngine = testEngines();

  /** Some of these are reported, which is not what is tested here. */
  const doneUnheard = async ({ stream }: Connection, test: TestEngine) => {
    await done(stream, test);
    test.reports.take();
  };

  /** What no program can know of in time. */
  const ours: { name: string; close: (connection: Connection, test: TestEngine) => unknown }[] = [
    { name: 'the default onEnd has closed', close: ({ far }) => far.end() },
    {
      name: 'the default onTimeout has closed',
      close: ({ stream }, { clock }) => {
        stream.idleTimeoutMs = 1_000;
        clock.advance(3_000);
      },
    },
    {
      name: 'the default onTimeout has closed for a peer that takes nothing',
      close: ({ stream, far }, { clock }) => {
        far.pause();
        stream.writeTimeoutMs = 1_000;
        stream.write('x');
        stream.flush();
        clock.advance(3_000);
      },
    },
    { name: 'engine.stop()', close: (_, { engine }) => void engine.stop() },
    {
      name: 'engine.stop() has lost its patience',
      close: (_, { engine, clock }) => {
        void engine.stop({ stopTimeoutMs: 5 });
        clock.advance(5);
      },
    },
    {
      name: 'the default onOverflowError has closed',
      close: ({ stream, far }) => {
        stream.bufferSize = 1;
        stream.readDelimiter = '\n';
        far.write('long');
      },
    },
    { name: 'the connection was lost', close: ({ far }) => far.abort() },
  ];
  for (const { name, close } of ours) {
    it(`${name}: answers false and does nothing`, async () => {
      const test = newEngine();
      const connection = connect(test.engine);
      const { stream, seen } = connection;
      close(connection, test);
      await rest(test);
      expect(stream.closed).to.equal(true);
      const before = seen.chunks.length;
      const answered = tried(() => stream.write('more'));
      const ended = tried(() => stream.end());
      await rest(test);
      const after = seen.chunks.length;
      await doneUnheard(connection, test);
      expect([answered, ended, after - before]).to.deep.equal([false, undefined, 0]);
    });
  }

  const users: { name: string; close: (stream: RecordingStream) => void }[] = [
    { name: 'close()', close: (stream) => stream.close() },
    { name: 'close(false)', close: (stream) => stream.close(false) },
    { name: 'end()', close: (stream) => stream.end() },
    { name: 'abort()', close: (stream) => stream.abort() },
    {
      name: 'abort(reason)',
      close: (stream) => stream.abort(transportError('ENGINE_CONNECTION_LOST')),
    },
  ];
  for (const { name, close } of users) {
    it(`our own ${name}: throws UsageError`, async () => {
      const test = newEngine();
      const connection = connect(test.engine);
      close(connection.stream);
      expect(() => connection.stream.write('more'))
        .to.throw()
        .with.property('code', 'ENGINE_STREAM_CLOSED');
      await rest(test);
      expect(() => connection.stream.write('more'))
        .to.throw()
        .with.property('code', 'ENGINE_STREAM_CLOSED');
      await doneUnheard(connection, test);
    });
  }
});
