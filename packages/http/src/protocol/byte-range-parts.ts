/** Several ranges as one content: multipart/byteranges, RFC 9110 §14.6 and RFC 2046 §5.1. Pure. */
import { type ByteRange, contentRange } from './byte-ranges.js';

/** Content in order: text of this layer's own, and ranges of the file. */
export type Part = string | ByteRange;

export interface PartedContent {
  readonly type: string;
  readonly length: number;
  readonly parts: readonly Part[];
}

/** Lays `ranges` of a file out; `boundary` must be one that the file does not have, so nobody may guess it. */
export function toParts(
  ranges: readonly ByteRange[],
  size: number,
  type: string,
  boundary: string,
): PartedContent {
  const parts: Part[] = [];
  let length = 0;
  let before = '';
  for (const range of ranges) {
    const head = `${before}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`;
    parts.push(head, range);
    length += head.length + range.end - range.start;
    before = '\r\n';
  }
  const end = `\r\n--${boundary}--\r\n`;
  parts.push(end);
  return { type: `multipart/byteranges; boundary=${boundary}`, length: length + end.length, parts };
}
