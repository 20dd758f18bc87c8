/** Who takes the content of a request, piece by piece: a buffer, a form, or a handler's own loop. */
export interface ContentSink {
  /** A piece, valid during the call. Answers false to be given no more until it has asked for it. */
  push(piece: Buffer): boolean;
  /** All of it has come. */
  end(): void;
  /** The rest of it will never come. */
  fail(error: Error): void;
}
