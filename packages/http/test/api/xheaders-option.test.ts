import { UsageError } from '@inseam/engine';
import { HTTPHeaders, HTTPServer, type XHeadersOption } from '@inseam/http';
import { expect } from 'chai';
import { XHeaders } from '#http/proxy/x-headers.js';
import { itFinds, NETWORK, PROXY, SPOOFED, STRANGER, UNIX, xff, xReal } from '../support/origin-cases.js';

describe('api: xheaders, who is believed', () => {
  const chain = xff('192.0.2.4, 192.0.2.3, 192.0.2.2');
  itFinds([
    { name: 'one hop', option: 1, peer: STRANGER, headers: chain, expect: { remoteIp: '192.0.2.2' } },
    { name: 'two hops', option: 2, peer: STRANGER, headers: chain, expect: { remoteIp: '192.0.2.3' } },
    {
      name: 'as many hops as there are',
      option: 4,
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.4' },
    },
    {
      name: 'more hops than there are: the leftmost',
      option: 9,
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.4' },
    },
    {
      name: 'a list of hops alone',
      option: [1, 2],
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.3' },
    },
    {
      name: 'hops or addresses',
      option: [1, '192.0.2.2'],
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.3' },
    },
    {
      name: 'an address beyond a hop that is not believed does not count',
      option: [1, '192.0.2.3'],
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.2' },
    },
    {
      name: 'one address',
      option: ['203.0.113.9'],
      peer: STRANGER,
      headers: chain,
      expect: { remoteIp: '192.0.2.2' },
    },
    {
      name: 'a Unix socket by name',
      option: ['unix'],
      peer: UNIX,
      headers: chain,
      expect: { remoteIp: '192.0.2.2' },
    },
    {
      name: 'a Unix socket as a hop',
      option: 1,
      peer: UNIX,
      headers: chain,
      expect: { remoteIp: '192.0.2.2' },
    },
    {
      name: 'a Unix socket under true',
      option: true,
      peer: { path: '/run/x.sock' },
      headers: chain,
      expect: { remoteIp: '192.0.2.2' },
    },
    { name: 'no Unix socket under addresses', option: NETWORK, peer: UNIX, headers: SPOOFED, expect: {} },
    { name: 'no stranger under true', option: true, peer: STRANGER, headers: SPOOFED, expect: {} },
    { name: 'no stranger under unix', option: ['unix'], peer: STRANGER, headers: SPOOFED, expect: {} },
  ]);
  const near = [
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    'fd12::1',
    '169.254.1.1',
    'fe80::1',
  ];
  itFinds(
    near.map((host) => ({
      name: `true believes ${host}, as peer and behind it`,
      option: true,
      peer: { host, port: 1, family: host.includes(':') ? 6 : 4 },
      headers: xff(`6.6.6.6, 192.0.2.1, ${host}`),
      expect: { remoteIp: '192.0.2.1' },
    })),
  );

  const bad: unknown[] = [
    0,
    -1,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    [],
    [0],
    ['loopback', -1],
    [''],
    ['10.0.0.0/33'],
    ['nginx'],
    ['10.0.0.1:80'],
    'loopback',
    null,
    {},
    [null],
    [true],
  ];
  for (const option of bad) {
    it(`${JSON.stringify(option)} (${String(option)}) is a UsageError that names the option`, () => {
      expect(() => new HTTPServer(() => {}, { xheaders: option as XHeadersOption }))
        .to.throw(UsageError, /xheaders/)
        .with.property('code', 'HTTP_OPTION');
    });
  }

  it('the list is read once', () => {
    const list = ['10.0.0.1'];
    const xheaders = new XHeaders(list);
    list[0] = '192.0.2.1';
    expect(xheaders.originOf(PROXY, new HTTPHeaders(xReal('192.0.2.1'))).remoteIp).to.equal('192.0.2.1');
  });
});
