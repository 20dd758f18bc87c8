/** What a form says: its fields and its files. The fields of a URL-encoded one are read here, without any I/O. */
import { httpError } from '../errors.js';
import type { HTTPLimits } from '../limits.js';
import type { UploadedFile } from './uploaded-file.js';

/** Files by the names of their fields, in the order in which they came. */
export type UploadedFiles = Readonly<Record<string, readonly UploadedFile[]>>;

export interface Form {
  readonly fields: URLSearchParams;
  readonly files: UploadedFiles;
}

export const NO_FILES: UploadedFiles = Object.freeze(Object.create(null));

/** What kind of form a content type says; `fields` is the header section. */
const MULTIPART = /^content-type:[ \t]*multipart\/form-data(?![^\s;])/im;
const URL_ENCODED = /^application\/x-www-form-urlencoded[ \t]*(?:;|$)/i;

/** Whether the header section `fields` may announce a multipart form. A look at the text, since most content is none. */
export function mayBeMultipart(fields: string): boolean {
  return MULTIPART.test(fields);
}

export function isUrlEncoded(contentType: string): boolean {
  return URL_ENCODED.test(contentType);
}

const AMPERSAND = 0x26;

/**
 * The fields of a URL-encoded form, UTF-8 as browsers send it. Throws HTTPProtocolError (413) for more or longer fields than
 * the limits allow.
 */
export function urlEncodedFields(body: Buffer, limits: HTTPLimits): URLSearchParams {
  // Counted before they are made: each would cost a hundred times its two bytes.
  let most = 1;
  for (let at = body.indexOf(AMPERSAND); at !== -1; at = body.indexOf(AMPERSAND, at + 1)) {
    if (++most > limits.maxFields) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFields');
  }
  // The constructor takes one leading '?' for the mark of a query.
  const fields = new URLSearchParams(`?${body.toString('utf8')}`);
  for (const [name, value] of fields) requireFieldSize(name, value, limits);
  return fields;
}

/** Throws HTTPProtocolError (413) for a field that is too long. */
export function requireFieldSize(name: string, value: string, limits: HTTPLimits): void {
  const isTooLong = (text: string, most: number) =>
    text.length > most || (3 * text.length > most && Buffer.byteLength(text) > most);
  if (isTooLong(name, limits.maxFieldNameBytes)) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFieldNameBytes');
  if (isTooLong(value, limits.maxFieldBytes)) throw httpError('HTTP_FORM_TOO_LARGE', 'maxFieldBytes');
}
