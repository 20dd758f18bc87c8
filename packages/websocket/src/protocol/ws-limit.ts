/** A limit as `ws` takes it, which makes a signed number of 32 bits of it: 0 is none, and what is larger would be anything. */
const MOST = 0x7fff_ffff;

export function limitForWs(limit: number): number {
  return limit === Number.POSITIVE_INFINITY ? 0 : Math.min(limit, MOST);
}
