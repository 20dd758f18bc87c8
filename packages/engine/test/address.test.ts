import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type Address, type ListenAddress, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { parseAddress, parseListenAddress } from '#src/address';

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
  { name: 'a host without a name', address: { host: '', port: 1 }, expect: { host: null, port: 1 } },
  { name: 'four values', address: ['::1', 80, 0, 0], expect: { host: '::1', port: 80 } },
  {
    name: 'four values with a scope',
    address: ['fe80::1', 80, 0, 2],
    expect: { host: 'fe80::1%2', port: 80 },
  },
  { name: 'four values without a host', address: ['', 80, 0, 0], expect: { host: '::', port: 80 } },
  {
    name: 'four values of an IPv4 address in IPv6',
    address: ['::ffff:1.2.3.4', 80, 0, 0],
    expect: { host: '::ffff:1.2.3.4', port: 80 },
  },
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
  { name: 'no elements', address: [], detail: '[]' },
  { name: 'one element', address: ['localhost'], detail: "[ 'localhost' ]" },
  { name: 'five elements', address: ['::1', 80, 0, 0, 0], detail: "[ '::1', 80, 0, 0, 0 ]" },
  {
    name: 'four values of an IPv4 address',
    address: ['127.0.0.1', 80, 0, 0],
    detail: "[ '127.0.0.1', 80, 0, 0 ]",
  },
  { name: 'four values of a name', address: ['localhost', 80, 0, 0], detail: "[ 'localhost', 80, 0, 0 ]" },
  {
    name: 'flow information, which Node cannot set',
    address: ['::1', 80, 1, 0],
    detail: "[ '::1', 80, 1, 0 ]",
  },
  { name: 'a scope below 0', address: ['::1', 80, 0, -1], detail: "[ '::1', 80, 0, -1 ]" },
  { name: 'a broken scope', address: ['::1', 80, 0, 1.5], detail: "[ '::1', 80, 0, 1.5 ]" },
  { name: 'a scope as text', address: ['::1', 80, 0, '1'], detail: "[ '::1', 80, 0, '1' ]" },
  { name: 'four values with a host that is no text', address: [1, 80, 0, 0], detail: '[ 1, 80, 0, 0 ]' },
  { name: 'four values with a port too high', address: ['::1', 65_536, 0, 0], detail: 'port 65536' },
  { name: 'a host with NUL', address: ['local\0host', 80], detail: "host 'local\\x00host'" },
  { name: 'a host of null', address: [null, 80], detail: 'host null' },
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
  { name: 'a descriptor', address: { fd: 3 }, detail: '{ fd: 3 }' },
  { name: 'nothing by name', address: {}, detail: '{}' },
  { name: 'a function', address: parseAddress, detail: '[Function: parseAddress]' },
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

describe('parseListenAddress', () => {
  for (const { name, address, expect: parsed } of accepted) {
    it(`takes ${name}`, () => {
      expect(parseListenAddress(address)).to.deep.equal(parsed);
    });
  }

  for (const { name, address, detail } of refused.filter(({ name }) => name !== 'a descriptor')) {
    it(`refuses ${name}`, () => {
      expect(() => parseListenAddress(address as ListenAddress))
        .to.throw(UsageError, `(${detail})`)
        .with.property('code', 'ENGINE_ADDRESS');
    });
  }

  for (const fd of [0, 3]) {
    it(`takes descriptor ${fd}`, () => {
      expect(parseListenAddress({ fd })).to.deep.equal({ fd });
    });
  }

  for (const [fd, text] of [
    [-1, '-1'],
    [1.5, '1.5'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
    ['3', "'3'"],
    [null, 'null'],
    [undefined, 'undefined'],
    [3n, '3n'],
  ] as const) {
    it(`refuses descriptor ${text}`, () => {
      expect(() => parseListenAddress({ fd: fd as number }))
        .to.throw(UsageError, `(fd ${text})`)
        .with.property('code', 'ENGINE_ADDRESS');
    });
  }

  it('takes a net.Server that listens, and refuses one that does not', async () => {
    const netServer = createServer();
    const isRefused = () =>
      expect(() => parseListenAddress(netServer))
        .to.throw(UsageError, '(a net.Server that does not listen)')
        .with.property('code', 'ENGINE_ADDRESS');
    isRefused();
    await once(netServer.listen(0), 'listening');
    expect(parseListenAddress(netServer)).to.deep.equal({ netServer });
    await once(netServer.close(), 'close');
    isRefused();
  });

  for (const [name, make] of [
    ['a net.Server with a listener for its connections', () => createServer(() => {})],
    ['an http.Server', () => createHttpServer()],
    ['a tls.Server', () => createTlsServer()],
  ] as const) {
    it(`refuses ${name}, which would take them, too`, async () => {
      const netServer = make();
      await once(netServer.listen(0), 'listening');
      expect(() => parseListenAddress(netServer))
        .to.throw(UsageError, '(a net.Server whose connections are taken already)')
        .with.property('code', 'ENGINE_ADDRESS');
      await once(netServer.close(), 'close');
    });
  }
});
