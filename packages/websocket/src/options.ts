/** What servers and clients may choose, checked once for all WebSockets of a handler. */
import { requireCount, requireMilliseconds, requireOptions } from '@inseam/engine';
import { TOKEN_TEXT } from '@inseam/http/grammar';
import { webSocketUsageError } from './errors.js';
import { WEBSOCKET_LIMITS, type WebSocketLimits } from './limits.js';
import { DEFLATE_DEFAULTS, type DeflateOptions, type DeflateSettings } from './protocol/deflate.js';

/** What becomes of a peer that takes less than it is sent: it is disconnected, or gets no more messages for the moment. */
export type SlowReader = 'close' | 'drop';

export interface WebSocketOptions {
  /** Subprotocols: a server's in its order of preference, the first that the client has is chosen; a client's as it offers them. */
  protocols?: readonly string[] | undefined;
  /**
   * permessage-deflate (RFC 7692). Default false: it costs time and memory, and beside TLS it can give away what is sent next
   * to a text of the peer's choice.
   */
  perMessageDeflate?: boolean | DeflateOptions | undefined;
  /** With `maxBufferedBytes` waiting: 'close', the default, or 'drop', which loses messages. */
  slowReader?: SlowReader | undefined;
  limits?: Partial<WebSocketLimits> | undefined;
}

/** The same after its check. */
export interface WebSocketSettings {
  readonly protocols: readonly string[];
  readonly deflate: DeflateSettings | null;
  readonly slowReader: SlowReader;
  readonly limits: Readonly<WebSocketLimits>;
}

export const OPTION_NAMES = ['protocols', 'perMessageDeflate', 'slowReader', 'limits'] as const;

/** The settings of `options`; throws UsageError for what they cannot be. Names are checked by the caller. */
export function settingsOf(options: WebSocketOptions): WebSocketSettings {
  const { protocols = [], perMessageDeflate = false, slowReader = 'close', limits = {} } = options;
  if (slowReader !== 'close' && slowReader !== 'drop') refuse(`slowReader: ${String(slowReader)}`);
  return {
    protocols: checkProtocols(protocols),
    deflate: checkDeflate(perMessageDeflate),
    slowReader,
    limits: checkLimits(limits),
  };
}

/** Throws UsageError WEBSOCKET_OPTION. */
export function refuse(detail: string): never {
  throw webSocketUsageError('WEBSOCKET_OPTION', detail);
}

function checkProtocols(protocols: readonly string[]): readonly string[] {
  if (!Array.isArray(protocols)) refuse('protocols: a list is expected');
  for (const name of protocols) {
    if (typeof name !== 'string' || !TOKEN_TEXT.test(name)) refuse(`protocols: ${String(name)} is no token`);
  }
  if (new Set(protocols).size < protocols.length) refuse('protocols: one stands there twice');
  return [...protocols];
}

function checkDeflate(options: boolean | DeflateOptions): DeflateSettings | null {
  if (options === false) return null;
  if (options === true) return DEFLATE_DEFAULTS;
  requireOptions(options, Object.keys(DEFLATE_DEFAULTS));
  const { threshold, contextTakeover, level, memLevel } = { ...DEFLATE_DEFAULTS, ...defined(options) };
  if (!(Number.isSafeInteger(threshold) && threshold >= 0))
    refuse(`perMessageDeflate.threshold: ${threshold}`);
  if (typeof contextTakeover !== 'boolean') refuse(`perMessageDeflate.contextTakeover: ${contextTakeover}`);
  for (const [name, value] of Object.entries({ level, memLevel })) {
    const isDefault = value === DEFLATE_DEFAULTS[name as 'level' | 'memLevel'];
    if (!isDefault && !(Number.isInteger(value) && value >= 1 && value <= 9)) {
      refuse(`perMessageDeflate.${name}: ${value}; 1 to 9 are there`);
    }
  }
  return { threshold, contextTakeover, level, memLevel };
}

function checkLimits(changes: Partial<WebSocketLimits>): Readonly<WebSocketLimits> {
  const names = Object.keys(WEBSOCKET_LIMITS) as (keyof WebSocketLimits)[];
  requireOptions(changes, names);
  const limits = { ...WEBSOCKET_LIMITS, ...defined(changes) };
  for (const name of names) {
    if (name.endsWith('Ms') || limits[name] === Number.POSITIVE_INFINITY)
      requireMilliseconds(name, limits[name]);
    else requireCount(name, limits[name]);
  }
  return Object.freeze(limits);
}

/** Without the options that are there and undefined, which stand for their defaults. */
function defined<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
