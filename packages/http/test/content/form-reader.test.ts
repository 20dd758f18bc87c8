import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import v8 from 'node:v8';
import vm from 'node:vm';
import { HTTP_LIMITS, type HTTPLimits, TempStore } from '@inseam/http';
import { expect } from 'chai';
import type { Form } from '#http/content/form.js';
import { FormReader } from '#http/content/form-reader.js';
import { BOUNDARY, multipart } from '../support/multipart.js';
import { eventually } from '../support/upload-place.js';

const MIB = 1 << 20;

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

const CONTENT_TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** A disk that writes nothing until it is opened, and counts what it is given at a time. */
class CountingStore extends TempStore {
  readonly pieces: number[] = [];
  open = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  override async create() {
    const made = await super.create();
    const writev = made.handle.writev.bind(made.handle);
    made.handle.writev = async (buffers) => {
      this.pieces.push(buffers.length);
      await this.#opened;
      return writev(buffers);
    };
    return made;
  }
}

describe('content: FormReader', () => {
  let place = '';
  let store: CountingStore;
  let forms: Form[] = [];
  const told: string[] = [];

  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'inseam-test-'));
    store = new CountingStore(place);
    forms = [];
    told.length = 0;
  });
  afterEach(async () => {
    for (const { files } of forms) for (const file of Object.values(files).flat()) file.remove();
    await eventually(() => files().length === 0);
    rmSync(place, { recursive: true, force: true });
  });

  const files = () => readdirSync(place, { recursive: true }).filter((name) => String(name).includes('/'));

  function make(limits: Partial<HTTPLimits> = {}): FormReader {
    return new FormReader(
      { contentType: CONTENT_TYPE, limits: { ...HTTP_LIMITS, ...limits }, maxFieldBytes: MIB, store },
      {
        onForm: (form) => {
          forms.push(form);
          told.push('form');
        },
        onFormError: (error) => told.push((error as NodeJS.ErrnoException).code ?? error.message),
        onRoom: () => told.push('room'),
      },
    );
  }

  /** Pushes all of it, each piece from one buffer that changes afterwards; answers how many pieces were too many. */
  function pushAll(reader: FormReader, bytes: Buffer, size: number): number {
    const chunk = Buffer.alloc(size);
    let full = 0;
    for (let at = 0; at < bytes.length; at += size) {
      const length = bytes.copy(chunk, 0, at, at + size);
      if (!reader.push(chunk.subarray(0, length))) full++;
      chunk.fill(0);
    }
    return full;
  }

  it('keeps nothing of a piece, which is the connection’s again when it has been pushed', async () => {
    store.open();
    const content = Buffer.alloc(3 * MIB);
    for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
    for (const size of [100, 65_536, 10 * MIB]) {
      const reader = make();
      pushAll(
        reader,
        multipart([
          { name: 'a', content: 'field' },
          { name: 'b', filename: 'n', content },
        ]),
        size,
      );
      reader.end();
      await eventually(() => told.includes('form'));
      told.length = 0;
      const form = forms.at(-1);
      expect(form?.fields.get('a')).to.equal('field');
      expect(Buffer.compare((await form?.files.b?.[0]?.bytes()) as Buffer, content)).to.equal(0);
    }
  });

  for (const [where, fileMemoryBytes] of [
    ['the disk', 1],
    ['the rest of a file in memory', 10 * MIB],
  ] as const) {
    it(`a piece that waits for ${where} is not written over by a later one`, async () => {
      const reader = make({ fileMemoryBytes });
      const content = Buffer.alloc(4 * MIB);
      for (let at = 0; at < content.length; at += 4) content.writeUInt32LE(at, at);
      const form = multipart([{ name: 'b', filename: 'n', content }]);
      for (let at = 0; at < form.length; at += 65_536) {
        if (!reader.push(form.subarray(at, at + 65_536))) {
          store.open();
          await eventually(() => told.length > 0);
          told.length = 0;
        }
        // Memory is looked for that can be used again.
        for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
      }
      reader.end();
      await eventually(() => told.includes('form'));
      const [file] = forms[0]?.files.b ?? [];
      expect(Buffer.compare((await file?.bytes()) as Buffer, content)).to.equal(0);
    });
  }

  it('is full when more than 1 MiB waits for the disk, and says once when there is room', async () => {
    const reader = make();
    const form = multipart([{ name: 'a', filename: 'n', content: Buffer.alloc(3 * MIB) }]);
    const push = (start: number, end?: number) => reader.push(form.subarray(start, end));
    expect(push(0, 65_536)).to.equal(true);
    expect(push(65_536, MIB)).to.equal(true);
    expect(push(MIB, MIB + 20_000)).to.equal(false);
    expect(push(MIB + 20_000, 2 * MIB), 'a piece more than asked for').to.equal(false);
    await eventually(() => store.pieces.length > 0);
    expect(told).to.deep.equal([]);
    store.open();
    await eventually(() => told.length > 0);
    expect(told).to.deep.equal(['room']);
    expect(push(2 * MIB, 2 * MIB + 1_000)).to.equal(true);
    push(2 * MIB + 1_000);
    reader.end();
    await eventually(() => told.includes('form'));
    expect(forms[0]?.files.a?.[0]?.size).to.equal(3 * MIB);
  });

  it('says nothing more when it was told that the rest will not come', async () => {
    const reader = make();
    const form = multipart([{ name: 'a', filename: 'n', content: Buffer.alloc(3 * MIB) }]);
    expect(pushAll(reader, form, 65_536)).to.be.above(0);
    await eventually(() => store.pieces.length > 0);
    reader.fail();
    reader.fail();
    store.open();
    expect(reader.push(form), 'and takes what comes all the same').to.equal(true);
    reader.end();
    await eventually(() => files().length === 0);
    expect(told).to.deep.equal([]);
  });

  it('says nothing more when it was told so while the last file is written', async () => {
    const reader = make();
    pushAll(reader, multipart([{ name: 'a', filename: 'n', content: Buffer.alloc(MIB) }]), 65_536);
    reader.end();
    await eventually(() => store.pieces.length > 0);
    reader.fail();
    store.open();
    await eventually(() => files().length === 0);
    expect(told).to.deep.equal([]);
  });

  it('tells of the first mistake only, also when it is found in the middle of a piece', async () => {
    const reader = make({ maxFields: 1 });
    const form = multipart(Array.from({ length: 2_000 }, () => ({ name: 'a', filename: '', content: '' })));
    pushAll(
      reader,
      Buffer.concat([multipart([{ name: 'a' }, { name: 'a' }]).subarray(0, -40), form]),
      65_536,
    );
    reader.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.deep.equal(['HTTP_FORM_TOO_LARGE']);
  });

  for (const [name, form] of [
    ['a field that is too long', multipart([{ name: 'a' }]).subarray(0, -40)],
    ['what stands before the first boundary', Buffer.from('nothing of a form')],
    ['what stands behind the last one', multipart([{ name: 'a', content: '1' }])],
    ['a part that is not of the form', multipart([{ lines: ['X: y'] }]).subarray(0, -40)],
  ] as const) {
    for (const size of [1_000, 65_536]) {
      it(`keeps nothing of ${name}, in pieces of ${size}`, async () => {
        const reader = make();
        reader.push(form);
        const piece = Buffer.alloc(size, 'v');
        collectGarbage();
        const before = process.memoryUsage().arrayBuffers;
        for (let pushed = 0; pushed < 20 * MIB; pushed += size) {
          expect(reader.push(piece)).to.equal(true);
          if (pushed % MIB < size) await new Promise((resolve) => setImmediate(resolve));
        }
        collectGarbage();
        await new Promise((resolve) => setImmediate(resolve));
        collectGarbage();
        expect((process.memoryUsage().arrayBuffers - before) / MIB, 'kept, in MiB').to.be.below(4);
        reader.fail();
      });
    }
  }

  for (const [name, content, pieceBytes] of [
    ['what comes in pieces of ten bytes', Buffer.alloc(2 * MIB, 'x'), 10],
    [
      'what looks like the beginning of a boundary again and again',
      Buffer.alloc(10 * MIB, `\r\n--${BOUNDARY.slice(0, -1)}`),
      65_536,
    ],
    ['nothing but carriage returns', Buffer.alloc(2 * MIB, '\r'), 1_000],
  ] as const) {
    it(`writes few and large pieces of ${name}`, async () => {
      store.open();
      const reader = make();
      pushAll(reader, multipart([{ name: 'a', filename: 'n', content }]), pieceBytes);
      reader.end();
      await eventually(() => told.includes('form'));
      const pieces = store.pieces.reduce((sum, count) => sum + count, 0);
      // Each 16 KiB that are parsed end in one that may be the beginning of a boundary, which is a piece of its own.
      expect(pieces).to.be.at.most((2 * content.length) / 16_384 + 2);
    });
  }
});
