/**
 * The fields of a request that make it conditional or ask for parts: RFC 9110 §13.1 and §14.2. Pure.
 *
 * Most requests have none, so one pass over the fields looks for all of them.
 */
import type { HTTPHeaders } from './http-headers.js';

/** Each as one list where it was repeated, so that a repeated date is none: RFC 9110 §5.3. */
export interface RequestConditions {
  'if-match'?: string;
  'if-none-match'?: string;
  'if-modified-since'?: string;
  'if-unmodified-since'?: string;
  'if-range'?: string;
  range?: string;
}

const NAMES: ReadonlySet<string> = new Set<keyof RequestConditions>([
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range',
]);

/** The conditions among `headers`, null without any. */
export function conditionsOf(headers: HTTPHeaders): RequestConditions | null {
  let conditions: RequestConditions | null = null;
  for (const [name, value] of headers) {
    const lowerName = name.toLowerCase();
    if (!NAMES.has(lowerName)) continue;
    conditions ??= {};
    const key = lowerName as keyof RequestConditions;
    const before = conditions[key];
    conditions[key] = before === undefined ? value : `${before}, ${value}`;
  }
  return conditions;
}
