import { closeSync, openSync, renameSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { ENGINE_LIMITS, type FileInput } from '@inseam/engine';
import { expect } from 'chai';
import { failure, temporaryPaths } from './support/echo-server.js';
import { connect } from './support/memory-connection.js';
import { RecordingStream } from './support/recording-stream.js';
import { settled, testEngines } from './support/test-engine.js';

/** Hears of a file that could not be sent, and goes on. */
class Forgiving extends RecordingStream {
  override onWriteError(): unknown {
    return undefined;
  }
}

describe('Stream, a file that must not change', () => {
  const connections: ReturnType<typeof connect>[] = [];
  afterEach(async () => {
    for (const { stream } of connections.splice(0)) stream.abort();
    await settled();
  });
  const newEngine = testEngines();
  const newConnection = () => {
    const connection = connect(newEngine().engine, Forgiving);
    connections.push(connection);
    return connection;
  };
  const newPath = temporaryPaths();

  function newFile(size: number): string {
    const path = newPath();
    writeFileSync(path, Buffer.alloc(size, 'a'));
    return path;
  }

  const ways: Record<string, (path: string) => Promise<{ file: FileInput; close: () => unknown }>> = {
    'a path': async (path) => ({ file: path, close: () => {} }),
    'a descriptor': async (path) => {
      const file = openSync(path, 'r');
      return { file, close: () => closeSync(file) };
    },
    'a FileHandle': async (path) => {
      const file = await open(path);
      return { file, close: () => file.close() };
    },
  };
  for (const [name, make] of Object.entries(ways)) {
    it(`${name}: is sent to its end, or as far as was said`, async () => {
      const path = newFile(150_000);
      const { file, close } = await make(path);
      const { stream, seen } = newConnection();
      const stats = statSync(path);
      await stream.writeFile(file, { stats });
      await stream.writeFile(file, { stats, offset: 149_990 });
      await stream.writeFile(file, { stats, offset: 5, length: 70_000 });
      await stream.writeFile(file, { stats, offset: 150_000 });
      await stream.writeFile(file, { stats, offset: 150_001 });
      await stream.writeFile(file, { stats, length: 0 });
      await settled();
      expect(seen.bytes.length).to.equal(150_000 + 10 + 70_000);
      await close();
    });

    it(`${name}: is not begun when it was changed before`, async () => {
      const path = newFile(10);
      const { file, close } = await make(path);
      const { stream, seen } = newConnection();
      const stats = statSync(path);
      utimesSync(path, 1, 1);
      expect(await failure(stream.writeFile(file, { stats }))).to.equal('ENGINE_FILE_FAILED');
      expect(seen.bytes.length).to.equal(0);
      await close();
    });

    it(`${name}: is not finished when it was changed on the way`, async () => {
      const size = 4 * ENGINE_LIMITS.highWaterMark;
      const path = newFile(size);
      const { file, close } = await make(path);
      const { stream, far, seen } = newConnection();
      far.pause();
      const sent = failure(stream.writeFile(file, { stats: statSync(path) }));
      while (stream.bytesWritten === 0) await settled();
      utimesSync(path, 1, 1);
      far.resume();
      expect(await sent).to.equal('ENGINE_FILE_FAILED');
      expect(seen.bytes.length).to.be.below(size);
      await close();
    });
  }

  for (const field of ['dev', 'ino', 'size', 'mtimeMs'] as const) {
    it(`a file of another ${field} is another file`, async () => {
      const path = newFile(10);
      const { stream } = newConnection();
      const { dev, ino, size, mtimeMs } = statSync(path);
      const stats = { dev, ino, size, mtimeMs, [field]: { dev, ino, size, mtimeMs }[field] + 1 };
      const error = await stream.writeFile(path, { stats }).catch((cause: Error) => cause);
      expect(error?.cause).to.have.property('message', 'the file has changed');
    });
  }

  it('a file that was replaced before its turn is not sent', async () => {
    const path = newFile(10);
    const other = newFile(10);
    const stats = statSync(path);
    utimesSync(other, stats.atimeMs / 1000, stats.mtimeMs / 1000);
    const { stream, far, seen } = newConnection();
    far.pause();
    stream.write(Buffer.alloc(2 * ENGINE_LIMITS.highWaterMark));
    const sent = failure(stream.writeFile(path, { stats }));
    renameSync(other, path);
    far.resume();
    await sent;
    expect(seen.bytes.includes('a')).to.equal(false);
  });

  it('without such a wish a file may grow', async () => {
    const path = newFile(3 * ENGINE_LIMITS.highWaterMark);
    const { stream, far } = newConnection();
    far.pause();
    const sent = stream.writeFile(path);
    while (stream.bytesWritten === 0) await settled();
    truncateSync(path, 4 * ENGINE_LIMITS.highWaterMark);
    far.resume();
    await sent;
  });
});
