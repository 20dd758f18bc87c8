/**
 * What a stream still has to send, in order, as pure data. Adjacent text is joined, so that a hundred small
 * writes leave as one; large pieces are handed out in slices, so that a slow reader costs one slice of copies.
 */

/**
 * What stands between bytes without being bytes: a file to be sent, or a moment to be told of. The queue only keeps
 * its place.
 */
export interface Waypoint {
  readonly kind: 'file' | 'moment';
}

/**
 * A queue entry: `latin1` text has one byte per code unit; `utf8` text, `bytes` long in all, is encoded slice by slice.
 */
type Entry =
  | { kind: 'latin1'; text: string; from: number }
  | { kind: 'utf8'; text: string; from: number; bytes: number }
  | { kind: 'bytes'; bytes: Uint8Array; from: number }
  | Waypoint;

/** Joining beyond this makes a rope that is copied again when it is sent. */
const JOIN_LIMIT = 65_536;

/** Entries handed out before the array is shortened; each is then moved once at the most. */
const COMPACT_AT = 1_024;

/** Beyond this, copying costs more than several pieces do. */
const GATHER_AT_MOST = 16_384;

export class WriteQueue {
  #entries: Entry[] = [];
  /** The first entry that is not handed out: taking one off an array's front would copy the rest. */
  #first = 0;
  #size = 0;
  #total = 0;

  /** Bytes pushed so far. */
  get total(): number {
    return this.#total;
  }

  /** Bytes not handed out yet. */
  get size(): number {
    return this.#size;
  }

  /** Whether everything stands in one entry. */
  get isSingle(): boolean {
    return this.#entries.length - this.#first === 1;
  }

  /** Whether nothing is left, neither bytes nor waypoints. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** The waypoint that comes next, null where bytes do. */
  get waypoint(): Waypoint | null {
    const entry = this.#entries[this.#first];
    return entry !== undefined && isWaypoint(entry) ? entry : null;
  }

  /** Text whose code units are all below 256; one byte each. */
  pushLatin1(text: string): void {
    if (text.length === 0) return;
    this.#grow(text.length);
    const last = this.#entries.at(-1);
    if (last?.kind === 'latin1' && last.text.length + text.length <= JOIN_LIMIT) last.text += text;
    else this.#entries.push({ kind: 'latin1', text, from: 0 });
  }

  /** Any text, sent as UTF-8; a lone surrogate becomes U+FFFD. */
  pushText(text: string): void {
    const bytes = Buffer.byteLength(text);
    const last = this.#entries.at(-1);
    // Each call is encoded by itself: two halves of a surrogate pair from two calls stay two halves.
    const mayJoin = last?.kind === 'utf8' && last.text.length + text.length <= JOIN_LIMIT;
    if (mayJoin && !isSurrogate(text, 0, 0xdc00)) {
      this.#grow(bytes);
      last.text += text;
      last.bytes += bytes;
    } else if (bytes === text.length) {
      this.pushLatin1(text);
    } else {
      this.#grow(bytes);
      this.#entries.push({ kind: 'utf8', text, from: 0, bytes });
    }
  }

  /** Bytes; the queue keeps the reference, so they must not change until they are sent. */
  pushBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#grow(bytes.length);
    this.#entries.push({ kind: 'bytes', bytes, from: 0 });
  }

  /** Something to be reached when all bytes before it are handed out. */
  pushWaypoint(waypoint: Waypoint): void {
    this.#entries.push(waypoint);
  }

  /** The waypoint that came next is passed. */
  passWaypoint(): void {
    this.#dropFirst();
  }

  /** Every waypoint that is left, for their owners to be told when the queue is dropped. */
  waypoints(): Waypoint[] {
    return this.#entries.slice(this.#first).filter(isWaypoint);
  }

  /** The next piece of at most about `most` bytes, as a latin1 string or bytes; null at a waypoint or the end. */
  take(most: number): string | Uint8Array | null {
    const entry = this.#entries[this.#first];
    if (entry === undefined || isWaypoint(entry)) return null;
    if (entry.kind === 'bytes') return this.#takeBytes(entry, most);
    const to = sliceEnd(entry.text, entry.from, most);
    const text = entry.from === 0 && to === entry.text.length ? entry.text : entry.text.slice(entry.from, to);
    if (to === entry.text.length) this.#dropFirst();
    entry.from = to;
    const piece = entry.kind === 'latin1' ? text : Buffer.from(text);
    this.#size -= piece.length;
    return piece;
  }

  /** Several small pieces up to the next waypoint as one, which costs less than handing out each; null where there are none. */
  gather(): Buffer | null {
    const entries = this.#entries;
    const first = this.#first;
    let size = 0;
    let end = first;
    for (; end < entries.length; end++) {
      const entry = entries[end] as Entry;
      if (isWaypoint(entry)) break;
      // A partly sent entry is large, and not gathered.
      size += sizeOf(entry);
      if (size > GATHER_AT_MOST || entry.from > 0) return null;
    }
    if (end - first < 2) return null;
    const all = Buffer.allocUnsafe(size);
    let at = 0;
    for (let index = first; index < end; index++) {
      const entry = entries[index] as Exclude<Entry, Waypoint>;
      at += entry.kind === 'bytes' ? copyBytes(all, entry, at) : writeText(all, entry, at);
    }
    this.#size -= size;
    this.#first = end - 1;
    this.#dropFirst();
    return all;
  }

  clear(): void {
    this.#entries = [];
    this.#first = 0;
    this.#size = 0;
  }

  #grow(bytes: number): void {
    this.#size += bytes;
    this.#total += bytes;
  }

  #dropFirst(): void {
    this.#first++;
    if (this.#first === this.#entries.length) {
      if (this.#first === 1) this.#entries.pop();
      else this.#entries = [];
      this.#first = 0;
    } else if (this.#first >= COMPACT_AT && 2 * this.#first >= this.#entries.length) {
      this.#entries.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #takeBytes(entry: Entry & { kind: 'bytes' }, most: number): Uint8Array {
    const isWhole = entry.from === 0 && entry.bytes.length <= most;
    const piece = isWhole ? entry.bytes : entry.bytes.subarray(entry.from, entry.from + most);
    entry.from += piece.length;
    if (entry.from === entry.bytes.length) this.#dropFirst();
    this.#size -= piece.length;
    return piece;
  }
}

function isWaypoint(entry: Entry): entry is Waypoint {
  return entry.kind === 'file' || entry.kind === 'moment';
}

type TextEntry = Extract<Entry, { text: string }>;

function sizeOf(entry: Exclude<Entry, Waypoint>): number {
  if (entry.kind === 'latin1') return entry.text.length;
  return entry.kind === 'utf8' ? entry.bytes : entry.bytes.length;
}

function copyBytes(to: Buffer, { bytes }: Extract<Entry, { kind: 'bytes' }>, at: number): number {
  to.set(bytes, at);
  return bytes.length;
}

/** A single character is written faster by hand than by a call into Node. */
function writeText(to: Buffer, { kind, text }: TextEntry, at: number): number {
  const code = text.charCodeAt(0);
  if (text.length > 1 || code > 127) return to.write(text, at, kind === 'latin1' ? 'latin1' : 'utf8');
  to[at] = code;
  return 1;
}

/** Where a slice from `from` ends: never between the two halves of a surrogate pair. */
function sliceEnd(text: string, from: number, most: number): number {
  const end = from + most;
  if (end >= text.length) return text.length;
  const isInsidePair = isSurrogate(text, end - 1, 0xd800) && isSurrogate(text, end, 0xdc00);
  return isInsidePair ? end + 1 : end;
}

function isSurrogate(text: string, at: number, half: 0xd800 | 0xdc00): boolean {
  return (text.charCodeAt(at) & 0xfc00) === half;
}
