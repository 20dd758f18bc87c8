/** One input, cut in every way that matters. A parser must answer each with the same events. */

/**
 * Yields `bytes` whole, one byte at a time, in two pieces at every place (or 64 places spread evenly), and cut at
 * random from a fixed seed.
 */
export function* feedEveryWay(bytes: Uint8Array): Generator<{ way: string; chunks: Buffer[] }> {
  const all = Buffer.from(bytes);
  yield { way: 'whole', chunks: [all] };
  yield { way: 'byte by byte', chunks: cutAt(all, [...all.keys()]) };
  const step = Math.max(1, Math.ceil(all.length / 64));
  for (let at = 1; at < all.length; at += step) yield { way: `cut at ${at}`, chunks: cutAt(all, [at]) };
  for (let seed = 1; seed <= 8; seed++) {
    const random = generator(seed);
    yield {
      way: `cut at random, seed ${seed}`,
      chunks: cutAt(
        all,
        [...all.keys()].filter(() => random() < 0.2),
      ),
    };
  }
}

function cutAt(bytes: Buffer, places: number[]): Buffer[] {
  const ends = [...places.filter((place) => place > 0), bytes.length];
  let start = 0;
  return ends.map((end) => {
    const chunk = Buffer.from(bytes.subarray(start, end));
    start = end;
    return chunk;
  });
}

/** Numbers in [0, 1) by a linear congruential generator: the same in every run. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
