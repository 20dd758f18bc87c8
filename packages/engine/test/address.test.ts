import { type Address, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { parseAddress } from '#src/address';

const longest = `/${'a'.repeat(106)}`;

const accepted: { name: string; address: Address; expect: object }[] = [
  { name: 'a port', address: 8080, expect: { host: null, port: 8080 } },
  { name: 'port 0', address: 0, expect: { host: null, port: 0 } },
  { name: 'the last port', address: 65_535, expect: { host: null, port: 65_535 } },
  { name: 'host and port', address: ['localhost', 80], expect: { host: 'localhost', port: 80 } },
  { name: 'IPv6 host and port', address: ['::1', 80], expect: { host: '::1', port: 80 } },
  { name: 'no host', address: ['', 80], expect: { host: null, port: 80 } },
  {
    name: 'host and port by name',
    address: { host: '127.0.0.1', port: 1 },
    expect: { host: '127.0.0.1', port: 1 },
  },
  { name: 'a port by name', address: { port: 1 } as Address, expect: { host: null, port: 1 } },
  { name: 'a path', address: '/run/x.sock', expect: { path: '/run/x.sock' } },
  { name: 'a relative path', address: './x.sock', expect: { path: './x.sock' } },
  { name: 'a relative path by name', address: { path: 'x.sock' }, expect: { path: 'x.sock' } },
  { name: 'a path by name', address: { path: '/x' }, expect: { path: '/x' } },
  { name: 'the longest path', address: longest, expect: { path: longest } },
];

const refused: { name: string; address: unknown; detail: string }[] = [
  { name: 'a negative port', address: -1, detail: 'port -1' },
  { name: 'a port too high', address: 65_536, detail: 'port 65536' },
  { name: 'a broken port', address: 80.5, detail: 'port 80.5' },
  { name: 'NaN', address: Number.NaN, detail: 'port NaN' },
  { name: 'a port as text', address: '8080', detail: "'8080': a port is a number" },
  {
    name: 'a host and port in one text',
    address: 'localhost:80',
    detail: "'localhost:80': a path has a slash in it",
  },
  { name: 'a port as text beside a host', address: ['localhost', '80'], detail: "port '80'" },
  { name: 'a host that is no text', address: { host: 1, port: 80 }, detail: 'host 1' },
  { name: 'a host without a port', address: { host: 'localhost' }, detail: "{ host: 'localhost' }" },
  { name: 'three elements', address: ['localhost', 80, 1], detail: "[ 'localhost', 80, 1 ]" },
  { name: 'an empty text', address: '', detail: "'': a path has a slash in it" },
  { name: 'an empty path', address: { path: '' }, detail: "path ''" },
  { name: 'a path with NUL', address: '/a\0b', detail: "path '/a\\x00b'" },
  { name: 'a path too long', address: `${longest}a`, detail: `path '${longest}a'` },
  { name: 'a path too long in UTF-8', address: `/${'ä'.repeat(54)}`, detail: `path '/${'ä'.repeat(54)}'` },
  { name: 'a path that is no text', address: { path: 5 }, detail: 'path 5' },
  { name: 'null', address: null, detail: 'null' },
  { name: 'undefined', address: undefined, detail: 'undefined' },
  { name: 'true', address: true, detail: 'true' },
  { name: 'a bigint', address: 80n, detail: '80n' },
  { name: 'a bigint beside a host', address: ['localhost', 80n], detail: 'port 80n' },
];

describe('parseAddress', () => {
  for (const { name, address, expect: parsed } of accepted) {
    it(`takes ${name}`, () => {
      expect(parseAddress(address)).to.deep.equal(parsed);
    });
  }

  for (const { name, address, detail } of refused) {
    it(`refuses ${name}`, () => {
      expect(() => parseAddress(address as Address))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_ADDRESS');
    });
  }
});
