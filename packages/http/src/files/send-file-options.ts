/** The options of `sendFile`, checked: a mistake in them is told at the call, before anything is sent. */
import { requireOptions } from '@inseam/engine';
import { create as contentDisposition } from 'content-disposition';
import { type HTTPError, httpUsageError } from '../errors.js';
import { type HeadersInit, HTTPHeaders } from '../protocol/http-headers.js';

export interface SendFileOptions {
  /** Offers the file as a download of this name. */
  filename?: string | undefined;
  /** Whether the Content-Type follows from the file's name. Default true; application/octet-stream otherwise. */
  guessMime?: boolean | undefined;
  /** Headers to add; they win over those of the file, and an ETag or Last-Modified decides conditions. */
  headers?: HeadersInit | undefined;
  /** Sends `.br`, `.zst` or `.gz` from beside the file to clients that take it. Default false. */
  precompressed?: boolean | undefined;
  /** Whether symbolic links may lead out of `fileRoot`. Default false. */
  followSymlinks?: boolean | undefined;
  /** Called instead of an answer when the file cannot be sent: HTTPError 403 or 404, or 500 for what has been reported. */
  onError?: ((error: HTTPError) => unknown) | undefined;
}

const NAMES = ['filename', 'guessMime', 'headers', 'precompressed', 'followSymlinks', 'onError'];
const FLAGS = ['guessMime', 'precompressed', 'followSymlinks'] as const;
/** These say how long the content is, which only the file can know. */
const FRAMING = ['content-length', 'content-range', 'transfer-encoding'];

/** What is asked of one answer. */
export interface FileWishes {
  /** The handler's own headers, null without any. */
  readonly headers: HTTPHeaders | null;
  readonly disposition: string | null;
  readonly guessMime: boolean;
  readonly precompressed: boolean;
  readonly followSymlinks: boolean;
  readonly onError: ((error: HTTPError) => unknown) | null;
}

/** Nothing but the file. */
export const NO_WISHES: FileWishes = Object.freeze({
  headers: null,
  disposition: null,
  guessMime: true,
  precompressed: false,
  followSymlinks: false,
  onError: null,
});

/** Throws UsageError for an option that is unknown or has a value that it does not take. */
export function toWishes(options: SendFileOptions): FileWishes {
  requireOptions(options, NAMES);
  if (Object.keys(options).length === 0) return NO_WISHES;
  const { filename, onError } = options;
  for (const name of FLAGS) {
    const flag = options[name];
    if (flag !== undefined && typeof flag !== 'boolean')
      throw httpUsageError('HTTP_OPTION', `${name}: ${flag}`);
  }
  if (filename !== undefined && typeof filename !== 'string') {
    throw httpUsageError('HTTP_OPTION', `filename: ${typeof filename}`);
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw httpUsageError('HTTP_OPTION', `onError: ${typeof onError}`);
  }
  const headers = options.headers === undefined ? null : ownHeaders(options.headers);
  return {
    headers,
    // The package refuses half a surrogate pair; as bytes it is U+FFFD.
    disposition: filename === undefined ? null : contentDisposition(Buffer.from(filename).toString()),
    guessMime: options.guessMime ?? true,
    // A handler that knows of a coding sends a file that is encoded already.
    precompressed: (options.precompressed ?? false) && headers?.has('content-encoding') !== true,
    followSymlinks: options.followSymlinks ?? false,
    onError: onError ?? null,
  };
}

function ownHeaders(init: HeadersInit): HTTPHeaders {
  const headers = new HTTPHeaders(init);
  for (const name of FRAMING) if (headers.has(name)) throw httpUsageError('HTTP_HEADER_FRAMING', name);
  return headers;
}
