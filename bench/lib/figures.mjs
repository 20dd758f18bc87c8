/** What is said of a row of samples. */

export const NONE = '–';

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Lowest and highest.
 *
 * @param {readonly number[]} values
 */
export function range(values) {
  return `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;
}

/**
 * Each round is compared with the baseline's turn beside it, so that a machine that slows down counts for both.
 *
 * @param {readonly number[]} own
 * @param {readonly number[]} base
 */
export function ratio(own, base) {
  const ratios = own.flatMap((value, round) => {
    const beside = base[round];
    return beside === undefined ? [] : [value / beside];
  });
  return ratios.length === 0 ? NONE : median(ratios).toFixed(2);
}
