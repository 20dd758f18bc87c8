/** What a client takes of some content codings: RFC 9110 §12.5.3. Quality values and wildcards are `negotiator`'s. */
import Negotiator from 'negotiator';

/** What the package's types leave out: by itself it takes the client's first, and browsers name gzip before br. */
interface PreferringNegotiator {
  encodings(available: readonly string[], options: { preferred: readonly string[] }): string[];
}

/**
 * Those of `codings`, the best first, that `accepted` (Accept-Encoding) likes better than the content as it is; in the
 * client's order, and in ours where that leaves it open.
 */
export function acceptedCodings<C extends string>(accepted: string, codings: readonly C[]): C[] {
  const negotiator: unknown = new Negotiator({ headers: { 'accept-encoding': accepted } });
  const available = [...codings, 'identity'];
  const chosen = (negotiator as PreferringNegotiator).encodings(available, { preferred: available });
  const end = chosen.indexOf('identity');
  return (end === -1 ? chosen : chosen.slice(0, end)) as C[];
}
