import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { ENGINE_LIMITS, NetStruct, Server, Stream, Struct, UsageError } from '@inseam/engine';
import { memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { temporaryPaths, toNet } from './support/echo-server.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { systemEngine } from './support/system-engine.js';
import { settled, testEngines } from './support/test-engine.js';

const HIGH_WATER = ENGINE_LIMITS.highWaterMark;

/** Does not close when the peer has finished. */
class HalfOpen extends RecordingStream {
  override onEnd(): unknown {
    this.log.add('end');
    return undefined;
  }
}

/** What the peer has seen of the connection, but for its own writes. */
const ends = (seen: { events: string[] }) => seen.events.filter((event) => event !== 'drain');

const refusal = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return error instanceof UsageError ? error.code : String(error);
  }
  return 'allowed';
};

describe('Stream, ending', () => {
  const newEngine = testEngines();
  const newPath = temporaryPaths();

  it('end() sends what is written, then the end, and reads on', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    stream.write('request');
    stream.end();
    await settled();
    expect([seen.text, ends(seen)]).to.deep.equal(['request', ['open', 'end']]);
    expect([stream.connected, stream.closed]).to.deep.equal([true, false]);
    far.write('an ');
    await settled();
    far.write('answer');
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'write', 'read an ', 'read answer', 'end', 'close']);
  });

  it('nothing is written after end()', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    stream.end();
    for (const write of [
      () => stream.write('x'),
      () => stream.write(''),
      () => stream.writePacked(new Struct('B'), 1),
      () => stream.writeFile('/dev/null'),
      () => stream.startTls(),
    ]) {
      expect(refusal(write)).to.equal('ENGINE_STREAM_CLOSED');
    }
    stream.flush();
    await stream.drained();
    far.end();
    await settled();
    expect([seen.text, stream.bytesWritten]).to.deep.equal(['', 0]);
  });

  it('end() again, and after close(), abort() and a loss, does nothing', async () => {
    const { engine } = newEngine();
    for (const leave of [
      (stream: Stream) => stream.end(),
      (stream: Stream) => stream.close(),
      (stream: Stream) => stream.abort(),
    ]) {
      const { stream, far, seen } = connect(engine);
      leave(stream);
      stream.end();
      stream.end();
      await settled();
      expect(seen.events.filter((event) => event === 'end' || event.startsWith('close'))).to.have.length(1);
      far.end();
      await settled();
      stream.end();
      expect(stream.log.events.at(-1)).to.equal('close');
    }
    const { stream, far } = connect(engine);
    far.abort();
    await settled();
    stream.end();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
  });

  it('end() before onConnect is refused', async () => {
    const stream = new Stream({ engine: newEngine().engine });
    expect(refusal(() => stream.end())).to.equal('ENGINE_NOT_CONNECTED');
    stream.attach(memoryPair()[0]);
    stream.end();
    stream.abort();
    await settled();
  });

  it('end() waits until a slow peer has taken everything', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    far.pause();
    stream.write(Buffer.alloc(300_000, 'x'));
    stream.end();
    await settled();
    expect([seen.length, ends(seen)]).to.deep.equal([0, ['open']]);
    far.resume();
    await settled();
    expect([seen.length, ends(seen)]).to.deep.equal([300_000, ['open', 'end']]);
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'write', 'end', 'close']);
  });

  it('end() in onConnect, and in onRead behind an answer', async () => {
    class Answers extends RecordingStream {
      override onRead(data: Buffer): unknown {
        this.write(`re: ${data}`);
        this.end();
        return undefined;
      }
    }
    class Ends extends RecordingStream {
      override onConnect(): unknown {
        this.write('bye');
        this.end();
        return undefined;
      }
    }
    const { engine } = newEngine();
    const one = connect(engine, Answers);
    one.far.write('x');
    const other = connect(engine, Ends);
    await settled();
    expect([one.seen.text, ends(one.seen)]).to.deep.equal(['re: x', ['open', 'end']]);
    expect([other.seen.text, ends(other.seen)]).to.deep.equal(['bye', ['open', 'end']]);
    one.far.end();
    other.far.end();
    await settled();
  });

  it('end(), then close(): no second end, input is dropped, and patience is that of close()', async () => {
    const { engine, clock } = newEngine();
    const { stream, far, seen } = connect(engine);
    stream.end();
    await settled();
    stream.close();
    far.write('dropped');
    await settled();
    expect([stream.closed, stream.log.take(), ends(seen)]).to.deep.equal([
      true,
      ['connect'],
      ['open', 'end'],
    ]);
    clock.advance(ENGINE_LIMITS.lingerTimeoutMs);
    await settled();
    expect(stream.log.take()).to.deep.equal(['close']);
    far.abort();
    await settled();
  });

  it('end() with something pending, then close(): all of it is sent first', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    far.pause();
    stream.write(Buffer.alloc(300_000, 'x'));
    stream.end();
    stream.close();
    await settled();
    far.resume();
    await settled();
    expect([seen.length, ends(seen)]).to.deep.equal([300_000, ['open', 'end']]);
    far.end();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('end() with something pending, then abort(): the rest is dropped', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    far.pause();
    stream.write(Buffer.alloc(300_000, 'x'));
    stream.end();
    await settled();
    stream.abort();
    far.resume();
    await settled();
    expect(seen.events.includes('end')).to.equal(false);
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  it('the peer ended first: end() closes, once all is sent', async () => {
    const { stream, far, seen } = connect(newEngine().engine, HalfOpen);
    far.end();
    await settled();
    expect([stream.connected, stream.log.take()]).to.deep.equal([true, ['connect', 'end']]);
    stream.write('answer');
    await settled();
    stream.write(' and more');
    stream.end();
    await settled();
    expect([seen.text, seen.events.at(-1)]).to.deep.equal(['answer and more', 'close']);
    expect(stream.log.take()).to.deep.equal(['write', 'write', 'close']);
  });

  it('both end at once', async () => {
    const { stream, far, seen } = connect(newEngine().engine, HalfOpen);
    stream.write('a');
    far.write('b');
    stream.end();
    far.end();
    await settled();
    expect([seen.text, stream.log.events.filter((event) => event !== 'write')]).to.deep.equal([
      'a',
      ['connect', 'read b', 'end', 'close'],
    ]);
  });

  it('a paused stream that has ended hears of the end when it is resumed', async () => {
    const { stream, far } = connect(newEngine().engine);
    stream.pause();
    stream.end();
    far.write('unread');
    far.end();
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    stream.resume();
    await settled();
    expect(stream.log.events).to.deep.equal(['read unread', 'end', 'close']);
  });

  it('a connection that is lost after end() is lost: half an answer must not look like a whole one', async () => {
    const { stream, far } = connect(newEngine().engine);
    stream.write('all');
    stream.end();
    await settled();
    far.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'write', 'close ENGINE_CONNECTION_LOST']);
  });

  it('a connection that is lost before the end was sent is lost', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.pause();
    stream.write('never read');
    stream.end();
    await settled();
    far.abort();
    await settled();
    expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CONNECTION_LOST']);
  });

  it('close() is patient with a silent peer from the moment when all was taken', async () => {
    const { engine, clock } = newEngine();
    const { stream, far } = connect(engine);
    far.pause();
    stream.write('x');
    stream.close();
    await settled();
    clock.advance(10 * ENGINE_LIMITS.lingerTimeoutMs);
    far.resume();
    await settled();
    clock.advance(ENGINE_LIMITS.lingerTimeoutMs - 1);
    await settled();
    expect(stream.log.take()).to.deep.equal(['connect']);
    clock.advance(1);
    await settled();
    expect(stream.log.take()).to.deep.equal(['close']);
    far.abort();
    await settled();
  });

  it('close(flush) sends bytes and files in their order, and then ends', async () => {
    const path = newPath();
    writeFileSync(path, Buffer.alloc(100_000, 'f'));
    const { stream, far, seen } = connect(newEngine().engine);
    stream.write('<');
    const sent = [stream.writeFile(path), stream.writeFile(path, { length: 5 })];
    stream.write('>');
    const last = stream.writeFile(path, { length: 1 });
    stream.close();
    await Promise.all([...sent, last]);
    await seen.until(() => seen.events.includes('end'));
    expect(seen.text === `<${'f'.repeat(100_005)}>f`).to.equal(true);
    far.end();
    await stream.log.until('close');
    expect(stream.log.events).to.deep.equal(['connect', 'close']);
  });

  describe('over TCP', () => {
    let { engine, reports } = systemEngine();
    beforeEach(() => {
      ({ engine, reports } = systemEngine());
    });
    afterEach(async () => {
      await engine.stop();
      expect(reports.take()).to.deep.equal([]);
    });

    it('end() lets the peer read to the end and answer', async () => {
      const peer = createServer({ allowHalfOpen: true }, (socket: Socket) => {
        let request = '';
        socket.on('data', (text) => {
          request += text;
        });
        socket.on('end', () => socket.end(`got ${request.length}`));
      });
      await once(peer.listen(0, '127.0.0.1'), 'listening');
      const stream = new RecordingStream({ engine });
      stream.connect(['127.0.0.1', (peer.address() as AddressInfo).port]);
      await stream.log.until('connect');
      stream.write('x'.repeat(1_000_000));
      stream.end();
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'write', 'read got 1000000', 'end', 'close']);
      await once(peer.close(), 'close');
    });

    it('the peer ended first: the stream answers as long as it likes, and end() closes', async () => {
      const streams: HalfOpen[] = [];
      class Kept extends HalfOpen {
        override onConnect(): unknown {
          streams.push(this);
          return super.onConnect();
        }
      }
      const server = await new Server({ engine, ConnectionClass: Kept }).listen(['127.0.0.1', 0]);
      const client = netConnect({ ...toNet(server.localAddress), allowHalfOpen: true });
      let answer = '';
      client.setEncoding('latin1').on('data', (text) => {
        answer += text;
      });
      client.end('request');
      await once(client, 'connect');
      while (streams.length === 0) await settled();
      const [stream] = streams;
      await stream?.log.until('end');
      stream?.write('one ');
      await stream?.log.until('write');
      stream?.write('y'.repeat(1_000_000));
      stream?.end();
      await Promise.all([once(client, 'close'), stream?.log.until('close')]);
      expect(answer.length).to.equal(1_000_004);
      expect(stream?.log.events).to.deep.equal(['connect', 'read request', 'end', 'write', 'write', 'close']);
      expect(server.channels.size).to.equal(0);
    });

    it('two streams end to each other, each in its time', async () => {
      const accepted: HalfOpen[] = [];
      class Kept extends HalfOpen {
        override onConnect(): unknown {
          accepted.push(this);
          return super.onConnect();
        }
      }
      const server = await new Server({ engine, ConnectionClass: Kept }).listen(['127.0.0.1', 0]);
      const client = new HalfOpen({ engine }).connect(['127.0.0.1', server.port ?? 0]);
      await client.log.until('connect');
      while (accepted.length === 0) await settled();
      const [stream] = accepted;
      client.end();
      await stream?.log.until('end');
      stream?.write('still here');
      await client.log.until('read still here');
      expect([client.connected, stream?.connected]).to.deep.equal([true, true]);
      stream?.end();
      await Promise.all([client.log.until('close'), stream?.log.until('close')]);
      expect(client.log.events).to.deep.equal(['connect', 'read still here', 'end', 'close']);
      expect(stream?.log.events).to.deep.equal(['connect', 'end', 'write', 'close']);
    });
  });
});

describe('Stream, writePacked', () => {
  const newEngine = testEngines();

  it('packs by the format that is its first argument', async () => {
    const { stream, seen } = connect(newEngine().engine);
    stream.readDelimiter = new Struct('<Q');
    expect(stream.writePacked(new Struct('>HB'), 258, 3)).to.equal(true);
    stream.writePacked(new NetStruct('!H$'), Buffer.from('abc'));
    stream.writePacked(new Struct('2s'), Buffer.from('hi'));
    await settled();
    expect(seen.bytes).to.deep.equal(Buffer.from('\x01\x02\x03\0\x03abchi', 'latin1'));
    stream.abort();
    await settled();
  });

  it('packs by the read delimiter, as it is at the call', async () => {
    const { stream, seen } = connect(newEngine().engine);
    stream.readDelimiter = new Struct('>H');
    stream.writePacked(1);
    stream.readDelimiter = new NetStruct('!B$');
    stream.writePacked(Buffer.from('x'));
    await settled();
    expect(seen.bytes).to.deep.equal(Buffer.from('\0\x01\x01x', 'latin1'));
    stream.abort();
    await settled();
  });

  it('keeps its place among what is written, and answers as write does', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    far.pause();
    stream.write('a');
    stream.writePacked(new Struct('B'), 98);
    stream.write('c');
    expect(stream.writePacked(new Struct(`${HIGH_WATER}s`), Buffer.alloc(HIGH_WATER))).to.equal(false);
    expect(stream.pendingBytes).to.equal(HIGH_WATER + 3);
    far.resume();
    await settled();
    expect(seen.text.slice(0, 3)).to.equal('abc');
    stream.abort();
    await settled();
  });

  it('is refused without a format, with values that do not fit, and where write is', async () => {
    const { stream } = connect(newEngine().engine);
    for (const readDelimiter of [null, '\n', 4, /x/]) {
      stream.readDelimiter = readDelimiter;
      expect(
        refusal(() => stream.writePacked(1)),
        String(readDelimiter),
      ).to.equal('ENGINE_PACK_FORMAT');
      expect(refusal(() => stream.writePacked())).to.equal('ENGINE_PACK_FORMAT');
    }
    stream.readDelimiter = new Struct('B');
    for (const values of [[], [1, 2], [256], ['x'], [new Struct('H')], [new Struct('H'), 1, 2]]) {
      expect(refusal(() => stream.writePacked(...(values as number[])))).to.equal('ENGINE_STRUCT_VALUE');
    }
    expect([stream.bytesWritten, stream.pendingBytes], 'nothing of it is sent').to.deep.equal([0, 0]);
    stream.close();
    expect(refusal(() => stream.writePacked(1))).to.equal('ENGINE_STREAM_CLOSED');
    stream.abort();
    const idle = new Stream({ engine: stream.engine });
    expect(refusal(() => idle.writePacked(new Struct('B'), 1))).to.equal('ENGINE_NOT_CONNECTED');
    await settled();
  });
});

describe('Stream, water marks', () => {
  const newEngine = testEngines();

  for (const bytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', null, undefined]) {
    it(`a highWaterMark of ${typeof bytes} ${bytes} is refused`, async () => {
      const stream = new Stream({ engine: newEngine().engine });
      expect(refusal(() => Object.assign(stream, { highWaterMark: bytes }))).to.equal('ENGINE_OPTION');
      expect(stream.highWaterMark).to.equal(HIGH_WATER);
    });
  }

  it('write answers false from highWaterMark on', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.pause();
    stream.highWaterMark = 10;
    expect(stream.highWaterMark).to.equal(10);
    expect(stream.write('123456789')).to.equal(true);
    expect(stream.write('0')).to.equal(false);
    await settled();
    expect(stream.write(''), 'also when it is in the system').to.equal(false);
    stream.highWaterMark = 11;
    expect(stream.write('')).to.equal(true);
    stream.abort();
    await settled();
  });

  it('a mark of 1: write answers false to anything', async () => {
    const { stream } = connect(newEngine().engine);
    stream.highWaterMark = 1;
    expect([stream.write(''), stream.write('x')]).to.deep.equal([true, false]);
    const drained = stream.drained();
    await drained;
    expect([stream.pendingBytes, stream.write('')]).to.deep.equal([0, true]);
    stream.abort();
    await settled();
  });

  it('drained() resolves at a quarter of it, not before', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    seen.onChunk = () => far.pause();
    far.pause();
    stream.highWaterMark = 8 * HIGH_WATER;
    stream.write(Buffer.alloc(8 * HIGH_WATER));
    let drained = 0;
    for (let i = 0; i < 2; i++) void stream.drained().then(() => drained++);
    for (let left = 7; left >= 0; left--) {
      far.resume();
      await settled();
      expect([stream.pendingBytes / HIGH_WATER, drained]).to.deep.equal([left, left <= 2 ? 2 : 0]);
    }
    expect(stream.log.events).to.deep.equal(['connect', 'write']);
    stream.abort();
    await settled();
  });

  it('drained() asked below the mark need not wait, asked at it must', async () => {
    const { stream, far } = connect(newEngine().engine);
    far.pause();
    stream.highWaterMark = 10;
    stream.write('123456789');
    await stream.drained();
    stream.write('0');
    let isDrained = false;
    const drained = stream.drained().then(() => {
      isDrained = true;
    });
    await settled();
    expect(isDrained).to.equal(false);
    far.resume();
    await drained;
    stream.abort();
    await settled();
  });

  it('drained() resolves on a stream that is idle, connecting or closed', async () => {
    const { engine } = newEngine();
    const stream = new Stream({ engine });
    await stream.drained();
    stream.attach(memoryPair()[0]);
    stream.abort();
    await stream.drained();
    await settled();
    await stream.drained();
  });

  it('drained() resolves when the stream is closed, whatever the system still has', async () => {
    const { stream, far, near } = connect(newEngine().engine);
    far.pause();
    stream.write(Buffer.alloc(2 * HIGH_WATER));
    stream.flush();
    const drained = stream.drained();
    stream.abort();
    expect(near.pendingBytes).to.equal(HIGH_WATER);
    await drained;
    await stream.drained();
    await settled();
  });

  it('a loop that minds the answer of write never has more than the mark waiting', async () => {
    const { stream, far, seen } = connect(newEngine().engine);
    const piece = Buffer.alloc(10_000, 'x');
    let most = 0;
    for (let sent = 0; sent < 200; sent++) {
      if (sent % 50 === 0) {
        far.pause();
        setImmediate(() => far.resume());
      }
      if (!stream.write(piece)) await stream.drained();
      most = Math.max(most, stream.pendingBytes);
    }
    await stream.log.until('write');
    await settled();
    expect(seen.length).to.equal(2_000_000);
    expect(most).to.be.below(HIGH_WATER + piece.length);
    stream.abort();
    await settled();
  });
});
