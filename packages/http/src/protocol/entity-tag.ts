/**
 * Entity tags and lists of them: RFC 9110 §8.8.3 and §13.1. Pure.
 *
 *     entity-tag = [ %s"W/" ] opaque-tag
 *     opaque-tag = DQUOTE *( %x21 / %x23-7E / obs-text ) DQUOTE
 */

export interface EntityTag {
  readonly isWeak: boolean;
  /** With its quotes. */
  readonly opaque: string;
}

const TAG = '(W/)?("[\\x21\\x23-\\x7e\\x80-\\xff]*")';
const ENTITY_TAG = new RegExp(`^${TAG}$`);
const NEXT_TAG = new RegExp(TAG, 'y');
/** RFC 9110 §5.6.1.2 has empty elements read over. */
const SEPARATOR = /[ \t,]*/y;

/** One entity tag, or null for anything else. */
export function parseEntityTag(text: string): EntityTag | null {
  const [, weak, opaque] = ENTITY_TAG.exec(text) ?? [];
  return opaque === undefined ? null : { isWeak: weak !== undefined, opaque };
}

/** The tags of a list, or null where it is not one: half of a list says nothing. */
export function parseEntityTags(list: string): EntityTag[] | null {
  const tags: EntityTag[] = [];
  let at = endOf(SEPARATOR, list, 0);
  while (at < list.length) {
    NEXT_TAG.lastIndex = at;
    const [text, weak, opaque] = NEXT_TAG.exec(list) ?? [];
    if (text === undefined || opaque === undefined) return null;
    tags.push({ isWeak: weak !== undefined, opaque });
    const end = at + text.length;
    at = endOf(SEPARATOR, list, end);
    if (at < list.length && !list.slice(end, at).includes(',')) return null;
  }
  return tags.length === 0 ? null : tags;
}

/** RFC 9110 §8.8.3.2: both strong and the same. */
export function matchesStrongly(one: EntityTag, other: EntityTag): boolean {
  return !one.isWeak && !other.isWeak && one.opaque === other.opaque;
}

/** RFC 9110 §8.8.3.2: the same, weak or not. */
export function matchesWeakly(one: EntityTag, other: EntityTag): boolean {
  return one.opaque === other.opaque;
}

function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  pattern.test(text);
  return pattern.lastIndex;
}
