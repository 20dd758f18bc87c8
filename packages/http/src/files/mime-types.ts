/**
 * MimeTypes: content types by file name, from the `mime-types` package. A part of the container: register one of your
 * own for types that it does not know.
 */
import { extname } from 'node:path';
import { contentType } from 'mime-types';

export class MimeTypes {
  /** The Content-Type of a file by its extension, text with its charset; application/octet-stream if that is unknown. */
  of(path: string): string {
    // The package would take a name without a dot for an extension.
    return contentType(extname(path)) || 'application/octet-stream';
  }
}
