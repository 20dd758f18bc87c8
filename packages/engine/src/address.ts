/** The ways to name an address, and the one form that the transports take. */
import { isIP, isIPv6, Server as NetServer, SocketAddress } from 'node:net';
import { inspect } from 'node:util';
import { usageError } from './errors.js';

/**
 * A port, `[host, port]`, `{ host, port }`, or the path of a Unix socket: text with a slash in it, or `{ path }`. The
 * system's four values of an IPv6 address are taken too; flow information is always 0, since Node cannot set it.
 */
export type Address =
  | number
  | string
  | readonly [host: string, port: number]
  | readonly [host: string, port: number, flowInfo: 0, scopeId: number]
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/**
 * Where a server may listen: an address, the descriptor of a listening socket, or a `net.Server` that listens already
 * and has no listener for its connections.
 */
export type ListenAddress = Address | { readonly fd: number } | NetServer;

/** An address after its check. A host of `null` means every address to a server, this machine to a client. */
export type ParsedAddress = HostAddress | { readonly path: string };
export type HostAddress = { readonly host: string | null; readonly port: number };

/** What a server listens on, after its check. */
export type ParsedListenAddress = ParsedAddress | { readonly fd: number } | { readonly netServer: NetServer };

/** Reads an address from user code; throws UsageError for anything else. */
export function parseAddress(address: Address): ParsedAddress {
  if (typeof address === 'number') return { host: null, port: parsePort(address) };
  if (typeof address === 'string') return parsePath(requireSlash(address));
  if (isTuple(address)) return parseTuple(address);
  if (typeof address === 'object' && address !== null) {
    if ('path' in address) return parsePath(address.path);
    if ('port' in address) return parseHost(address.host, address.port);
  }
  throw usageError('ENGINE_ADDRESS', describe(address));
}

/** `parseAddress` for servers, which take a socket that exists already, too. */
export function parseListenAddress(address: ListenAddress): ParsedListenAddress {
  if (address instanceof NetServer) {
    if (!address.listening) throw usageError('ENGINE_ADDRESS', 'a net.Server that does not listen');
    // An http.Server and a tls.Server are net.Servers, too.
    if (address.listenerCount('connection') === 0) return { netServer: address };
    throw usageError('ENGINE_ADDRESS', 'a net.Server whose connections are taken already');
  }
  if (typeof address !== 'object' || address === null || !('fd' in address)) return parseAddress(address);
  if (Number.isInteger(address.fd) && address.fd >= 0) return { fd: address.fd };
  throw usageError('ENGINE_ADDRESS', `fd ${describe(address.fd)}`);
}

/** An IP address as our sockets show it: the usual text, IPv4 mapped into IPv6 as IPv4. Null for anything else. */
export function canonicalIp(text: string): { readonly host: string; readonly family: 4 | 6 } | null {
  const family = isIP(text);
  if (family === 0) return null;
  if (family === 4) return { host: text, family };
  const { address } = new SocketAddress({ address: text, family: 'ipv6' });
  const mapped = mappedIPv4(address);
  return mapped === null ? { host: address, family: 6 } : { host: mapped, family: 4 };
}

/** The IPv4 address in `::ffff:192.0.2.1`, as a socket of both families shows its clients; null for anything else. */
export function mappedIPv4(host: string): string | null {
  return host.startsWith('::ffff:') && host.includes('.') ? host.slice(7) : null;
}

type Tuple = Extract<Address, readonly unknown[]>;

function isTuple(address: Address): address is Tuple {
  return Array.isArray(address) && (address.length === 2 || address.length === 4);
}

function parseTuple(address: Tuple): ParsedAddress {
  const [host, port, flowInfo, scopeId] = address;
  if (address.length === 2) return parseHost(host, port);
  const isSound =
    typeof host === 'string' && flowInfo === 0 && Number.isInteger(scopeId) && Number(scopeId) >= 0;
  const literal = host === '' ? '::' : host;
  if (!isSound || !isIPv6(literal)) throw usageError('ENGINE_ADDRESS', describe(address));
  return parseHost(scopeId === 0 ? literal : `${literal}%${scopeId}`, port);
}

function parseHost(host: string | undefined, port: number): HostAddress {
  if (host === undefined || host === '') return { host: null, port: parsePort(port) };
  if (typeof host === 'string' && !host.includes('\0')) return { host, port: parsePort(port) };
  throw usageError('ENGINE_ADDRESS', `host ${describe(host)}`);
}

function parsePort(port: number): number {
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw usageError('ENGINE_ADDRESS', `port ${describe(port)}`);
}

/** Text without a slash is more often a port or a host than a socket in the working directory. */
function requireSlash(path: string): string {
  if (path.includes('://')) throw usageError('ENGINE_ADDRESS', `${describe(path)}: no URLs`);
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
