import { UsageError } from '@inseam/engine';
import type { HTTPRequest, SecureCookieOptions, SecureCookieValue } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { type Wire, wire } from '../support/wire.js';

const SECRET = 'a secret for tests only, 32 bytes';

function refusalOf(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('it was taken');
}

/** Runs `use` as a handler would, on `far` or a new server; answers what came of it. */
async function handle<T>(use: (request: HTTPRequest) => T, cookie = '', far?: Wire): Promise<T> {
  const results: T[] = [];
  const client = far ?? wire(() => {}, { cookieSecret: SECRET });
  client.server.requestHandler = (request) => {
    results.push(use(request));
    request.finish();
  };
  await client.exchange(cookie === '' ? get() : get('/', `Cookie: ${cookie}`));
  if (!(0 in results)) throw new Error(String(client.log.entries[0]?.error));
  return results[0] as T;
}

async function setCookie(
  value: SecureCookieValue,
  options?: SecureCookieOptions,
  name = 'a',
  far = wire(() => {}, { cookieSecret: SECRET }),
): Promise<string> {
  return handle(
    (request) => {
      request.setSecureCookie(name, value, options);
      return request.cookiesOut.take()[0] ?? '';
    },
    '',
    far,
  );
}

const pairOf = (line: string) => line.slice(0, line.indexOf(';'));

describe('api: signed cookies', () => {
  const values: SecureCookieValue[] = ['', 'text', 'é ; "\r\n\0 😀', 'null', '{"a":1}', 0, -1.5, true, false];
  for (const value of [...values, [], {}, { a: [1, { b: null }] }, [null], '\ufeffx']) {
    it(`${JSON.stringify(value)} comes back as it was`, async () => {
      const line = await setCookie(value);
      const back = await handle((request) => request.getSecureCookie('a'), pairOf(line));
      expect(back).to.deep.equal(value);
    });
  }

  it('last 30 days and are HttpOnly unless told otherwise', async () => {
    expect(await setCookie('x')).to.match(
      /^a=1\.t\.eA\.1767225600000\.2592000000\.[\w-]{43}; Expires=Sat, 31 Jan 2026 00:00:00 GMT; HttpOnly$/,
    );
    expect(await setCookie('x', { expires: undefined, httpOnly: undefined })).to.match(
      /; Expires=Sat, 31 Jan 2026 00:00:00 GMT; HttpOnly$/,
    );
  });

  it('take attributes, and an end as milliseconds or a Date', async () => {
    const options: SecureCookieOptions = { httpOnly: false, secure: true, path: '/', sameSite: 'lax' };
    expect(await setCookie('x', { ...options, expires: 60_000 }, '__Host-a')).to.match(
      /^__Host-a=1\.t\.eA\.1767225600000\.60000\.[\w-]{43}; Path=\/; Expires=Thu, 01 Jan 2026 00:01:00 GMT; Secure; SameSite=Lax$/,
    );
    expect(await setCookie('x', { expires: new Date(Date.UTC(2026, 0, 2)) })).to.match(
      /\.86400000\.[\w-]{43}; Expires=Fri, 02 Jan 2026 00:00:00 GMT; HttpOnly$/,
    );
  });

  it('need no escapes in a cookie', async () => {
    const line = await setCookie({ text: 'é;, "%' });
    expect(pairOf(line)).to.match(/^a=[\w.-]+$/);
  });

  it('expire by the time that was signed, whatever the client keeps', async () => {
    const far = wire(() => {}, { cookieSecret: SECRET });
    const pair = pairOf(await setCookie('x', { expires: 1_000 }, 'a', far));
    const read = () => handle((request) => request.getSecureCookie('a'), pair, far);
    await far.pass(999);
    expect(await read()).to.equal('x');
    await far.pass(1);
    expect(await read()).to.equal(null);
  });

  it('that are not there are null', async () => {
    expect(await handle((request) => request.getSecureCookie('a'))).to.equal(null);
    expect(await handle((request) => request.getSecureCookie('toString'), 'a=1')).to.equal(null);
  });

  it('without a secret are a UsageError that says what to set', async () => {
    const uses: ((request: HTTPRequest) => unknown)[] = [
      (request) => request.setSecureCookie('a', 'x'),
      (request) => request.getSecureCookie('a'),
    ];
    for (const use of uses) {
      const refused = await handle((request) => refusalOf(() => use(request)), '', wire());
      expect(refused.code).to.equal('HTTP_COOKIE_SECRET');
      expect(refused.message).to.contain('cookieSecret:');
    }
  });

  const nothing: [string, unknown][] = [
    ['null', null],
    ['undefined', undefined],
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a BigInt', 1n],
    ['an invalid Date', new Date(Number.NaN)],
    ['a lone surrogate', 'x\ud800'],
  ];
  for (const [what, value] of nothing) {
    it(`cannot say ${what}`, async () => {
      const set = (request: HTTPRequest) =>
        refusalOf(() => request.setSecureCookie('a', value as SecureCookieValue));
      expect((await handle(set)).code).to.equal('HTTP_SECURE_COOKIE');
    });
  }

  const options: { name: string; options: object; says: RegExp }[] = [
    { name: 'no time', options: { expires: 0 }, says: /expires/ },
    { name: 'a time past', options: { expires: -1 }, says: /expires/ },
    { name: 'a Date past', options: { expires: new Date(0) }, says: /expires/ },
    { name: 'an invalid Date', options: { expires: new Date(Number.NaN) }, says: /expires/ },
    { name: 'an endless time', options: { expires: Number.POSITIVE_INFINITY }, says: /expires/ },
    { name: 'no number', options: { expires: Number.NaN }, says: /expires/ },
    { name: 'text for a time', options: { expires: '60000' }, says: /expires/ },
    { name: 'a time after the last Date', options: { expires: 8.64e15 }, says: /expires/ },
    { name: 'maxAge', options: { maxAge: 60 }, says: /takes expires/ },
    { name: 'an unknown option', options: { expiresDays: 3 }, says: /"expiresDays"/ },
    { name: 'what its name’s prefix forbids', options: { domain: 'a.example' }, says: /__Host-a.*secure/ },
  ];
  for (const { name, options: bad, says } of options) {
    it(`refuse ${name}`, async () => {
      const set = (request: HTTPRequest) => {
        const refused = refusalOf(() => request.setSecureCookie('__Host-a', 'x', bad));
        expect(request.cookiesOut.take()).to.deep.equal([]);
        return refused;
      };
      expect((await handle(set)).message).to.match(says);
    });
  }

  it('refuse what no cookie can hold', async () => {
    const refused = await handle((request) =>
      refusalOf(() => request.setSecureCookie('a', 'x'.repeat(3_100))),
    );
    expect(refused.code).to.equal('HTTP_COOKIE');
    expect(refused.message).to.match(/browsers take 4096/);
  });
});
