import {
  itFinds,
  NETWORK,
  SPOOFED,
  SPOOFED_FORWARDED,
  STRANGER,
  UNIX,
  xff,
  xReal,
} from '../support/origin-cases.js';

describe('api: X-Forwarded-For is read from the right', () => {
  itFinds([
    { name: 'one proxy', headers: xff('192.0.2.1'), expect: { remoteIp: '192.0.2.1' } },
    {
      name: 'the first one not believed',
      headers: xff('6.6.6.6, 192.0.2.1, 10.0.0.2'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'what stands left of it is the client’s own word',
      headers: xff('10.0.0.9, 192.0.2.1'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'all believed: the leftmost',
      headers: xff('10.0.0.3, 10.0.0.2'),
      expect: { remoteIp: '10.0.0.3' },
    },
    {
      name: 'several lines are one list',
      headers: xff('6.6.6.6', '192.0.2.1', '10.0.0.2'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'spaces and tabs around entries',
      headers: xff('\t6.6.6.6 ,\t192.0.2.1 \t'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'a Unix socket between two nginx is a hop without an address',
      option: [...NETWORK, 'unix'],
      peer: UNIX,
      headers: xff('6.6.6.6, 192.0.2.1, unix:'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'by number, too',
      option: 2,
      peer: UNIX,
      headers: xff('6.6.6.6, 192.0.2.1, unix:'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'one that is not believed ends the walk',
      headers: xff('192.0.2.1, unix:, 10.0.0.2'),
      expect: { remoteIp: '10.0.0.2' },
    },
    { name: 'without spaces', headers: xff('6.6.6.6,192.0.2.1'), expect: { remoteIp: '192.0.2.1' } },
    { name: 'a peer that is not believed: nothing', peer: STRANGER, headers: SPOOFED, expect: {} },
    {
      name: 'a peer that is not believed: no Forwarded either',
      peer: STRANGER,
      headers: SPOOFED_FORWARDED,
      expect: {},
    },
    { name: 'a peer without an address: nothing', option: 1, peer: null, headers: SPOOFED, expect: {} },
    {
      name: 'an IPv4 peer of an IPv6 socket',
      peer: { host: '::ffff:10.0.0.1', port: 1, family: 6 },
      headers: xff('192.0.2.1'),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'proxies of both families',
      peer: { host: 'fd00::1', port: 1, family: 6 },
      headers: xff('192.0.2.1, fd00::2, 10.0.0.2'),
      expect: { remoteIp: '192.0.2.1' },
    },
    { name: 'no header at all', headers: [], expect: {} },
    {
      name: 'an empty header says nothing, and the next kind is read',
      headers: [...xff(''), ...xReal('192.0.2.1')],
      expect: { remoteIp: '192.0.2.1' },
    },
  ]);
});

describe('api: X-Forwarded-For, the forms of an entry', () => {
  const forms: [entry: string, ip: string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:DB8::1]:4711', '2001:db8::1'],
    ['::1', '::1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['192.0.2.1:_hidden', '192.0.2.1'],
  ];
  itFinds(
    forms.map(([entry, ip]) => ({
      name: `${entry} is ${ip}`,
      headers: xff(entry),
      expect: { remoteIp: ip },
    })),
  );
  itFinds(
    ['10.0.0.2:80', '[fd00::2]:80', '::ffff:10.0.0.2', 'FD00::2'].map((entry) => ({
      name: `${entry} is a believed proxy`,
      headers: xff(`192.0.2.1, ${entry}`),
      expect: { remoteIp: '192.0.2.1' },
    })),
  );

  const junk = [
    'unknown',
    '_hidden',
    '-',
    '',
    '"192.0.2.1"',
    'localhost',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.01',
    '0x7f000001',
    '192.0.2.1:',
    '192.0.2.1:x',
    '192.0.2.1:123456',
    ':80',
    '[192.0.2.1]',
    '[2001:db8::1',
    '2001:db8::1]',
    '[]',
    '[2001:db8::1]80',
    '[fe80::1%eth0]',
    '2001:db8::g',
    '192.0.2.1 10.0.0.1',
    '192.0.2.1;',
    'x192.0.2.1',
    'unix:',
    '<script>',
  ];
  itFinds(
    junk.flatMap((entry) => [
      { name: `"${entry}" from the peer says nothing`, headers: xff(`6.6.6.6, ${entry}`), expect: {} },
      {
        name: `"${entry}" ends the walk at the last believed proxy`,
        headers: xff(`6.6.6.6, ${entry}, 10.0.0.2`),
        expect: { remoteIp: '10.0.0.2' },
      },
    ]),
  );

  itFinds([
    {
      name: 'at most 100 entries are looked at',
      headers: xff(`192.0.2.1, ${Array(99).fill('10.0.0.2').join()}`),
      expect: { remoteIp: '192.0.2.1' },
    },
    {
      name: 'what is further away is not',
      headers: xff(`192.0.2.1, ${Array(100).fill('10.0.0.2').join()}`),
      expect: { remoteIp: '10.0.0.2' },
    },
  ]);
});
