/**
 * The Forwarded header field, RFC 7239 §4: what each proxy on the way says, the nearest last. Pure: text
 * in, parameters out. Who is believed, and what an address is, is decided elsewhere.
 *
 *     Forwarded: for=192.0.2.43;proto=https, for="[2001:db8::17]:4711";host="example.com:8080"
 */
import { trimWhitespace } from './grammar.js';

/** A proxy's parameters by name, in lower case. */
export type ForwardedElement = ReadonlyMap<string, string>;

const PAIR = /([!#$%&'*+\-.^_`|~\w]+)=(?:([!#$%&'*+\-.^_`|~\w]+)|"((?:[^"\\]|\\.)*)")/;
/**
 * A pair or none, and what ends it; no two whitespace runs may touch, or failing would cost their product.
 */
const PAIR_AND_END = new RegExp(`(?:${PAIR.source})?[ \\t]*([,;]|$)[ \\t]*`, 'y');

/**
 * The elements in their order, an empty one too; null for what is malformed anywhere, or names a parameter
 * twice in one element: a proxy that appends to what a client sent must not be read against its meaning.
 */
export function parseForwarded(text: string): ForwardedElement[] | null {
  const rest = trimWhitespace(text);
  const elements: ForwardedElement[] = [];
  let element = new Map<string, string>();
  PAIR_AND_END.lastIndex = 0;
  for (;;) {
    const match = PAIR_AND_END.exec(rest);
    if (match === null) return null;
    const [, name, token, quoted, end] = match;
    if (name !== undefined) {
      const lowerName = name.toLowerCase();
      if (element.has(lowerName)) return null;
      element.set(lowerName, token ?? unescapeQuoted(quoted ?? ''));
    }
    if (end === ';') continue;
    elements.push(element);
    if (end === '') return elements;
    element = new Map();
  }
}

/**
 * The last elements, `most` at the most. Where the list is malformed, those behind the fault, or none: a client that
 * sends half a list must not silence the proxy that adds to it. Read from the right, what is well-formed between two commas is
 * an element; a part of a quoted string never is, since its closing quote is left over.
 */
export function lastForwarded(text: string, most: number): ForwardedElement[] {
  const all = parseForwarded(text);
  if (all !== null) return all.slice(-most);
  const last: ForwardedElement[] = [];
  let end = text.length;
  let comma = text.lastIndexOf(',');
  for (let i = 0; i < most && comma !== -1; i++) {
    const elements = parseForwarded(text.slice(comma + 1, end));
    if (elements !== null) {
      last.unshift(...elements);
      end = comma;
    }
    comma = comma === 0 ? -1 : text.lastIndexOf(',', comma - 1);
  }
  return last;
}

/** RFC 9110 §5.6.4: a backslash stands for the character behind it. */
function unescapeQuoted(quoted: string): string {
  return quoted.replace(/\\(.)/g, '$1');
}
