import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HTTPServer, TempStore } from '@inseam/http';
import { expect } from 'chai';
import { FileIntake } from '#http/content/file-intake.js';
import { eventually } from '../support/upload-place.js';

type Handle = Awaited<ReturnType<HTTPServer['tempStore']['create']>>['handle'];

const BATCH = 262_144;

describe('content: FileIntake', () => {
  let place = '';
  const told: (Error | null)[] = [];

  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'inseam-test-'));
    told.length = 0;
  });
  afterEach(() => rmSync(place, { recursive: true, force: true }));

  const files = () => readdirSync(place, { recursive: true }).filter((name) => String(name).includes('/'));

  /** An intake on a disk whose handles are first given to `change`. */
  function make(memoryBytes: number, change: (handle: Handle) => void = () => {}): FileIntake {
    class Store extends TempStore {
      override async create() {
        const made = await super.create();
        change(made.handle);
        return made;
      }
    }
    return new FileIntake(new Store(place), memoryBytes, (_, error) => told.push(error));
  }

  it('keeps what fits in memory, and touches no disk', async () => {
    const intake = make(5);
    for (const text of ['he', '', 'llo']) intake.push(Buffer.from(text));
    expect([intake.size, intake.waiting]).to.deep.equal([5, 0]);
    expect(await intake.finish()).to.deep.equal(Buffer.from('hello'));
    expect(readdirSync(place)).to.deep.equal([]);
    expect(await make(5).finish()).to.deep.equal(Buffer.alloc(0));
  });

  it('writes what is longer when it is complete or much, and tells what waits meanwhile', async () => {
    const intake = make(5);
    intake.push(Buffer.alloc(6, 'a'));
    expect([intake.size, intake.waiting]).to.deep.equal([6, 6]);
    intake.push(Buffer.alloc(BATCH - 7, 'b'));
    expect(readdirSync(place)).to.deep.equal([]);
    intake.push(Buffer.from('c'));
    intake.push(Buffer.alloc(BATCH, 'd'));
    intake.push(Buffer.from('e'));
    expect(intake.waiting).to.equal(2 * BATCH + 1);
    await eventually(() => intake.waiting < BATCH);
    expect(told).to.not.have.length(0);
    const path = await intake.finish();
    expect([intake.size, intake.waiting]).to.deep.equal([2 * BATCH + 1, 0]);
    expect(readFileSync(path as string, 'latin1')).to.equal(
      `aaaaaa${'b'.repeat(BATCH - 7)}c${'d'.repeat(BATCH)}e`,
    );
    expect(files()).to.have.length(1);
    expect(told.every((error) => error === null)).to.equal(true);
  });

  it('waits for nothing that is still to be written when it finishes', async () => {
    const intake = make(0);
    intake.push(Buffer.alloc(BATCH, 'a'));
    const finished = intake.finish();
    expect(readFileSync((await finished) as string)).to.have.length(BATCH);
  });

  it('writes on where the system has taken less than it was given', async () => {
    const intake = make(0, (handle) => {
      const write = handle.write.bind(handle);
      handle.writev = async (buffers) => {
        const all = Buffer.concat(buffers as readonly Uint8Array[]);
        const { bytesWritten } = await write(all, 0, 3);
        return { bytesWritten, buffers };
      };
      handle.write = (async (bytes: Buffer) =>
        write(bytes, 0, Math.min(100_000, bytes.length))) as typeof handle.write;
    });
    const content = Buffer.from(Array.from({ length: BATCH }, (_, i) => i * 7));
    intake.push(content.subarray(0, 10));
    intake.push(content.subarray(10));
    expect(Buffer.compare(readFileSync((await intake.finish()) as string), content)).to.equal(0);
  });

  it('is told of a disk that failed, once, and so is who waits for the end', async () => {
    const full = new Error('full');
    const intake = make(0, (handle) => {
      handle.writev = () => Promise.reject(full);
    });
    intake.push(Buffer.alloc(BATCH));
    intake.push(Buffer.alloc(BATCH));
    await eventually(() => told.length > 0);
    intake.push(Buffer.alloc(BATCH));
    expect(await intake.finish().catch((error: unknown) => error)).to.equal(full);
    await intake.abort();
    expect(told).to.deep.equal([full]);
    expect(files()).to.deep.equal([]);
  });

  const stages: { name: string; until: (intake: FileIntake) => Promise<unknown> | undefined }[] = [
    { name: 'before a file is made', until: () => undefined },
    { name: 'while it is made', until: (intake) => void intake.push(Buffer.alloc(BATCH)) as undefined },
    {
      name: 'while it is written',
      until: async (intake) => {
        intake.push(Buffer.alloc(BATCH));
        await eventually(() => files().length === 1);
        intake.push(Buffer.alloc(BATCH));
      },
    },
    {
      name: 'when nothing is to be written just now',
      until: async (intake) => {
        intake.push(Buffer.alloc(BATCH));
        await eventually(() => intake.waiting === 0 && told.length === 1);
        intake.push(Buffer.alloc(10));
      },
    },
    {
      name: 'while it is finished',
      until: async (intake) => {
        intake.push(Buffer.alloc(BATCH + 1));
        intake.finish().catch(() => {});
        await Promise.resolve();
      },
    },
    {
      name: 'when it is finished',
      until: async (intake) => {
        intake.push(Buffer.alloc(BATCH + 1));
        await intake.finish();
      },
    },
  ];
  for (const { name, until } of stages) {
    it(`leaves nothing when it is given up ${name}`, async () => {
      const handles: Handle[] = [];
      const intake = make(0, (handle) => handles.push(handle));
      await until(intake);
      const tells = told.length;
      await intake.abort();
      intake.push(Buffer.alloc(BATCH));
      await eventually(() => handles.every(({ fd }) => fd === -1) && files().length === 0);
      expect(intake.waiting).to.equal(0);
      expect(told.length - tells, 'nobody is told any more').to.be.at.most(0);
    });
  }
});
