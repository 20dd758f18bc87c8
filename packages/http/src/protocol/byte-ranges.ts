/**
 * The Range field: RFC 9110 §14.1 and §14.2. Pure.
 *
 *     ranges-specifier = range-unit "=" 1#( first-pos "-" [ last-pos ] / "-" suffix-length )
 */
import { trimWhitespace } from './grammar.js';

/** Bytes `start` to `end`, the latter not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** About what the head of one more part takes: a smaller gap is sent rather than skipped (§14.2, §15.3.7.2). */
export const NEAR = 80;
/** More parts than this, after merging, are an attack or a mistake: §17.15. */
export const MAX_PARTS = 50;
/** The same for what is asked, before merging: a head full of ranges took 5 to 8 ms to read, 500 times a usual request. */
export const MAX_ASKED = 200;

const SPECIFIER = /^bytes=(.*)$/i;
const RANGE = /^(\d*)-(\d*)$/;

/**
 * The parts of `size` bytes that `range` asks for, in its order, without those that are not there and with those
 * merged that touch or nearly do. Empty when none is there; null when the field is to be ignored: another unit,
 * a mistake, or too many parts.
 */
export function selectRanges(range: string, size: number): ByteRange[] | null {
  const specifier = SPECIFIER.exec(range);
  if (specifier === null) return null;
  const elements = (specifier[1] ?? '').split(',', MAX_ASKED + 1);
  if (elements.length > MAX_ASKED) return null;
  const ranges: ByteRange[] = [];
  let isEmpty = true;
  for (const element of elements) {
    const text = trimWhitespace(element);
    // RFC 9110 §5.6.1.2: empty elements are read over, but a list has one that is not.
    if (text === '') continue;
    isEmpty = false;
    const selected = selectRange(text, size);
    if (selected === null) return null;
    if (selected.start < selected.end) ranges.push(selected);
  }
  if (isEmpty) return null;
  const merged = merge(ranges);
  return merged.length > MAX_PARTS ? null : merged;
}

/** One range, cut to what is there and perhaps empty by that; null for a mistake, and for what cannot be said of it. */
function selectRange(text: string, size: number): ByteRange | null {
  const [, first, last] = RANGE.exec(text) ?? [];
  if (first === undefined || last === undefined || text === '-') return null;
  // §14.1.2: the last bytes of nothing are there, all none of them; but no Content-Range says so.
  if (first === '' && size === 0 && Number(last) > 0) return null;
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  if (last === '') return { start, end: size };
  return Number(last) < start ? null : { start, end: Math.min(size, Number(last) + 1) };
}

/** A merged range stands where the first one of it stood: §15.3.7.2. */
function merge(ranges: readonly ByteRange[]): ByteRange[] {
  const sorted = ranges.map((range, place) => ({ ...range, place })).sort((a, b) => a.start - b.start);
  const merged: { start: number; end: number; place: number }[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before === undefined || range.start - before.end >= NEAR) {
      merged.push(range);
      continue;
    }
    before.end = Math.max(before.end, range.end);
    before.place = Math.min(before.place, range.place);
  }
  return merged.sort((a, b) => a.place - b.place).map(({ start, end }) => ({ start, end }));
}

/** The value of Content-Range: §14.4. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}
