/** Writing HTTP messages in tests so that they can be read. */

export const CR = '\r';
export const LF = '\n';
export const CRLF = '\r\n';

/**
 * A message as it stands on the wire: every line of the template ends with CRLF, indentation is dropped. What is
 * interpolated stays as it is.
 *
 *     message`
 *       GET / HTTP/1.1
 *       Host: example.com
 *
 *       `
 */
export function message(texts: TemplateStringsArray, ...values: unknown[]): string {
  const indent = /^\n( *)/.exec(texts[0] ?? '')?.[1] ?? '';
  const parts = texts.map((text) => text.replaceAll(`\n${indent}`, '\n').replaceAll('\n', CRLF));
  let whole = parts[0] ?? '';
  values.forEach((value, i) => {
    whole += String(value) + (parts[i + 1] ?? '');
  });
  return whole.slice(CRLF.length);
}

/** A GET request of HTTP/1.1 with these further lines. */
export function get(target = '/', ...lines: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: example.com', ...lines, '', ''].join(CRLF);
}

/** A POST request of HTTP/1.1 with these further lines; `content` follows as it is. */
export function post(content: string, ...lines: string[]): string {
  return ['POST / HTTP/1.1', 'Host: example.com', ...lines, '', content].join(CRLF);
}
