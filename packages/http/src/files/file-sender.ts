/** Sends files for one server: stub. */
import type { HTTPError } from '../errors.js';
import type { HeadersInit } from '../protocol/http-headers.js';
import type { HTTPRequest } from '../server/http-request.js';
import type { MimeTypes } from './mime-types.js';

export interface SendFileOptions {
  /** Offers the file as a download of this name. */
  filename?: string | undefined;
  /** Whether the Content-Type follows from the file's name. Default true; application/octet-stream otherwise. */
  guessMime?: boolean | undefined;
  /** Headers to add; they win over those of the file. */
  headers?: HeadersInit | undefined;
  /** Sends `.br`, `.zst` or `.gz` from beside the file to clients that take it. Default false. */
  precompressed?: boolean | undefined;
  /** Whether symbolic links may lead out of `fileRoot`. Default false. */
  followSymlinks?: boolean | undefined;
  /** Called instead of an answer when the file cannot be sent: HTTPError 403 or 404. */
  onError?: ((error: HTTPError) => unknown) | undefined;
}

export interface FileSenderOptions {
  readonly fileRoot: string | undefined;
  readonly sendfile: boolean | string;
  readonly sendfilePrefix: string | undefined;
  readonly mimeTypes: MimeTypes;
}

export class FileSender {
  constructor(_options: FileSenderOptions) {}

  send(_request: HTTPRequest, _path: string, _options: SendFileOptions): Promise<void> {
    return Promise.resolve();
  }
}
