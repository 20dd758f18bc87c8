import { itParses } from '../support/parser-cases.js';

const chunked = (content: string) =>
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${content}`;
const LAST = '0\r\n\r\n';
const trailer = (...lines: string[]) => chunked(['0', ...lines, '', ''].join('\r\n'));

describe('protocol: chunks', () => {
  itParses([
    { name: 'one', bytes: chunked(`5\r\nhello\r\n${LAST}`), expect: { body: 'hello', trailers: null } },
    {
      name: 'several',
      bytes: chunked(`5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n${LAST}`),
      expect: { body: 'hello world' },
    },
    { name: 'none', bytes: chunked(LAST), expect: { body: '' } },
    {
      name: 'hexadecimal sizes in both cases',
      bytes: chunked(`a\r\n0123456789\r\nB\r\n0123456789a\r\n${LAST}`),
      expect: { body: '01234567890123456789a' },
    },
    {
      name: 'a size of two digits',
      bytes: chunked(`1f\r\n${'x'.repeat(31)}\r\n${LAST}`),
      expect: { body: 'x'.repeat(31) },
    },
    { name: 'leading zeros', bytes: chunked(`0005\r\nhello\r\n0000\r\n\r\n`), expect: { body: 'hello' } },
    {
      name: 'data with line ends and what looks like a chunk',
      bytes: chunked(`7\r\n\r\n0\r\n\r\n\r\n${LAST}`),
      expect: { body: '\r\n0\r\n\r\n' },
    },
    {
      name: 'thirteen digits',
      bytes: chunked('0000000000005\r\nhello\r\n0\r\n\r\n'),
      expect: { body: 'hello' },
    },
    {
      name: 'fourteen digits',
      bytes: chunked('00000000000005\r\nhello\r\n0\r\n\r\n'),
      expect: 'HTTP_CHUNK_SIZE',
    },
    {
      name: 'a size of 64 bits',
      bytes: chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'),
      expect: 'HTTP_CHUNK_SIZE',
    },
    ...['', '-5', '+5', '0x5', '5x', 'g', ' 5', '\t5', '5\0', '\xb5', '5\x0b', '5,'].map((size) => ({
      name: `the size ${JSON.stringify(size)}`,
      bytes: chunked(`${size}\r\nhello\r\n${LAST}`),
      expect: 'HTTP_CHUNK_SIZE',
    })),
    {
      name: 'a size that ends in a bare LF',
      bytes: chunked('5\nhello\r\n0\r\n\r\n'),
      expect: 'HTTP_BARE_LF',
    },
    {
      name: 'a size that ends in a bare CR',
      bytes: chunked('5\rhello\r\n0\r\n\r\n'),
      expect: 'HTTP_BARE_CR',
    },
    { name: 'a last chunk that ends in a bare LF', bytes: chunked('0\n\r\n'), expect: 'HTTP_BARE_LF' },
    { name: 'an end that is a bare LF', bytes: chunked('0\r\n\n'), expect: 'HTTP_BARE_LF' },
    {
      name: 'data that ends in a bare LF',
      bytes: chunked('5\r\nhello\n0\r\n\r\n'),
      expect: 'HTTP_CHUNK_END',
    },
    {
      name: 'data that ends in a bare CR',
      bytes: chunked('5\r\nhello\r0\r\n\r\n'),
      expect: 'HTTP_CHUNK_END',
    },
    {
      name: 'data longer than its size',
      bytes: chunked('4\r\nhello\r\n0\r\n\r\n'),
      expect: 'HTTP_CHUNK_END',
    },
    {
      name: 'data shorter than its size',
      bytes: chunked('6\r\nhello\r\n0\r\n\r\n'),
      expect: 'HTTP_CHUNK_END',
    },
    { name: 'data without an end', bytes: chunked('5\r\nhello0\r\n\r\n'), expect: 'HTTP_CHUNK_END' },
    { name: 'no last chunk', bytes: chunked('5\r\nhello\r\n'), expect: 'NEED_MORE' },
    { name: 'half a size', bytes: chunked('5'), expect: 'NEED_MORE' },
    { name: 'no end after the last chunk', bytes: chunked('0\r\n'), expect: 'NEED_MORE' },
    { name: 'half an end after the last chunk', bytes: chunked('0\r\n\r'), expect: 'NEED_MORE' },
  ]);
});

describe('protocol: chunk extensions', () => {
  const good = [
    ';a',
    ';a=b',
    ';a="b c;d\\""',
    ' ; a = b',
    ';a;b=c\t;d="e"',
    ';a=""',
    ';a="\xe9"',
    `;a=${'b'.repeat(1000)}`,
  ];
  const bad = [';', ';a=', ';=b', ';a="b', ';a=b c', ';a;', ' ', '\t', ';a ', ';a="b"c', ';\xe9'];
  itParses([
    ...good.map((extension) => ({
      name: `"${extension.slice(0, 20)}" is ignored`,
      bytes: chunked(`5${extension}\r\nhello\r\n0${extension}\r\n\r\n`),
      expect: { body: 'hello' },
    })),
    ...bad.map((extension) => ({
      name: JSON.stringify(extension),
      bytes: chunked(`5${extension}\r\nhello\r\n${LAST}`),
      expect: 'HTTP_CHUNK_EXTENSION',
    })),
    { name: 'an extension with a bare LF', bytes: chunked(`5;a\nhello\r\n${LAST}`), expect: 'HTTP_BARE_LF' },
    {
      name: 'an extension with a bare CR',
      bytes: chunked(`5;a\rb\r\nhello\r\n${LAST}`),
      expect: 'HTTP_BARE_CR',
    },
    {
      name: 'an extension with a NUL',
      bytes: chunked(`5;a\0\r\nhello\r\n${LAST}`),
      expect: 'HTTP_CHUNK_SIZE',
    },
    {
      name: 'a chunk line of 1,024 bytes',
      bytes: chunked(`1;${'a'.repeat(1022)}\r\nx\r\n${LAST}`),
      expect: { body: 'x' },
    },
    {
      name: 'a chunk line of 1,025 bytes',
      bytes: chunked(`1;${'a'.repeat(1023)}\r\nx\r\n${LAST}`),
      expect: 'HTTP_CHUNK_EXTENSION',
    },
    {
      name: 'a long chunk line with a bare LF',
      bytes: chunked(`1;${'a'.repeat(1023)}\nx\r\n${LAST}`),
      expect: 'HTTP_CHUNK_EXTENSION',
    },
    {
      name: 'extensions of 16 KiB together',
      bytes: chunked(`1;${'a'.repeat(1022)}\r\nx\r\n`.repeat(16) + LAST),
      expect: { body: 'x'.repeat(16) },
    },
    {
      name: 'extensions of more than 16 KiB together',
      bytes: chunked(`1;${'a'.repeat(1022)}\r\nx\r\n`.repeat(17) + LAST),
      expect: 'HTTP_CHUNK_EXTENSION',
    },
  ]);
});

describe('protocol: trailer section', () => {
  itParses([
    {
      name: 'its fields stand apart from the headers',
      bytes: trailer('X-Sum: 1', 'x-sum:  2 '),
      expect: {
        trailers: [
          ['X-Sum', '1'],
          ['x-sum', '2'],
        ],
        headers: [
          ['Host', 'a'],
          ['Transfer-Encoding', 'chunked'],
        ],
      },
    },
    ...['Host: b', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Connection: close', 'HOST:'].map(
      (line) => ({
        name: `"${line}"`,
        bytes: trailer('X: y', line),
        expect: 'HTTP_TRAILER',
      }),
    ),
    { name: 'a space before the colon', bytes: trailer('X : y'), expect: 'HTTP_FIELD_NAME_SPACE' },
    { name: 'a folded line', bytes: trailer('X: y', ' z'), expect: 'HTTP_FIELD_FOLDED' },
    { name: 'a bare LF', bytes: trailer('X: y\nZ: a'), expect: 'HTTP_BARE_LF' },
    { name: 'a NUL', bytes: trailer('X: \0'), expect: 'HTTP_FIELD_VALUE' },
    { name: 'no empty line yet', bytes: chunked('0\r\nX: y\r\n'), expect: 'NEED_MORE' },
    {
      name: 'too many fields',
      bytes: trailer('A: b', 'C: d', 'E: f', 'G: h'),
      expect: 'HTTP_TOO_MANY_FIELDS',
      limits: { maxHeaders: 3 },
    },
    {
      name: 'too long',
      bytes: trailer(`A: ${'b'.repeat(100)}`),
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 99 },
    },
  ]);
});
