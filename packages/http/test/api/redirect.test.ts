import { UsageError } from '@inseam/engine';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import fc from 'fast-check';
import { redirectLocation } from '#http/responses/redirect.js';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

async function refusalOf(use: (request: HTTPRequest) => unknown): Promise<string> {
  let code = '';
  await wire((request) => {
    try {
      use(request);
    } catch (error) {
      expect(error).to.be.instanceOf(UsageError);
      ({ code } = error as UsageError);
    }
    request.sendResponse('');
  }).exchange(get());
  return code;
}

describe('api: redirect', () => {
  it('sends the client elsewhere, with 302', async () => {
    expect(await wire((request) => request.redirect('/there')).exchange(get())).to.match(
      /^HTTP\/1\.1 302 Found\r\n(?:[\s\S]*\r\n)?Location: \/there\r\n[\s\S]*\r\n\r\n$/,
    );
  });

  it('sends a header and nothing else of a hostile location', async () => {
    const answer = await wire((request) => request.redirect('/\r\nSet-Cookie: a=1\r\n\r\n<p>')).exchange(
      get(),
    );
    expect(answer.match(/^Location: .*$/m)?.[0]).to.equal(
      'Location: /%0D%0ASet-Cookie:%20a=1%0D%0A%0D%0A%3Cp%3E',
    );
    expect(answer).not.to.match(/^Set-Cookie/m);
  });

  for (const status of [301, 302, 303, 307, 308]) {
    it(`takes ${status}`, async () => {
      const answer = await wire((request) => request.redirect('/', status)).exchange(get());
      expect(answer).to.match(new RegExp(`^HTTP/1\\.1 ${status} `));
    });
  }

  for (const status of [200, 300, 304, 305, 306, 309, 404, Number.NaN]) {
    it(`refuses ${status}`, async () => {
      expect(await refusalOf((request) => request.redirect('/', status))).to.equal('HTTP_REDIRECT');
    });
  }

  const locations: { name: string; location: string; expect: string }[] = [
    { name: 'a path', location: '/a/b?c=d&e#f', expect: '/a/b?c=d&e#f' },
    { name: 'a relative reference', location: '../a', expect: '../a' },
    { name: 'a query alone', location: '?page=2', expect: '?page=2' },
    { name: 'a URL', location: 'https://u@a.example:8080/x', expect: 'https://u@a.example:8080/x' },
    { name: 'an IPv6 host', location: 'http://[2001:db8::1]:80/', expect: 'http://[2001:db8::1]:80/' },
    { name: 'another scheme', location: 'mailto:a@b.example', expect: 'mailto:a@b.example' },
    {
      name: 'every character of a URL',
      location: "/-._~:/?#[]@!$&'()*+,;=aZ09",
      expect: "/-._~:/?#[]@!$&'()*+,;=aZ09",
    },
    { name: 'what is encoded already', location: '/%41%C3%a9%2f', expect: '/%41%C3%a9%2f' },
    { name: 'a percent sign', location: '/100%', expect: '/100%25' },
    { name: 'a percent sign before one digit', location: '/%4', expect: '/%254' },
    { name: 'a percent sign before no digits', location: '/%g1%1g', expect: '/%25g1%251g' },
    { name: 'a percent sign before an encoded byte', location: '/%%41', expect: '/%25%41' },
    { name: 'a space', location: '/a b', expect: '/a%20b' },
    { name: 'CR, LF, NUL, HTAB and DEL', location: '/\r\n\0\t\x7f', expect: '/%0D%0A%00%09%7F' },
    { name: 'what RFC 3986 has not', location: '/"<>\\^`{|}', expect: '/%22%3C%3E%5C%5E%60%7B%7C%7D' },
    {
      name: 'a backslash, which browsers take for a slash',
      location: '/\\a.example',
      expect: '/%5Ca.example',
    },
    { name: 'other alphabets', location: '/é/日本', expect: '/%C3%A9/%E6%97%A5%E6%9C%AC' },
    { name: 'letters that fold to ASCII', location: '/\u017f\u212a', expect: '/%C5%BF%E2%84%AA' },
    { name: 'a pair of surrogates', location: '/😀', expect: '/%F0%9F%98%80' },
  ];
  for (const { name, location, expect: expected } of locations) {
    it(`encodes what needs it: ${name}`, () => expect(redirectLocation(location)).to.equal(expected));
  }

  it('leads where URL would, and encodes once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (path) => {
        const location = redirectLocation(`/${path}`);
        expect(location).to.match(/^[\x21-\x7e]+$/);
        expect(redirectLocation(location)).to.equal(location);
        expect(decodeURIComponent(location)).to.equal(decodeOrKeep(`/${path}`));
      }),
    );
  });

  it('takes headers; the location is the one it was given', async () => {
    const headers = { 'Cache-Control': 'no-store', location: '/other' };
    const far = wire((request) => request.redirect('/new', 303, headers));
    expect(await far.exchange(get())).to.match(
      /^HTTP\/1\.1 303 See Other\r\nCache-Control: no-store\r\nLocation: \/new\r\nContent-Length: 0\r\n/,
    );
  });

  it('says what is wrong with a location', () => {
    expect(() => redirectLocation('')).to.throw(UsageError, /empty/);
    expect(() => redirectLocation({} as string)).to.throw(UsageError, /object/);
    expect(() => redirectLocation('\ud800')).to.throw(UsageError, /surrogate/);
  });

  for (const location of ['', '/\ud800', '/\udc00a', undefined, null, 5, new URL('http://a.example')]) {
    it(`refuses ${JSON.stringify(location)}`, async () => {
      expect(await refusalOf((request) => request.redirect(location as string))).to.equal('HTTP_REDIRECT');
    });
  }
});

/** What stands in `text` once its encoded bytes are read, and a lone percent sign stays. */
function decodeOrKeep(text: string): string {
  return decodeURIComponent(text.replace(/%(?![\da-f]{2})/gi, '%25'));
}
