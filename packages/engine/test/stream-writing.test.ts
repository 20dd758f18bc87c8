import { ENGINE_LIMITS, Stream, UsageError } from '@inseam/engine';
import { memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, testEngines } from './support/test-engine.js';

const HIGH_WATER = ENGINE_LIMITS.highWaterMark;

describe('Stream, writing', () => {
  const newEngine = testEngines();

  it('sends text as UTF-8, and bytes, in order and together', async () => {
    const { stream, seen } = connect(newEngine().engine);
    stream.write('a');
    stream.write('b');
    stream.write('ü');
    stream.write(Buffer.from([0, 255]));
    expect(seen.text).to.equal('');
    await settled();
    expect(seen.text).to.equal('ab\xc3\xbc\0\xff');
    expect(seen.chunks, 'what is small leaves as one').to.deep.equal(['ab\xc3\xbc\0\xff']);
    expect(stream.log.take()).to.deep.equal(['connect', 'write']);
    stream.abort();
    await settled();
  });

  it('writeLatin1 sends one byte for each code unit', async () => {
    class Latin extends RecordingStream {
      send(text: string) {
        return this.writeLatin1(text);
      }
    }
    const { stream, seen } = connect(newEngine().engine, Latin);
    expect(stream.send('\xe4')).to.equal(true);
    await settled();
    expect(seen.text).to.equal('\xe4');
    stream.abort();
    expect(() => stream.send('x')).to.throw(UsageError);
    await settled();
  });

  it('flush hands everything to the system at once', async () => {
    const { stream, near } = connect(newEngine().engine);
    stream.write('abc');
    expect([near.pendingBytes, stream.pendingBytes]).to.deep.equal([0, 3]);
    stream.flush();
    expect([near.pendingBytes, stream.pendingBytes]).to.deep.equal([3, 3]);
    await settled();
    expect(stream.pendingBytes).to.equal(0);
    stream.abort();
    await settled();
  });

  it('what is written inside onRead leaves at the end of the chunk, as one', async () => {
    class Echo extends RecordingStream {
      override onRead(data: Buffer) {
        this.write(data.toString());
      }
    }
    const { stream, near, far, seen } = connect(newEngine().engine, Echo);
    stream.readDelimiter = ' ';
    far.write('a b c ');
    await settled();
    expect(seen.chunks).to.deep.equal(['abc']);
    expect(near.pendingBytes).to.equal(0);
    stream.abort();
    await settled();
  });

  it('is refused before onConnect and after close, with a UsageError', async () => {
    const { engine } = newEngine();
    const stream = new Stream({ engine });
    expect(() => stream.write('x'))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_NOT_CONNECTED');
    stream.attach(memoryPair()[0]);
    stream.close();
    expect(() => stream.write('x'))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STREAM_CLOSED');
    stream.abort();
    await settled();
    expect(() => stream.write('x'))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STREAM_CLOSED');
  });

  it('is dropped, with false, when the peer has gone', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.abort();
    await settled();
    expect(stream.write('x')).to.equal(false);
    expect(stream.pendingBytes).to.equal(0);
  });

  it('takes nothing but text and bytes', async () => {
    const { stream } = connect(newEngine().engine);
    for (const data of [1, null, undefined, ['x'], new ArrayBuffer(1)]) {
      expect(() => stream.write(data as unknown as string))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_DATA');
    }
    expect(stream.pendingBytes).to.equal(0);
    stream.abort();
    await settled();
  });

  describe('back-pressure', () => {
    it('write answers false from 64 KiB on', async () => {
      const { stream, far } = connect(newEngine().engine);
      far.pause();
      expect(stream.write(Buffer.alloc(HIGH_WATER - 1))).to.equal(true);
      expect(stream.write('x')).to.equal(false);
      await settled();
      expect(stream.write('x'), 'also when it is in the system').to.equal(false);
      far.resume();
      await settled();
      expect(stream.write('x')).to.equal(true);
      stream.abort();
      await settled();
    });

    it('hands the system no more than 64 KiB and a slice, and all of it in the end', async () => {
      const { stream, near, far, seen } = connect(newEngine().engine);
      far.pause();
      const text = 'abcdefgh'.repeat(HIGH_WATER);
      stream.write(text);
      stream.write(Buffer.from('!'));
      await settled();
      expect(near.pendingBytes).to.be.within(HIGH_WATER, 2 * HIGH_WATER);
      expect(stream.pendingBytes).to.equal(text.length + 1);
      expect(stream.log.take()).to.deep.equal(['connect']);
      far.resume();
      await settled();
      expect(seen.text === `${text}!`).to.equal(true);
      expect(stream.log.take(), 'onWrite once, when all is out').to.deep.equal(['write']);
      stream.abort();
      await settled();
    });

    it('onWrite comes again for what is written later', async () => {
      const { stream } = connect(newEngine().engine);
      stream.write('a');
      await settled();
      stream.write('b');
      await settled();
      expect(stream.log.take()).to.deep.equal(['connect', 'write', 'write']);
      stream.abort();
      await settled();
    });

    it('drained resolves at once below 64 KiB, and otherwise when the peer has read', async () => {
      const { stream, far } = connect(newEngine().engine);
      far.pause();
      stream.write('x');
      await stream.drained();
      stream.write(Buffer.alloc(HIGH_WATER));
      let isDrained = false;
      const drained = stream.drained().then(() => {
        isDrained = true;
      });
      await settled();
      expect(isDrained).to.equal(false);
      far.resume();
      await drained;
      expect(stream.pendingBytes).to.be.lessThan(HIGH_WATER);
      stream.abort();
      await settled();
    });

    it('drained resolves when the stream is closed', async () => {
      const { stream, far } = connect(newEngine().engine);
      far.pause();
      stream.write(Buffer.alloc(HIGH_WATER));
      const drained = stream.drained();
      stream.abort();
      await drained;
      await stream.drained();
    });
  });
});
