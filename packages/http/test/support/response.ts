/** Reading responses in tests: what came, its parts, and its content as it was meant. */
import zlib from 'node:zlib';
import type { Wire } from './wire.js';
export interface Answer {
  readonly status: string;
  readonly head: string;
  readonly headers: Map<string, string>;
  /** Without chunks, as it was sent. */
  readonly content: Buffer;
}
/** Reads one whole response. */
export function parse(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [status = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map(lines.map((line) => line.split(': ', 2) as [string, string]));
  let content = text.slice(end + 4);
  if (headers.get('Transfer-Encoding') === 'chunked') content = unchunk(content);
  return { status, head: text.slice(0, end + 4), headers, content: Buffer.from(content, 'latin1') };
}
export function unchunk(text: string): string {
  let content = '';
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, end), 16);
    content += text.slice(end + 2, end + 2 + length);
    at = end + 4 + length;
  }
  return content;
}
const zstdDecode = (zlib as unknown as { zstdDecompressSync(bytes: Buffer): Buffer }).zstdDecompressSync;
export function decode({ headers, content }: Answer): string {
  switch (headers.get('Content-Encoding')) {
    case 'br':
      return zlib.brotliDecompressSync(content).toString();
    case 'gzip':
      return zlib.gunzipSync(content).toString();
    case 'zstd':
      return zstdDecode(content).toString();
    default:
      return content.toString();
  }
}
/** Waits for zlib's threads, until `condition` holds for what has come. */
export async function until(far: Wire, condition: (text: string) => boolean): Promise<string> {
  let text = '';
  while (!condition(text)) text += await far.take();
  return text;
}
/** Everything that comes until nothing comes any more. */
export async function rest(far: Wire): Promise<string> {
  let text = '';
  for (let more = await far.take(); more !== ''; more = await far.take()) text += more;
  return text;
}
/** Whether the last chunk has come. */
export const isWhole = (text: string) => text.endsWith('0\r\n\r\n');
/** `text` as one chunk. */
export const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
export const contentOf = (response: string) => response.slice(response.indexOf('\r\n\r\n') + 4);
export const headOf = (response: string) => response.slice(0, response.indexOf('\r\n\r\n') + 2);
