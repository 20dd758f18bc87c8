import type { Origin } from '#http/proxy/x-headers.js';
import { forwarded, type Headers, itFinds, SPOOFED_FORWARDED, xff, xReal } from '../support/origin-cases.js';

describe('api: Forwarded, RFC 7239', () => {
  itFinds([
    {
      name: 'one proxy',
      headers: forwarded('for=192.0.2.1;proto=https;host="a.example:8080";by=10.0.0.1'),
      expect: { remoteIp: '192.0.2.1', scheme: 'https', host: 'a.example:8080' },
    },
    {
      name: 'IPv6 in quotes and brackets',
      headers: forwarded('For="[2001:DB8::1]:4711"'),
      expect: { remoteIp: '2001:db8::1' },
    },
    {
      name: 'a port that is hidden',
      headers: forwarded('for="192.0.2.1:_p0rt"'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'several, and the element that names the client',
      headers: forwarded(
        'for=6.6.6.6;proto=http;host=evil, for=192.0.2.1;proto=https;host=a.example, for=10.0.0.2;proto=http;host=b',
      ),
      expect: { remoteIp: '192.0.2.1', scheme: 'https', host: 'a.example' },
    },
    {
      name: 'several lines',
      headers: forwarded('for=192.0.2.1;proto=https', 'for=10.0.0.2;proto=http'),
      expect: { remoteIp: '192.0.2.1', scheme: 'https' },
    },
    {
      name: 'all believed: the first',
      headers: forwarded('for=10.0.0.3;host=c, for=10.0.0.2;host=b'),
      expect: { remoteIp: '10.0.0.3', host: 'c' },
    },
    {
      name: 'more hops than elements',
      option: 5,
      headers: forwarded('for=192.0.2.1;host=c'),
      expect: { remoteIp: '192.0.2.1', host: 'c' },
    },
    {
      name: 'a hidden client',
      headers: forwarded('for=6.6.6.6, for=_secret;proto=https'),
      expect: { scheme: 'https' },
    },
    {
      name: 'an unknown client behind two',
      headers: forwarded('for=6.6.6.6, for=unknown;host=a, for=10.0.0.2'),
      expect: { remoteIp: '10.0.0.2', host: 'a' },
    },
    {
      name: 'an element without for',
      headers: forwarded('for=6.6.6.6;host=evil, proto=https'),
      expect: { scheme: 'https' },
    },
    { name: 'an empty element', headers: forwarded('for=6.6.6.6;host=evil,'), expect: {} },
    {
      name: 'malformed: nothing of it',
      headers: forwarded('for=192.0.2.1;proto=https', 'for="'),
      expect: {},
    },
    ...['for="', 'x', 'for=6.6.6.6;for=6.6.6.6', 'for="a\\', '"', 'for=6.6.6.6, for=";for='].flatMap((half) =>
      [forwarded(half, 'for=192.0.2.1;proto=https'), forwarded(`${half}, for=192.0.2.1;proto=https`)].map(
        (headers, i) => ({
          name: `what a client sends does not silence the proxy: ${half} on ${i === 0 ? 'a line of its own' : 'the same line'}`,
          headers,
          expect: { remoteIp: '192.0.2.1', scheme: 'https' } as const,
        }),
      ),
    ),
    {
      name: 'nor does it speak in a quoted string of the proxy',
      headers: forwarded('x', 'for=192.0.2.1;host="a, for=6.6.6.6"', 'for=10.0.0.2;host="b,for=6.6.6.6;by="'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'a bad scheme and host',
      headers: forwarded('for=192.0.2.1;proto=ftp;host="a b"'),
      expect: { remoteIp: '192.0.2.1' },
    },
    { name: 'nothing in it', headers: forwarded(''), expect: {} },
    {
      name: 'at most 100 elements are looked at',
      headers: forwarded(`for=6.6.6.6;host=evil, ${Array(100).fill('for=10.0.0.2').join()}`),
      expect: { remoteIp: '10.0.0.2' },
    },
  ]);
  const kinds: [string, Headers, Partial<Origin>][] = [
    ['X-Forwarded-For', xff('192.0.2.1'), { remoteIp: '192.0.2.1' }],
    ['X-Real-IP', xReal('192.0.2.1'), { remoteIp: '192.0.2.1' }],
    ['X-Forwarded-Proto', [['X-Forwarded-Proto', 'http']], { scheme: 'http' }],
    ['X-Forwarded-Host', [['X-Forwarded-Host', 'a.example']], { host: 'a.example' }],
  ];
  itFinds(
    kinds.map(([kind, headers, expected]) => ({
      name: `is not read beside ${kind}`,
      headers: [...SPOOFED_FORWARDED, ...headers],
      expect: expected,
    })),
  );
  itFinds([
    {
      name: 'is read where the others were cleared',
      headers: [
        ...xff(''),
        ...xReal(''),
        ['X-Forwarded-Proto', ''],
        ['X-Forwarded-Host', ''],
        ...forwarded('for=192.0.2.1'),
      ],
      expect: { remoteIp: '192.0.2.1' },
    },
  ]);
});
