import { ENGINE_LIMITS, Stream, UsageError } from '@inseam/engine';
import { usageError } from '@inseam/engine/errors';
import { memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, testEngines } from './support/test-engine.js';

const LINGER_MS = ENGINE_LIMITS.lingerTimeoutMs;

describe('Stream, closing', () => {
  const newEngine = testEngines();

  it('close sends what is written, ends, and waits for the peer to end', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    stream.write('last words');
    stream.close();
    await settled();
    expect(seen.text).to.equal('last words');
    expect(seen.events).to.include('end');
    expect(stream.log.take()).to.deep.equal(['connect']);
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['close']);
  });

  it('close waits until a slow peer has taken everything', async () => {
    const { clock, engine } = newEngine();
    const { stream, far, seen } = connect(engine);
    far.pause();
    const bytes = Buffer.alloc(300_000, 'x');
    stream.write(bytes);
    stream.close();
    await settled();
    clock.advance(10 * LINGER_MS);
    await settled();
    expect(stream.connected, 'the linger time has not begun').to.equal(true);
    far.resume();
    await settled();
    expect(seen.length).to.equal(bytes.length);
    expect(seen.events).to.include('end');
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it("the peer's end meanwhile does not cut short what it has still to read", async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    far.pause();
    stream.write('answer');
    stream.close();
    far.end();
    await settled();
    far.resume();
    await settled();
    expect(seen.text).to.equal('answer');
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('close discards input, and a peer that does not end is closed after two seconds', async () => {
    const { clock, engine } = newEngine();
    const { stream, far, seen } = connect(engine);
    stream.close();
    far.write('too late');
    await settled();
    clock.advance(LINGER_MS - 1);
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    clock.advance(1);
    await settled();
    expect(stream.log.events).to.deep.equal(['close']);
    far.end();
    await settled();
    expect(seen.events.at(-1)).to.equal('close');
  });

  it('close discards 16 MiB at most', async () => {
    const { stream, far } = connect(newEngine().engine);
    stream.close();
    const mebibyte = Buffer.alloc(1 << 20);
    for (let sent = 0; sent < ENGINE_LIMITS.lingerBytes; sent += mebibyte.length) far.write(mebibyte);
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    far.write('x');
    await settled();
    expect(stream.log.events).to.deep.equal(['close']);
  });

  it('close in the middle of input drops the rest of it', async () => {
    class Quits extends RecordingStream {
      override onRead(data: Buffer) {
        super.onRead(data);
        this.close();
      }
    }
    const { stream, far } = connect(newEngine().engine, Quits);
    stream.readDelimiter = ' ';
    far.write('bye more ');
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'read bye', 'close']);
  });

  it("close sees the peer's end though reading was paused", async () => {
    const { stream, far } = connect(newEngine().engine);
    stream.pause();
    far.write('unread');
    far.end();
    await settled();
    stream.close();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('close after the peer has ended needs no patience', async () => {
    class HalfOpen extends RecordingStream {
      override onEnd() {
        this.log.add('end');
      }
    }
    const { stream, far, seen } = connect(newEngine().engine, HalfOpen);
    far.end();
    await settled();
    stream.write('answer');
    stream.close();
    await settled();
    expect(seen.text).to.equal('answer');
    expect(stream.log.events).to.deep.equal(['connect', 'end', 'close']);
  });

  it('close(false) drops what is unsent and closes at once', async () => {
    const { stream, seen } = connect(newEngine().engine);
    stream.write('never');
    stream.close(false);
    expect(stream.pendingBytes).to.equal(0);
    await settled();
    expect(seen.text).to.equal('');
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('close(false) ends the patience of a close before it', async () => {
    const { stream } = connect(newEngine().engine);
    stream.close();
    stream.close();
    expect(stream.connected).to.equal(true);
    stream.close(false);
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('abort passes its reason to onClose, and the first one counts', async () => {
    const { stream } = connect(newEngine().engine);
    stream.abort(usageError('ENGINE_DATA'));
    stream.abort(usageError('ENGINE_OPTION'));
    await settled();
    stream.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_DATA']);
  });

  it('closing in onConnect is fine', async () => {
    class Shy extends RecordingStream {
      override onConnect() {
        super.onConnect();
        this.write('bye');
        this.close();
      }
    }
    const { stream, far, seen } = connect(newEngine().engine, Shy);
    await settled();
    expect(seen.text).to.equal('bye');
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('a lost connection is the reason, and nobody needs to close', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
    stream.close();
    await settled();
    expect(stream.log.events).to.have.length(2);
  });

  it('a connection lost before everything was sent is no good order', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.pause();
    stream.write('never read');
    stream.close();
    await settled();
    far.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
  });

  it('a connection that resets after our end was closed in good order', async () => {
    const { stream, far } = connect(newEngine().engine);
    stream.write('read');
    stream.close();
    await settled();
    far.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('a connection that was lost before it was attached is connected and closed', async () => {
    const { engine } = newEngine();
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    far.abort();
    await settled();
    const stream = new RecordingStream({ engine });
    stream.attach(near);
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
  });

  it('an idle stream that is closed has nothing to say, and cannot connect', () => {
    const stream = new RecordingStream({ engine: newEngine().engine });
    stream.close();
    expect(stream.closed).to.equal(true);
    expect(stream.log.events).to.deep.equal([]);
    expect(() => stream.connect(1))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_STREAM_IN_USE');
  });

  it('the timer of a close is gone as soon as the stream is', async () => {
    const { clock, engine } = newEngine();
    const { stream, far } = connect(engine);
    stream.close();
    expect(clock.pending).to.equal(1);
    far.end();
    await settled();
    expect(clock.pending).to.equal(0);
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('engine.stop() closes it: first in good order, then not', async () => {
    const { engine, clock } = newEngine();
    const { stream, far } = connect(engine);
    far.pause();
    stream.write('unread');
    const stopped = engine.stop({ stopTimeoutMs: 100 });
    await settled();
    expect(stream.closed).to.equal(true);
    clock.advance(100);
    await stopped;
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_STOP_TIMEOUT']);
  });

  it('does not mind that its class does nothing', async () => {
    const { engine } = newEngine();
    const [near, far] = memoryPair();
    far.open(new RecordingSink());
    new Stream({ engine }).attach(near);
    far.abort();
    await settled();
    expect(engine.channels.size).to.equal(0);
  });

  it('close gives up on a peer that takes nothing, after closeTimeoutMs', async () => {
    const { clock, engine } = newEngine();
    const { stream, far } = connect(engine);
    far.pause();
    stream.write(Buffer.alloc(300_000));
    stream.close();
    await settled();
    clock.advance(ENGINE_LIMITS.closeTimeoutMs - 1);
    await settled();
    expect(stream.connected).to.equal(true);
    clock.advance(1);
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CLOSE_TIMEOUT']);
  });

  it('close goes on for a peer that takes something from time to time', async () => {
    const { clock, engine } = newEngine();
    const { stream, far, seen } = connect(engine);
    far.pause();
    stream.write(Buffer.alloc(300_000));
    stream.close();
    const pauseAfterOne = () => far.pause();
    for (let taken = 0; taken < 4; taken++) {
      clock.advance(ENGINE_LIMITS.closeTimeoutMs - 1);
      seen.onChunk = function (chunk) {
        Object.getPrototypeOf(seen).onChunk.call(this, chunk);
        pauseAfterOne();
      };
      far.resume();
      await settled();
    }
    expect(stream.connected).to.equal(true);
    expect(seen.length).to.be.above(200_000);
    stream.abort();
    await settled();
  });
});
