import type { InseamError } from '@inseam/engine';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { EventLog } from './support/event-log.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, type TestEngine, testEngines } from './support/test-engine.js';

describe('Engine, stopped while streams reconnect', () => {
  const newEngine = testEngines();

  /** Streams that make another one in `onClose`, until told otherwise; their peers answer an end, or nothing. */
  function reconnecting({ engine }: TestEngine, answersEnd: boolean) {
    const made: RecordingStream[] = [];
    let isOver = false;
    class Reconnecting extends RecordingStream {
      override onClose(reason: InseamError | null): void {
        super.onClose(reason);
        if (!isOver) dial();
      }
    }
    const dial = () => {
      const [near, far] = memoryPair();
      const seen = new RecordingSink();
      if (answersEnd) seen.onEnd = () => far.end();
      far.open(seen);
      made.push(new Reconnecting({ engine }).attach(near));
    };
    dial();
    const finish = async () => {
      isOver = true;
      for (const stream of made) stream.abort();
      await settled();
    };
    return { made, finish };
  }
  const stop = ({ engine }: TestEngine, stopTimeoutMs: number) => {
    const log = new EventLog();
    void engine.stop({ stopTimeoutMs }).then(() => log.add('stopped'));
    return log;
  };

  for (const answersEnd of [true, false]) {
    const peers = answersEnd ? 'that close when asked' : 'that do not';
    it(`with peers ${peers}: what was open at the end of stopTimeoutMs is awaited, and no more`, async () => {
      const test = newEngine();
      const { made, finish } = reconnecting(test, answersEnd);
      const log = stop(test, 1_000);
      await settled();
      test.clock.advance(999);
      await settled();
      expect(made.length, 'the second one').to.equal(answersEnd ? 2 : 1);
      expect([log.events, test.engine.stopping]).to.deep.equal([[], true]);
      test.clock.advance(1);
      await settled();
      expect([log.events, test.engine.stopping]).to.deep.equal([['stopped'], false]);
      const [last, overdue] = [made.at(-1), made.at(-2)];
      expect(overdue?.log.events.at(-1)).to.equal('close ENGINE_STOP_TIMEOUT');
      expect([...test.engine.channels]).to.deep.equal([last]);
      await finish();
    });
  }

  it('start() ends with it, and the next stop() waits for everything again', async () => {
    const test = newEngine();
    const started = test.engine.start();
    const { finish } = reconnecting(test, true);
    stop(test, 10);
    await settled();
    test.clock.advance(10);
    await started;
    await finish();
    const again = [1, 2].map(() => {
      const [near] = memoryPair();
      return new RecordingStream({ engine: test.engine }).attach(near);
    });
    const log = stop(test, 1_000);
    again[0]?.abort();
    await settled();
    expect(log.events).to.deep.equal([]);
    again[1]?.abort();
    await settled();
    expect(log.events).to.deep.equal(['stopped']);
  });
});
