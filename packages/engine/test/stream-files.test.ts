import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { connect as netConnect } from 'node:net';
import { inspect } from 'node:util';
import {
  ENGINE_LIMITS,
  type FileInput,
  type FileRange,
  type InseamError,
  Server,
  Stream,
  TransportError,
  UsageError,
} from '@inseam/engine';
import { memoryPair } from '@inseam/engine/testing';
import { expect } from 'chai';
import { itWith } from './support/debian-tool.js';
import { failure, temporaryPaths, toNet } from './support/echo-server.js';
import { connect, type FarSink } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { runChild } from './support/run-child.js';
import { systemEngine } from './support/system-engine.js';
import { settled, testEngines } from './support/test-engine.js';

const HIGH_WATER = ENGINE_LIMITS.highWaterMark;

/** Hears of a file that could not be sent, and goes on. */
class Forgiving extends RecordingStream {
  override onWriteError(error: InseamError): unknown {
    this.log.add(`write error ${error.code}`);
    return undefined;
  }
}

/** Tells the default's doing, too. */
class Strict extends RecordingStream {
  override onWriteError(error: InseamError): unknown {
    this.log.add(`write error ${error.code}`);
    return super.onWriteError(error);
  }
}

/** Bytes of which no two places are alike. */
function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 17 + (i >> 16)) & 0xff;
  return bytes;
}

describe('Stream, files', () => {
  const newEngine = testEngines();
  const newPath = temporaryPaths();

  /** A new file of `content`. */
  function newFile(content: string | Buffer): string {
    const path = newPath();
    writeFileSync(path, content);
    return path;
  }

  async function newFifo(): Promise<string> {
    const path = newPath();
    await once(spawn('mkfifo', [path]), 'exit');
    return path;
  }

  /** How many descriptors of this process are of the file at `path`. */
  function descriptorsOf(path: string): number {
    return readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`) === path;
      } catch {
        return false; // closed meanwhile, as the one is that reads the folder
      }
    }).length;
  }

  /** Until the threads that close files have done so. */
  async function closed(path: string): Promise<void> {
    while (descriptorsOf(path) > 0) await settled();
  }

  const isOver = (seen: FarSink) => seen.events.some((event) => event === 'end' || event.startsWith('close'));

  /** Closes, and waits until both ends are. */
  async function finish(connection: ReturnType<typeof connect>): Promise<void> {
    const { stream, far, seen } = connection;
    stream.close();
    await seen.until(() => isOver(seen));
    far.end();
    await stream.log.until('close');
  }

  describe('of every kind', () => {
    const content = pattern(200_000);
    const ways: Record<string, (path: string) => Promise<{ file: FileInput; after?: () => Promise<void> }>> =
      {
        'a path': async (file) => ({ file }),
        'a FileHandle, which stays open': async (path) => {
          const file = await open(path);
          return {
            file,
            after: async () => {
              expect((await file.stat()).size).to.equal(content.length);
              await file.close();
            },
          };
        },
        'a descriptor, which stays open where it was': async (path) => {
          const file = openSync(path, 'r');
          readSync(file, Buffer.alloc(7));
          return {
            file,
            after: async () => {
              const next = Buffer.alloc(1);
              readSync(file, next);
              expect(next).to.deep.equal(content.subarray(7, 8));
              closeSync(file);
            },
          };
        },
      };
    for (const [name, make] of Object.entries(ways)) {
      for (const [range, from, to] of [
        [{}, 0, 200_000],
        [{ offset: 5 }, 5, 200_000],
        [{ length: 10 }, 0, 10],
        [{ offset: 65_535, length: 65_538 }, 65_535, 131_073],
        [{ offset: 199_999 }, 199_999, 200_000],
        [{ offset: 100, length: 0 }, 0, 0],
        [{ offset: 200_000 }, 0, 0],
        [{ offset: 200_001 }, 0, 0],
        [{ offset: undefined, length: undefined }, 0, 200_000],
      ] as [FileRange, number, number][]) {
        it(`${name}: ${inspect(range, { breakLength: Number.POSITIVE_INFINITY })}`, async () => {
          const path = newFile(content);
          const { file, after = async () => {} } = await make(path);
          const connection = connect(newEngine().engine);
          const { stream, seen } = connection;
          stream.write('before ');
          const sent = stream.writeFile(file, range);
          stream.write(' after');
          expect(await sent).to.equal(undefined);
          await finish(connection);
          const expected = Buffer.concat([
            Buffer.from('before '),
            content.subarray(from, to),
            Buffer.from(' after'),
          ]);
          expect(seen.bytes.equals(expected)).to.equal(true);
          expect([stream.bytesWritten, stream.pendingBytes]).to.deep.equal([expected.length, 0]);
          await after();
          await closed(path);
        });
      }
    }
  });

  for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 300_000]) {
    for (const range of [{}, { length: size }]) {
      const name = `of ${size} bytes, ${'length' in range ? 'its length given' : 'its length left open'}`;

      it(`${name}: close() sends it and ends`, async () => {
        const content = pattern(size);
        const path = newFile(content);
        const connection = connect(newEngine().engine);
        const { stream, far, seen } = connection;
        const sent = stream.writeFile(path, range);
        stream.close();
        await sent;
        await seen.until(() => seen.events.includes('end'));
        expect(seen.bytes.equals(content)).to.equal(true);
        far.end();
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal(['connect', 'close']);
        await closed(path);
      });

      it(`${name}: end() sends it and ends, and onWrite has told once`, async () => {
        const content = pattern(size);
        const path = newFile(content);
        const connection = connect(newEngine().engine);
        const { stream, far, seen } = connection;
        const sent = stream.writeFile(path, range);
        stream.end();
        await sent;
        await seen.until(() => seen.events.includes('end'));
        expect(seen.bytes.equals(content)).to.equal(true);
        far.write('still read');
        far.end();
        await stream.log.until('close');
        const told = stream.log.events.filter((event) => event === 'write').length;
        // Of a file in several pieces, one may be out before the next has been read.
        if (size <= 65_536) expect(told).to.equal(1);
        expect(stream.log.events.filter((event) => event !== 'write')).to.deep.equal([
          'connect',
          'read still read',
          'end',
          'close',
        ]);
        await closed(path);
      });
    }
  }

  describe('in the queue', () => {
    it('several in a row, and bytes between them, keep their order', async () => {
      const contents = ['one', pattern(100_000), '', 'four', pattern(65_536), ''];
      const paths = contents.map(newFile);
      const connection = connect(newEngine().engine);
      const { stream, seen } = connection;
      const order: number[] = [];
      const all = paths.map((path, i) => {
        if (i % 2 === 1) stream.write(`<${i}>`);
        return stream.writeFile(path).then(() => order.push(i));
      });
      stream.write('!');
      await Promise.all(all);
      expect(order).to.deep.equal([0, 1, 2, 3, 4, 5]);
      await finish(connection);
      const expected = Buffer.concat(
        contents.flatMap((content, i) => [Buffer.from(i % 2 === 1 ? `<${i}>` : ''), Buffer.from(content)]),
      );
      expect(seen.bytes.equals(Buffer.concat([expected, Buffer.from('!')]))).to.equal(true);
      for (const path of paths) await closed(path);
    });

    it('the same file twice, and the same descriptor twice', async () => {
      const path = newFile('abc');
      const fd = openSync(path, 'r');
      const connection = connect(newEngine().engine);
      const { stream, seen } = connection;
      await Promise.all([
        stream.writeFile(path),
        stream.writeFile(fd, { offset: 1 }),
        stream.writeFile(fd),
        stream.writeFile(path, { length: 1 }),
      ]);
      await finish(connection);
      expect(seen.text).to.equal('abcbcabca');
      closeSync(fd);
    });

    it('a path is not opened before its turn', async () => {
      const path = newPath();
      const connection = connect(newEngine().engine);
      const { stream, far, seen } = connection;
      far.pause();
      stream.write(Buffer.alloc(2 * HIGH_WATER, 'x'));
      const sent = stream.writeFile(path);
      await settled();
      writeFileSync(path, 'made meanwhile');
      far.resume();
      await sent;
      await finish(connection);
      expect(seen.text.slice(2 * HIGH_WATER)).to.equal('made meanwhile');
    });

    it('is counted as far as it is known: with its length at once, without it once it is open', async () => {
      const path = newFile(pattern(100_000));
      const { stream, far } = connect(newEngine().engine);
      far.pause();
      stream.write('ab');
      void stream.writeFile(path, { length: 70_000 });
      expect([stream.pendingBytes, stream.bytesWritten]).to.deep.equal([70_002, 2]);
      expect(stream.write('c'), 'that is more than the high water mark').to.equal(false);
      void stream.writeFile(path);
      expect(stream.pendingBytes).to.equal(70_003);
      far.resume();
      await stream.log.until('write');
      while (stream.bytesWritten < 170_003) await settled();
      await settled();
      expect([stream.pendingBytes, stream.bytesWritten]).to.deep.equal([0, 170_003]);
      stream.abort();
      await settled();
    });

    it('wakes drained() when enough of it is out', async () => {
      const path = newFile(pattern(300_000));
      const { stream, far } = connect(newEngine().engine);
      far.pause();
      const sent = stream.writeFile(path, { length: 300_000 });
      let isDrained = false;
      const drained = stream.drained().then(() => {
        isDrained = true;
      });
      await settled();
      expect(isDrained).to.equal(false);
      far.resume();
      await Promise.all([sent, drained]);
      expect(stream.pendingBytes).to.be.at.most(HIGH_WATER);
      stream.abort();
      await settled();
    });

    it('wakes drained() when it could not be sent', async () => {
      const { stream } = connect(newEngine().engine, Forgiving);
      const sent = stream.writeFile('/nowhere/file', { length: 300_000 });
      expect(stream.pendingBytes).to.equal(300_000);
      await stream.drained();
      expect([stream.pendingBytes, await failure(sent)]).to.deep.equal([0, 'ENGINE_FILE_FAILED ENOENT']);
      stream.abort();
      await settled();
    });
  });

  describe('that cannot be sent', () => {
    const cases: {
      name: string;
      make: () => FileInput | Promise<FileInput>;
      range?: FileRange;
      /** Done right after the call. */
      spoil?: (file: FileInput) => void;
      code: string;
    }[] = [
      { name: 'that is missing', make: () => newPath(), code: 'ENOENT' },
      { name: 'that is missing, of length 0', make: () => newPath(), range: { length: 0 }, code: 'ENOENT' },
      {
        name: 'that is a directory',
        make: () => {
          const path = newPath();
          mkdirSync(path);
          return path;
        },
        code: 'EISDIR',
      },
      {
        name: 'that is a directory, by its descriptor',
        make: () => {
          const path = newPath();
          mkdirSync(path);
          return openSync(path, 'r');
        },
        code: 'EISDIR',
      },
      { name: 'that is a device, by its path', make: () => '/dev/zero', range: { length: 1 }, code: '' },
      // Its owner may open it, and no page of it is at 0.
      { name: 'that cannot be read', make: () => '/proc/self/mem', range: { length: 10 }, code: 'EIO' },
      { name: 'that is shorter than `length`', make: () => newFile('abc'), range: { length: 4 }, code: '' },
      { name: 'that is empty, of length 1', make: () => newFile(''), range: { length: 1 }, code: '' },
      {
        name: 'that ends before `offset`',
        make: () => newFile('abc'),
        range: { offset: 9, length: 1 },
        code: '',
      },
      {
        name: 'whose descriptor is closed before its turn',
        make: () => openSync(newFile('abc'), 'r'),
        spoil: (file) => closeSync(file as number),
        code: 'EBADF',
      },
      { name: 'whose descriptor was never open', make: () => 0x7fffffff, code: 'EBADF' },
      { name: 'whose descriptor cannot be', make: () => 2 ** 31, code: 'ERR_OUT_OF_RANGE' },
      {
        name: 'whose descriptor is for writing only',
        make: () => openSync(newPath('write-only'), 'w'),
        range: { length: 1 },
        code: 'EBADF',
      },
      {
        name: 'whose handle is closed before its turn',
        make: () => open(newFile('abc')),
        spoil: (file) => void (file as FileHandle).close(),
        code: 'EBADF',
      },
    ];
    for (const { name, make, range, spoil = () => {}, code } of cases) {
      const expected = `ENGINE_FILE_FAILED ${code}`.trim();

      it(`${name}: the default closes at once, with that reason`, async () => {
        const file = await make();
        const { engine, reports } = newEngine();
        const { stream, far, seen } = connect(engine, Strict);
        const sent = stream.writeFile(file, range);
        spoil(file);
        const later = stream.writeFile(newFile('later'));
        stream.write('never');
        const error = await sent.then(
          () => expect.fail('not rejected'),
          (reason: unknown) => reason,
        );
        expect(error)
          .to.be.instanceOf(TransportError)
          .and.include({ code: 'ENGINE_FILE_FAILED', phase: 'write' });
        expect(await failure(sent)).to.equal(expected);
        await stream.log.until('close');
        expect(await failure(later)).to.match(/^ENGINE_FILE_FAILED/);
        expect(stream.log.events.filter((event) => event !== 'write')).to.deep.equal([
          'connect',
          'write error ENGINE_FILE_FAILED',
          'close ENGINE_FILE_FAILED',
        ]);
        expect(reports.take()).to.deep.equal(['warn: Strict failed: ENGINE_FILE_FAILED']);
        expect(seen.text).not.to.include('never');
        far.abort();
        await settled();
      });

      it(`${name}: a stream that is left open goes on behind it`, async () => {
        const file = await make();
        const connection = connect(newEngine().engine, Forgiving);
        const { stream, seen } = connection;
        const sent = stream.writeFile(file, range);
        spoil(file);
        stream.write(' goes');
        const later = stream.writeFile(newFile(' on'));
        expect(await failure(sent)).to.equal(expected);
        await later;
        await finish(connection);
        expect(seen.text.replace('abc', '')).to.equal(' goes on');
        expect(stream.pendingBytes).to.equal(0);
        expect(stream.log.events.filter((event) => event.includes('error'))).to.deep.equal([
          'write error ENGINE_FILE_FAILED',
        ]);
      });

      it(`${name}: close() behind it need not wait for anything`, async () => {
        const file = await make();
        const { stream, far, seen } = connect(newEngine().engine, Forgiving);
        const sent = stream.writeFile(file, range);
        spoil(file);
        stream.close();
        expect(await failure(sent)).to.equal(expected);
        await seen.until(() => seen.events.includes('end'));
        far.end();
        await stream.log.until('close');
        expect(stream.log.events.at(-1)).to.equal('close');
      });
    }

    it('a rejection that nobody handles harms nobody', async () => {
      const end = await runChild(`
        import { Stream } from '@inseam/engine';
        import { memoryPair } from '@inseam/engine/testing';
        class Forgiving extends Stream {
          onWriteError(error) { console.log(error.code); this.abort(); }
          onClose() { console.log('closed'); }
        }
        const stream = new Forgiving().attach(memoryPair()[0]);
        stream.writeFile('/nowhere/file');
        stream.writeFile('/nowhere/other');`);
      expect(end).to.deep.equal({
        code: 0,
        signal: null,
        stdout: 'ENGINE_FILE_FAILED\nclosed\n',
        stderr: '',
      });
    });

    it('a handler that throws is reported, and the queue goes on', async () => {
      class Failing extends RecordingStream {
        override onWriteError(): unknown {
          throw new Error('handler');
        }
      }
      const { engine, reports } = newEngine();
      const connection = connect(engine, Failing);
      void connection.stream.writeFile('/nowhere/file');
      await connection.stream.writeFile(newFile('next'));
      await finish(connection);
      expect(connection.seen.text).to.equal('next');
      expect(reports.take()).to.deep.equal(['error: Failing.onWriteError threw: handler']);
    });

    it('bytes of it that were sent already stay sent', async () => {
      const content = pattern(100_000);
      const connection = connect(newEngine().engine, Forgiving);
      const sent = connection.stream.writeFile(newFile(content), { length: 100_001 });
      connection.stream.write('!');
      expect(await failure(sent)).to.equal('ENGINE_FILE_FAILED');
      await finish(connection);
      expect(connection.seen.bytes.equals(Buffer.concat([content, Buffer.from('!')]))).to.equal(true);
    });
  });

  describe('that changes while it is sent', () => {
    it('and grows is sent as long as it was at its turn', async () => {
      const content = pattern(300_000);
      const path = newFile(content);
      const connection = connect(newEngine().engine);
      const { stream, far, seen } = connection;
      far.pause();
      const sent = stream.writeFile(path);
      while (stream.bytesWritten === 0) await settled();
      appendFileSync(path, 'more');
      far.resume();
      await sent;
      await finish(connection);
      expect(seen.bytes.equals(content)).to.equal(true);
    });

    it('and shrinks is one that is too short', async () => {
      const path = newFile(pattern(300_000));
      const connection = connect(newEngine().engine, Forgiving);
      const { stream, far, seen } = connection;
      far.pause();
      const sent = stream.writeFile(path);
      while (stream.bytesWritten === 0) await settled();
      truncateSync(path, 200_000);
      far.resume();
      expect(await failure(sent)).to.equal('ENGINE_FILE_FAILED');
      await sent.catch((error: Error) => expect(error.message).to.include('the file is too short'));
      await finish(connection);
      expect(seen.length).to.equal(200_000);
    });
  });

  describe('that has no places', () => {
    itWith('mkfifo', 'a FIFO is refused by its path: nobody knows when it would be opened', async () => {
      const path = await newFifo();
      const connection = connect(newEngine().engine, Forgiving);
      expect(await failure(connection.stream.writeFile(path))).to.equal('ENGINE_FILE_FAILED');
      await finish(connection);
      expect(descriptorsOf(path)).to.equal(0);
    });

    itWith('mkfifo', 'a FIFO is sent by its handle, until its writers have closed it', async () => {
      const path = await newFifo();
      const connection = connect(newEngine().engine);
      const { stream, seen } = connection;
      // Each waits for the other.
      const [reader, writer] = await Promise.all([open(path), open(path, 'w')]);
      const sent = stream.writeFile(reader);
      stream.write('!');
      await writer.write('one ');
      await seen.until(() => seen.text === 'one ');
      await writer.write(pattern(100_000));
      await writer.close();
      await sent;
      await finish(connection);
      expect(seen.length).to.equal(4 + 100_000 + 1);
      expect(seen.text.at(-1)).to.equal('!');
      await reader.close();
    });

    itWith('mkfifo', 'a FIFO by a descriptor of its own, of `length` bytes', async () => {
      const path = await newFifo();
      // For both, so that opening it needs no other side.
      const fd = openSync(path, 'r+');
      const connection = connect(newEngine().engine);
      const { stream, seen } = connection;
      writeFileSync(fd, 'abcdef');
      await stream.writeFile(fd, { length: 4 });
      await stream.writeFile(fd, { length: 2 });
      await finish(connection);
      expect(seen.text).to.equal('abcdef');
      fstatSync(fd);
      closeSync(fd);
    });

    itWith('mkfifo', 'it cannot begin at an offset', async () => {
      const path = await newFifo();
      const fd = openSync(path, 'r+');
      writeFileSync(fd, 'abcdef');
      const connection = connect(newEngine().engine, Forgiving);
      expect(await failure(connection.stream.writeFile(fd, { offset: 2, length: 1 }))).to.equal(
        'ENGINE_FILE_FAILED',
      );
      await finish(connection);
      expect(connection.seen.text).to.equal('');
      closeSync(fd);
    });

    it('a device gives `length` bytes, by its descriptor', async () => {
      const connection = connect(newEngine().engine);
      const [zero, none] = ['/dev/zero', '/dev/null'].map((path) => openSync(path, 'r')) as [number, number];
      await connection.stream.writeFile(zero, { length: 200_000 });
      await connection.stream.writeFile(none);
      await finish(connection);
      expect(connection.seen.bytes.equals(Buffer.alloc(200_000))).to.equal(true);
      closeSync(zero);
      closeSync(none);
    });

    it('a file of /proc has no size, and is sent to its end', async () => {
      const connection = connect(newEngine().engine);
      await connection.stream.writeFile('/proc/self/limits');
      await finish(connection);
      expect(connection.seen.text).to.equal(readFileSync('/proc/self/limits', 'latin1'));
    });
  });

  describe('when the stream ends before it is sent', () => {
    const ends: Record<
      string,
      { end: (stream: RecordingStream, far: { abort(): void }) => void; code: string; last: string }
    > = {
      'close(false)': { end: (stream) => stream.close(false), code: 'ENGINE_STREAM_CLOSED', last: 'close' },
      'abort()': { end: (stream) => stream.abort(), code: 'ENGINE_STREAM_CLOSED', last: 'close' },
      'abort(reason)': {
        end: (stream) => stream.abort(new UsageError('MINE', 'mine')),
        code: 'MINE',
        last: 'close MINE',
      },
      'a lost connection': {
        end: (_, far) => far.abort(),
        code: 'ENGINE_CONNECTION_LOST',
        last: 'close ENGINE_CONNECTION_LOST',
      },
    };
    for (const [name, { end, code, last }] of Object.entries(ends)) {
      it(`by ${name}, while it waits for its turn`, async () => {
        const path = newFile('abc');
        const { stream, far } = connect(newEngine().engine);
        far.pause();
        stream.write(Buffer.alloc(2 * HIGH_WATER));
        const sent = [stream.writeFile(path), stream.writeFile(path)];
        await settled();
        end(stream, far);
        for (const one of sent) expect((await failure(one)).split(' ')[0]).to.equal(code);
        await stream.log.until('close');
        expect(stream.log.events).to.deep.equal(['connect', last]);
        expect(descriptorsOf(path)).to.equal(0);
      });

      it(`by ${name}, while it is opened`, async () => {
        const path = newFile(pattern(300_000));
        const { stream, far } = connect(newEngine().engine);
        const sent = [stream.writeFile(path), stream.writeFile(path)];
        stream.flush();
        end(stream, far);
        for (const one of sent) expect((await failure(one)).split(' ')[0]).to.equal(code);
        await stream.log.until('close');
        await closed(path);
        expect(stream.log.events).to.deep.equal(['connect', last]);
      });

      it(`by ${name}, while the peer takes no more of it`, async () => {
        const path = newFile(pattern(300_000));
        const { stream, far } = connect(newEngine().engine);
        far.pause();
        const sent = [stream.writeFile(path), stream.writeFile(path)];
        while (stream.bytesWritten < 65_536) await settled();
        await settled();
        expect(descriptorsOf(path)).to.equal(1);
        end(stream, far);
        for (const one of sent) expect((await failure(one)).split(' ')[0]).to.equal(code);
        await stream.log.until('close');
        await closed(path);
        expect(stream.log.events).to.deep.equal(['connect', last]);
      });
    }

    it('its descriptor is closed once: by then the number may be somebody else’s', async () => {
      const path = newFile(pattern(300_000));
      const { stream, far } = connect(newEngine().engine);
      const sent = stream.writeFile(path);
      stream.flush();
      // Opened, and being read for the second time.
      while (stream.bytesWritten === 0) await settled();
      far.pause();
      stream.abort();
      // Time for a thread to close it before the reading one is back, were there such a thing.
      for (let i = 0; i < 100 && descriptorsOf(path) > 0; i++);
      const others = Array.from({ length: 4 }, () => openSync('/dev/null', 'r'));
      expect(await failure(sent)).to.equal('ENGINE_STREAM_CLOSED');
      await closed(path);
      await stat(path);
      for (const other of others) closeSync(other);
    });

    it('nothing of it waits any more', async () => {
      const { stream } = connect(newEngine().engine);
      const sent = stream.writeFile(newFile('abc'), { length: 100_000 });
      const drained = stream.drained();
      stream.abort();
      expect(stream.pendingBytes).to.equal(0);
      await drained;
      expect(await failure(sent)).to.equal('ENGINE_STREAM_CLOSED');
    });

    it('a handle and a descriptor stay open', async () => {
      const path = newFile(pattern(300_000));
      const handle = await open(path);
      const fd = openSync(path, 'r');
      const { stream } = connect(newEngine().engine);
      const sent = [stream.writeFile(handle), stream.writeFile(fd)];
      stream.flush();
      stream.abort();
      for (const one of sent) await failure(one);
      await handle.stat();
      fstatSync(fd);
      await handle.close();
      closeSync(fd);
    });

    it('close() gives the peer its time, and then what is left is given up', async () => {
      const { engine, clock } = newEngine();
      const path = newFile(pattern(300_000));
      const { stream, far } = connect(engine);
      far.pause();
      const sent = stream.writeFile(path);
      stream.close();
      while (stream.bytesWritten < 65_536) await settled();
      await settled();
      clock.advance(ENGINE_LIMITS.closeTimeoutMs + ENGINE_LIMITS.sweepMs);
      expect(await failure(sent)).to.equal('ENGINE_CLOSE_TIMEOUT');
      await stream.log.until('close');
      expect(stream.log.events).to.deep.equal(['connect', 'close ENGINE_CLOSE_TIMEOUT']);
      await closed(path);
    });
  });

  describe('is refused', () => {
    const badFiles: [string, unknown][] = [
      ['an empty path', ''],
      ['a path with NUL', '/tmp/a\0b'],
      ['a descriptor below 0', -1],
      ['a broken descriptor', 1.5],
      ['NaN', Number.NaN],
      ['null', null],
      ['undefined', undefined],
      ['a Buffer', Buffer.from('/etc/hostname')],
      ['a URL', new URL('file:///etc/hostname')],
      ['an object without a descriptor', {}],
      ['a bigint', 3n],
    ];
    for (const [name, file] of badFiles) {
      it(`when it is ${name}`, async () => {
        const { stream } = connect(newEngine().engine);
        expect(() => stream.writeFile(file as FileInput))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_FILE');
        expect(stream.pendingBytes).to.equal(0);
        stream.abort();
        await settled();
      });
    }

    it('when it is a handle that is closed', async () => {
      const handle = await open(newFile('x'));
      await handle.close();
      const { stream } = connect(newEngine().engine);
      expect(() => stream.writeFile(handle))
        .to.throw(UsageError, 'a closed handle')
        .with.property('code', 'ENGINE_FILE');
      stream.abort();
      await settled();
    });

    const badRanges: [string, unknown, string][] = [
      ['an offset below 0', { offset: -1 }, 'ENGINE_FILE'],
      ['a broken offset', { offset: 0.5 }, 'ENGINE_FILE'],
      ['an offset as text', { offset: '0' }, 'ENGINE_FILE'],
      ['an offset of null', { offset: null }, 'ENGINE_FILE'],
      ['an offset too large to be exact', { offset: 2 ** 53 }, 'ENGINE_FILE'],
      ['an offset NaN', { offset: Number.NaN }, 'ENGINE_FILE'],
      ['an offset of a bigint', { offset: 1n }, 'ENGINE_FILE'],
      ['a length below 0', { length: -1 }, 'ENGINE_FILE'],
      ['a broken length', { length: 1.5 }, 'ENGINE_FILE'],
      ['a length of Infinity', { length: Number.POSITIVE_INFINITY }, 'ENGINE_FILE'],
      ['a length as text', { length: '1' }, 'ENGINE_FILE'],
      ['an unknown name', { start: 1 }, 'ENGINE_OPTION'],
      ['a number', 5, 'ENGINE_OPTION'],
      ['null', null, 'ENGINE_OPTION'],
    ];
    for (const [name, range, code] of badRanges) {
      it(`with ${name} as its range`, async () => {
        const { stream } = connect(newEngine().engine);
        expect(() => stream.writeFile('/etc/hostname', range as FileRange))
          .to.throw(UsageError)
          .with.property('code', code);
        stream.abort();
        await settled();
      });
    }

    it('before onConnect, after end() and after close()', async () => {
      const path = newFile('x');
      const idle = new Stream({ engine: newEngine().engine });
      expect(() => idle.writeFile(path))
        .to.throw(UsageError)
        .with.property('code', 'ENGINE_NOT_CONNECTED');
      idle.attach(memoryPair()[0]);
      idle.end();
      for (const shut of [() => {}, () => idle.close(), () => idle.abort()]) {
        shut();
        expect(() => idle.writeFile(path))
          .to.throw(UsageError)
          .with.property('code', 'ENGINE_STREAM_CLOSED');
      }
      await settled();
      expect(descriptorsOf(path)).to.equal(0);
    });

    it('by a rejection when the peer has gone', async () => {
      const path = newFile('x');
      const { stream, far } = connect(newEngine().engine);
      far.abort();
      await settled();
      expect(await failure(stream.writeFile(path))).to.match(/^ENGINE_CONNECTION_LOST/);
      expect(descriptorsOf(path)).to.equal(0);
    });
  });

  describe('of 100 MiB', () => {
    const SIZE = 100 << 20;
    const path = newPath('large');
    before(() => {
      writeFileSync(path, '');
      truncateSync(path, SIZE);
    });

    it('to a peer that reads a little at a time is never in memory', async () => {
      const { stream, near, far, seen } = connect(newEngine().engine);
      let length = 0;
      let most = 0;
      seen.onChunk = (chunk) => {
        length += chunk.length;
        most = Math.max(most, near.pendingBytes);
        far.pause();
        setImmediate(() => far.resume());
      };
      await stream.writeFile(path);
      while (length < SIZE) await settled();
      expect(length).to.equal(SIZE);
      expect(most).to.be.at.most(2 * HIGH_WATER);
      stream.abort();
      await settled();
      await closed(path);
    });

    it('to a peer that does not read is read no further than 128 KiB', async () => {
      const { stream, near, far } = connect(newEngine().engine);
      far.pause();
      void stream.writeFile(path);
      while (stream.bytesWritten < HIGH_WATER) await settled();
      // The threads that read files would have read more meanwhile.
      for (let i = 0; i < 8; i++) await stat(path);
      expect(stream.bytesWritten).to.be.at.most(2 * HIGH_WATER);
      expect(near.pendingBytes).to.be.at.most(2 * HIGH_WATER);
      expect(stream.pendingBytes, 'all of it waits').to.equal(SIZE);
      stream.abort();
      await settled();
      await closed(path);
    });

    it('over TCP', async () => {
      const { engine, reports } = systemEngine();
      class Sends extends RecordingStream {
        override onConnect(): unknown {
          void this.writeFile(path).then(() => this.log.add('sent'));
          this.write('done');
          this.close();
          return undefined;
        }
      }
      const server = await new Server({ engine, ConnectionClass: Sends }).listen(['127.0.0.1', 0]);
      const client = netConnect(toNet(server.localAddress));
      let length = 0;
      let tail = Buffer.alloc(0);
      let most = 0;
      client.on('data', (chunk: Buffer) => {
        length += chunk.length;
        tail = Buffer.concat([tail, chunk]).subarray(-4);
        for (const stream of server.channels) most = Math.max(most, stream.bytesWritten - length);
      });
      await once(client, 'end');
      expect([length, tail.toString()]).to.deep.equal([SIZE + 4, 'done']);
      // What the system's own buffers hold is beyond what is counted here.
      expect(most).to.be.below(32 << 20);
      client.end();
      await engine.stop();
      expect(engine.stats().bytesWritten).to.equal(SIZE + 4);
      expect(reports.take()).to.deep.equal([]);
      await closed(path);
    });
  });

  it('of a module of this repository is sent as it is', async () => {
    const path = new URL(import.meta.url).pathname;
    const connection = connect(newEngine().engine);
    await connection.stream.writeFile(path);
    await finish(connection);
    expect(connection.seen.bytes.equals(readFileSync(path))).to.equal(true);
  });
});
