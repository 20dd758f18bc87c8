import { itParses } from '../support/parser-cases.js';

const head = (...lines: string[]) => ['GET / HTTP/1.1', ...lines, '', ''].join('\r\n');
const fields = (...lines: string[]) => head('Host: a', ...lines);

describe('protocol: field section', () => {
  itParses([
    {
      name: 'names keep their case, values lose the whitespace around them',
      bytes: head('hOsT:a', 'X-One: \t two words\t ', 'X-Empty:', 'X-Blank:   '),
      expect: {
        headers: [
          ['hOsT', 'a'],
          ['X-One', 'two words'],
          ['X-Empty', ''],
          ['X-Blank', ''],
        ],
      },
    },
    {
      name: 'repeated fields stay apart, in order',
      bytes: fields('B: 2', 'A: 1', 'b: 3'),
      expect: {
        headers: [
          ['Host', 'a'],
          ['B', '2'],
          ['A', '1'],
          ['b', '3'],
        ],
      },
    },
    {
      name: 'values may have colons, tabs and obs-text',
      bytes: fields('X: a:b\tc \xe9\xff'),
      expect: {
        headers: [
          ['Host', 'a'],
          ['X', 'a:b\tc \xe9\xff'],
        ],
      },
    },
    {
      name: 'no-break space and NEL are no whitespace',
      bytes: fields('X: \xa0v\x85'),
      expect: {
        headers: [
          ['Host', 'a'],
          ['X', '\xa0v\x85'],
        ],
      },
    },
    { name: 'a space before the colon', bytes: fields('X : y'), expect: 'HTTP_FIELD_NAME_SPACE' },
    { name: 'a tab before the colon', bytes: fields('X\t: y'), expect: 'HTTP_FIELD_NAME_SPACE' },
    { name: 'a space inside the name', bytes: fields('X Y: z'), expect: 'HTTP_FIELD_NAME_SPACE' },
    { name: 'a folded line', bytes: fields('X: y', ' z'), expect: 'HTTP_FIELD_FOLDED' },
    { name: 'a folded line with a tab', bytes: fields('X: y', '\tz'), expect: 'HTTP_FIELD_FOLDED' },
    { name: 'whitespace before the first field', bytes: head(' Host: a'), expect: 'HTTP_FIELD_FOLDED' },
    { name: 'a line of whitespace', bytes: fields(' '), expect: 'HTTP_FIELD_FOLDED' },
    { name: 'no name', bytes: fields(': y'), expect: 'HTTP_FIELD_NAME' },
    { name: 'no colon', bytes: fields('X'), expect: 'HTTP_FIELD_NAME' },
    { name: 'a NUL in the name', bytes: fields('X\0: y'), expect: 'HTTP_FIELD_NAME' },
    { name: 'brackets in the name', bytes: fields('X[0]: y'), expect: 'HTTP_FIELD_NAME' },
    { name: 'obs-text in the name', bytes: fields('X\xe9: y'), expect: 'HTTP_FIELD_NAME' },
    { name: 'a NUL in the value', bytes: fields('X: a\0b'), expect: 'HTTP_FIELD_VALUE' },
    { name: 'a vertical tab in the value', bytes: fields('X: a\x0bb'), expect: 'HTTP_FIELD_VALUE' },
    { name: 'DEL in the value', bytes: fields('X: a\x7fb'), expect: 'HTTP_FIELD_VALUE' },
    { name: 'a bare CR in the value', bytes: fields('X: a\rb'), expect: 'HTTP_BARE_CR' },
    { name: 'two CRs at the end of the line', bytes: fields('X: a\r'), expect: 'HTTP_BARE_CR' },
    { name: 'a bare LF in the value', bytes: fields('X: a\nY: b'), expect: 'HTTP_BARE_LF' },
    {
      name: 'a bare LF in place of the empty line',
      bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\n',
      expect: 'HTTP_BARE_LF',
    },
    { name: 'a bare LF inside a name', bytes: fields('X\n: a'), expect: 'HTTP_BARE_LF' },
    {
      name: 'a bare CR in place of the empty line',
      bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n',
      expect: 'HTTP_BARE_CR',
    },
    { name: 'no empty line yet', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n', expect: 'NEED_MORE' },
    { name: 'half an empty line', bytes: 'GET / HTTP/1.1\r\nHost: a\r\n\r', expect: 'NEED_MORE' },
    { name: 'half a name', bytes: 'GET / HTTP/1.1\r\nHo', expect: 'NEED_MORE' },
  ]);
});

describe('protocol: Host', () => {
  const names = [
    'a',
    'a.example:8080',
    'A-b_c~d',
    'xn--bcher-kva.example',
    '127.0.0.1:80',
    '[::1]',
    '[::ffff:1.2.3.4]:80',
    'a:',
    'a%2Db',
    '',
  ];
  itParses([
    ...names.map((host) => ({ name: `is "${host}"`, bytes: head(`Host: ${host}`), expect: { host } })),
    ...[
      'a b',
      'a/b',
      'user@a',
      'a:b',
      'a:123456',
      ':80',
      '[::1',
      '::1',
      'a\\b',
      'a?b',
      'a#b',
      'a%2',
      '<a>',
      'a\xe9',
      '[::1]a',
      'a:80:80',
      'a:99999',
      '[...]',
      '[:::::]:1',
      '999.0.0.1',
    ].map((host) => ({
      name: `is "${host}"`,
      bytes: head(`Host: ${host}`),
      expect: 'HTTP_HOST',
    })),
    { name: 'is missing', bytes: head('X: y'), expect: 'HTTP_HOST' },
    {
      name: 'is missing beside an absolute target',
      bytes: 'GET http://a/ HTTP/1.1\r\n\r\n',
      expect: 'HTTP_HOST',
    },
    { name: 'comes twice', bytes: head('Host: a', 'Host: b'), expect: 'HTTP_HOST' },
    { name: 'comes twice, alike', bytes: head('Host: a', 'host: a'), expect: 'HTTP_HOST' },
    { name: 'comes twice, empty', bytes: head('Host:', 'Host:'), expect: 'HTTP_HOST' },
    {
      name: 'comes twice in HTTP/1.0',
      bytes: 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n',
      expect: 'HTTP_HOST',
    },
    { name: 'may be missing in HTTP/1.0', bytes: 'GET / HTTP/1.0\r\n\r\n', expect: { host: null } },
    {
      name: 'is checked beside an absolute target',
      bytes: 'GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n',
      expect: 'HTTP_HOST',
    },
  ]);
});

describe('protocol: Connection, Expect and Upgrade', () => {
  const old = (...lines: string[]) => ['GET / HTTP/1.0', ...lines, '', ''].join('\r\n');
  itParses([
    {
      name: 'close ends an HTTP/1.1 connection',
      bytes: fields('Connection: close'),
      expect: { keepAlive: false },
    },
    {
      name: 'close in a list, in capitals',
      bytes: fields('Connection: foo ,\tCLOSE'),
      expect: { keepAlive: false },
    },
    {
      name: 'close in a second field',
      bytes: fields('Connection: foo', 'Connection: close'),
      expect: { keepAlive: false },
    },
    {
      name: 'close as a part of a word is none',
      bytes: fields('Connection: closed'),
      expect: { keepAlive: true },
    },
    {
      name: 'keep-alive keeps an HTTP/1.0 connection',
      bytes: old('Connection: Keep-Alive'),
      expect: { keepAlive: true },
    },
    {
      name: 'close outranks keep-alive',
      bytes: old('Connection: keep-alive, close'),
      expect: { keepAlive: false },
    },
    {
      name: 'another option does not keep an HTTP/1.0 connection',
      bytes: old('Connection: foo'),
      expect: { keepAlive: false },
    },
    {
      name: '100-continue, in any case',
      bytes: fields('Expect: 100-Continue'),
      expect: { expectsContinue: true },
    },
    {
      name: '100-continue from HTTP/1.0 means nothing',
      bytes: old('Expect: 100-continue'),
      expect: { expectsContinue: false },
    },
    { name: 'another expectation', bytes: fields('Expect: 200-ok'), expect: 'HTTP_EXPECTATION' },
    {
      name: 'two expectations',
      bytes: fields('Expect: 100-continue', 'Expect: x'),
      expect: 'HTTP_EXPECTATION',
    },
    {
      name: 'an upgrade that Connection names',
      bytes: fields('Upgrade: a, b/2', 'Connection: keep-alive, Upgrade'),
      expect: { upgrade: 'a, b/2' },
    },
    {
      name: 'an upgrade that Connection does not name',
      bytes: fields('Upgrade: a'),
      expect: { upgrade: null },
    },
    {
      name: 'an upgrade in HTTP/1.0',
      bytes: old('Upgrade: a', 'Connection: upgrade'),
      expect: { upgrade: null },
    },
  ]);
});
