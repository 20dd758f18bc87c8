/**
 * Reads a multipart form (RFC 7578) as it comes: fields into memory, files into FileIntakes. The grammar is `busboy`'s; the
 * limits are ours, since it counts some of them one off and others not at all.
 */
import type { Readable } from 'node:stream';
import busboy, { type Busboy, type FieldInfo, type FileInfo } from 'busboy';
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import { ContentBuffer } from '../protocol/content-buffer.js';
import { BlockPool } from './block-pool.js';
import type { ContentSink } from './content-sink.js';
import { FileIntake } from './file-intake.js';
import { type Form, requireFieldSize } from './form.js';
import type { TempStore } from './temp-store.js';
import { UploadedFile } from './uploaded-file.js';

/** Bytes parsed at once: of a client that sends them one by one, each would be an object and a block of its own. */
const FEW_BYTES = 16_384;
/** Bytes on their way to the disk at which the client is made to wait. */
const MOST_WAITING = 1_048_576;
/** And at which it may go on. */
const FEW_WAITING = 262_144;

/** What the reader tells; each call is the last one but for `onRoom`. */
export interface FormReaderSink {
  onForm(form: Form): void;
  /** HTTPProtocolError for the client's mistakes, the system's error for a disk that failed. */
  onFormError(error: Error): void;
  /** More can be pushed again. */
  onRoom(): void;
}

export interface FormReaderOptions {
  readonly contentType: string;
  readonly limits: HTTPLimits;
  /** The bytes of all fields together. */
  readonly maxFieldBytes: number;
  readonly store: TempStore;
}

export class FormReader implements ContentSink {
  readonly #options: FormReaderOptions;
  readonly #sink: FormReaderSink;
  readonly #parser: Busboy;
  /** Small pieces, until they are many. */
  readonly #unparsed = new ContentBuffer();
  readonly #intakes: FileIntake[] = [];
  readonly #files: Promise<UploadedFile | null>[] = [];
  readonly #fields = new URLSearchParams();
  readonly #blocks = new BlockPool();
  #openFile: Readable | null = null;
  #isLookingBack = false;
  #fieldCount = 0;
  #fieldBytes = 0;
  #isFull = false;
  #isOver = false;

  /** Throws HTTPProtocolError (400) for a content type without a boundary. */
  constructor(options: FormReaderOptions, sink: FormReaderSink) {
    this.#options = options;
    this.#sink = sink;
    this.#parser = this.#makeParser();
    this.#parser.on('field', (name, value, info) => this.#guard(() => this.#onField(name, value, info)));
    this.#parser.on('file', (name, stream, info) => this.#guard(() => this.#onFile(name, stream, info)));
    this.#parser.on('partsLimit', () => this.#fail(httpError('HTTP_FORM_TOO_LARGE', 'maxFields')));
    this.#parser.on('error', (error) => this.#fail(httpError('HTTP_FORM', (error as Error).message)));
    this.#parser.on('finish', () => this.#finish());
    this.#parser.on('drain', () => this.#onRoom());
  }

  push(piece: Buffer): boolean {
    if (this.#isOver) return true;
    if (this.#unparsed.length === 0 && piece.length >= FEW_BYTES) this.#parser.write(this.#copy(piece));
    else {
      this.#unparsed.push(piece, 2 * FEW_BYTES);
      // To count what waits costs a look at each file, too much for a byte.
      if (this.#unparsed.length < FEW_BYTES) return !this.#isFull;
      this.#parser.write(this.#unparsed.take());
    }
    this.#lookBack();
    this.#isFull = this.#waiting > MOST_WAITING;
    return !this.#isFull;
  }

  /** The piece is the connection's; what busboy makes of it lives until it is on the disk. The pool is for what goes there. */
  #copy(piece: Buffer): Buffer {
    return this.#openFile === null ? Buffer.from(piece) : this.#blocks.copy(piece);
  }

  end(): void {
    if (!this.#isOver) this.#parser.end(this.#unparsed.take());
  }

  fail(): void {
    this.#abandon();
  }

  /** Bytes that are held until they are parsed or written. */
  get #waiting(): number {
    let bytes = this.#parser.writableLength;
    for (const intake of this.#intakes) bytes += intake.waiting;
    return bytes;
  }

  /**
   * Once busboy is done with what it was given, that memory can be used again. It does not say when; but while a file is
   * open it keeps no field, and of the file nothing once its stream has spoken. Both are so when a turn of the event
   * loop is over and the file is still open.
   */
  #lookBack(): void {
    if (this.#isLookingBack) return;
    this.#isLookingBack = true;
    setImmediate(() => {
      this.#isLookingBack = false;
      const isDone = this.#parser.writableLength === 0 && this.#openFile?.readableLength === 0;
      if (isDone) this.#blocks.recycle();
    });
  }

  #makeParser(): Busboy {
    const { contentType, limits, maxFieldBytes } = this.#options;
    try {
      return busboy({
        headers: { 'content-type': contentType },
        highWaterMark: FEW_WAITING,
        defParamCharset: 'utf8',
        preservePath: true,
        limits: {
          // One more than is allowed, so that the last byte that is allowed is not taken for too many.
          fieldSize: Math.min(limits.maxFieldBytes, maxFieldBytes) + 1,
          parts: limits.maxFields + limits.maxFiles + 1,
        },
      });
    } catch (error) {
      throw httpError('HTTP_FORM', (error as Error).message);
    }
  }

  #onField(name: string | undefined, value: string | undefined, { valueTruncated }: FieldInfo): void {
    const { limits, maxFieldBytes } = this.#options;
    // RFC 7578 §4.2: each part has a name; and busboy has no value for a charset that it does not know.
    if (name === undefined) throw httpError('HTTP_FORM', 'a part has no name');
    if (value === undefined) throw httpError('HTTP_FORM', 'an unknown charset');
    requireFieldSize(name, value, limits);
    this.#fieldBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    if (valueTruncated) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFieldBytes');
    if (++this.#fieldCount > limits.maxFields) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFields');
    if (this.#fieldBytes > maxFieldBytes) throw httpError('HTTP_FORM_TOO_LARGE', 'maxRequest');
    this.#fields.append(name, value);
  }

  #onFile(name: string | undefined, stream: Readable, { filename, mimeType }: FileInfo): void {
    const { limits, store } = this.#options;
    // What remains of a file that is not wanted any more must be read all the same.
    stream.on('error', () => {});
    stream.resume();
    if (name === undefined) throw httpError('HTTP_FORM', 'a part has no name');
    requireFieldSize(name, '', limits);
    if (this.#files.length >= limits.maxFiles) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFiles');
    const intake = new FileIntake(store, limits.fileMemoryBytes, (pieces, error) => {
      for (const piece of pieces) this.#blocks.release(piece);
      if (error === null) this.#onRoom();
      else this.#fail(error);
    });
    this.#intakes.push(intake);
    this.#openFile = stream;
    stream.on('end', () => {
      if (this.#openFile === stream) this.#openFile = null;
    });
    stream.on('data', (piece: Buffer) => {
      this.#blocks.hold(piece);
      intake.push(piece);
      if (intake.size > limits.maxFileBytes) this.#fail(httpError('HTTP_FORM_TOO_LARGE', 'maxFileBytes'));
    });
    const file = new Promise<void>((resolve) => stream.on('end', resolve)).then(async () => {
      const content = await intake.finish();
      const label = fileLabel(filename);
      // What a browser sends for a file input that was left empty.
      if (label === '' && intake.size === 0) return null;
      return new UploadedFile({
        field: name,
        filename: label,
        contentType: mimeType,
        size: intake.size,
        content,
      });
    });
    file.catch(() => {});
    this.#files.push(file);
  }

  #onRoom(): void {
    if (!this.#isFull || this.#isOver || this.#waiting > FEW_WAITING) return;
    this.#isFull = false;
    this.#sink.onRoom();
  }

  #finish(): void {
    Promise.all(this.#files).then(
      (all) => {
        const kept = all.filter((file) => file !== null);
        if (this.#isOver) for (const file of kept) file.remove();
        else this.#sink.onForm({ fields: this.#fields, files: byField(kept) });
        this.#isOver = true;
      },
      (error) => this.#fail(error),
    );
  }

  /** Errors must not be thrown through busboy, which would be left in the middle of a part. */
  #guard(take: () => void): void {
    if (this.#isOver) return;
    try {
      take();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#abandon();
    this.#sink.onFormError(error);
  }

  #abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parser.destroy();
    for (const intake of this.#intakes) intake.abort().catch(() => {});
  }
}

/** The last part of what a client calls a file, as text that can be shown; '' where nothing is left of it. */
function fileLabel(filename: string | undefined): string {
  const label = (filename ?? '').replace(/\p{Cc}/gu, '').replace(/^.*[/\\]/s, '');
  return label === '.' || label === '..' ? '' : label;
}

function byField(files: readonly UploadedFile[]): Record<string, UploadedFile[]> {
  const fields: Record<string, UploadedFile[]> = Object.create(null);
  for (const file of files) {
    const others = fields[file.field];
    if (others === undefined) fields[file.field] = [file];
    else others.push(file);
  }
  return fields;
}
