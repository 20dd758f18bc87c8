/**
 * Which neighbour of a file the client would rather have: `app.js.br` for `app.js`. By Accept-Encoding, RFC 9110
 * §12.5.3; among equals the one that is smaller as a rule.
 */
import type { HTTPHeaders } from '../protocol/http-headers.js';
import { acceptedCodings } from '../responses/accepted-codings.js';

/** Content codings and what their files' names end in, the best first. */
const EXTENSIONS = { br: '.br', zstd: '.zst', gzip: '.gz' } as const;
const CODINGS = Object.keys(EXTENSIONS) as (keyof typeof EXTENSIONS)[];

export interface Neighbour {
  readonly coding: string;
  readonly extension: string;
}

/** The neighbours that the client takes rather than the file itself, in its order of preference. */
export function preferredNeighbours(headers: HTTPHeaders): Neighbour[] {
  // Without the field any coding would do, but such clients are those that know of none.
  const accepted = headers.get('accept-encoding') ?? '';
  return acceptedCodings(accepted, CODINGS).map((coding) => ({ coding, extension: EXTENSIONS[coding] }));
}
