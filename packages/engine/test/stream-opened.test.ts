import { type InseamError, Stream } from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { EventLog } from './support/event-log.js';
import { connect } from './support/memory-connection.js';
import { done, rest, settled, type TestEngine, testEngines } from './support/test-engine.js';

/** Has no `onRead`, and stays open at the peer's end. */
class Unheard extends Stream {
  readonly log = new EventLog();
  override onEnd(): unknown {
    this.log.add('end');
    return undefined;
  }
  override onClose(reason: InseamError | null): void {
    this.log.add(reason === null ? 'close' : `close ${reason.code}`);
  }
}

describe('Stream, after opened()', () => {
  const newEngine = testEngines();

  /** A stream that nobody listens to yet, whose peer has sent `sent`. */
  async function open(test: TestEngine, sent: readonly string[], hasEnded = false) {
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    const stream = new Unheard({ engine: test.engine });
    const opened = stream.opened();
    stream.attach(near);
    expect(await opened).to.equal(stream);
    stream.readDelimiter = '\n';
    for (const text of sent) far.write(text);
    if (hasEnded) far.end();
    await rest(test);
    return { stream, far };
  }

  const listeners: { name: string; listen: (stream: Stream, got: string[]) => unknown }[] = [
    {
      name: 'a loop',
      listen: async (stream, got) => {
        for await (const line of stream) got.push(String(line));
      },
    },
    {
      name: 'read()',
      listen: async (stream, got) => {
        while (got.length < 3) got.push(String(await stream.read()));
      },
    },
  ];
  for (const { name, listen } of listeners) {
    it(`what comes waits for ${name}`, async () => {
      const test = newEngine();
      const { stream, far } = await open(test, ['a\nb', '\n']);
      expect(stream.bufferedBytes).to.equal(4);
      const got: string[] = [];
      void listen(stream, got);
      await rest(test);
      const waited = [...got];
      far.write('c\n');
      await rest(test);
      await done(stream, test);
      expect(waited).to.deep.equal(['a', 'b']);
      expect(got).to.deep.equal(['a', 'b', 'c']);
    });
  }

  it('an onRead that is assigned in the same turn gets everything', async () => {
    const test = newEngine();
    const { stream, far } = await open(test, []);
    const got: string[] = [];
    stream.onRead = (line) => got.push(String(line));
    far.write('a\nb\n');
    await rest(test);
    expect(got).to.deep.equal(['a', 'b']);
    await done(stream, test);
  });

  it('resume() says that nobody will listen: what comes is ignored', async () => {
    const test = newEngine();
    const { stream, far } = await open(test, ['a\nb\n']);
    stream.resume();
    await rest(test);
    far.write('c\n');
    await rest(test);
    expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([0, 0]);
    await done(stream, test);
  });

  it('the peer’s end is told after what came before it', async () => {
    const test = newEngine();
    const { stream } = await open(test, ['a\n', 'b\n'], true);
    expect(stream.log.events).to.deep.equal([]);
    expect(String(await stream.read())).to.equal('a');
    await rest(test);
    expect(stream.log.events).to.deep.equal([]);
    for await (const line of stream) stream.log.add(`line ${line}`);
    await rest(test);
    expect(stream.log.events).to.deep.equal(['line b', 'end']);
    await done(stream, test);
  });

  it('the peer’s end is told at once where nothing came before it', async () => {
    const test = newEngine();
    const { stream } = await open(test, [], true);
    expect(stream.log.events).to.deep.equal(['end']);
    await done(stream, test);
  });

  it('a loss is told at once', async () => {
    const test = newEngine();
    const { stream, far } = await open(test, ['a\n']);
    far.abort();
    await rest(test);
    expect(stream.log.events).to.deep.equal(['close ENGINE_CONNECTION_LOST']);
  });

  it('no more than bufferSize and a chunk is kept for somebody who never comes; nothing is lost for one who does', async () => {
    const test = newEngine();
    const line = `${'x'.repeat(999)}\n`;
    const { stream, far } = await open(test, Array<string>(200).fill(line), true);
    expect(stream.bufferedBytes).to.be.within(65_536, 66_536);
    expect(stream.bufferedBytes + far.pendingBytes).to.equal(200_000);
    let lines = 0;
    for await (const _ of stream) lines++;
    expect(lines).to.equal(200);
    await done(stream, test);
  });

  it('a class with an onRead gets its pieces at once', async () => {
    const test = newEngine();
    const { stream, far } = connect(test.engine);
    far.write('a');
    await stream.opened();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read a']);
    await done(stream, test);
  });

  it('without it, a plain Stream ignores what comes', async () => {
    const test = newEngine();
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    const stream = new Unheard({ engine: test.engine }).attach(near);
    far.write('a\n');
    await rest(test);
    expect([stream.bufferedBytes, stream.bytesRead]).to.deep.equal([0, 2]);
    await done(stream, test);
  });
});
