/**
 * FileSender: `sendFile` of one server. It decides who sends (the proxy, the cache or the disk) and what becomes of a
 * failure; what is sent is decided in `file-response.ts`.
 */
import type { UsageError } from '@inseam/engine';
import { HTTPError, httpUsageError } from '../errors.js';
import type { HTTPRequest } from '../server/http-request.js';
import { answerFailure, sendFromFile, sendFromMemory, sendPlainly } from './file-answers.js';
import { closeFound, FileFinder, type Found } from './file-finder.js';
import { type FileRequest, isPlain, respondToProxy, respondWithFile, typeOf } from './file-response.js';
import { FileRoot } from './file-root.js';
import type { MimeTypes } from './mime-types.js';
import { type Neighbour, preferredNeighbours } from './precompressed.js';
import { type FileWishes, type SendFileOptions, toWishes } from './send-file-options.js';
import { XSendfile } from './x-sendfile.js';

export type { SendFileOptions } from './send-file-options.js';

export interface FileSenderOptions {
  readonly fileRoot: string | undefined;
  readonly sendfile: boolean | string;
  readonly sendfilePrefix: string | undefined;
  readonly mimeTypes: MimeTypes;
}

const DONE = Promise.resolve();

export class FileSender {
  readonly #root: FileRoot;
  readonly #finder: FileFinder;
  readonly #mimeTypes: MimeTypes;
  readonly #xSendfile: XSendfile | null;

  /** Throws UsageError for a root, header or prefix that cannot be one. */
  constructor({ fileRoot, sendfile, sendfilePrefix, mimeTypes }: FileSenderOptions) {
    this.#root = new FileRoot(fileRoot);
    this.#finder = new FileFinder(this.#root, mimeTypes);
    this.#mimeTypes = mimeTypes;
    this.#xSendfile = sendfile === false ? null : new XSendfile(sendfile, sendfilePrefix, this.#root);
  }

  /** For HTTPRequest: see `HTTPRequest.sendFile`. Throws UsageError, with nothing sent; never rejects. */
  send(request: HTTPRequest, path: string, options: SendFileOptions): Promise<void> {
    if (typeof path !== 'string') throw httpUsageError('HTTP_FILE', typeof path);
    const wishes = toWishes(options);
    if (request.connection.closed) return DONE;
    const mistake = mistakeOf(request);
    if (mistake !== null) throw mistake;
    if (this.#root.path === null) refuseOwnPath(request, path);
    const located = this.#root.locate(path);
    if (located === 403) request.connection.logger.warn(outsideMessage(path, this.#root.base));
    if (typeof located === 'number') return answerFailure(request, path, new HTTPError(located), wishes);
    if (this.#xSendfile === null) return this.#sendItself(request, located, wishes);
    this.#tellProxy(request, this.#xSendfile, located, wishes);
    return DONE;
  }

  /** No file is touched: what there is behind the name is the proxy's affair. */
  #tellProxy(request: HTTPRequest, xSendfile: XSendfile, path: string, wishes: FileWishes): void {
    const type = typeOf(this.#mimeTypes.of(path), wishes);
    const message: [string, string] = [xSendfile.header, xSendfile.nameOf(path)];
    request.sendHeaders(respondToProxy(request.response.status, type, message, wishes).headers);
    request.finish();
  }

  #sendItself(request: HTTPRequest, path: string, wishes: FileWishes): Promise<void> {
    const neighbours = wishes.precompressed ? preferredNeighbours(request.headers) : [];
    const known = this.#finder.findKnown(path, wishes.followSymlinks);
    const content = known?.entry.content ?? null;
    if (known === null || content === null || neighbours.length > 0) {
      return this.#sendFound(request, path, known, neighbours, wishes);
    }
    // No promise, no turn: a small file that is asked for often costs little more than text.
    const { entry } = known;
    const asked = toFileRequest(request);
    if (isPlain(asked, entry, wishes)) sendPlainly(request, entry, content);
    else {
      const file = { entry, type: entry.type, coding: null };
      sendFromMemory(request, respondWithFile(asked, file, wishes), entry, content);
    }
    return DONE;
  }

  async #sendFound(
    request: HTTPRequest,
    path: string,
    known: Found | null,
    neighbours: readonly Neighbour[],
    wishes: FileWishes,
  ): Promise<void> {
    const { followSymlinks } = wishes;
    const now = request.connection.engine.clock.date();
    const found: Found[] = known === null ? [] : [known];
    try {
      const original = known ?? (await this.#finder.find(path, followSymlinks, now));
      if (known === null) found.push(original);
      const neighbour = await this.#finder.findNeighbour(original.entry, neighbours, followSymlinks, now);
      if (neighbour !== null) found.push(neighbour);
      if (!mayAnswer(request)) return;
      const { entry, fd } = neighbour ?? original;
      const file = { entry, type: original.entry.type, coding: neighbour?.coding ?? null };
      const response = respondWithFile(toFileRequest(request), file, wishes);
      if (fd !== null) await sendFromFile(request, response, entry, fd);
      else if (entry.content !== null) sendFromMemory(request, response, entry, entry.content);
    } catch (error) {
      await answerFailure(request, path, error, wishes);
    } finally {
      found.forEach(closeFound);
    }
  }
}

/**
 * The path of a request, taken for a path of the file system, would give away the whole disk: that nobody means. With a
 * `fileRoot` it leads nowhere.
 */
function refuseOwnPath(request: HTTPRequest, path: string): void {
  if (!path.startsWith('/')) return;
  const { path: own } = request;
  if (path === own || (own.includes('%') && path === decoded(own))) {
    throw httpUsageError(
      'HTTP_FILE',
      `the request’s own path would be any file of the machine: set fileRoot, and send \`.\${path}\``,
    );
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function outsideMessage(path: string, base: string): string {
  const hint = path.startsWith('/') ? `; for a path below it, send '.${path}'` : '';
  return `sendFile answers 403: ${JSON.stringify(path)} is not under ${base}${hint}`;
}

function toFileRequest({ method, headers, response, connection }: HTTPRequest): FileRequest {
  return { method, headers, status: response.status, now: connection.engine.clock.date() };
}

/** Whether there is somebody left to answer; another answer that came first is the handler's mistake. */
function mayAnswer(request: HTTPRequest): boolean {
  const { connection } = request;
  if (connection.closed) return false;
  const error = mistakeOf(request);
  if (error !== null) connection.engine.report(error, 'sendFile came too late', connection);
  return error === null;
}

function mistakeOf({ response }: HTTPRequest): UsageError | null {
  if (response.isUntouched) return null;
  return httpUsageError(response.isFinished ? 'HTTP_FINISHED' : 'HTTP_ORDER', 'sendFile');
}
