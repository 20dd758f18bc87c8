import { UsageError } from '@inseam/engine';
import { type CookieOptions, CookiesOut } from '@inseam/http';
import { expect } from 'chai';

function lineOf(name: string, value: string, options?: CookieOptions): string | undefined {
  return new CookiesOut().set(name, value, options).take()[0];
}

function refusalOf(set: (cookies: CookiesOut) => unknown): { code: string; message: string } {
  const cookies = new CookiesOut();
  try {
    set(cookies);
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    expect(cookies.take(), 'nothing is set').to.deep.equal([]);
    return error as UsageError;
  }
  throw new Error('it was taken');
}

describe('api: the attributes of a cookie', () => {
  const expires = new Date(Date.UTC(2030, 0, 2, 3, 4, 5));
  const attributes: [CookieOptions, string][] = [
    [{}, ''],
    [{ domain: 'example.com' }, '; Domain=example.com'],
    [{ path: '/a b' }, '; Path=/a b'],
    [{ maxAge: 0 }, '; Max-Age=0'],
    [{ expires }, '; Expires=Wed, 02 Jan 2030 03:04:05 GMT'],
    [{ expires: new Date('1601-01-01') }, '; Expires=Mon, 01 Jan 1601 00:00:00 GMT'],
    [{ expires: new Date('9999-12-31') }, '; Expires=Fri, 31 Dec 9999 00:00:00 GMT'],
    [{ httpOnly: true }, '; HttpOnly'],
    [{ secure: true }, '; Secure'],
    [{ sameSite: true }, '; SameSite=Strict'],
    [{ sameSite: 'strict' }, '; SameSite=Strict'],
    [{ sameSite: 'lax' }, '; SameSite=Lax'],
    [{ sameSite: 'none', secure: true }, '; Secure; SameSite=None'],
    [{ partitioned: true, secure: true }, '; Secure; Partitioned'],
    [{ partitioned: false }, ''],
    [{ priority: 'low' }, '; Priority=Low'],
    [{ priority: 'medium' }, '; Priority=Medium'],
    [{ priority: 'high' }, '; Priority=High'],
    [{ domain: undefined, expires: undefined, maxAge: undefined, sameSite: undefined }, ''],
  ];
  for (const [options, expected] of attributes) {
    it(`${JSON.stringify(options)} is "${expected}"`, () => {
      expect(lineOf('a', '1', options)).to.equal(`a=1${expected}`);
    });
  }

  const bad: { name: string; options: CookieOptions; says: RegExp }[] = [
    { name: 'SameSite=None without Secure', options: { sameSite: 'none' }, says: /secure: true/ },
    {
      name: 'SameSite=NONE without Secure',
      options: { sameSite: 'NONE' as 'none' },
      says: /secure: true/,
    },
    { name: 'a path that browsers take for none', options: { path: 'docs' }, says: /path/ },
    { name: 'Partitioned without Secure', options: { partitioned: true }, says: /secure: true/ },
    { name: 'an invalid Date', options: { expires: new Date(Number.NaN) }, says: /expires/ },
    { name: 'an end that is no Date', options: { expires: 5 as unknown as Date }, says: /expires/ },
    { name: 'an end of null', options: { expires: null as unknown as Date }, says: /expires/ },
    { name: 'a year of five digits', options: { expires: new Date(8e15) }, says: /9999/ },
    { name: 'a year before 1601', options: { expires: new Date('1600-12-31') }, says: /1601/ },
    { name: 'half a second', options: { maxAge: 0.5 }, says: /maxAge/ },
    { name: 'an endless life', options: { maxAge: Number.POSITIVE_INFINITY }, says: /maxAge/ },
    { name: 'an unknown SameSite', options: { sameSite: 'some' as 'lax' }, says: /sameSite/ },
    { name: 'an unknown priority', options: { priority: 'urgent' as 'low' }, says: /priority/ },
    {
      name: 'a path of 1,025 bytes',
      options: { path: `/${'p'.repeat(1_024)}` },
      says: /path has 1025 bytes/,
    },
    {
      name: 'a domain of 1,025 bytes',
      options: { domain: `${'d.'.repeat(512)}e` },
      says: /domain has 1025 bytes/,
    },
  ];
  for (const { name, options, says } of bad) {
    it(`${name} is a UsageError`, () => {
      const { code, message } = refusalOf((cookies) => cookies.set('a', '1', options));
      expect(code).to.equal('HTTP_COOKIE');
      expect(message).to.match(says);
    });
  }

  it('attributes of 1,024 bytes are fine', () => {
    expect(lineOf('a', '', { path: `/${'p'.repeat(1_023)}` })).to.have.length('a=; Path='.length + 1_024);
    expect(lineOf('a', '', { path: null as unknown as string })).to.equal('a=');
  });

  it('name and value may have 4,096 bytes together, as they go out', () => {
    expect(lineOf('name', 'v'.repeat(4_092), { secure: true })).to.have.length(4_097 + '; Secure'.length);
    expect(lineOf('n', `${'v'.repeat(4_092)}%`)).to.have.length(4_097);
    for (const value of ['v'.repeat(4_096), `${'v'.repeat(4_093)}%`]) {
      const { code, message } = refusalOf((cookies) => cookies.set('n', value));
      expect(code).to.equal('HTTP_COOKIE');
      expect(message).to.match(/have 409[78] bytes; browsers take 4096/);
    }
  });

  it('an unknown option is a UsageError', () => {
    const unknown = { httponly: true, samesite: 'lax' } as CookieOptions;
    expect(refusalOf((cookies) => cookies.set('a', '1', unknown)).message).to.contain('"httponly"');
    expect(refusalOf((cookies) => cookies.delete('a', unknown)).message).to.contain('"httponly"');
    expect(refusalOf((cookies) => cookies.delete('a', null as unknown as CookieOptions)).message).to.match(
      /an object of/,
    );
  });

  it('name and value are text', () => {
    for (const value of [0, 1, null, undefined, {}, ['x']]) {
      expect(refusalOf((cookies) => cookies.set('a', value as string)).code).to.equal('HTTP_COOKIE');
      expect(refusalOf((cookies) => cookies.set(value as string, '')).code).to.equal('HTTP_COOKIE');
      expect(refusalOf((cookies) => cookies.delete(value as string)).code).to.equal('HTTP_COOKIE');
    }
    expect(refusalOf((cookies) => cookies.set('a', '\ud800')).code).to.equal('HTTP_COOKIE');
  });
});

describe('api: the prefix of a cookie’s name', () => {
  const host = { secure: true, path: '/' };
  const all = { ...host, httpOnly: true };
  const good: [name: string, options: CookieOptions][] = [
    ['__Secure-a', { secure: true, domain: 'example.com', path: '/x' }],
    ['__Host-a', host],
    ['__Host-a', { ...host, domain: '' }],
    ['__Http-a', { secure: true, httpOnly: true, domain: 'example.com', path: '/x' }],
    ['__Host-Http-a', all],
    ['__Hostess-a', {}],
    ['a__Host-', {}],
    ['_Secure-a', {}],
  ];
  for (const [name, options] of good) {
    it(`${name} goes with ${JSON.stringify(options)}`, () => {
      expect(lineOf(name, '1', options)).to.match(new RegExp(`^${name}=1`));
    });
  }

  const bad: [name: string, options: CookieOptions, lacks: string][] = [
    ['__Secure-a', {}, 'secure: true'],
    ['__SECURE-a', { secure: false }, 'secure: true'],
    ['__secure-a', { secure: 1 as unknown as boolean }, 'secure: true'],
    ['__Host-a', { path: '/' }, 'secure: true'],
    ['__host-a', { secure: true }, 'path: "/"'],
    ['__Host-a', { secure: true, path: '/x' }, 'path: "/"'],
    ['__Host-a', { ...host, domain: 'example.com' }, 'no domain'],
    ['__Http-a', { secure: true }, 'httpOnly: true'],
    ['__http-a', { httpOnly: true }, 'secure: true'],
    ['__Host-Http-a', host, 'httpOnly: true'],
    ['__host-http-a', { secure: true, httpOnly: true }, 'path: "/"'],
    ['__Host-Http-a', { path: '/', httpOnly: true }, 'secure: true'],
    ['__Host-Http-a', { ...all, domain: 'example.com' }, 'no domain'],
  ];
  for (const [name, options, lacks] of bad) {
    it(`${name} with ${JSON.stringify(options)} is a UsageError: ${lacks}`, () => {
      const { code, message } = refusalOf((cookies) => cookies.set(name, '1', options));
      expect(code).to.equal('HTTP_COOKIE');
      expect(message).to.contain(name).and.to.contain(lacks);
    });
  }

  const deleted: [name: string, attributes: string][] = [
    ['__Host-a', 'Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure'],
    ['__Host-Http-a', 'Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure'],
    ['__Http-a', 'Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure'],
    ['__secure-a', 'Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure'],
  ];
  for (const [name, expected] of deleted) {
    it(`delete('${name}') fills in what the prefix demands`, () => {
      expect(new CookiesOut().delete(name).take()).to.deep.equal([`${name}=; Max-Age=0; ${expected}`]);
    });
  }

  it('delete does not overrule what it is told', () => {
    expect(refusalOf((cookies) => cookies.delete('__Host-a', { path: '/x' })).message).to.contain(
      'path: "/"',
    );
  });
});
