/**
 * Which neighbour of a file the client would rather have: `app.js.br` for `app.js`. By Accept-Encoding, RFC 9110
 * §12.5.3; among equals the one that is smaller as a rule.
 */
import Negotiator from 'negotiator';
import type { HTTPHeaders } from '../protocol/http-headers.js';

/** Content codings and what their files' names end in, the best first. */
const EXTENSIONS: Readonly<Record<string, string>> = { br: '.br', zstd: '.zst', gzip: '.gz' };
const CODINGS = [...Object.keys(EXTENSIONS), 'identity'];

/** What the package's types leave out: by itself it takes the client's first, and browsers name gzip before br. */
interface PreferringNegotiator {
  encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}

export interface Neighbour {
  readonly coding: string;
  readonly extension: string;
}

/** The neighbours that the client takes rather than the file itself, in its order of preference. */
export function preferredNeighbours(headers: HTTPHeaders): Neighbour[] {
  // Without the field any coding would do, but such clients are those that know of none.
  const accepted = headers.get('accept-encoding') ?? '';
  const negotiator: unknown = new Negotiator({ headers: { 'accept-encoding': accepted } });
  const codings = (negotiator as PreferringNegotiator).encodings(CODINGS, { preferred: CODINGS });
  const neighbours: Neighbour[] = [];
  for (const coding of codings) {
    const extension = EXTENSIONS[coding];
    if (extension === undefined) break;
    neighbours.push({ coding, extension });
  }
  return neighbours;
}
