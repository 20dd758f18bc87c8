/** Writing multipart forms in tests: parts, the content that they make, and the request that brings it. */
import { CRLF, post } from './message.js';

export interface Part {
  /** Without one the part has no Content-Disposition. */
  readonly name?: string;
  readonly filename?: string;
  readonly type?: string;
  /** Further lines of its header section, as they are. */
  readonly lines?: readonly string[];
  readonly content?: string | Uint8Array;
}

export const BOUNDARY = '----InseamFormBoundary0123456789';
export const FORM_TYPE = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`;

const bytes = (content: string | Uint8Array) =>
  typeof content === 'string' ? Buffer.from(content, 'utf8') : content;

/** Quotes as browsers do. */
const quoted = (text: string) =>
  `"${text.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A')}"`;

/** The content of a form with these parts. */
export function multipart(parts: readonly Part[], boundary = BOUNDARY): Buffer {
  const pieces = parts.flatMap(({ name, filename, type, lines = [], content = '' }) => {
    const label = filename === undefined ? '' : `; filename=${quoted(filename)}`;
    const head = [
      `--${boundary}`,
      ...(name === undefined ? [] : [`Content-Disposition: form-data; name=${quoted(name)}${label}`]),
      ...(type === undefined ? [] : [`Content-Type: ${type}`]),
      ...lines,
      '',
      '',
    ];
    return [bytes(head.join(CRLF)), bytes(content), bytes(CRLF)];
  });
  return Buffer.concat([...pieces, bytes(`--${boundary}--${CRLF}`)]);
}

/** A request with this form, framed by Content-Length. */
export function formPost(content: readonly Part[] | Uint8Array, ...lines: string[]): Buffer {
  const form = content instanceof Uint8Array ? content : multipart(content);
  const type = lines.some((line) => /^content-type:/i.test(line)) ? [] : [FORM_TYPE];
  return Buffer.concat([bytes(post('', ...type, `Content-Length: ${form.length}`, ...lines)), form]);
}

/** A request with this form in chunks of `size` bytes. */
export function chunkedFormPost(form: Uint8Array, size: number, ...lines: string[]): Buffer {
  const pieces = [bytes(post('', FORM_TYPE, 'Transfer-Encoding: chunked', ...lines))];
  for (let at = 0; at < form.length; at += size) {
    const piece = form.subarray(at, at + size);
    pieces.push(bytes(`${piece.length.toString(16)}${CRLF}`), Buffer.from(piece), bytes(CRLF));
  }
  return Buffer.concat([...pieces, bytes(`0${CRLF}${CRLF}`)]);
}
