/** Content types by file name: stub. A part of the container. */
export class MimeTypes {
  /** The Content-Type of a file, with its charset where it is text. */
  of(_path: string): string {
    return 'application/octet-stream';
  }
}
