/**
 * The checks of options: a misspelt one would otherwise be a default that nobody asked for, and a value that cannot
 * be would show far from its cause.
 */
import { usageError } from './errors.js';

/** Throws UsageError unless `options` is an object that has no other names than `known`. */
export function requireOptions(options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) {
    throw usageError(
      'ENGINE_OPTION',
      `an object of ${known.join(', ')} was expected, not ${String(options)}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw usageError('ENGINE_OPTION', `"${name}"; there are ${known.join(', ')}`);
  }
}

/** Throws UsageError unless `ms` is a number of milliseconds above 0, Infinity included; answers it. */
export function requireMilliseconds(name: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0) return ms;
  throw usageError('ENGINE_OPTION', `${name}: ${ms}`);
}

/** Throws UsageError unless `count` is a whole number above 0; answers it. */
export function requireCount(name: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw usageError('ENGINE_OPTION', `${name}: ${count}`);
}
