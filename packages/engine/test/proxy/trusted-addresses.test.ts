import { type StreamAddress, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import fc from 'fast-check';
import { TrustedAddresses } from '#src/proxy/trusted-addresses';

/** An address as a text with a slash is a Unix socket's path. */
function addressOf(text: string): StreamAddress {
  if (text === '' || text.includes('/')) return { path: text };
  return { host: text, port: 1, family: text.includes(':') ? 6 : 4 };
}

const lists: { name: string; list: string[]; has: string[]; hasNot: string[] }[] = [
  { name: 'nothing', list: [], has: [], hasNot: ['127.0.0.1', '::1', '/run/x.sock', ''] },
  { name: 'an IPv4 address', list: ['192.0.2.1'], has: ['192.0.2.1'], hasNot: ['192.0.2.2', '::c000:201'] },
  {
    name: 'an IPv6 address',
    list: ['2001:DB8::1'],
    has: ['2001:db8::1', '2001:db8:0:0:0:0:0:1'],
    hasNot: ['2001:db8::2', '0.0.0.1'],
  },
  {
    name: 'an IPv4 network',
    list: ['172.16.0.0/12'],
    has: ['172.16.0.0', '172.31.255.255'],
    hasNot: ['172.15.255.255', '172.32.0.0'],
  },
  {
    name: 'a network named by an address within',
    list: ['10.1.2.3/8'],
    has: ['10.0.0.0', '10.255.255.255'],
    hasNot: ['11.0.0.0'],
  },
  {
    name: 'an IPv6 network',
    list: ['2001:db8:8000::/33'],
    has: ['2001:db8:8000::', '2001:db8:ffff::1'],
    hasNot: ['2001:db8:7fff::', '2001:db9::'],
  },
  {
    name: 'one address as a network',
    list: ['::1/128', '1.2.3.4/32'],
    has: ['::1', '1.2.3.4'],
    hasNot: ['::2', '1.2.3.5'],
  },
  {
    name: 'every IPv4 address',
    list: ['0.0.0.0/0'],
    has: ['0.0.0.0', '255.255.255.255', '::ffff:1.2.3.4'],
    hasNot: ['::1', '::', '/x'],
  },
  {
    name: 'every IPv6 address, and no IPv4',
    list: ['::/0'],
    has: ['::', 'ffff::', '::1'],
    hasNot: ['1.2.3.4', '::ffff:1.2.3.4', '/x'],
  },
  {
    name: 'IPv4 asked for as mapped into IPv6',
    list: ['10.0.0.0/8'],
    has: ['::ffff:10.1.2.3', '::FFFF:a01:203', '0:0:0:0:0:ffff:10.1.2.3'],
    hasNot: ['::ffff:11.1.2.3', '::10.1.2.3'],
  },
  {
    name: 'IPv4 listed as mapped into IPv6',
    list: ['::ffff:10.0.0.0/104', '::ffff:c000:201'],
    has: ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.1'],
    hasNot: ['11.1.2.3', '192.0.2.2'],
  },
  {
    name: 'all of mapped IPv4',
    list: ['::ffff:0:0/96'],
    has: ['1.2.3.4', '::ffff:1.2.3.4'],
    hasNot: ['::1'],
  },
  {
    name: 'loopback',
    list: ['loopback'],
    has: ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1'],
    hasNot: ['128.0.0.1', '126.255.255.255', '::2', '::', '/x'],
  },
  {
    name: 'uniquelocal',
    list: ['uniquelocal'],
    has: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::', 'fdff::1'],
    hasNot: ['172.32.0.0', '192.169.0.0', '127.0.0.1', 'fbff::1', 'fe00::'],
  },
  {
    name: 'linklocal',
    list: ['linklocal'],
    has: ['169.254.1.1', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    hasNot: ['169.253.255.255', '169.255.0.0', 'fec0::', '10.0.0.1'],
  },
  { name: 'Unix sockets', list: ['unix'], has: ['/run/x.sock', ''], hasNot: ['127.0.0.1', '::1'] },
  {
    name: 'several entries',
    list: ['loopback', 'unix', '192.0.2.0/24', 'fe80::/10'],
    has: ['127.0.0.1', '/x', '192.0.2.77', 'fe80::2'],
    hasNot: ['192.0.3.1'],
  },
];

const bad: { name: string; list: unknown; detail: string }[] = [
  ...[
    ['an empty entry', ''],
    ['a name', 'localhost'],
    ['a group in capitals', 'Loopback'],
    ['a name that every object has', 'constructor'],
    ['a space', ' 10.0.0.1'],
    ['a line end', '10.0.0.1\n'],
    ['two addresses in one', '10.0.0.1,10.0.0.2'],
    ['three numbers', '10.0.0'],
    ['a number above 255', '10.0.0.256'],
    ['a leading zero', '010.0.0.1'],
    ['a port', '10.0.0.1:80'],
    ['brackets', '[::1]'],
    ['a zone', 'fe80::1%eth0'],
    ['an empty prefix', '10.0.0.0/'],
    ['a prefix above 32', '10.0.0.0/33'],
    ['a prefix above 128', '::/129'],
    ['a prefix with a leading zero', '10.0.0.0/08'],
    ['a negative prefix', '10.0.0.0/-1'],
    ['a mask', '10.0.0.0/255.0.0.0'],
    ['two prefixes', '10.0.0.0/8/8'],
    ['a network of more than mapped IPv4', '::ffff:0:0/95'],
  ].map(([name, entry]) => ({
    name: name as string,
    list: ['loopback', entry],
    detail: `${JSON.stringify(entry)}`.replaceAll('"', "'"),
  })),
  { name: 'a number', list: [10], detail: '10' },
  { name: 'null in the list', list: [null], detail: 'null' },
  { name: 'a group in a list', list: [['loopback']], detail: "[ 'loopback' ]" },
  { name: 'text alone', list: 'loopback', detail: "'loopback'" },
  { name: 'true', list: true, detail: 'true' },
  { name: 'no list', list: undefined, detail: 'undefined' },
];

describe('TrustedAddresses', () => {
  for (const { name, list, has, hasNot } of lists) {
    it(`knows ${name}`, () => {
      const trusted = new TrustedAddresses(list);
      const asked = [...has, ...hasNot];
      expect(asked.filter((text) => trusted.includes(addressOf(text)))).to.deep.equal(has);
      expect(trusted.includes(null)).to.equal(false);
    });
  }

  for (const { name, list, detail } of bad) {
    it(`refuses ${name}`, () => {
      expect(() => new TrustedAddresses(list as string[]))
        .to.throw(UsageError, `(${detail};`)
        .with.property('code', 'ENGINE_OPTION');
    });
  }

  it('does not know what is no address', () => {
    const trusted = new TrustedAddresses(['0.0.0.0/0', '::/0', 'unix']);
    for (const host of ['localhost', '', '1.2.3', '1.2.3.4/32']) {
      expect(trusted.includes({ host, port: 1, family: 4 }), host).to.equal(false);
    }
  });

  it('does not see what becomes of the list', () => {
    const list = ['10.0.0.1'];
    const trusted = new TrustedAddresses(list);
    list[0] = '0.0.0.0/0';
    expect(trusted.includes(addressOf('10.0.0.2'))).to.equal(false);
  });

  it('compares as many bits as it is told', () => {
    const bits = fc.nat(32);
    const number = fc.nat(0xffff_ffff);
    const dotted = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
    fc.assert(
      fc.property(number, bits, fc.nat(31), (network, prefix, differing) => {
        const trusted = new TrustedAddresses([`${dotted(network)}/${prefix}`]);
        const other = (network ^ (0x8000_0000 >>> differing)) >>> 0;
        expect(trusted.includes(addressOf(dotted(network)))).to.equal(true);
        expect(trusted.includes(addressOf(dotted(other)))).to.equal(differing >= prefix);
        expect(trusted.includes(addressOf(`::ffff:${dotted(other)}`))).to.equal(differing >= prefix);
      }),
    );
  });
});
