import { type InseamError, UsageError } from '@inseam/engine';
import { type ConnectOptions, WebSocket } from '@inseam/websocket';
import { expect } from 'chai';
import { endpointOf } from '#websocket/client/endpoint.js';
import { engineWith } from '../support/client-parts.js';

const tcp = (host: string, port: number, authority: string, target = '/') => ({
  address: { host, port },
  isSecure: false,
  authority,
  target,
  authorization: null,
});
const unix = (path: string, target = '/') => ({
  address: { path },
  isSecure: false,
  authority: 'localhost',
  target,
  authorization: null,
});
const secure = { isSecure: true };
const basic = (credentials: string) => ({
  authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
});

describe('client: where a URL leads (RFC 6455 §3)', () => {
  const CASES: { url: string; expect: object }[] = [
    { url: 'ws://example.com', expect: tcp('example.com', 80, 'example.com') },
    { url: 'ws://example.com:80/', expect: tcp('example.com', 80, 'example.com') },
    { url: 'ws://example.com:443/', expect: tcp('example.com', 443, 'example.com:443') },
    {
      url: 'ws://example.com:8080/a/b?c=d&e',
      expect: tcp('example.com', 8080, 'example.com:8080', '/a/b?c=d&e'),
    },
    { url: 'ws://example.com?x', expect: tcp('example.com', 80, 'example.com', '/?x') },
    { url: 'ws://example.com/ä b?ü', expect: tcp('example.com', 80, 'example.com', '/%C3%A4%20b?%C3%BC') },
    { url: 'WS://EXAMPLE.com/A', expect: tcp('example.com', 80, 'example.com', '/A') },
    { url: 'ws://[::1]:9000/x', expect: tcp('::1', 9000, '[::1]:9000', '/x') },
    { url: 'ws://[2001:db8::1]/', expect: tcp('2001:db8::1', 80, '[2001:db8::1]') },
    { url: 'http://example.com/a', expect: tcp('example.com', 80, 'example.com', '/a') },
    { url: 'http://example.com:443/a', expect: tcp('example.com', 443, 'example.com:443', '/a') },
    { url: 'wss://example.com', expect: { ...tcp('example.com', 443, 'example.com'), ...secure } },
    { url: 'wss://example.com:443', expect: { ...tcp('example.com', 443, 'example.com'), ...secure } },
    { url: 'wss://example.com:80', expect: { ...tcp('example.com', 80, 'example.com:80'), ...secure } },
    { url: 'https://example.com/a', expect: { ...tcp('example.com', 443, 'example.com', '/a'), ...secure } },
    { url: 'ws+unix:/run/a.sock', expect: unix('/run/a.sock') },
    { url: 'ws+unix:///run/a.sock', expect: unix('/run/a.sock') },
    { url: 'ws+unix:/run/a.sock:', expect: unix('/run/a.sock') },
    { url: 'ws+unix:/run/a.sock:/t?q', expect: unix('/run/a.sock', '/t?q') },
    { url: 'ws+unix:/run/a.sock?q', expect: unix('/run/a.sock', '/?q') },
    { url: 'ws+unix:/run/a.sock:/t:u', expect: unix('/run/a.sock', '/t:u') },
    { url: 'ws+unix:/run/a b%3Ac%25.sock:/t', expect: unix('/run/a b:c%.sock', '/t') },
    { url: 'wss+unix:/run/a.sock:/t', expect: { ...unix('/run/a.sock', '/t'), ...secure } },
    {
      url: 'ws://me:secret@example.com/',
      expect: { ...tcp('example.com', 80, 'example.com'), ...basic('me:secret') },
    },
    { url: 'ws://me@example.com/', expect: { ...tcp('example.com', 80, 'example.com'), ...basic('me:') } },
    {
      url: 'ws://:secret@example.com/',
      expect: { ...tcp('example.com', 80, 'example.com'), ...basic(':secret') },
    },
    {
      url: 'ws://m%C3%BC:a%40b%zz@example.com/',
      expect: { ...tcp('example.com', 80, 'example.com'), ...basic('mü:a@b%zz') },
    },
  ];
  for (const { url, expect: wanted } of CASES) {
    it(url, () => {
      expect(endpointOf(url)).to.deep.equal(wanted);
      expect(endpointOf(new URL(url)), 'as a URL').to.deep.equal(wanted);
    });
  }
});

describe('client: mistakes of the caller are thrown at the call, and nothing is sent', () => {
  const at = 'ws://127.0.0.1:9/';
  const CASES: { name: string; url?: unknown; options?: unknown; code: string; says?: RegExp }[] = [
    { name: 'text that is no URL', url: 'example.com', code: 'WEBSOCKET_URL' },
    { name: 'a number', url: 80, code: 'WEBSOCKET_URL' },
    { name: 'another scheme', url: 'ftp://example.com/', code: 'WEBSOCKET_URL', says: /ftp:/ },
    { name: 'a fragment', url: 'ws://example.com/#a', code: 'WEBSOCKET_URL', says: /fragment/ },
    { name: 'an empty fragment', url: 'ws://example.com/#', code: 'WEBSOCKET_URL', says: /fragment/ },
    { name: 'a fragment behind a Unix path', url: 'ws+unix:/a.sock:/t#x', code: 'WEBSOCKET_URL' },
    { name: 'a relative Unix path', url: 'ws+unix:a.sock:/t', code: 'WEBSOCKET_URL', says: /path/ },
    { name: 'a Unix path with a host', url: 'ws+unix://host/a.sock', code: 'WEBSOCKET_URL', says: /host/ },
    { name: 'a relative target', url: 'ws+unix:/a.sock:t', code: 'WEBSOCKET_URL', says: /target/ },
    { name: 'a Unix path that is too long', url: `ws+unix:/${'a'.repeat(107)}`, code: 'ENGINE_ADDRESS' },
    { name: 'a Unix path with NUL', url: 'ws+unix:/a%00b', code: 'ENGINE_ADDRESS' },
    { name: 'an unknown option', options: { origins: '*' }, code: 'ENGINE_OPTION', says: /origins/ },
    { name: 'no options', options: null, code: 'ENGINE_OPTION' },
    { name: 'no AbortSignal', options: { signal: {} }, code: 'WEBSOCKET_OPTION', says: /signal/ },
    { name: 'no token for a protocol', options: { protocols: ['a b'] }, code: 'WEBSOCKET_OPTION' },
    { name: 'a timeout of 0', options: { connectTimeoutMs: 0 }, code: 'ENGINE_OPTION' },
    { name: 'an empty origin', options: { origin: '' }, code: 'WEBSOCKET_OPTION', says: /origin/ },
    { name: 'no text as origin', options: { origin: true }, code: 'WEBSOCKET_OPTION', says: /origin/ },
    { name: 'a line break in the origin', options: { origin: 'a\r\nb' }, code: 'HTTP_HEADER_VALUE' },
    { name: 'no object as headers', options: { headers: 'a: b' }, code: 'WEBSOCKET_OPTION', says: /headers/ },
    { name: 'null as headers', options: { headers: null }, code: 'WEBSOCKET_OPTION', says: /headers/ },
    { name: 'a line break in a header', options: { headers: { a: 'b\r\nc' } }, code: 'HTTP_HEADER_VALUE' },
    { name: 'a bad header name', options: { headers: { 'a b': 'c' } }, code: 'HTTP_HEADER_NAME' },
    {
      name: 'two hosts',
      options: { headers: { host: ['a', 'b'] } },
      code: 'WEBSOCKET_OPTION',
      says: /hosts/,
    },
    {
      name: 'Origin twice',
      options: { origin: 'a:b', headers: { Origin: 'c' } },
      code: 'WEBSOCKET_OPTION',
      says: /Origin/,
    },
    {
      name: 'Cookie twice',
      options: { cookies: { a: 'b' }, headers: { cookie: 'c' } },
      code: 'WEBSOCKET_OPTION',
      says: /Cookie/,
    },
    { name: 'no object as cookies', options: { cookies: 'a=b' }, code: 'WEBSOCKET_OPTION', says: /cookies/ },
    { name: 'null as cookies', options: { cookies: null }, code: 'WEBSOCKET_OPTION', says: /cookies/ },
    {
      name: 'a bad cookie name',
      options: { cookies: { 'a=': 'b' } },
      code: 'WEBSOCKET_OPTION',
      says: /token/,
    },
    {
      name: 'a number as a cookie',
      options: { cookies: { a: 1 } },
      code: 'WEBSOCKET_OPTION',
      says: /no text/,
    },
    {
      name: 'half a character in a cookie',
      options: { cookies: { a: '\ud800' } },
      code: 'WEBSOCKET_OPTION',
      says: /half/,
    },
    {
      name: 'an unknown option of TLS',
      url: 'wss://127.0.0.1:9/',
      options: { tls: { host: 'x' } },
      code: 'ENGINE_OPTION',
    },
    {
      name: 'a certificate that is none',
      url: 'wss://127.0.0.1:9/',
      options: { tls: { ca: 'x', cert: 'y' } },
      code: 'ENGINE_TLS_OPTION',
    },
    ...[
      'Connection',
      'upgrade',
      'Sec-WebSocket-Key',
      'sec-websocket-version',
      'Sec-WebSocket-Protocol',
      'Sec-WebSocket-Extensions',
      'Sec-WebSocket-Anything',
      'Content-Length',
      'Transfer-Encoding',
      'Expect',
      'Trailer',
    ].map((name) => ({
      name: `${name} among the headers`,
      options: { headers: { [name]: '1' } },
      code: 'WEBSOCKET_OPTION',
      says: new RegExp(name),
    })),
  ];
  for (const { name, url = at, options = {}, code, says = /./ } of CASES) {
    it(name, () => {
      const { engine } = engineWith();
      const all = options === null ? null : { engine, ...(options as object) };
      let thrown: unknown = null;
      try {
        void WebSocket.connect(url as string, all as ConnectOptions);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).to.be.instanceOf(UsageError);
      expect((thrown as InseamError).code).to.equal(code);
      expect((thrown as InseamError).message).to.match(says);
      expect(engine.stats()).to.include({ channels: 0, timers: 0, dialled: 0 });
    });
  }

  it('what is wrong with a URL is said without its password', () => {
    for (const url of ['ws://me:secret@h/#x', 'ftp://me:secret@h/', 'ws://me:secret@ /']) {
      expect(() => void WebSocket.connect(url))
        .to.throw(UsageError)
        .with.property('message')
        .that.does.not.match(/secret/);
    }
  });
});
