import { HTTPHeaders } from '@inseam/http';
import { expect } from 'chai';
import { type ClientWireOptions, clientWire, keyIn } from '../support/client-wire.js';

/** The request as it was sent; the key reads `key`. */
async function sent(options: ClientWireOptions = {}): Promise<string> {
  const { sink } = await clientWire(options);
  return sink.text.replace(/(?<=Sec-WebSocket-Key: ).*(?=\r\n)/, 'key');
}

const request = (target: string, host: string, ...lines: string[]) =>
  [
    `GET ${target} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: key',
    ...lines,
    '',
    '',
  ].join('\r\n');
const plain = (...lines: string[]) => request('/', 'example.com', ...lines);

describe('client: the request (RFC 6455 §4.1)', () => {
  const CASES: { name: string; options?: ClientWireOptions; expect: string }[] = [
    { name: 'says what must be said, and no more', expect: plain() },
    {
      name: 'has target and port of the URL',
      options: { url: 'ws://example.com:81/a?b' },
      expect: request('/a?b', 'example.com:81'),
    },
    {
      name: 'has an IPv6 address in brackets',
      options: { url: 'ws://[::1]:81' },
      expect: request('/', '[::1]:81'),
    },
    {
      name: 'has localhost for a Unix socket',
      options: { url: 'ws+unix:/x:/t' },
      expect: request('/t', 'localhost'),
    },
    {
      name: 'takes another Host, in its place',
      options: { headers: { host: 'other.example' } },
      expect: request('/', 'other.example'),
    },
    {
      name: 'offers subprotocols in their order',
      options: { protocols: ['b', 'a'] },
      expect: plain('Sec-WebSocket-Protocol: b, a'),
    },
    {
      name: 'offers compression without context take-over',
      options: { perMessageDeflate: true },
      expect: plain(
        'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits',
      ),
    },
    {
      name: 'offers compression with it',
      options: { perMessageDeflate: { contextTakeover: true } },
      expect: plain('Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits'),
    },
    {
      name: 'names its origin',
      options: { origin: 'https://example.org' },
      expect: plain('Origin: https://example.org'),
    },
    {
      name: 'has user and password of the URL',
      options: { url: 'ws://me:secret@example.com' },
      expect: plain('Authorization: Basic bWU6c2VjcmV0'),
    },
    {
      name: 'prefers an Authorization of its own',
      options: { url: 'ws://me:secret@example.com', headers: { authorization: 'Bearer x' } },
      expect: plain('authorization: Bearer x'),
    },
    {
      name: 'has further headers, repeated ones too, byte for byte',
      options: { headers: new HTTPHeaders({ 'X-A': ['1', '2'], 'x-b': 'ü', Cookie: 'c=d' }) },
      expect: plain('X-A: 1', 'X-A: 2', 'x-b: ü', 'Cookie: c=d'),
    },
    {
      name: 'has cookies, percent-encoded',
      options: { cookies: { a: 'b', 'c-d': 'e;=, "ü' } },
      expect: plain('Cookie: a=b; c-d=e%3B%3D%2C%20%22%C3%BC'),
    },
    { name: 'has no Cookie without cookies', options: { cookies: {} }, expect: plain() },
  ];
  for (const { name, options, expect: wanted } of CASES) {
    it(name, async () => expect(await sent(options)).to.equal(wanted));
  }

  it('has a new key of sixteen bytes each time', async () => {
    const keys = new Set<string>();
    for (let i = 0; i < 8; i++) keys.add(keyIn((await clientWire()).sink.text));
    expect(keys.size).to.equal(8);
    for (const key of keys) {
      expect(Buffer.from(key, 'base64')).to.have.lengthOf(16);
      expect(Buffer.from(key, 'base64').toString('base64')).to.equal(key);
    }
  });

  it('leaves what it was given as it is', async () => {
    const headers = new HTTPHeaders({ Host: 'a', B: 'c' });
    const protocols = ['x'];
    await clientWire({ headers, protocols });
    expect([...headers]).to.deep.equal([
      ['Host', 'a'],
      ['B', 'c'],
    ]);
    expect(protocols).to.deep.equal(['x']);
  });
});
