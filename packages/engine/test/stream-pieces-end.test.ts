import { transportError } from '@inseam/engine/errors';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { HalfOpen, readAll } from './support/piece-loop.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, rest, settled, testEngines } from './support/test-engine.js';

describe('Stream, the end of a for await', () => {
  const newEngine = testEngines();

  describe('is over', () => {
    it('at the peer’s end; onEnd comes in the next turn, and what the loop’s code writes before is sent', async () => {
      const test = newEngine();
      const { stream, far, seen } = connect(test.engine);
      stream.readDelimiter = '\n';
      const reading = readAll(stream).then(() => stream.write('good bye'));
      far.write('a\nb\n');
      far.end();
      await reading;
      expect(stream.log.take()).to.deep.equal(['connect', 'piece a', 'piece b', 'over']);
      await settled();
      expect(stream.log.take(), 'not before the next turn').to.deep.equal(['write']);
      await rest(test);
      expect(seen.text).to.equal('good bye');
      expect(stream.log.events).to.deep.equal(['end', 'close']);
    });

    it('for read(), too, with one error however often it is asked', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      far.end();
      const errors = [1, 2].map(() => stream.read().catch((error) => error));
      const [first, second] = await Promise.all(errors);
      expect(first).to.have.property('code', 'ENGINE_ENDED');
      expect(second).to.equal(first);
      await rest(test);
      await done(stream, test);
    });

    it('with what is no piece still in bufferedBytes', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      stream.readDelimiter = '\n';
      const reading = readAll(stream).then(() => stream.log.add(`${stream.bufferedBytes} left`));
      far.write('a\nbcd');
      far.end();
      await reading;
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'over', '3 left', 'end, 3 left']);
      await done(stream, test);
    });

    it('after all pieces that came before the end, for a slow loop too', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      void readAll(stream, settled);
      far.write('a;b;c;');
      far.end();
      await stream.log.until('over');
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b', 'piece c', 'over']);
      await rest(test);
      expect(stream.log.events.slice(-2)).to.deep.equal(['end', 'close']);
    });

    it('without a word to onEnd when the stream was closed in between', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      void readAll(stream).then(() => stream.close());
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'over', 'close']);
    });

    for (const [name, close] of [
      ['close()', (stream: RecordingStream) => stream.close()],
      ['close(false)', (stream: RecordingStream) => stream.close(false)],
      ['abort() without a reason', (stream: RecordingStream) => stream.abort()],
    ] as const) {
      it(`at ${name}, from outside and in the loop, and gives no more pieces`, async () => {
        for (const isInside of [false, true]) {
          const test = newEngine();
          const { stream, far } = connect(test.engine);
          stream.readDelimiter = ';';
          void readAll(stream, () => (isInside ? close(stream) : new Promise(setImmediate)));
          far.write('a;b;');
          await stream.log.until('piece a');
          if (!isInside) close(stream);
          await stream.log.until('over');
          far.end();
          await rest(test);
          expect(stream.log.events.filter((event) => event !== 'close')).to.deep.equal([
            'connect',
            'piece a',
            'over',
          ]);
          await done(stream, test);
        }
      });
    }

    const reason = transportError('ENGINE_STOP_TIMEOUT');
    const failures: {
      name: string;
      fail: (connection: ReturnType<typeof connect>) => void;
      code: string;
      reports?: string[];
    }[] = [
      { name: 'abort(reason)', fail: ({ stream }) => stream.abort(reason), code: 'ENGINE_STOP_TIMEOUT' },
      { name: 'the loss of the connection', fail: ({ far }) => far.abort(), code: 'ENGINE_CONNECTION_LOST' },
      {
        name: 'a piece that is too long',
        fail: ({ stream, far }) => {
          stream.bufferSize = 3;
          far.write('1234');
        },
        code: 'ENGINE_BUFFER_OVERFLOW',
        reports: ['warn: RecordingStream failed: ENGINE_BUFFER_OVERFLOW'],
      },
      {
        name: 'what a delimiter throws',
        fail: ({ stream, far }) => {
          stream.readDelimiter = {
            cut() {
              throw new Error('no');
            },
          };
          far.write('1234');
        },
        code: 'ENGINE_CUT',
        reports: ['warn: RecordingStream failed: ENGINE_CUT'],
      },
    ];
    for (const { name, fail, code, reports = [] } of failures) {
      it(`by a throw of the reason, for ${name}: a loop that waits, and one that is at work`, async () => {
        for (const isWaiting of [true, false]) {
          const test = newEngine();
          const connection = connect(test.engine);
          const { stream, far } = connection;
          stream.readDelimiter = ';';
          let goOn = () => {};
          const held = new Promise<void>((resolve) => {
            goOn = resolve;
          });
          void readAll(stream, () => (isWaiting ? undefined : held));
          far.write('a;');
          await stream.log.until('piece a');
          fail(connection);
          await settled();
          if (!isWaiting) expect(stream.log.events.join()).to.not.include('threw');
          goOn();
          await rest(test);
          expect(stream.log.events).to.include(`threw ${code}`);
          expect(stream.log.events.filter((event) => event.startsWith('close'))).to.deep.equal([
            `close ${code}`,
          ]);
          expect(test.reports.take()).to.deep.equal(reports);
          await done(stream, test);
        }
      });
    }

    it('by a throw of the reason when the connection could not be made', async () => {
      const test = newEngine();
      const stream = new RecordingStream({ engine: test.engine });
      void readAll(stream);
      stream.connect('/nowhere/socket');
      await stream.log.until('threw');
      expect(stream.log.events).to.deep.equal([
        'connect error ENGINE_CONNECT_FAILED',
        'close ENGINE_CONNECT_FAILED',
        'threw ENGINE_CONNECT_FAILED',
      ]);
    });

    for (const [name, loop] of [
      ['a loop that waits', (stream: RecordingStream) => readAll(stream)],
      ['a loop that begins later', () => Promise.resolve()],
    ] as const) {
      it(`by a throw of the reason when a timeout has closed the stream: ${name}`, async () => {
        const test = newEngine();
        const { stream, far } = connect(test.engine);
        stream.idleTimeoutMs = 1_000;
        const reading = loop(stream);
        test.clock.advance(2_000);
        await reading;
        if (!stream.log.events.join().includes('threw')) await readAll(stream);
        far.end();
        await rest(test);
        expect(stream.log.events).to.deep.equal([
          'connect',
          'threw ENGINE_IDLE_TIMEOUT',
          'close ENGINE_IDLE_TIMEOUT',
        ]);
      });
    }

    it('at abort() before there is a connection, which is all that comes', async () => {
      const test = newEngine();
      const stream = new RecordingStream({ engine: test.engine });
      const reading = readAll(stream);
      stream.abort();
      await reading;
      expect(stream.log.events).to.deep.equal(['over']);
    });

    it('for all who wait: the first gets the reason, the others and everyone later the end', async () => {
      const test = newEngine();
      const { stream } = connect(test.engine);
      const pieces = stream.pieces();
      const asked = [1, 2, 3].map(() =>
        pieces.next().then(
          ({ done: isOver }) => isOver,
          (error) => error.code,
        ),
      );
      stream.abort(reason);
      expect(await Promise.all(asked)).to.deep.equal([reason.code, true, true]);
      expect(await pieces.next()).to.deep.equal({ done: true, value: undefined });
      await done(stream, test);
    });

    it('with the reason for the first who asks, when nobody waited, and nobody has to', async () => {
      const test = newEngine();
      const { stream } = connect(test.engine);
      const pieces = stream.pieces();
      stream.abort(reason);
      await rest(test);
      const thrown = await pieces.next().catch((error) => error);
      expect(thrown).to.equal(reason);
      expect(await pieces.next()).to.deep.equal({ done: true, value: undefined });
    });
  });

  describe('is left early', () => {
    it('by break: the stream is closed, what was written is sent', async () => {
      const test = newEngine();
      const { stream, far, seen } = connect(test.engine);
      stream.readDelimiter = ';';
      const reading = (async () => {
        for await (const piece of stream) {
          stream.write(`got ${piece}`);
          break;
        }
      })();
      far.write('a;b;');
      await reading;
      expect([stream.closed, stream.bufferedBytes]).to.deep.equal([true, 0]);
      await settled();
      expect([seen.text, seen.events.includes('end')]).to.deep.equal(['got a', true]);
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'close']);
    });

    it('by break after the stream has failed, which is no throw', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const reading = (async () => {
        for await (const _piece of stream) {
          stream.abort(transportError('ENGINE_CONNECTION_LOST'));
          break;
        }
      })();
      far.write('a');
      await reading;
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
    });

    it('by break while the stream is paused: the peer’s end is still seen', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const reading = (async () => {
        for await (const _piece of stream) {
          stream.pause();
          break;
        }
      })();
      far.write('a');
      await reading;
      far.end();
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'close']);
    });

    it('by break, where close() is overridden: what comes before the stream is closed goes to onRead', async () => {
      const test = newEngine();
      class Polite extends RecordingStream {
        override close() {
          if (this.log.events.includes('read bye')) super.close();
          else this.write('QUIT');
        }
        override onRead(data: Buffer) {
          super.onRead(data);
          this.close();
        }
      }
      const { stream, far, seen } = connect(test.engine, Polite);
      const reading = (async () => {
        for await (const _piece of stream) break;
      })();
      far.write('a');
      await reading;
      await settled();
      far.write('bye');
      await settled();
      expect(seen.text).to.equal('QUIT');
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'write', 'read bye', 'close']);
    });

    it('by a throw: the stream is closed, and the throw goes on', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      void readAll(stream, () => {
        throw new Error('enough');
      });
      far.write('a');
      await stream.log.until('threw');
      expect(stream.log.take()).to.deep.equal(['connect', 'piece a', 'threw Error: enough']);
      expect(stream.closed).to.equal(true);
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['close']);
    });

    it('by return(): who waits is told of the end; a second time it does nothing', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const pieces = stream.pieces();
      const waiting = pieces.next();
      const end = { done: true, value: undefined };
      for (let i = 0; i < 2; i++) expect(await pieces.return?.()).to.deep.equal(end);
      expect(await waiting).to.deep.equal(end);
      expect(stream.closed).to.equal(true);
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'close']);
      expect(await pieces.next()).to.deep.equal(end);
    });

    it('after its end: a half-open stream stays open', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      const pieces = stream.pieces();
      far.end();
      expect((await pieces.next()).done).to.equal(true);
      await pieces.return?.();
      await rest(test);
      expect([stream.connected, stream.closed]).to.deep.equal([true, false]);
      await done(stream, test);
    });

    it('before the stream is connected: connecting is given up', async () => {
      const test = newEngine();
      const stream = new RecordingStream({ engine: test.engine }).connect('/nowhere/socket');
      await stream.pieces().return?.();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['close']);
    });
  });
});
