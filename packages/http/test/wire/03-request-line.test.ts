import { expect } from 'chai';
import { get, message } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

const line = (text: string) => `${text}\r\nHost: example.com\r\n\r\n`;
const host = (...values: string[]) =>
  ['GET / HTTP/1.1', ...values.map((value) => `Host: ${value}`), '', ''].join('\r\n');

describe('RFC 9112 §3 Request Line', () => {
  itRefuses('two spaces between its parts', line('GET  / HTTP/1.1'), '400 HTTP_REQUEST_LINE');
  itRefuses('tabs between its parts', line('GET\t/\tHTTP/1.1'), '400 HTTP_METHOD');
  itRefuses('whitespace before it', line(' GET / HTTP/1.1'), '400 HTTP_METHOD');
  itRefuses('whitespace after it', line('GET / HTTP/1.1 '), '400 HTTP_REQUEST_LINE');
  itRefuses('a space inside the target', line('GET /a b HTTP/1.1'), '400 HTTP_REQUEST_LINE');
  itRefuses(
    'a target longer than 8 KiB',
    line(`GET /${'t'.repeat(8192)} HTTP/1.1`),
    '414 HTTP_TARGET_TOO_LONG',
  );

  it('takes a request line of 8,000 bytes', async () => {
    expect(await wire().exchange(line(`GET /${'t'.repeat(7984)} HTTP/1.1`))).to.match(/ 200 OK/);
  });
});

describe('RFC 9112 §3.1 Method', () => {
  it('any token is a method: the handler decides what it means', async () => {
    expect(await wire().exchange(line('BREW /pot HTTP/1.1'))).to.match(/BREW \/pot$/);
  });

  it('a method is case-sensitive', async () => {
    expect(await wire().exchange(line('head / HTTP/1.1'))).to.match(/\r\n\r\nhead \/$/);
  });

  itRefuses('a method with a character that no token has', line('G(E)T / HTTP/1.1'), '400 HTTP_METHOD');
  itRefuses('a NUL in the method', line('G\0ET / HTTP/1.1'), '400 HTTP_METHOD');
});

describe('RFC 9112 §3.2 Request Target', () => {
  it('Host says which site is asked for', async () => {
    const { exchange } = wire((request) => request.sendResponse(request.host));
    expect(await exchange(host('a.example:8080'))).to.match(/a\.example:8080$/);
  });

  it('Host may be empty', async () => {
    expect(await wire().exchange(host(''))).to.match(/ 200 OK/);
  });

  it('HTTP/1.0 needs no Host', async () => {
    expect(await wire().exchange('GET / HTTP/1.0\r\n\r\n')).to.match(/ 200 OK/);
  });

  itRefuses('HTTP/1.1 without Host', host(), '400 HTTP_HOST');
  itRefuses('two Hosts', host('a', 'b'), '400 HTTP_HOST');
  itRefuses('two equal Hosts', host('a', 'a'), '400 HTTP_HOST');
  itRefuses('a Host with a user', host('user@a'), '400 HTTP_HOST');
  itRefuses('a Host with a path', host('a/b'), '400 HTTP_HOST');
  itRefuses('a Host with a space', host('a b'), '400 HTTP_HOST');
  itRefuses('a Host with a port that is no number', host('a:b'), '400 HTTP_HOST');
  itRefuses('a Host that is a port only', host(':80'), '400 HTTP_HOST');
  itRefuses('a Host with an open bracket', host('[::1'), '400 HTTP_HOST');
  itRefuses('an IPv6 Host without brackets', host('::1'), '400 HTTP_HOST');
  itRefuses('a Host with a NUL', host('a\0b'), '400 HTTP_FIELD_VALUE');
});

describe('RFC 9112 §3.2.1 origin-form', () => {
  it('path and query come as they were sent', async () => {
    const far = wire((request) => request.sendResponse(`${request.path} ${request.query}`));
    expect(await far.exchange(get('/a%2Fb/../c?d=%20e?f'))).to.match(/\r\n\r\n\/a%2Fb\/\.\.\/c d=%20e\?f$/);
  });

  itRefuses('a path without its slash', line('GET index.html HTTP/1.1'), '400 HTTP_TARGET');
  itRefuses('a fragment, which clients keep to themselves', line('GET /#top HTTP/1.1'), '400 HTTP_TARGET');
  itRefuses('a NUL in the path', line('GET /\0 HTTP/1.1'), '400 HTTP_TARGET');
  itRefuses('bytes above ASCII', line('GET /\xfc HTTP/1.1'), '400 HTTP_TARGET');
});

describe('RFC 9112 §3.2.2 absolute-form', () => {
  it('a server takes it, and its host counts, not Host', async () => {
    const { exchange } = wire((request) => request.sendResponse(`${request.host} ${request.path}`));
    expect(await exchange(line('GET http://other.example:81/x HTTP/1.1'))).to.match(/other\.example:81 \/x$/);
  });

  itRefuses('it without Host', 'GET http://a/ HTTP/1.1\r\n\r\n', '400 HTTP_HOST');
  itRefuses('it with two Hosts', 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', '400 HTTP_HOST');
  itRefuses('it without a host of its own', line('GET http:///x HTTP/1.1'), '400 HTTP_TARGET');
  itRefuses('it with a user', line('GET http://user:pass@a/ HTTP/1.1'), '400 HTTP_TARGET');
  itRefuses('another scheme', line('GET file:///etc/passwd HTTP/1.1'), '400 HTTP_TARGET');
});

describe('RFC 9112 §3.2.3 authority-form', () => {
  itRefuses('CONNECT: this server is no tunnel', line('CONNECT a:443 HTTP/1.1'), '501 HTTP_CONNECT');
  itRefuses('it with another method', line('GET a:443 HTTP/1.1'), '400 HTTP_TARGET');
});

describe('RFC 9112 §3.2.4 asterisk-form', () => {
  it('OPTIONS * asks about the server itself', async () => {
    const { exchange } = wire((request) => request.sendResponse(`${request.path} ${request.fullUrl}`));
    expect(await exchange(line('OPTIONS * HTTP/1.1'))).to.match(/\* http:\/\/example\.com$/);
  });

  itRefuses('it with another method', line('GET * HTTP/1.1'), '400 HTTP_TARGET');
});

describe('RFC 9112 §3.3 Reconstructing the Target URI', () => {
  it('scheme, Host and target make the URL', async () => {
    const { exchange } = wire((request) => request.sendResponse(request.fullUrl));
    expect(
      await exchange(message`
      GET /a?b HTTP/1.1
      Host: www.example.org:8080

      `),
    ).to.match(/http:\/\/www\.example\.org:8080\/a\?b$/);
  });
});
