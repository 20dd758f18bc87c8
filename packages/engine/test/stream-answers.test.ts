import type { ReadDelimiter } from '@inseam/engine';
import { expect } from 'chai';
import { connect, type MemoryConnection } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, rest, type TestEngine, testEngines } from './support/test-engine.js';

const ANSWER = 'x'.repeat(1_000);
const MARK = 4_000;

/** Answers each piece with far more than was asked. */
class Answering extends RecordingStream {
  asked = 0;
  override onRead(): unknown {
    this.asked++;
    this.write(ANSWER);
    return undefined;
  }
}

describe('Stream, a peer that takes no answers', () => {
  const newEngine = testEngines();

  /** Questions of two bytes, as so many writes or as one; the peer reads nothing. */
  async function flood(test: TestEngine, delimiter: ReadDelimiter, questions: readonly string[]) {
    const connection = connect(test.engine, Answering);
    const { stream, far } = connection;
    stream.readDelimiter = delimiter;
    stream.highWaterMark = MARK;
    far.pause();
    for (const question of questions) far.write(question);
    for (let turn = 0; turn < 5; turn++) await rest(test);
    return connection;
  }
  /** The peer reads again, until nothing more comes. */
  async function takeAll({ stream, far }: MemoryConnection<Answering>, test: TestEngine) {
    far.resume();
    for (let asked = -1; asked !== stream.asked; ) {
      asked = stream.asked;
      await rest(test);
    }
  }

  const single = Array<string>(100).fill('?\n');
  const ways: { name: string; delimiter: ReadDelimiter; questions: readonly string[] }[] = [
    { name: 'lines, a chunk each', delimiter: '\n', questions: single },
    { name: 'lines, all in one chunk', delimiter: '\n', questions: [single.join('')] },
    { name: 'chunks', delimiter: null, questions: single },
    { name: 'pieces of a size, a chunk each', delimiter: 2, questions: single },
    { name: 'pieces of a size, all in one chunk', delimiter: 2, questions: [single.join('')] },
  ];
  for (const { name, delimiter, questions } of ways) {
    it(`${name}: it is asked no more at the high water mark; everything comes when it reads`, async () => {
      const test = newEngine();
      const connection = await flood(test, delimiter, questions);
      const { stream, far, seen } = connection;
      expect([stream.asked, stream.pendingBytes]).to.deep.equal([MARK / ANSWER.length, MARK]);
      expect(stream.bufferedBytes + far.pendingBytes, 'what is not read').to.equal(192);
      await takeAll(connection, test);
      expect([stream.asked, stream.pendingBytes]).to.deep.equal([100, 0]);
      expect(seen.chunks.join('').length).to.equal(100 * ANSWER.length);
      await done(stream, test);
    });
  }

  it('its end comes after its last question, when it has taken the answers', async () => {
    const test = newEngine();
    const connection = await flood(test, '\n', single);
    const { stream, far } = connection;
    far.end();
    await rest(test);
    expect(stream.log.events.filter((event) => event === 'end')).to.deep.equal([]);
    await takeAll(connection, test);
    await rest(test);
    expect(stream.asked).to.equal(100);
    expect(stream.log.events.filter((event) => event !== 'write')).to.deep.equal(['connect', 'end', 'close']);
  });

  it('resume() by the user does not ask it for more', async () => {
    const test = newEngine();
    const { stream } = await flood(test, '\n', single);
    stream.pause();
    stream.resume();
    await rest(test);
    expect([stream.asked, stream.pendingBytes]).to.deep.equal([4, MARK]);
    await done(stream, test);
  });

  it('pause() by the user outlasts it', async () => {
    const test = newEngine();
    const connection = await flood(test, '\n', single);
    const { stream } = connection;
    stream.pause();
    await takeAll(connection, test);
    expect([stream.asked, stream.pendingBytes]).to.deep.equal([4, 0]);
    stream.resume();
    await takeAll(connection, test);
    expect(stream.asked).to.equal(100);
    await done(stream, test);
  });

  it('close() meanwhile sends the answers and ends', async () => {
    const test = newEngine();
    const connection = await flood(test, '\n', single);
    const { stream, far, seen } = connection;
    stream.close();
    await takeAll(connection, test);
    expect(seen.chunks.join('').length).to.equal(MARK);
    far.end();
    await rest(test);
    expect(stream.asked).to.equal(4);
    expect(stream.log.events.at(-1)).to.equal('close');
  });

  it('it is read on while it is written to from elsewhere', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    stream.highWaterMark = MARK;
    far.pause();
    expect(stream.write('x'.repeat(2 * MARK))).to.equal(false);
    far.write('a');
    await rest(test);
    far.write('b');
    await rest(test);
    expect(stream.log.events).to.deep.equal(['connect', 'read a', 'read b']);
    await done(stream, test);
  });

  it('it is read on while another stream’s onRead writes to it, and so is that stream', async () => {
    const test = newEngine();
    const slow = connect(test.engine);
    slow.stream.highWaterMark = MARK;
    slow.far.pause();
    class Passing extends RecordingStream {
      override onRead(data: Buffer): unknown {
        expect(slow.stream.write('x'.repeat(MARK))).to.equal(false);
        return super.onRead(data);
      }
    }
    const quick = connect(test.engine, Passing);
    for (const word of ['a', 'b']) {
      quick.far.write(word);
      await rest(test);
    }
    slow.far.write('c');
    await rest(test);
    expect(quick.stream.log.events).to.deep.equal(['connect', 'read a', 'read b']);
    expect(slow.stream.log.events).to.deep.equal(['connect', 'read c']);
    await done(slow.stream, test);
    await done(quick.stream, test);
  });
});
