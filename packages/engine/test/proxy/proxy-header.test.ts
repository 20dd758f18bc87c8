import { ProtocolError, type StreamAddress } from '@inseam/engine';
import { NEED_MORE } from '@inseam/engine/byte-window';
import { feedEveryWay } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalIp } from '#src/address';
import { type ProxyHeader, parseProxyHeader } from '#src/proxy/proxy-header';

type Outcome = ProxyHeader | 'NEED_MORE' | { refused: string; after: number };

/** What a reader that gets `chunks` makes of them; it looks after each, and stops at an answer. */
function read(chunks: Buffer[]): Outcome {
  let bytes = Buffer.alloc(0);
  for (const chunk of chunks) {
    bytes = Buffer.concat([bytes, chunk]);
    try {
      const header = parseProxyHeader(bytes);
      if (header !== NEED_MORE) return header;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      expect([error.code, error.section]).to.deep.equal(['ENGINE_PROXY_HEADER', 'PROXY protocol §2']);
      return { refused: /\((.*)\)$/.exec(error.message)?.[1] ?? '', after: bytes.length };
    }
  }
  return 'NEED_MORE';
}

const byteByByte = (bytes: Buffer) => read([...bytes].map((byte) => Buffer.from([byte])));
const latin1 = (text: string) => Buffer.from(text, 'latin1');

const SIGNATURE = latin1('\r\n\r\n\0\r\nQUIT\n');

/** A binary header; `length` is that of `rest` unless it is given. */
function binary(
  command: number,
  family: number,
  rest: Buffer = Buffer.alloc(0),
  length = rest.length,
): Buffer {
  return Buffer.concat([SIGNATURE, Buffer.from([command, family, length >> 8, length & 0xff]), rest]);
}

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const inet = hex('c0000201 cb007107 d431 01bb');
const v6 = (first: string, second: string, ports = '0001 0002') => hex(first + second + ports);
const unix = (first: string, second: string) =>
  Buffer.concat([latin1(first.padEnd(108, '\0')), latin1(second.padEnd(108, '\0'))]);
const tlv = (type: number, value: Buffer) =>
  Buffer.concat([Buffer.from([type, value.length >> 8, value.length & 0xff]), value]);

const ip = (host: string, port: number, family: 4 | 6 = 4): StreamAddress => ({ host, port, family });

/** What HAProxy 2.6 sent: its checksum is not ours. */
const fromHaproxy = {
  proxied:
    '0d0a0d0a000d0a515549540a 21 11 001c 7f000001 7f000001 9dce 8021 03 0004 e0822c8a 05 0006 69642d393537',
  local: '0d0a0d0a000d0a515549540a 20 00 0007 03 0004 a9b87e8f',
  localWithId: '0d0a0d0a000d0a515549540a 20 00 0010 03 0004 9faf0e09 05 0006 69642d393537',
};

const NONE = { remote: null, local: null };
const both = (remote: StreamAddress, local: StreamAddress) => ({ remote, local });

const taken: { name: string; bytes: Buffer; expect: object }[] = [
  ...[
    ['IPv4', 'TCP4 192.0.2.1 203.0.113.7 54321 443', both(ip('192.0.2.1', 54_321), ip('203.0.113.7', 443))],
    [
      'the extremes',
      'TCP4 0.0.0.0 255.255.255.255 0 65535',
      both(ip('0.0.0.0', 0), ip('255.255.255.255', 65_535)),
    ],
    ['IPv6', 'TCP6 2001:db8::1 ::1 1 2', both(ip('2001:db8::1', 1, 6), ip('::1', 2, 6))],
    [
      'IPv6 in full and in capitals',
      'TCP6 2001:0DB8:0000:0000:0000:0000:0000:00AB FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF:FFFF 65535 65535',
      both(ip('2001:db8::ab', 65_535, 6), ip('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 65_535, 6)),
    ],
    [
      'IPv4 mapped into IPv6',
      'TCP6 ::ffff:192.0.2.1 ::FFFF:c000:202 1 2',
      both(ip('192.0.2.1', 1), ip('192.0.2.2', 2)),
    ],
    [
      'IPv4 embedded, not mapped',
      'TCP6 64:ff9b::192.0.2.1 :: 1 2',
      both(ip('64:ff9b::c000:201', 1, 6), ip('::', 2, 6)),
    ],
    ['UNKNOWN', 'UNKNOWN', NONE],
    ['UNKNOWN and addresses', 'UNKNOWN ::1 ::1 65535 65535', NONE],
    ['UNKNOWN and anything', 'UNKNOWN  \0\xff TCP4 ', NONE],
    ['the longest line', `UNKNOWN ${'x'.repeat(107 - 16)}`, NONE],
  ].map(([name, line, result]) => ({
    name: `version 1: ${name}`,
    bytes: latin1(`PROXY ${line}\r\n`),
    expect: result as object,
  })),
  {
    name: 'version 2: IPv4',
    bytes: binary(0x21, 0x11, inet),
    expect: both(ip('192.0.2.1', 54_321), ip('203.0.113.7', 443)),
  },
  {
    name: 'version 2: IPv6',
    bytes: binary(0x21, 0x21, v6('20010db8000000000000000000000001', '00000000000000000000000000000001')),
    expect: both(ip('2001:db8::1', 1, 6), ip('::1', 2, 6)),
  },
  {
    name: 'version 2: IPv4 mapped into IPv6',
    bytes: binary(0x21, 0x21, v6('00000000000000000000ffffc0000201', '00000000000000000000ffff00000000')),
    expect: both(ip('192.0.2.1', 1), ip('0.0.0.0', 2)),
  },
  {
    name: 'version 2: Unix',
    bytes: binary(0x21, 0x31, unix('/run/caf\xc3\xa9\0junk', 'a'.repeat(108))),
    expect: { remote: { path: '/run/café' }, local: { path: 'a'.repeat(108) } },
  },
  {
    name: 'version 2: Unix, unnamed and abstract',
    bytes: binary(0x21, 0x31, unix('', '\0abstract')),
    expect: { remote: { path: '' }, local: { path: '' } },
  },
  {
    name: 'version 2: vectors that nobody needs, an empty one among them',
    bytes: binary(
      0x21,
      0x11,
      Buffer.concat([inet, tlv(4, Buffer.alloc(0)), tlv(0xe0, latin1('x'.repeat(300)))]),
    ),
    expect: both(ip('192.0.2.1', 54_321), ip('203.0.113.7', 443)),
  },
  {
    name: 'version 2: as long as it may be',
    bytes: binary(0x21, 0x11, Buffer.concat([inet, tlv(4, Buffer.alloc(4096 - 16 - 12 - 3))])),
    expect: both(ip('192.0.2.1', 54_321), ip('203.0.113.7', 443)),
  },
  {
    name: 'version 2: a checksum',
    bytes: hex(fromHaproxy.proxied),
    expect: both(ip('127.0.0.1', 40_398), ip('127.0.0.1', 32_801)),
  },
  { name: 'version 2: LOCAL', bytes: binary(0x20, 0x00), expect: NONE },
  { name: 'version 2: LOCAL, its checksum', bytes: hex(fromHaproxy.local), expect: NONE },
  { name: 'version 2: LOCAL, its checksum and more', bytes: hex(fromHaproxy.localWithId), expect: NONE },
  { name: 'version 2: LOCAL, and addresses', bytes: binary(0x20, 0x11, inet), expect: NONE },
  { name: 'version 2: LOCAL, and less than addresses', bytes: binary(0x20, 0x21, inet), expect: NONE },
  { name: 'version 2: LOCAL of no family', bytes: binary(0x20, 0xff, latin1('anything')), expect: NONE },
  { name: 'version 2: LOCAL, and no vectors', bytes: binary(0x20, 0x00, latin1('\x03')), expect: NONE },
  { name: 'version 2: unspecified', bytes: binary(0x21, 0x00), expect: NONE },
  {
    name: 'version 2: unspecified, and anything',
    bytes: binary(0x21, 0x00, latin1('anything')),
    expect: NONE,
  },
  { name: 'version 2: no protocol', bytes: binary(0x21, 0x10, inet), expect: NONE },
  { name: 'version 2: no family', bytes: binary(0x21, 0x01, inet), expect: NONE },
];

const NEITHER = 'neither version 1 nor version 2';
const CRLF = 'a line end that is not CRLF';
const PREFIX = SIGNATURE.toString('latin1');
const flipped = (text: string, at: number) => {
  const bytes = hex(text);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes.toString('latin1');
};

/** `good` can still become a header; with the first byte of `bad` it cannot. */
const refused: { name: string; good: string; bad: string; detail: string }[] = [
  { name: 'a request', good: '', bad: 'GET / HTTP/1.1\r\n\r\n', detail: NEITHER },
  { name: 'a request that begins alike', good: 'P', bad: 'OST / HTTP/1.1\r\n\r\n', detail: NEITHER },
  { name: 'a ClientHello', good: '', bad: '\x16\x03\x01\x02', detail: NEITHER },
  { name: 'small letters', good: '', bad: 'proxy TCP4', detail: NEITHER },
  { name: 'a longer word', good: 'PROXY', bad: 'X TCP4', detail: NEITHER },
  { name: 'an end after the first word', good: 'PROXY', bad: '\r\n', detail: 'protocol' },
  { name: 'a space before the first word', good: '', bad: ' PROXY', detail: NEITHER },
  { name: 'two spaces', good: 'PROXY ', bad: ' TCP4', detail: 'protocol' },
  { name: 'another protocol', good: 'PROXY U', bad: 'DP4', detail: 'protocol' },
  { name: 'another version of IP', good: 'PROXY TCP', bad: '5', detail: 'protocol' },
  { name: 'a longer protocol', good: 'PROXY UNKNOWN', bad: 'S\r\n', detail: 'protocol' },
  { name: 'an end after the protocol', good: 'PROXY TCP4', bad: '\r\n', detail: 'source address' },
  { name: 'no addresses', good: 'PROXY TCP4 ', bad: '\r\n', detail: 'source address' },
  { name: 'a number above 255', good: 'PROXY TCP4 1.25', bad: '6.1.1', detail: 'source address' },
  { name: 'a leading zero', good: 'PROXY TCP4 1.0', bad: '1.1.1', detail: 'source address' },
  { name: 'five numbers', good: 'PROXY TCP4 1.1.1.1', bad: '.1', detail: 'source address' },
  { name: 'three numbers', good: 'PROXY TCP4 1.1.1', bad: ' 1.1.1.1', detail: 'source address' },
  { name: 'IPv6 said to be IPv4', good: 'PROXY TCP4 1', bad: ':1', detail: 'source address' },
  {
    name: 'IPv4 said to be IPv6',
    good: 'PROXY TCP6 192',
    bad: '.0.2.1',
    detail: 'source address',
  },
  { name: 'a name', good: 'PROXY TCP4 ', bad: 'localhost', detail: 'source address' },
  { name: 'no hexadecimal digit', good: 'PROXY TCP6 fe80::', bad: 'g', detail: 'source address' },
  { name: 'five digits', good: 'PROXY TCP6 1234', bad: '5', detail: 'source address' },
  { name: 'nine groups', good: 'PROXY TCP6 1:2:3:4:5:6:7:8', bad: ':9', detail: 'source address' },
  { name: 'seven groups', good: 'PROXY TCP6 1:2:3:4:5:6:7', bad: ' ::', detail: 'source address' },
  { name: 'two gaps', good: 'PROXY TCP6 1::2:', bad: ':3', detail: 'source address' },
  { name: 'a zone', good: 'PROXY TCP6 fe80::1', bad: '%1', detail: 'source address' },
  {
    name: 'an address above 39 characters',
    good: 'PROXY TCP6 0000:0000:0000:0000:0000:ffff:192.0.2.1 0000:0000:0000:0000:0000:ffff:255.2',
    bad: '55.255.1',
    detail: 'destination address',
  },
  { name: 'a bad destination', good: 'PROXY TCP4 1.1.1.1 1.1.1.1', bad: 'a', detail: 'destination address' },
  { name: 'no ports', good: 'PROXY TCP4 1.1.1.1 1.1.1.1', bad: '\r\n', detail: 'source port' },
  { name: 'a port above 65535', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 6553', bad: '6', detail: 'source port' },
  { name: 'a longer port', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 65535', bad: '0', detail: 'source port' },
  { name: 'a leading zero in a port', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 0', bad: '1', detail: 'source port' },
  { name: 'a signed port', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 ', bad: '+1', detail: 'source port' },
  { name: 'an empty port', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 ', bad: ' 1', detail: 'source port' },
  { name: 'one port', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1', bad: '\r\n', detail: 'destination port' },
  {
    name: 'an empty last port',
    good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 ',
    bad: '\r',
    detail: 'destination port',
  },
  {
    name: 'a space before the end',
    good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1',
    bad: ' \r\n',
    detail: 'more than a destination port',
  },
  { name: 'LF alone', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1', bad: '\n', detail: CRLF },
  { name: 'CR alone', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r', bad: 'GET /', detail: CRLF },
  { name: 'CR twice', good: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r', bad: '\r\n', detail: CRLF },
  { name: 'LF alone after UNKNOWN', good: 'PROXY UNKNOWN', bad: '\n', detail: CRLF },
  { name: 'LF alone in what is ignored', good: 'PROXY UNKNOWN x', bad: '\nx\r\n', detail: CRLF },
  { name: 'CR alone in what is ignored', good: 'PROXY UNKNOWN x\r', bad: 'x\r\n', detail: CRLF },
  {
    name: 'a line of 108 bytes',
    good: `PROXY UNKNOWN ${'x'.repeat(91)}`,
    bad: 'x\r\n',
    detail: 'a line of more than 107 bytes',
  },

  { name: 'another signature', good: PREFIX.slice(0, 11), bad: '\r', detail: NEITHER },
  { name: 'an empty line', good: '\r\n\r\n', bad: 'GET /', detail: NEITHER },
  { name: 'version 1 in binary', good: PREFIX, bad: '\x11\x11', detail: 'version and command 0x11' },
  { name: 'version 3', good: PREFIX, bad: '\x31\x11', detail: 'version and command 0x31' },
  { name: 'an unassigned command', good: PREFIX, bad: '\x22\x11', detail: 'version and command 0x22' },
  {
    name: 'an unassigned family',
    good: `${PREFIX}\x21`,
    bad: '\x41\0\0',
    detail: 'family and protocol 0x41',
  },
  { name: 'an unassigned protocol', good: `${PREFIX}\x21`, bad: '\x13', detail: 'family and protocol 0x13' },
  ...['\x02', '\x12', '\x22', '\x32'].map((family) => ({
    name: `datagrams of family ${family.charCodeAt(0) >> 4}`,
    good: `${PREFIX}\x21`,
    bad: family,
    detail: 'datagrams, over a stream',
  })),
  { name: '16 + 4096 bytes', good: `${PREFIX}\x21\x11`, bad: '\x10\0', detail: 'more than 4096 bytes' },
  { name: '4097 bytes', good: `${PREFIX}\x21\x11\x0f`, bad: '\xf1', detail: 'more than 4096 bytes' },
  { name: 'LOCAL and 4097 bytes', good: `${PREFIX}\x20\0\x0f`, bad: '\xf1', detail: 'more than 4096 bytes' },
  ...(
    [
      ['IPv4', 0x11, 12],
      ['IPv6', 0x21, 36],
      ['Unix', 0x31, 216],
    ] as const
  ).map(([name, family, size]) => ({
    name: `no room for ${name} addresses`,
    good: `${PREFIX}\x21${String.fromCharCode(family)}\0`,
    bad: String.fromCharCode(size - 1),
    detail: 'too short for its addresses',
  })),
  ...(
    [
      ['one byte behind the addresses', Buffer.from([4]), 'a cut TLV'],
      ['two bytes behind the addresses', Buffer.from([4, 0]), 'a cut TLV'],
      ['a vector longer than the header', Buffer.from([4, 0, 2, 0]), 'a cut TLV'],
      ['a byte behind the last vector', Buffer.from([4, 0, 1, 0, 9]), 'a cut TLV'],
      ['a checksum of three bytes', tlv(3, Buffer.alloc(3)), 'not one checksum of four bytes'],
      ['a checksum of five bytes', tlv(3, Buffer.alloc(5)), 'not one checksum of four bytes'],
      ['a checksum of zero', tlv(3, Buffer.alloc(4)), 'checksum'],
    ] as const
  ).map(([name, tlvs, detail]) => {
    const text = binary(0x21, 0x11, Buffer.concat([inet, tlvs])).toString('latin1');
    return { name, good: text.slice(0, -1), bad: text.slice(-1), detail };
  }),
  {
    name: 'two checksums',
    good: hex(`${fromHaproxy.proxied.replace('001c', '0023')} 03 0004 e0822c`).toString('latin1'),
    bad: '\x8a',
    detail: 'not one checksum of four bytes',
  },
  ...(
    [
      ['an address against the checksum', fromHaproxy.proxied, 16],
      ['the last vector against the checksum', fromHaproxy.proxied, 43],
      ['the checksum itself', fromHaproxy.proxied, 34],
      ["LOCAL's family against the checksum", fromHaproxy.local.replace('20 00', '20 01'), 22],
      ['a vector of LOCAL against the checksum', fromHaproxy.localWithId, 31],
    ] as const
  ).map(([name, bytes, at]) => {
    const text = flipped(bytes, at);
    return { name, good: text.slice(0, -1), bad: text.slice(-1), detail: 'checksum' };
  }),
];

describe('parseProxyHeader', () => {
  for (const { name, bytes, expect: expected } of taken) {
    it(`takes ${name}`, () => {
      for (const next of ['', 'GET / HTTP/1.1\r\n', '\n', '\0']) {
        for (const { way, chunks } of feedEveryWay(Buffer.concat([bytes, latin1(next)]))) {
          expect(read(chunks), way).to.deep.equal({ length: bytes.length, ...expected });
        }
      }
      expect(byteByByte(bytes.subarray(0, -1))).to.equal('NEED_MORE');
    });
  }

  for (const { name, good, bad, detail } of refused) {
    it(`refuses ${name}, at the first byte that is wrong`, () => {
      const bytes = latin1(good + bad);
      expect(byteByByte(bytes)).to.deep.equal({ refused: detail, after: good.length + 1 });
      for (const { way, chunks } of feedEveryWay(bytes)) {
        expect(read(chunks), way).to.have.property('refused', detail);
      }
    });
  }

  it('needs more than nothing', () => {
    expect(parseProxyHeader(Buffer.alloc(0))).to.equal(NEED_MORE);
  });

  it('leaves the bytes as they are', () => {
    const bytes = hex(fromHaproxy.proxied);
    parseProxyHeader(bytes);
    expect(bytes).to.deep.equal(hex(fromHaproxy.proxied));
  });

  it('makes a header, NEED_MORE or a ProtocolError of any bytes, within 4096 of them', () => {
    const start = fc.oneof(
      ...[
        '',
        'PROXY ',
        'PROXY TCP4 ',
        'PROXY TCP6 ',
        'PROXY UNKNOWN',
        PREFIX,
        `${PREFIX}\x20`,
        `${PREFIX}\x21\x11`,
      ].map((text) => fc.constant(latin1(text))),
    );
    const rest = fc.oneof(
      fc.uint8Array({ maxLength: 5_000 }),
      fc.string({ unit: fc.constantFrom(...'0123456789abcf:. \r\n'), maxLength: 120 }).map(latin1),
    );
    fc.assert(
      fc.property(start, rest, (first, second) => {
        const bytes = Buffer.concat([first, second]);
        const outcome = read([bytes]);
        if (outcome === 'NEED_MORE') expect(bytes.length).to.be.lessThan(4_096);
        else if ('length' in outcome) expect(outcome.length).to.be.within(15, Math.min(bytes.length, 4_096));
      }),
      { numRuns: 1_000 },
    );
  });

  const port = fc.nat(65_535);

  it('reads any line that can be written, and refuses no beginning of it', () => {
    const ipv6 = fc.ipV6().filter((text) => text.length <= 39);
    const line = fc.oneof(
      fc.tuple(fc.constant('TCP4'), fc.ipV4(), fc.ipV4(), port, port),
      fc.tuple(fc.constant('TCP6'), ipv6, ipv6, port, port),
    );
    fc.assert(
      fc.property(line, (words) => {
        const bytes = latin1(`PROXY ${words.join(' ')}\r\n`);
        const [, source, destination, sourcePort, destinationPort] = words;
        expect(byteByByte(bytes)).to.deep.equal({
          length: bytes.length,
          remote: { ...canonicalIp(source), port: sourcePort },
          local: { ...canonicalIp(destination), port: destinationPort },
        });
      }),
    );
  });

  it('reads the same addresses in both versions', () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff));
    const groups = fc.array(group, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, groups, port, port, (source, destination, sourcePort, destinationPort) => {
        const text = (address: number[]) => address.map((one) => one.toString(16)).join(':');
        const block = Buffer.alloc(36);
        for (const [i, one] of [...source, ...destination, sourcePort, destinationPort].entries()) {
          block.writeUInt16BE(one, 2 * i);
        }
        const line = latin1(
          `PROXY TCP6 ${text(source)} ${text(destination)} ${sourcePort} ${destinationPort}\r\n`,
        );
        const { length: _, ...fromLine } = read([line]) as ProxyHeader;
        expect(read([binary(0x21, 0x21, block)])).to.deep.equal({ length: 52, ...fromLine });
      }),
    );
  });
});

describe('canonicalIp', () => {
  it('says the same of every way to write an address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const found = canonicalIp(text);
        const again = canonicalIp(text.toUpperCase());
        expect(again).to.deep.equal(found);
        // The URL parser is somebody else's: it must see the same bits.
        const bits = (host: string) => new URL(`http://[${host}]/`).hostname;
        const host = found?.family === 4 ? `::ffff:${found.host}` : (found?.host ?? '');
        expect(bits(host)).to.equal(bits(text));
        expect(found?.family === 4).to.equal(
          bits(text).startsWith('[::ffff:') && bits(text).split(':').length === 5,
        );
      }),
    );
  });

  for (const [text, host, family] of [
    ['192.0.2.1', '192.0.2.1', 4],
    ['::FFFF:192.0.2.1', '192.0.2.1', 4],
    ['0:0:0:0:0:ffff:0:0', '0.0.0.0', 4],
    ['::ffff:0:192.0.2.1', '::ffff:0:c000:201', 6],
    ['::192.0.2.1', '::192.0.2.1', 6],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1', 6],
    ['fe80::1%eth0', 'fe80::1', 6],
  ] as const) {
    it(`makes ${host} of ${text}`, () => {
      expect(canonicalIp(text)).to.deep.equal({ host, family });
    });
  }

  for (const text of ['', 'localhost', '1.2.3', '01.2.3.4', '1.2.3.4/8', '[::1]', '::1::']) {
    it(`knows nothing of '${text}'`, () => {
      expect(canonicalIp(text)).to.equal(null);
    });
  }
});
