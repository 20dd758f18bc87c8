/** Compressed responses: stub. */
export interface CompressionOptions {
  /** Content shorter than this stays as it is. Bytes; default 1,024. */
  minBytes?: number | undefined;
}

export class Compression {
  constructor(_options: CompressionOptions) {}
}
