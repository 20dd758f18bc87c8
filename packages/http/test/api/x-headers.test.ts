import type { HTTPRequest, XHeadersOption } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { type Headers, itFinds, SPOOFED, SPOOFED_FORWARDED, xff, xReal } from '../support/origin-cases.js';
import { wire } from '../support/wire.js';

describe('api: the other X-headers', () => {
  const two = xff('192.0.2.1, 10.0.0.2');
  const proto = (value: string): Headers => [['X-Forwarded-Proto', value]];
  const host = (value: string): Headers => [['X-Forwarded-Host', value]];
  itFinds([
    { name: 'X-Real-IP', headers: xReal('192.0.2.1'), expect: { remoteIp: '192.0.2.1' } },
    { name: 'X-Real-IP with a port', headers: xReal('[2001:db8::1]:1'), expect: { remoteIp: '2001:db8::1' } },
    {
      name: 'X-Real-IP that is believed itself',
      headers: xReal('10.0.0.7'),
      expect: { remoteIp: '10.0.0.7' },
    },
    { name: 'X-Real-IP that is junk', headers: xReal('nobody'), expect: {} },
    {
      name: 'X-Real-IP twice is no address',
      headers: [...xReal('192.0.2.1'), ...xReal('192.0.2.2')],
      expect: {},
    },
    {
      name: 'X-Forwarded-For outranks X-Real-IP',
      headers: [...xReal('192.0.2.9'), ...two],
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'also where it says nothing of use',
      headers: [...xReal('192.0.2.9'), ...xff('unknown')],
      expect: {},
    },
    { name: 'the scheme alone', headers: proto('https'), expect: { scheme: 'https' } },
    { name: 'the scheme in capitals', headers: proto('HTTPS'), expect: { scheme: 'https' } },
    { name: 'http, too', headers: proto('http'), expect: { scheme: 'http' } },
    {
      name: 'the nearest scheme of one proxy',
      headers: [...xff('192.0.2.1'), ...proto('http, https')],
      expect: { remoteIp: '192.0.2.1', scheme: 'https' },
    },
    {
      name: 'the second scheme of two',
      headers: [...two, ...proto('x, https,http')],
      expect: { remoteIp: '192.0.2.1', scheme: 'https' },
    },
    {
      name: 'the only scheme of two',
      headers: [...two, ...proto('https')],
      expect: { remoteIp: '192.0.2.1', scheme: 'https' },
    },
    {
      name: 'the scheme of the last believed proxy, though it hides its client',
      headers: [...xff('unknown, 10.0.0.2'), ...proto('x, https, http')],
      expect: { remoteIp: '10.0.0.2', scheme: 'https' },
    },
    {
      name: 'the nearest scheme, without addresses',
      option: 3,
      headers: proto('http, https'),
      expect: { scheme: 'https' },
    },
    {
      name: 'schemes of several lines',
      headers: [...two, ...proto('https'), ...proto('http')],
      expect: { remoteIp: '192.0.2.1', scheme: 'https' },
    },
    { name: 'an empty place in the list of schemes', headers: proto('https,'), expect: {} },
    ...['ws', 'wss', 'httpss', 'https:', '', 'https http', 'on'].map((value) => ({
      name: `no scheme "${value}"`,
      headers: proto(value),
      expect: {},
    })),
    { name: 'the host alone', headers: host('a.example:8080'), expect: { host: 'a.example:8080' } },
    {
      name: 'the nearest host of one proxy',
      headers: [...xff('192.0.2.1'), ...host('evil.example, a.example')],
      expect: { remoteIp: '192.0.2.1', host: 'a.example' },
    },
    {
      name: 'the second host of two',
      headers: [...two, ...host('evil.example, a.example, b.example')],
      expect: { remoteIp: '192.0.2.1', host: 'a.example' },
    },
    {
      name: 'the only host of two',
      headers: [...two, ...host('[::1]:80')],
      expect: { remoteIp: '192.0.2.1', host: '[::1]:80' },
    },
    ...[
      '',
      'a b',
      'a/b',
      'u@a.example',
      'a:b',
      ':80',
      'a.example:99999',
      'a?',
      '[::x]',
      '<b>',
      'a\\b',
      'é',
    ].map((value) => ({ name: `no host "${value}"`, headers: host(value), expect: {} })),
    {
      name: 'with X-Real-IP, the nearest of each',
      headers: [...xReal('192.0.2.1'), ...proto('http, https'), ...host('a, b')],
      expect: { remoteIp: '192.0.2.1', scheme: 'https', host: 'b' },
    },
  ]);
});

describe('api: a request through a proxy', () => {
  const said = ({ remoteIp, scheme, host, hostname, isSecure, fullUrl }: HTTPRequest) => ({
    remoteIp,
    scheme,
    host,
    hostname,
    isSecure,
    fullUrl,
  });
  const own = {
    remoteIp: '192.0.2.7',
    scheme: 'http',
    host: 'example.com',
    hostname: 'example.com',
    isSecure: false,
    fullUrl: 'http://example.com/x',
  };

  async function ask(
    xheaders: XHeadersOption | undefined,
    ...headers: Headers
  ): Promise<ReturnType<typeof said>> {
    const seen: ReturnType<typeof said>[] = [];
    const handler = (request: HTTPRequest) => {
      seen.push(said(request));
      request.finish();
    };
    await wire(handler, { xheaders }).exchange(get('/x', ...headers.map((header) => header.join(': '))));
    if (seen[0] === undefined) throw new Error('refused');
    return seen[0];
  }

  it('says what the proxy says', async () => {
    const headers: Headers = [
      ...xff('203.0.113.5'),
      ['X-Forwarded-Proto', 'https'],
      ['X-Forwarded-Host', 'A.example:444'],
    ];
    expect(await ask(['192.0.2.7'], ...headers)).to.deep.equal({
      remoteIp: '203.0.113.5',
      scheme: 'https',
      host: 'A.example:444',
      hostname: 'a.example',
      isSecure: true,
      fullUrl: 'https://A.example:444/x',
    });
  });

  it('says what the connection says where the proxy says nothing', async () => {
    expect(await ask(1)).to.deep.equal(own);
    expect(await ask(1, ...xff('unknown'))).to.deep.equal(own);
  });

  for (const xheaders of [undefined, false, true, ['loopback', '192.0.2.8'], ['unix']]) {
    it(`xheaders ${JSON.stringify(xheaders)} believes no header of a stranger`, async () => {
      for (const headers of [SPOOFED, SPOOFED_FORWARDED, ...SPOOFED.map((header) => [header])]) {
        expect(await ask(xheaders, ...headers)).to.deep.equal(own);
      }
    });
  }
});
