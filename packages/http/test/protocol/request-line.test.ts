import { itParses } from '../support/parser-cases.js';

const after = (line: string) => `${line}\r\nHost: a\r\n\r\n`;

describe('protocol: request line', () => {
  itParses([
    {
      name: 'method, target, version',
      bytes: after('GET /path?query HTTP/1.1'),
      expect: { method: 'GET', target: '/path?query', protocol: 'HTTP/1.1', keepAlive: true },
    },
    {
      name: 'a method of every token character',
      bytes: after("!#$%&'*+-.^_`|~09AZaz / HTTP/1.1"),
      expect: { method: "!#$%&'*+-.^_`|~09AZaz" },
    },
    { name: 'methods keep their case', bytes: after('get / HTTP/1.1'), expect: { method: 'get' } },
    { name: 'HTTP/1.0', bytes: after('GET / HTTP/1.0'), expect: { protocol: 'HTTP/1.0', keepAlive: false } },
    {
      name: 'a later minor version',
      bytes: after('GET / HTTP/1.9'),
      expect: { protocol: 'HTTP/1.9', keepAlive: true },
    },
    { name: 'one empty line before it', bytes: after('\r\nGET / HTTP/1.1'), expect: { method: 'GET' } },
    {
      name: 'two empty lines before it',
      bytes: after('\r\n\r\nGET / HTTP/1.1'),
      expect: 'HTTP_REQUEST_LINE',
    },
    { name: 'a bare LF before it', bytes: after('\nGET / HTTP/1.1'), expect: 'HTTP_BARE_LF' },
    { name: 'a bare CR before it', bytes: after('\rGET / HTTP/1.1'), expect: 'HTTP_BARE_CR' },
    { name: 'a space before it', bytes: after(' GET / HTTP/1.1'), expect: 'HTTP_METHOD' },
    { name: 'no method', bytes: '/ HTTP/1.1\r\n\r\n', expect: 'HTTP_METHOD' },
    { name: 'a method with a control character', bytes: after('G\0T / HTTP/1.1'), expect: 'HTTP_METHOD' },
    { name: 'a method with obs-text', bytes: after('G\xcbT / HTTP/1.1'), expect: 'HTTP_METHOD' },
    { name: 'a TLS handshake', bytes: '\x16\x03\x01\x02\x00\x01', expect: 'HTTP_METHOD' },
    { name: 'nothing but a method', bytes: after('GET'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'nothing but a method, and a bare LF', bytes: 'GET\nHost: a\n\n', expect: 'HTTP_BARE_LF' },
    { name: 'HTTP/0.9', bytes: 'GET /\r\n', expect: 'HTTP_REQUEST_LINE' },
    { name: 'two spaces after the method', bytes: after('GET  / HTTP/1.1'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a tab after the method', bytes: after('GET\t/ HTTP/1.1'), expect: 'HTTP_METHOD' },
    { name: 'two spaces after the target', bytes: after('GET /  HTTP/1.1'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a tab after the target', bytes: after('GET /\tHTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'a space after the version', bytes: after('GET / HTTP/1.1 '), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a bare LF after the version', bytes: 'GET / HTTP/1.1\nHost: a\r\n\r\n', expect: 'HTTP_BARE_LF' },
    {
      name: 'a bare CR after the version',
      bytes: 'GET / HTTP/1.1\rHost: a\r\n\r\n',
      expect: 'HTTP_REQUEST_LINE',
    },
    { name: 'a lower-case version', bytes: after('GET / http/1.1'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a version without a minor one', bytes: after('GET / HTTP/1'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a version with two digits', bytes: after('GET / HTTP/1.10'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'a version that is no number', bytes: after('GET / HTTP/1.x'), expect: 'HTTP_REQUEST_LINE' },
    { name: 'HTTP/2.0', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', expect: 'HTTP_VERSION' },
    { name: 'HTTP/0.9 by name', bytes: after('GET / HTTP/0.9'), expect: 'HTTP_VERSION' },
    { name: 'half a line', bytes: 'GET / HT', expect: 'NEED_MORE' },
    { name: 'a line without its last byte', bytes: 'GET / HTTP/1.1\r', expect: 'NEED_MORE' },
    { name: 'half of an empty line', bytes: '\r', expect: 'NEED_MORE' },
  ]);
});

describe('protocol: request target', () => {
  itParses([
    {
      name: 'origin-form',
      bytes: after('GET /a/b%20c?d=[e]&f="g" HTTP/1.1'),
      expect: { target: '/a/b%20c?d=[e]&f="g"', host: 'a' },
    },
    {
      name: 'origin-form that begins with two slashes',
      bytes: after('GET //b/c HTTP/1.1'),
      expect: { target: '//b/c', host: 'a' },
    },
    {
      name: 'absolute-form outranks Host',
      bytes: after('GET http://b:81/c HTTP/1.1'),
      expect: { target: 'http://b:81/c', host: 'b:81' },
    },
    {
      name: 'absolute-form, its scheme in capitals',
      bytes: after('GET HTTPS://b HTTP/1.1'),
      expect: { host: 'b' },
    },
    {
      name: 'absolute-form with a query and no path',
      bytes: after('GET http://b?c HTTP/1.1'),
      expect: { host: 'b' },
    },
    {
      name: 'absolute-form with an IPv6 address',
      bytes: after('GET http://[::1]:81/ HTTP/1.1'),
      expect: { host: '[::1]:81' },
    },
    { name: 'asterisk-form', bytes: after('OPTIONS * HTTP/1.1'), expect: { target: '*', host: 'a' } },
    { name: 'asterisk-form with another method', bytes: after('GET * HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'authority-form', bytes: after('CONNECT b:443 HTTP/1.1'), expect: 'HTTP_CONNECT' },
    { name: 'authority-form with another method', bytes: after('GET b:443 HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'a relative path', bytes: after('GET index.html HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'another scheme', bytes: after('GET ftp://b/ HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'a URL without a host', bytes: after('GET http:///c HTTP/1.1'), expect: 'HTTP_TARGET' },
    {
      name: 'a URL with a port and no host',
      bytes: after('GET http://:81/ HTTP/1.1'),
      expect: 'HTTP_TARGET',
    },
    { name: 'a URL with a user', bytes: after('GET http://user@b/ HTTP/1.1'), expect: 'HTTP_TARGET' },
    {
      name: 'a URL with a backslash in its host',
      bytes: after('GET http://b\\@c/ HTTP/1.1'),
      expect: 'HTTP_TARGET',
    },
    { name: 'a fragment', bytes: after('GET /#top HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'a NUL', bytes: after('GET /\0 HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'DEL', bytes: after('GET /\x7f HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'bytes above ASCII', bytes: after('GET /\xe9 HTTP/1.1'), expect: 'HTTP_TARGET' },
    { name: 'CR in it', bytes: after('GET /\rx HTTP/1.1'), expect: 'HTTP_REQUEST_LINE' },
  ]);
});
