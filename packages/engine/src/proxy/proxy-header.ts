/**
 * The header that a proxy sends ahead of a connection: whose connection it is. Versions 1 (a line) and 2 (binary) of
 * the PROXY protocol, haproxy's doc/proxy-protocol.txt §2.1 and §2.2. Pure: bytes in; a header, NEED_MORE or a
 * ProtocolError out. It knows no transport, and trusts nobody: whose word counts is decided before.
 */
import { isIP } from 'node:net';
import { canonicalIp } from '../address.js';
import { NEED_MORE } from '../byte-window.js';
import { type ProtocolError, protocolError } from '../errors.js';
import type { StreamAddress } from '../transport.js';

export interface ProxyHeader {
  /** Bytes that the header takes. */
  readonly length: number;
  /** The client. Null, as `local`, where the connection's own addresses count: LOCAL, UNKNOWN or unspecified. */
  readonly remote: StreamAddress | null;
  /** Where the client connected to. */
  readonly local: StreamAddress | null;
}

type Addresses = Omit<ProxyHeader, 'length'>;

/** §2.1: the longest line, with its CRLF. */
const MAX_LINE = 107;
/** The longest binary header. Real ones stay below 600 bytes: addresses, a server name, a certificate's subject. */
const MAX_BINARY = 4_096;

/**
 * Reads the header that `buffer` begins with; NEED_MORE while it may still become one. Throws ProtocolError
 * (`ENGINE_PROXY_HEADER`) where it cannot: at the first wrong byte of a line or of the fixed part of a binary header,
 * for the rest of that once it is complete. The buffer stays the caller's.
 */
export function parseProxyHeader(buffer: Buffer): ProxyHeader | typeof NEED_MORE {
  return buffer[0] === SIGNATURE[0] ? parseBinary(buffer) : parseLine(buffer);
}

function ipAddress(text: string, port: number): StreamAddress {
  const ip = canonicalIp(text);
  if (ip === null) throw refusal('address');
  return { host: ip.host, port, family: ip.family };
}

function refusal(detail: string): ProtocolError {
  return protocolError('ENGINE_PROXY_HEADER', detail);
}

// Version 1 -------------------------------------------------------------------------------------------------

/** Whether `text` is such a word; of one that is not whole yet, whether it can become one. */
type Word = (text: string, isWhole: boolean) => boolean;

const keyword =
  (...known: string[]): Word =>
  (text, isWhole) =>
    known.some((word) => (isWhole ? word === text : word.startsWith(text)));

/** `endings`: one of them completes any beginning that can be completed at all. */
const completedBy =
  (endings: readonly string[], isRight: (text: string) => boolean): Word =>
  (text, isWhole) =>
    isWhole ? isRight(text) : endings.some((ending) => isRight(text + ending));

const dottedEndings = ['', '0', '.0', '0.0', '.0.0', '0.0.0', '.0.0.0', '0.0.0.0'];
const ipv4 = completedBy(dottedEndings, (text) => isIP(text) === 4);
/** 39 characters, §2.1: longer ones exist, and nobody writes them. A zone means nothing on another machine. */
const ipv6 = completedBy(
  [...dottedEndings, ':', '::'],
  (text) => text.length <= 39 && isIP(text) === 6 && !text.includes('%'),
);
const port = completedBy(['', '0'], (text) => /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535);

const NO_HEADER = 'neither version 1 nor version 2';
const opening: [what: string, word: Word][] = [
  [NO_HEADER, keyword('PROXY')],
  ['protocol', keyword('TCP4', 'TCP6', 'UNKNOWN')],
];
const lineOf = (address: Word): typeof opening => [
  ...opening,
  ['source address', address],
  ['destination address', address],
  ['source port', port],
  ['destination port', port],
];
const TCP4 = lineOf(ipv4);
const TCP6 = lineOf(ipv6);

function parseLine(buffer: Buffer): ProxyHeader | typeof NEED_MORE {
  const text = buffer.toString('latin1', 0, MAX_LINE);
  const end = text.search(/[\r\n]/);
  const isWhole = end !== -1;
  const line = isWhole ? text.slice(0, end) : text;
  const addresses = readWords(line, isWhole);
  if (line.length > MAX_LINE - 2) throw refusal(`a line of more than ${MAX_LINE} bytes`);
  if (!isWhole) return NEED_MORE;
  const lineEnd = text.slice(end, end + 2);
  if (lineEnd === '\r') return NEED_MORE;
  if (lineEnd !== '\r\n') throw refusal('a line end that is not CRLF');
  return { length: end + 2, ...addresses };
}

/** Checks the words of a line as far as they are there; the addresses are of use once the line is whole. */
function readWords(line: string, isWhole: boolean): Addresses {
  const words = line.split(' ');
  const protocol = words[1];
  const expected = protocol === 'UNKNOWN' ? opening : protocol === 'TCP6' ? TCP6 : TCP4;
  for (const [i, [what, word]] of expected.entries()) {
    const text = words[i];
    if (text === undefined && !isWhole) break;
    if (text === undefined || !word(text, isWhole || i < words.length - 1)) throw refusal(what);
  }
  if (expected !== opening && words.length > expected.length) throw refusal('more than a destination port');
  const [, , source = '', destination = '', sourcePort, destinationPort] = words;
  if (!isWhole || expected === opening) return { remote: null, local: null };
  return {
    remote: ipAddress(source, Number(sourcePort)),
    local: ipAddress(destination, Number(destinationPort)),
  };
}

// Version 2 -------------------------------------------------------------------------------------------------

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const PREFIX_BYTES = 16;
const LOCAL = 0x20;
const PROXY = 0x21;
/** Bytes of both addresses and ports, by family: unspecified, IPv4, IPv6, Unix. */
const ADDRESS_BYTES: readonly number[] = [0, 12, 36, 216];
const DGRAM = 2;
const TLV_CRC32C = 0x03;

function parseBinary(buffer: Buffer): ProxyHeader | typeof NEED_MORE {
  const there = Math.min(buffer.length, SIGNATURE.length);
  if (buffer.compare(SIGNATURE, 0, there, 0, there) !== 0) throw refusal(NO_HEADER);
  const [command, family, high, low] = buffer.subarray(SIGNATURE.length, PREFIX_BYTES);
  if (command === undefined) return NEED_MORE;
  if (command !== LOCAL && command !== PROXY) throw refusal(`version and command ${hex(command)}`);
  if (family === undefined) return NEED_MORE;
  const hasAddresses = command === PROXY && checkFamily(family);
  if (high === undefined) return NEED_MORE;
  const length = PREFIX_BYTES + (high << 8) + (low ?? 0);
  if (length > MAX_BINARY) throw refusal(`more than ${MAX_BINARY} bytes`);
  if (low === undefined) return NEED_MORE;
  const tlvsAt = PREFIX_BYTES + (ADDRESS_BYTES[family >> 4] ?? 0);
  if (hasAddresses && length < tlvsAt) throw refusal('too short for its addresses');
  if (buffer.length < length) return NEED_MORE;
  checkTlvs(buffer.subarray(0, length), tlvsAt, hasAddresses);
  if (!hasAddresses) return { length, remote: null, local: null };
  return { length, ...readAddresses(buffer.subarray(PREFIX_BYTES, tlvsAt)) };
}

/**
 * §2.2: what is unassigned is refused. False where the family or the protocol is unspecified: then nothing can be
 * read.
 */
function checkFamily(family: number): boolean {
  const protocol = family & 0x0f;
  if (family >> 4 >= ADDRESS_BYTES.length || protocol > DGRAM) {
    throw refusal(`family and protocol ${hex(family)}`);
  }
  if (protocol === DGRAM) throw refusal('datagrams, over a stream');
  return protocol !== 0 && family >> 4 !== 0;
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

function readAddresses(block: Buffer): Addresses {
  if (block.length === ADDRESS_BYTES[3]) {
    return {
      remote: { path: unixPath(block.subarray(0, 108)) },
      local: { path: unixPath(block.subarray(108)) },
    };
  }
  const size = (block.length - 4) / 2;
  return {
    remote: ipAddress(ipText(block.subarray(0, size)), block.readUInt16BE(2 * size)),
    local: ipAddress(ipText(block.subarray(size, 2 * size)), block.readUInt16BE(2 * size + 2)),
  };
}

/** An unnamed or abstract socket begins with NUL: its path is empty. */
function unixPath(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

function ipText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16));
  return groups.join(':');
}

/**
 * The vectors behind the addresses must fill the header exactly, and a checksum among them must be right. Where the
 * addresses do not count the block may be anything, §2.2; a checksum that can be found counts all the same.
 */
function checkTlvs(header: Buffer, start: number, mustFill: boolean): void {
  let checksumAt = 0;
  for (let at = start; at < header.length; ) {
    const value = at + 3;
    const end = value > header.length ? value : value + header.readUInt16BE(at + 1);
    const isChecksum = header[at] === TLV_CRC32C;
    if (end > header.length || (isChecksum && (end - value !== 4 || checksumAt !== 0))) {
      if (!mustFill) return;
      throw refusal(isChecksum ? 'not one checksum of four bytes' : 'a cut TLV');
    }
    if (isChecksum) checksumAt = value;
    at = end;
  }
  if (checksumAt !== 0 && crc32c(header, checksumAt) !== header.readUInt32BE(checksumAt)) {
    throw refusal('checksum');
  }
}

/** CRC-32C (RFC 9260 Appendix A), by bytes; its polynomial is given bit-reversed. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** The checksum of `header` as if its four bytes at `checksumAt` were zero. */
function crc32c(header: Buffer, checksumAt: number): number {
  let crc = 0xffffffff;
  for (const [i, byte] of header.entries()) {
    const counted = i >= checksumAt && i < checksumAt + 4 ? 0 : byte;
    crc = (CRC_TABLE[(crc ^ counted) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
