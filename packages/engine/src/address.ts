/** The ways to name an address, and the one form that the transports take. */
import { inspect } from 'node:util';
import { usageError } from './errors.js';

/** A port, `[host, port]`, `{ host, port }`, or the path of a Unix socket: text with a slash in it, or `{ path }`. */
export type Address =
  | number
  | string
  | readonly [host: string, port: number]
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** An address after its check. A host of `null` means every address to a server, this machine to a client. */
export type ParsedAddress =
  | { readonly host: string | null; readonly port: number }
  | { readonly path: string };

/** Reads an address from user code; throws UsageError for anything else. */
export function parseAddress(address: Address): ParsedAddress {
  if (typeof address === 'number') return { host: null, port: parsePort(address) };
  if (typeof address === 'string') return parsePath(requireSlash(address));
  if (isPair(address)) return parseHost(address[0], address[1]);
  if (typeof address === 'object' && address !== null) {
    if ('path' in address) return parsePath(address.path);
    if ('port' in address) return parseHost(address.host, address.port);
  }
  throw usageError('ENGINE_ADDRESS', describe(address));
}

function isPair(address: Address): address is readonly [string, number] {
  return Array.isArray(address) && address.length === 2;
}

function parseHost(host: string | undefined, port: number): ParsedAddress {
  if (host !== undefined && typeof host !== 'string') throw usageError('ENGINE_ADDRESS', describe(host));
  return { host: host === undefined || host === '' ? null : host, port: parsePort(port) };
}

function parsePort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw usageError('ENGINE_ADDRESS', `port ${describe(port)}`);
}

/** Text without a slash is more often a port or a host than a socket in the working directory. */
function requireSlash(path: string): string {
  if (path.includes('/')) return path;
  const hint = /^\d+$/.test(path) ? 'a port is a number' : 'a path has a slash in it';
  throw usageError('ENGINE_ADDRESS', `${describe(path)}: ${hint}`);
}

/** The kernel's limit for a Unix socket path is 107 bytes on Linux, and a NUL would cut it short. */
function parsePath(path: string): ParsedAddress {
  const fits =
    typeof path === 'string' && path !== '' && !path.includes('\0') && Buffer.byteLength(path) <= 107;
  if (fits) return { path };
  throw usageError('ENGINE_ADDRESS', `path ${describe(path)}`);
}

function describe(value: unknown): string {
  return inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY });
}
