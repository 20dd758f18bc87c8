import { type Cutter, Struct, UsageError } from '@inseam/engine';
import { transportError } from '@inseam/engine/errors';
import { feedEveryWay, memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { HalfOpen, readAll } from './support/piece-loop.js';
import { RecordingStream } from './support/recording-stream.js';
import { done, rest, settled, testEngines } from './support/test-engine.js';

describe('Stream, for await', () => {
  const newEngine = testEngines();

  describe('pieces', () => {
    it('come in order, none of them to onRead, however the input comes', async () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from('one\ntwo\n\nthree'))) {
        const test = newEngine();
        const { stream, far } = connect(test.engine);
        stream.readDelimiter = '\n';
        void readAll(stream);
        for (const chunk of chunks) far.write(chunk);
        await settled();
        expect(stream.log.events, way).to.deep.equal(['connect', 'piece one', 'piece two', 'piece ']);
        await done(stream, test);
      }
    });

    it('are cut by the delimiter that the loop has set since the last one, however the input comes', async () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from('3:a:b2:xy1:'))) {
        const test = newEngine();
        const { stream, far } = connect(test.engine);
        stream.readDelimiter = ':';
        void readAll(stream, (piece) => {
          stream.readDelimiter = stream.readDelimiter === ':' ? Number(piece) : ':';
        });
        for (const chunk of chunks) far.write(chunk);
        await rest(test);
        expect(stream.log.events, way).to.deep.equal([
          'connect',
          ...['3', 'a:b', '2', 'xy', '1'].map((piece) => `piece ${piece}`),
        ]);
        await done(stream, test);
      }
    });

    it('are whole chunks without a delimiter', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      void readAll(stream);
      far.write('one');
      far.write('two');
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'piece one', 'piece two']);
      await done(stream, test);
    });

    it('are what the delimiter gives, also undefined', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = new Struct('!Hb');
      const structs = stream.pieces<[number, number]>();
      far.write(Buffer.from([1, 2, 3, 4]));
      expect((await structs.next()).value).to.deep.equal([258, 3]);
      const nothing: Cutter<undefined> = { cut: () => ({ data: undefined, consumed: 1 }) };
      stream.readDelimiter = nothing;
      expect(await structs.next()).to.deep.equal({ done: false, value: undefined });
      await done(stream, test);
      expect((await structs.next()).done).to.equal(true);
    });

    it('are the loop’s to keep', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const kept: Buffer[] = [];
      void readAll(stream, (piece) => kept.push(piece));
      far.write('abc');
      await settled();
      stream.readDelimiter = 2;
      far.write('defg');
      await settled();
      expect(kept.map(String)).to.deep.equal(['abc', 'de', 'fg']);
      await done(stream, test);
    });

    it('can be asked for several at once, and come in the order of asking', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      const pieces = stream.pieces();
      const asked = [1, 2, 3, 4].map(async (n) => `${n} ${(await pieces.next()).value}`);
      far.write('a;b;c');
      await settled();
      far.write(';d;e;f');
      expect(await Promise.all(asked)).to.deep.equal(['1 a', '2 b', '3 c', '4 d']);
      expect(stream.bufferedBytes, 'what nobody has asked for').to.equal(3);
      expect(String((await pieces.next()).value)).to.equal('e');
      await done(stream, test);
    });

    it('can be asked for several at once after the peer’s end, too', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      stream.readDelimiter = '|';
      far.write('a;b;c');
      far.end();
      await settled();
      stream.readDelimiter = ';';
      const pieces = stream.pieces();
      stream.pause();
      const asked = [1, 2, 3].map(async () => String((await pieces.next()).value));
      stream.resume();
      test.clock.advance(0);
      expect(await Promise.all(asked)).to.deep.equal(['a', 'b', 'undefined']);
      await done(stream, test);
    });

    it('wait for a loop that has been made and has not asked, after another one, too', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      stream.readDelimiter = '|';
      far.write('a;b');
      far.end();
      await readAll(stream);
      const pieces = stream.pieces();
      stream.readDelimiter = ';';
      await rest(test);
      expect(stream.bufferedBytes).to.equal(3);
      expect(String((await pieces.next()).value)).to.equal('a');
      await done(stream, test);
    });

    it('are the same by `for await` over the stream, over pieces() and over its iterator', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      const pieces = stream.pieces();
      expect(pieces[Symbol.asyncIterator]()).to.equal(pieces);
      far.write('a;');
      for await (const piece of pieces) {
        expect(String(piece)).to.equal('a');
        break;
      }
      await done(stream, test);
    });
  });

  describe('begins', () => {
    it('before the stream is connected', async () => {
      const test = newEngine();
      const [near, far] = memoryPair();
      const stream = new RecordingStream({ engine: test.engine });
      stream.readDelimiter = ';';
      void readAll(stream);
      await settled();
      far.write('a;b;');
      stream.attach(near);
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b']);
      await done(stream, test);
    });

    it('after data has come: with what is no piece yet, not with what onRead has got', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      far.write('a;b');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'read a']);
      void readAll(stream);
      far.write('c;');
      await settled();
      expect(stream.log.events).to.deep.equal(['piece bc']);
      await done(stream, test);
    });

    it('with what was held back while the stream was paused', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.pause();
      stream.readDelimiter = ';';
      far.write('a;b;');
      await settled();
      void readAll(stream);
      stream.resume();
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b']);
      await done(stream, test);
    });

    it('when it is made: from pieces() on nothing goes to onRead', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      const pieces = stream.pieces();
      far.write('a');
      await settled();
      expect(stream.log.events).to.deep.equal(['connect']);
      expect(String((await pieces.next()).value)).to.equal('a');
      await done(stream, test);
    });

    it('in an async onConnect, and what it throws is reported', async () => {
      const test = newEngine();
      class Reader extends RecordingStream {
        override async onConnect() {
          super.onConnect();
          this.readDelimiter = ';';
          for await (const piece of this) {
            this.log.add(`piece ${piece}`);
            this.write(`${piece}!`);
            if (String(piece) === 'c') throw new Error('no c');
          }
        }
      }
      const { stream, far, seen } = connect(test.engine, Reader);
      far.write('a;b;');
      far.write('c;d;');
      far.end();
      await rest(test);
      expect(seen.text).to.equal('a!b!c!');
      expect(stream.log.events).to.include.members(['connect', 'piece a', 'piece b', 'piece c', 'close']);
      expect(stream.log.events).to.not.include('piece d');
      expect(test.reports.take()).to.deep.equal(['error: Reader.onConnect rejected: no c']);
    });

    it('after the peer’s end: with what is left, and then it is over', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      stream.readDelimiter = '|';
      far.write('a;b;c');
      far.end();
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'end, 5 left']);
      stream.readDelimiter = ';';
      void readAll(stream);
      await rest(test);
      expect(stream.log.events, 'onEnd is not called again').to.deep.equal(['piece a', 'piece b', 'over']);
      await done(stream, test);
    });

    it('on a closed stream: it is over at once, or throws why it was closed', async () => {
      const test = newEngine();
      const reason = transportError('ENGINE_CONNECTION_LOST');
      for (const [close, end] of [
        [(stream: RecordingStream) => stream.close(), 'over'],
        [(stream: RecordingStream) => stream.abort(), 'over'],
        [(stream: RecordingStream) => stream.abort(reason), 'threw ENGINE_CONNECTION_LOST'],
      ] as const) {
        const { stream, far } = connect(test.engine);
        stream.readDelimiter = '|';
        far.write('a;');
        await settled();
        close(stream);
        stream.log.take();
        for (let i = 0; i < 2; i++) await readAll(stream);
        expect(stream.log.take().filter((event) => !event.startsWith('close'))).to.deep.equal([end, end]);
        await done(stream, test);
        await readAll(stream);
        expect(stream.log.events.at(-1)).to.equal(end);
      }
    });

    it('behind read(), which is refused from then on', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      far.write('2;a;b;c');
      expect(String(await stream.read(';'))).to.equal('2');
      void readAll(stream);
      await settled();
      expect(stream.log.events).to.deep.equal(['connect', 'piece a', 'piece b']);
      expect(await stream.read(1).catch(({ code }) => code)).to.equal('ENGINE_READ_IN_USE');
      await done(stream, test);
    });

    it('not while another is at work, which goes on; but after it', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine, HalfOpen);
      stream.readDelimiter = ';';
      void readAll(stream);
      for (const begin of [() => stream.pieces(), () => stream[Symbol.asyncIterator]()]) {
        expect(begin).to.throw(UsageError).with.property('code', 'ENGINE_READ_IN_USE');
      }
      far.write('a;b');
      await settled();
      far.end();
      await rest(test);
      expect(stream.log.take()).to.deep.equal(['connect', 'piece a', 'over', 'end, 1 left']);
      stream.readDelimiter = null;
      await readAll(stream);
      expect(stream.log.take()).to.deep.equal(['piece b', 'over']);
      await done(stream, test);
    });
  });

  describe('and back-pressure', () => {
    it('a slow loop makes the peer wait: it gets no chunk before it has used the last one up', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = 2;
      const pieces = stream.pieces();
      for (let i = 0; i < 10; i++) far.write('abcd');
      const held: number[][] = [];
      for (let i = 0; i < 6; i++) {
        await pieces.next();
        await rest(test);
        held.push([stream.bufferedBytes, far.pendingBytes]);
      }
      expect(held).to.deep.equal([
        ...[
          [2, 36],
          [0, 36],
        ],
        ...[
          [2, 32],
          [0, 32],
        ],
        ...[
          [2, 28],
          [0, 28],
        ],
      ]);
      await done(stream, test);
    });

    it('a loop that waits does not hold up the peer', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      void stream.pieces().next();
      for (let i = 0; i < 10; i++) far.write('abcd');
      await settled();
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([40, 0]);
      await done(stream, test);
    });

    it('resume does not make up for asking', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.pieces();
      for (let i = 0; i < 10; i++) far.write('abcd');
      for (let i = 0; i < 3; i++) {
        stream.resume();
        await rest(test);
      }
      expect(stream.log.events).to.deep.equal(['connect']);
      expect(stream.bufferedBytes, 'a chunk for each resume').to.be.at.most(16);
      await done(stream, test);
    });

    it('pause holds the loop up, and the peer’s end, until resume', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = ';';
      void readAll(stream, (piece) => {
        if (String(piece) === 'a') stream.pause();
      });
      far.write('a;b;');
      far.write('c;');
      far.end();
      await rest(test);
      expect(stream.log.take()).to.deep.equal(['connect', 'piece a']);
      expect([stream.bufferedBytes, far.pendingBytes]).to.deep.equal([2, 2]);
      stream.resume();
      await rest(test);
      expect(stream.log.events).to.deep.equal(['piece b', 'piece c', 'over', 'end', 'close']);
    });

    it('a piece that is too long holds it up where the handler leaves the stream open', async () => {
      const test = newEngine();
      class Patient extends RecordingStream {
        override onOverflowError() {
          this.log.add('overflow');
        }
      }
      const { stream, far } = connect(test.engine, Patient);
      stream.readDelimiter = ';';
      stream.bufferSize = 3;
      void readAll(stream);
      far.write('a;1234;');
      far.write('b;');
      await rest(test);
      expect(stream.log.take()).to.deep.equal(['connect', 'piece a', 'overflow']);
      expect(far.pendingBytes).to.equal(2);
      stream.bufferSize = 4;
      await rest(test);
      expect(stream.log.events).to.deep.equal(['piece 1234', 'piece b']);
      await done(stream, test);
    });

    it('a delimiter set from outside governs what the loop waits for, in the next turn', async () => {
      const test = newEngine();
      const { stream, far } = connect(test.engine);
      stream.readDelimiter = '|';
      void readAll(stream);
      far.write('a;b;c');
      await settled();
      stream.readDelimiter = ';';
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect']);
      await rest(test);
      expect(stream.log.events).to.deep.equal(['piece a', 'piece b']);
      await done(stream, test);
    });
  });
});
