/**
 * Whether a conditional GET or HEAD is answered in full, with 304 or with 412: RFC 9110 §13, in the order of §13.2.2.
 * Pure.
 *
 * What cannot be read is taken so that nothing wrong comes of it: a bad If-Match matches nothing, a bad If-None-Match
 * neither, a bad date is not there (§13.1.3, §13.1.4).
 */
import {
  type EntityTag,
  matchesStrongly,
  matchesWeakly,
  parseEntityTag,
  parseEntityTags,
} from './entity-tag.js';
import { parseHttpDate } from './parse-http-date.js';
import type { RequestConditions } from './request-conditions.js';

/** What tells one state of a representation from another. */
export interface Validators {
  readonly etag: EntityTag | null;
  /** Whole seconds, in milliseconds since 1970. */
  readonly lastModified: number | null;
}

/** What a request that is conditional gets: everything (or the parts that it asks for), 304, or 412. */
export type ConditionOutcome = 'send' | 304 | 412;

/** Evaluates steps 1 to 4; `now` is milliseconds since 1970. The representation exists. */
export function checkConditions(
  conditions: RequestConditions,
  validators: Validators,
  now: number,
): ConditionOutcome {
  return mayGoOn(conditions, validators, now) ? isNews(conditions, validators, now) : 412;
}

/** Steps 1 and 2: If-Match, else If-Unmodified-Since. */
function mayGoOn(conditions: RequestConditions, { etag, lastModified }: Validators, now: number): boolean {
  const ifMatch = conditions['if-match'];
  if (ifMatch !== undefined) return ifMatch === '*' || hasMatch(ifMatch, etag, matchesStrongly);
  const date = parseHttpDate(conditions['if-unmodified-since'] ?? '', now);
  return date === null || lastModified === null || lastModified <= date;
}

/** Steps 3 and 4: If-None-Match, else If-Modified-Since. */
function isNews(
  conditions: RequestConditions,
  { etag, lastModified }: Validators,
  now: number,
): 'send' | 304 {
  const ifNoneMatch = conditions['if-none-match'];
  if (ifNoneMatch !== undefined) {
    return ifNoneMatch === '*' || hasMatch(ifNoneMatch, etag, matchesWeakly) ? 304 : 'send';
  }
  const date = parseHttpDate(conditions['if-modified-since'] ?? '', now);
  return date === null || lastModified === null || lastModified > date ? 'send' : 304;
}

/**
 * Step 5, whether the parts asked for are of this very representation: §13.1.5. A date is trusted once its second has
 * passed, since the file can change again within it (§8.8.2.2).
 */
export function holdsIfRange(ifRange: string, { etag, lastModified }: Validators, now: number): boolean {
  const tag = parseEntityTag(ifRange);
  if (tag !== null) return etag !== null && matchesStrongly(tag, etag);
  const date = parseHttpDate(ifRange, now);
  return date !== null && date === lastModified && date + 1_000 <= now;
}

function hasMatch(
  list: string,
  etag: EntityTag | null,
  matches: (one: EntityTag, other: EntityTag) => boolean,
): boolean {
  return etag !== null && (parseEntityTags(list) ?? []).some((tag) => matches(tag, etag));
}
