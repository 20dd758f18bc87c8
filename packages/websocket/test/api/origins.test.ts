import { UsageError } from '@inseam/engine';
import type { HTTPServerOptions } from '@inseam/http';
import { type Origins, WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { handshake, wire } from '../support/wire.js';

async function statusOf(origins: Origins, http: HTTPServerOptions, ...lines: string[]): Promise<number> {
  const far = wire(webSocketHandler(WebSocket, { origins }), http);
  return (await answerTo(far, handshake(...lines))).status;
}

/** What the client says: Host, and Origin where there is one. */
type Case = [name: string, host: string, origin: string | null, status: 101 | 403];

const sameHost: Case[] = [
  ['no origin', 'example.com', null, 101],
  ['the same host', 'example.com', 'http://example.com', 101],
  ['the same host, encrypted', 'example.com', 'https://example.com', 101],
  ['the host in capitals', 'EXAMPLE.com', 'http://example.com', 101],
  ['the origin in capitals', 'example.com', 'HTTP://EXAMPLE.COM', 101],
  ['the default port in Host', 'example.com:80', 'http://example.com', 101],
  ['the default port of TLS in Host', 'example.com:443', 'https://example.com', 101],
  ['the default port in the origin', 'example.com', 'http://example.com:80', 101],
  ['the other default port in both', 'example.com:443', 'http://example.com:443', 101],
  ['the same port', 'example.com:8080', 'http://example.com:8080', 101],
  ['another port', 'example.com:8080', 'http://example.com:8081', 403],
  ['a port in Host only', 'example.com:8080', 'http://example.com', 403],
  ['a port in the origin only', 'example.com', 'http://example.com:8080', 403],
  ['IPv6', '[2001:db8::1]', 'http://[2001:db8::1]', 101],
  ['IPv6 with a port', '[2001:db8::1]:8080', 'http://[2001:db8::1]:8080', 101],
  ['IPv6 with a default port', '[2001:db8::1]:443', 'https://[2001:db8::1]', 101],
  ['IPv6 written otherwise', '[2001:DB8:0::1]', 'http://[2001:db8::1]', 101],
  ['another address of IPv6', '[2001:db8::2]', 'http://[2001:db8::1]', 403],
  ['IPv4', '192.0.2.1:8080', 'http://192.0.2.1:8080', 101],
  ['another host', 'example.com', 'http://example.org', 403],
  ['a subdomain', 'example.com', 'http://www.example.com', 403],
  ['the domain above', 'www.example.com', 'http://example.com', 403],
  ['a host that begins alike', 'example.com', 'http://example.com.evil.example', 403],
  ['a host that ends alike', 'example.com', 'http://notexample.com', 403],
  ['the host as user', 'example.com', 'http://example.com@evil.example', 403],
  ['the host as path', 'example.com', 'http://evil.example/example.com', 403],
  ['null', 'example.com', 'null', 403],
  ['null for a host of that name', 'null', 'null', 403],
  ['a file', 'example.com', 'file://', 403],
  ['an application of that name', 'example.com', 'app://example.com', 403],
  ['no URL', 'example.com', 'example.com', 403],
  ['an empty one', 'example.com', '', 403],
  ['an empty host', '', 'http://example.com', 403],
];

const listed: Case[] = [
  ['none', 'a.example', null, 101],
  ['a listed one', 'a.example', 'https://app.example', 101],
  ['a listed one in capitals', 'a.example', 'https://APP.example', 101],
  ['one listed in capitals', 'a.example', 'https://big.example', 101],
  ['one listed with a slash', 'a.example', 'https://slash.example', 101],
  ['one listed with its port', 'a.example', 'http://port.example:8080', 101],
  ['an extension of a browser', 'a.example', 'chrome-extension://abcdef', 101],
  ['null where that is listed', 'a.example', 'null', 101],
  ['the other scheme', 'a.example', 'http://app.example', 403],
  ['another port', 'a.example', 'http://port.example', 403],
  ['the same host, which is not listed', 'a.example', 'http://a.example', 403],
  ['a subdomain', 'a.example', 'https://www.app.example', 403],
];

const ORIGINS = [
  'https://app.example',
  'HTTPS://BIG.example',
  'https://slash.example/',
  'http://port.example:8080',
  'chrome-extension://abcdef',
  'null',
];

describe('api: origins', () => {
  const lines = (host: string, origin: string | null) => [
    `Host: ${host}`,
    ...(origin === null ? [] : [`Origin: ${origin}`]),
  ];

  for (const [name, host, origin, status] of sameHost) {
    it(`without a list, ${status} to ${name}`, async () => {
      expect(await statusOf(undefined, {}, ...lines(host, origin))).to.equal(status);
    });
  }

  for (const [name, host, origin, status] of listed) {
    it(`with a list, ${status} to ${name}`, async () => {
      expect(await statusOf(ORIGINS, {}, ...lines(host, origin))).to.equal(status);
    });
  }

  it('an empty list lets in only who has none', async () => {
    expect(await statusOf([], {}, 'Origin: http://example.com')).to.equal(403);
    expect(await statusOf([], {})).to.equal(101);
  });

  it("'*' lets everybody in", async () => {
    for (const origin of ['https://evil.example', 'null', 'nonsense', '']) {
      expect(await statusOf('*', {}, `Origin: ${origin}`), origin).to.equal(101);
    }
  });

  it('changes of the list come too late', async () => {
    const origins = ['https://a.example'];
    const handler = webSocketHandler(WebSocket, { origins });
    origins.push('https://b.example');
    const answer = await answerTo(wire(handler), handshake('Origin: https://b.example'));
    expect(answer.status).to.equal(403);
  });

  it('says so, and serves on', async () => {
    const far = wire(webSocketHandler(WebSocket));
    const answer = await answerTo(far, handshake('Origin: http://evil.example'));
    expect([answer.status, answer.body]).to.deep.equal([403, 'Pages from this origin may not connect.']);
    expect([answer.all('Connection'), far.ended]).to.deep.equal([[], false]);
    expect((await answerTo(far, handshake('Origin: http://example.com'))).status).to.equal(101);
  });

  it('onHandshake is not asked about a page that may not', async () => {
    let asked = 0;
    class Asked extends WebSocket {
      override onHandshake() {
        asked++;
      }
    }
    await answerTo(wire(webSocketHandler(Asked)), handshake('Origin: http://evil.example'));
    expect(asked).to.equal(0);
  });

  describe('behind a proxy', () => {
    const forwarded = ['Host: backend:3000', 'X-Forwarded-Host: example.com', 'Origin: https://example.com'];

    it('that is believed, the host is what it says', async () => {
      expect(await statusOf(undefined, { xheaders: ['192.0.2.7'] }, ...forwarded)).to.equal(101);
      const other = [...forwarded.slice(0, 2), 'Origin: http://backend:3000'];
      expect(await statusOf(undefined, { xheaders: ['192.0.2.7'] }, ...other)).to.equal(403);
    });

    it('that is not believed, it is the request’s own', async () => {
      expect(await statusOf(undefined, {}, ...forwarded)).to.equal(403);
    });
  });

  const bad: unknown[] = [
    'https://example.com',
    [''],
    ['example.com'],
    ['https://example.com/path'],
    ['https://example.com//'],
    ['https://example.com?'],
    ['https://user@example.com'],
    ['https://example.com:443'],
    ['https://*.example.com:'],
    ['https://*.example.org'],
    ['file://'],
    ['*'],
    [null],
    [new URL('https://example.com/x')],
    {},
    null,
    true,
  ];
  for (const origins of bad) {
    it(`origins: ${JSON.stringify(origins)} is a UsageError`, () => {
      const options = { origins: origins as Origins };
      expect(() => webSocketHandler(WebSocket, options))
        .to.throw(UsageError)
        .with.property('code', 'WEBSOCKET_OPTION');
    });
  }
});
