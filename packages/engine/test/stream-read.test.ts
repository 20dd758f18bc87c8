import { transportError } from '@inseam/engine/errors';
import { expect } from 'chai';
import { outcome } from './support/dialler.js';
import { connect } from './support/memory-connection.js';
import { HalfOpen, readAll } from './support/piece-loop.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, rest, settled, testEngines } from './support/test-engine.js';

/** A dialogue in `onConnect`, which reads lines until something is thrown. */
class Dialogue extends RecordingStream {
  override async onConnect(): Promise<void> {
    while (true) {
      const line = String(await this.read('\n'));
      this.log.add(`line ${line}`);
      await this.onLine(line);
    }
  }
  onLine(_line: string): unknown {
    return undefined;
  }
}

describe('Stream, read()', () => {
  const newEngine = testEngines();

  describe('gives one piece', () => {
    it('for each call, by the delimiter of that call; of a chunk nothing is lost, and nothing goes to onRead', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      far.write('greeting\r\n5 4:text|rest');
      expect(String(await stream.read('\r\n'))).to.equal('greeting');
      await rest(test);
      expect(String(await stream.read(' '))).to.equal('5');
      await rest(test);
      expect(String(await stream.read(':'))).to.equal('4');
      expect(String(await stream.read(4))).to.equal('text');
      expect(stream.bufferedBytes).to.equal(5);
      expect(String(await stream.read(null))).to.equal('|rest');
      expect(stream.log.events).to.deep.equal(['connect']);
      await done(stream, test);
    });

    it('by the delimiter that was set last, by a call or otherwise', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      far.write('a;b,c,d;');
      expect(String(await stream.read())).to.equal('a');
      expect(String(await stream.read(','))).to.equal('b');
      expect(stream.readDelimiter).to.equal(',');
      expect(String(await stream.read())).to.equal('c');
      stream.readDelimiter = ';';
      expect(String(await stream.read())).to.equal('d');
      await done(stream, test);
    });

    it('in its time: between two calls the peer waits, and no more than a chunk is taken', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const first = stream.read('\n');
      far.write('one\ntwo\n');
      expect(String(await first)).to.equal('one');
      for (let i = 0; i < 10; i++) far.write('more\n');
      await rest(test);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([4, 50]);
      expect(String(await stream.read())).to.equal('two');
      await rest(test);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([0, 50]);
      expect(String(await stream.read())).to.equal('more');
      await rest(test);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([0, 45]);
      await done(stream, test);
    });

    it('before a loop, which goes on where it stopped', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      far.write('HELLO\na\nb\n');
      far.end();
      expect(String(await stream.read('\n'))).to.equal('HELLO');
      await rest(test);
      await readAll(stream);
      await rest(test);
      far.end();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b', 'over', 'end', 'close']);
    });

    it('not while a loop is at work', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const loop = readAll(stream);
      expect(await outcome(stream.read())).to.have.property('code', 'ENGINE_READ_IN_USE');
      far.write('a');
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'piece a']);
      await done(stream, test);
      await loop;
    });
  });

  describe('rejects', () => {
    it('with ENGINE_ENDED at the peer’s end, each time; onEnd follows the first', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      far.write('one\ntw');
      far.end();
      expect(String(await stream.read('\n'))).to.equal('one');
      await rest(test);
      expect(stream.log.take(), 'not before somebody has asked').to.deep.equal(['connect']);
      const error = await outcome(stream.read());
      expect(error).to.have.property('code', 'ENGINE_ENDED');
      expect(stream.log.take()).to.deep.equal([]);
      await rest(test);
      expect(stream.log.take()).to.deep.equal(['end, 2 left']);
      expect(await outcome(stream.read())).to.have.property('code', 'ENGINE_ENDED');
      await rest(test);
      expect(stream.log.take()).to.deep.equal([]);
      await done(stream, test);
    });

    const LOST = transportError('ENGINE_CONNECTION_LOST');
    const ends: { name: string; code: string; end: (c: ReturnType<typeof connect>) => void }[] = [
      { name: 'a loss', code: 'ENGINE_CONNECTION_LOST', end: ({ far }) => far.abort() },
      { name: 'abort(reason)', code: 'ENGINE_CONNECTION_LOST', end: ({ stream }) => stream.abort(LOST) },
      { name: 'an overflow', code: 'ENGINE_BUFFER_OVERFLOW', end: ({ far }) => far.write('12345') },
    ];
    for (const { name, code, end } of ends) {
      for (const isWaiting of [true, false]) {
        it(`with the reason, at ${name} ${isWaiting ? 'meanwhile' : 'before'}`, async () => {
          const test = newEngine();
          const connection = connect(test.engine);
          const { stream, far } = connection;
          stream.bufferSize = 4;
          far.write('one\n');
          expect(String(await stream.read('\n'))).to.equal('one');
          const waiting = isWaiting || code.endsWith('OVERFLOW') ? outcome(stream.read()) : null;
          end(connection);
          await rest(test);
          const error = await (waiting ?? outcome(stream.read()));
          expect(error).to.have.property('code', code);
          expect(await outcome(stream.read()), 'and once more').to.equal(error);
          if (code === 'ENGINE_BUFFER_OVERFLOW') {
            expect(test.reports.take()).to.deep.equal([`warn: RecordingStream failed: ${code}`]);
          }
          expect(stream.log.events.at(-1)).to.equal(`close ${code}`);
        });
      }
    }

    it('with the reason where nothing was read before', async () => {
      const test = newEngine();
      const { stream } = connect(test.engine);
      stream.abort(LOST);
      await rest(test);
      expect(await outcome(stream.read())).to.equal(LOST);
    });

    it('with UsageError for a delimiter that could not cut, and the stream is as it was', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      expect(await outcome(stream.read(0))).to.have.property('code', 'ENGINE_READ_DELIMITER');
      far.write('a\n');
      expect(String(await stream.read('\n'))).to.equal('a');
      await done(stream, test);
    });
  });

  describe('in an async handler', () => {
    it('whose rejection is the peer’s end is not reported: onEnd tells', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Dialogue);
      far.write('a\nb\n');
      far.end();
      await rest(test);
      await rest(test);
      expect(stream.log.events).to.deep.equal(['line a', 'line b', 'end', 'close']);
      expect(test.engine.stats().errors).to.equal(0);
    });

    it('whose rejection is the stream’s own reason is not reported: onClose tells', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, Dialogue);
      far.write('a\n');
      await rest(test);
      far.abort();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['line a', 'close ENGINE_CONNECTION_LOST']);
      expect(test.engine.stats().errors, 'the reason itself').to.equal(1);
    });

    const others: { name: string; error: Error; says: string }[] = [
      { name: 'an error of its own', error: new Error('no'), says: 'no' },
      { name: 'the end of another stream', error: transportError('ENGINE_ENDED'), says: 'ENGINE_ENDED' },
    ];
    for (const { name, error, says } of others) {
      it(`whose rejection is ${name} is reported, and the stream closed: nobody reads on`, async () => {
        const test = newEngine();
        class Failing extends Dialogue {
          override onLine(): void {
            this.write('sent');
            throw error;
          }
        }
        const { stream, far, seen } = connect(test.engine, Failing);
        far.write('a\n');
        await rest(test);
        expect(test.reports.take()).to.deep.equal([`error: Failing.onConnect rejected: ${says}`]);
        expect([stream.closed, seen.chunks]).to.deep.equal([true, ['sent']]);
        far.end();
        await rest(test);
        expect(stream.log.events.at(-1)).to.equal('close');
      });
    }

    it('that fails while somebody else waits for a piece leaves the stream open', async () => {
      const test = newEngine();
      class Failing extends Dialogue {
        override onLine(line: string): void {
          if (line !== 'a') return;
          void this.read().then((piece) => this.log.add(`other ${piece}`));
          throw new Error('no');
        }
      }
      const { stream, far } = connect(test.engine, Failing);
      far.write('a\n');
      await rest(test);
      expect(test.reports.take()).to.deep.equal(['error: Failing.onConnect rejected: no']);
      far.write('b\n');
      await rest(test);
      expect([stream.closed, stream.log.events]).to.deep.equal([false, ['line a', 'other b']]);
      await done(stream, test);
    });

    it('that fails before it has read anything leaves the stream open for onRead', async () => {
      const test = newEngine();
      class Failing extends RecordingStream {
        override async onConnect(): Promise<void> {
          throw new Error('no');
        }
      }
      const { stream, far } = connect(test.engine, Failing);
      far.write('a');
      await rest(test);
      expect(test.reports.take()).to.deep.equal(['error: Failing.onConnect rejected: no']);
      expect([stream.closed, stream.log.events]).to.deep.equal([false, ['read a']]);
      await done(stream, test);
    });
  });
});
