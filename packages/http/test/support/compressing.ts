/** A server that compresses, over memory, and what to send through it. */
import type { CompressionOptions, HTTPRequest } from '@inseam/http';
import { get } from './message.js';
import { type Wire, wire } from './wire.js';
/** 2,200 bytes. */
export const TEXT = 'All work and no play makes Jack a dull boy.\n'.repeat(50);
/** More than is compressed at once. */
export const LONG = 'Grüße aus Köln, 𝄞 und so weiter: '.repeat(20_000);
export function compressing(
  handler: (request: HTTPRequest) => unknown,
  options: true | CompressionOptions = true,
): Wire {
  return wire(handler, { compress: options });
}
/** A request that takes these codings. */
export const accept = (value: string) => get('/', `Accept-Encoding: ${value}`);
