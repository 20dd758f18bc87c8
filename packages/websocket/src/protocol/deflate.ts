/**
 * permessage-deflate, RFC 7692, by `ws`: which of the client's offers a server takes, whether a server's answer is one to what the
 * client offered, and who compresses what is sent.
 */
import { constants } from 'node:zlib';
import { extension, PerMessageDeflate, type PerMessageDeflateOptions } from 'ws';
import { limitForWs } from './ws-limit.js';

const NAME = 'permessage-deflate';
const LARGEST_WINDOW = 15;
/** zlib compresses with no window of 256 bytes: it takes 512 in its place, which the peer could not follow. */
const SMALLEST_WINDOW = 9;
/** §7.1.2: a decimal without leading zeros. `ws` takes whatever JavaScript reads as such a number. */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;

export interface DeflateOptions {
  /** Messages of fewer bytes are sent as they are. Default 1,024. */
  threshold?: number | undefined;
  /**
   * Whether a message may refer to earlier ones, which compresses small ones far better and takes some 230 KiB of memory for each
   * connection. Default false.
   */
  contextTakeover?: boolean | undefined;
  /** zlib's, 1 to 9. Default 6. */
  level?: number | undefined;
  /** zlib's, 1 to 9. Default 8. */
  memLevel?: number | undefined;
}

export interface DeflateSettings {
  readonly threshold: number;
  readonly contextTakeover: boolean;
  readonly level: number;
  readonly memLevel: number;
}

/** What both sides have agreed on. */
export interface Agreement {
  /** For the header, and for `extensions`. */
  readonly text: string;
  /** Inflates what comes. */
  readonly inflate: PerMessageDeflate;
  /** Compresses what is sent; null where that cannot be done. */
  readonly compressor: Compressor | null;
  readonly threshold: number;
}

type Done = (compressed: Buffer | null) => void;

interface Job {
  readonly data: Buffer;
  /** Asked when its turn has come: nobody may be there any more. */
  readonly isWanted: () => boolean;
  readonly done: Done;
}

/** Compresses one message after the other; `ws` must not be given two at once, nor lose its stream meanwhile. */
export class Compressor {
  readonly #deflate: PerMessageDeflate;
  /** Whether each message stands for itself, so that it can be sent to others, too. */
  readonly isShared: boolean;
  #waiting: Job[] = [];
  #isAtWork = false;
  #isClosed = false;

  constructor(bits: number, { level, memLevel }: DeflateSettings, isShared: boolean) {
    this.isShared = isShared;
    this.#deflate = new PerMessageDeflate({ isServer: true, zlibDeflateOptions: { level, memLevel } });
    const context: Offer = isShared ? { server_no_context_takeover: [true] } : {};
    this.#deflate.accept([{ ...context, server_max_window_bits: [String(bits)] }]);
  }

  /** Calls `done` later, in the order of the calls; with null when that is given up, or not wanted any more. */
  compress(data: Buffer, isWanted: () => boolean, done: Done): void {
    this.#waiting.push({ data, isWanted, done });
    if (!this.#isAtWork) this.#next();
  }

  /** Nobody waits any more, and nothing more comes. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    if (!this.#isAtWork) this.#deflate.cleanup();
  }

  #next(): void {
    // What was written to those who have gone must not keep the others waiting.
    let job = this.#waiting.shift();
    for (; job !== undefined && !job.isWanted(); job = this.#waiting.shift()) job.done(null);
    this.#isAtWork = job !== undefined;
    if (job === undefined) {
      if (this.#isClosed) this.#deflate.cleanup();
      return;
    }
    const { data, done } = job;
    this.#deflate.compress(data, true, (error, compressed) => {
      try {
        done(error ? null : (compressed ?? null));
      } finally {
        this.#next();
      }
    });
  }
}

type Offer = Record<string, (string | true)[]>;

/** Without context take-over one compressor serves all connections: what it keeps between two messages is nothing. */
const shared = new Map<string, Compressor>();

function sharedCompressor(bits: number, settings: DeflateSettings): Compressor {
  const key = `${bits} ${settings.level} ${settings.memLevel}`;
  let compressor = shared.get(key);
  if (compressor === undefined) {
    compressor = new Compressor(bits, settings, true);
    shared.set(key, compressor);
  }
  return compressor;
}

/**
 * The first of the client's offers that can be taken, or null: a malformed one, or one that asks for what cannot be done, is
 * declined and does not spoil the others (§5.1, §7.1).
 */
export function acceptOffer(header: string, settings: DeflateSettings, maxPayload: number): Agreement | null {
  for (const offer of offersIn(header)) {
    if (!hasSoundWindows(offer)) continue;
    const bits = Number(offer.server_max_window_bits?.[0] ?? LARGEST_WINDOW);
    if (bits < SMALLEST_WINDOW) continue;
    const inflate = new PerMessageDeflate({
      ...optionsOf(settings),
      isServer: true,
      maxPayload: limitForWs(maxPayload),
    });
    try {
      inflate.accept([offer]);
    } catch {
      continue;
    }
    return agreement(inflate, settings, 'server');
  }
  return null;
}

/** What a client offers. */
export function offerText(settings: DeflateSettings): string {
  const offer = new PerMessageDeflate(optionsOf(settings));
  return extension.format({ [NAME]: offer.offer() });
}

/** What the server's answer to `offerText` agrees on; null for a header that is no answer to it. */
export function readAnswer(header: string, settings: DeflateSettings, maxPayload: number): Agreement | null {
  let answers: ReturnType<typeof extension.parse>;
  try {
    answers = extension.parse(header);
  } catch {
    return null;
  }
  const configurations = answers[NAME];
  const [answer] = configurations ?? [];
  if (answer === undefined || configurations?.length !== 1 || Object.keys(answers).length !== 1) return null;
  if (!hasSoundWindows(answer)) return null;
  // A server that takes an offer with this parameter says so: §7.1.1.1.
  if (!settings.contextTakeover && answer.server_no_context_takeover === undefined) return null;
  const inflate = new PerMessageDeflate({
    ...optionsOf(settings),
    maxPayload: limitForWs(maxPayload),
  });
  try {
    inflate.accept([answer]);
  } catch {
    return null;
  }
  return agreement(inflate, settings, 'client');
}

/** Whether each size of a window that is there is one. What stands there without a value is judged by `ws`. */
function hasSoundWindows(parameters: Offer): boolean {
  const { server_max_window_bits: server = [], client_max_window_bits: client = [] } = parameters;
  return [...server, ...client].every((bits) => bits === true || WINDOW_BITS.test(bits));
}

function offersIn(header: string): Offer[] {
  try {
    return extension.parse(header)[NAME] ?? [];
  } catch {
    return [];
  }
}

/** False for the two would refuse what the peer asks for of its own accord, and may (§7.1.1). */
function optionsOf({ contextTakeover }: DeflateSettings): PerMessageDeflateOptions {
  return contextTakeover ? {} : { serverNoContextTakeover: true, clientNoContextTakeover: true };
}

function agreement(
  inflate: PerMessageDeflate,
  settings: DeflateSettings,
  us: 'server' | 'client',
): Agreement {
  const params = inflate.params ?? {};
  const isShared =
    params[`${us}_no_context_takeover`] === true || (us === 'client' && !settings.contextTakeover);
  const said = params[`${us}_max_window_bits`];
  const bits = typeof said === 'number' ? said : LARGEST_WINDOW;
  let compressor: Compressor | null = null;
  if (bits >= SMALLEST_WINDOW) {
    compressor = isShared ? sharedCompressor(bits, settings) : new Compressor(bits, settings, false);
  }
  return { text: extension.format({ [NAME]: params }), inflate, compressor, threshold: settings.threshold };
}

export const DEFLATE_DEFAULTS: DeflateSettings = Object.freeze({
  threshold: 1_024,
  contextTakeover: false,
  level: constants.Z_DEFAULT_COMPRESSION,
  memLevel: constants.Z_DEFAULT_MEMLEVEL,
});
