/** How answers about files are written: a response that is settled, a message to the proxy, and every failure. */
import { HTTPError, httpTransportError } from '../errors.js';
import type { Part } from '../protocol/byte-range-parts.js';
import { statusContent } from '../protocol/status.js';
import type { HTTPRequest } from '../server/http-request.js';
import type { FileEntry } from './file-entry.js';
import type { FileResponse } from './file-response.js';
import { statusOfFailure } from './open-file.js';
import type { FileWishes } from './send-file-options.js';

/** Sends all of a small file: what `sendFromMemory` would send, without putting the same answer together again. */
export function sendPlainly(request: HTTPRequest, entry: FileEntry, content: Buffer): void {
  const { connection, response } = request;
  const { output } = connection;
  request.sendCookies();
  const head = response.takeCheckedHead(entry.lines, content.length, connection.dateLine());
  if (!response.passContent(content.length)) output.writeLatin1(head);
  else if (entry.text !== null) output.writeLatin1(wholeAnswer(entry, head));
  else {
    output.writeLatin1(head);
    output.write(content);
  }
  request.finish();
}

/**
 * Head and content in one. Within a second most heads of a file are the same, and so is the whole answer. Joined anew for
 * each, answers of 4 KiB spent 11 % of their CPU on collecting garbage; so it is 3 % (Node 20, a profile under load).
 */
function wholeAnswer(entry: FileEntry, head: string): string {
  if (entry.latest?.head !== head) entry.latest = { head, whole: head + entry.text };
  return entry.latest.whole;
}

/** Sends all of `response` at once, from `content`, which is `entry`'s. */
export function sendFromMemory(
  request: HTTPRequest,
  response: FileResponse,
  { text }: FileEntry,
  content: Buffer,
): void {
  if (!beginResponse(request, response)) return;
  for (const part of response.parts) {
    if (typeof part === 'string') request.send(toBytes(part));
    else if (text === null) request.send(content.subarray(part.start, part.end));
    else if (request.response.passContent(part.end - part.start)) {
      request.connection.output.writeLatin1(text.slice(part.start, part.end));
    }
  }
  request.finish();
}

/**
 * Sends `response` from a file that is open, at the client's pace. Rejects when the file cannot be read or is not what
 * `entry` says any more; the connection is broken off then.
 */
export async function sendFromFile(
  request: HTTPRequest,
  response: FileResponse,
  { stats }: FileEntry,
  fd: number,
): Promise<void> {
  if (!beginResponse(request, response)) return;
  for (const part of response.parts) {
    if (typeof part === 'string') request.send(toBytes(part));
    else {
      const length = part.end - part.start;
      if (!request.response.passContent(length)) continue;
      await request.connection.writeFile(fd, { offset: part.start, length, stats });
    }
  }
  // The handler may have done so; then the next response waits behind the file.
  if (!request.finished) request.finish();
}

/** Sends the head; false where that is all, and sent. */
function beginResponse(request: HTTPRequest, { status, headers }: FileResponse): boolean {
  if (status === 412 || status === 416) {
    request.sendResponse(statusContent(status), status, headers);
    return false;
  }
  if (status !== request.response.status) {
    request.response.restart();
    request.sendStatus(status);
  }
  request.sendHeaders(headers);
  return true;
}

/** A multipart head has the handler's Content-Type in it, which is one byte for each character. */
function toBytes(part: Part & string): Buffer {
  return Buffer.from(part, 'latin1');
}

/** The one place for what went wrong: answered if that is still possible, else the client is told by a reset. */
export async function answerFailure(
  request: HTTPRequest,
  path: string,
  error: unknown,
  { onError }: FileWishes,
): Promise<void> {
  const { connection, response } = request;
  if (connection.closed) return;
  const status = statusOfFailure(error);
  if (status === null) connection.engine.report(error, `sending ${path} failed`, connection);
  if (!response.isUntouched) {
    // Finished by somebody else in the meantime: then it is theirs.
    if (!request.finished) connection.abort(httpTransportError('HTTP_FILE_CHANGED'));
    return;
  }
  const answer = new HTTPError(status ?? 500, '', { cause: error });
  try {
    if (onError === null) answerWith(request, answer);
    else await onError(answer);
  } catch (thrown) {
    answerThrown(request, thrown);
  }
}

/** `onError` has failed, or has an answer of its own. */
function answerThrown(request: HTTPRequest, thrown: unknown): void {
  const { connection, response } = request;
  if (thrown instanceof HTTPError && response.isUntouched) {
    connection.failResponse(request, thrown);
    return;
  }
  connection.engine.report(thrown, 'onError of sendFile failed', connection);
  if (connection.closed || request.finished) return;
  if (response.isUntouched) answerWith(request, new HTTPError(500));
  else connection.abort(httpTransportError('HTTP_RESPONSE_CUT'));
}

function answerWith(request: HTTPRequest, { status }: HTTPError): void {
  if (status === 500) request.dropCookies();
  request.sendResponse(statusContent(status), status);
}
