import { UsageError } from '@inseam/engine';
import { CookiesOut, HTTPError, type HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import fc from 'fast-check';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

async function cookiesOf(handler: (request: HTTPRequest) => unknown): Promise<string[]> {
  const answer = await wire(handler).exchange(get());
  return (answer.match(/Set-Cookie: .*/g) ?? []).map((line) => line.slice('Set-Cookie: '.length));
}

describe('api: cookiesOut', () => {
  it('go out with a whole response', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut
        .set('a', 'x y;')
        .set('b', '2', { path: '/', httpOnly: true, sameSite: 'lax', maxAge: 60 });
      request.sendResponse('');
    });
    expect(cookies).to.deep.equal(['a=x%20y%3B', 'b=2; Max-Age=60; Path=/; HttpOnly; SameSite=Lax']);
  });

  for (const [how, send] of [
    ['sendHeaders', (request: HTTPRequest) => request.sendHeaders()],
    ['the first send', (request: HTTPRequest) => request.send('x')],
    ['finish', () => {}],
  ] as const) {
    it(`go out with ${how}`, async () => {
      const cookies = await cookiesOf((request) => {
        request.cookiesOut.set('a', '1');
        send(request);
        request.finish();
      });
      expect(cookies).to.deep.equal(['a=1']);
    });
  }

  it('go out with an HTTPError, which is an answer', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.delete('session');
      throw new HTTPError(401);
    });
    expect(cookies).to.deep.equal(['session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT']);
  });

  it('do not go out when the handler fails', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.set('session', 'secret');
      request.sendCookies(['session']);
      request.cookiesOut.set('other', 'secret');
      throw new Error('x');
    });
    expect(cookies).to.deep.equal([]);
  });

  it('delete tells the client to forget, with the path and domain it was set with', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.delete('a', { path: '/x', domain: 'example.com', maxAge: 99 });
      request.sendResponse('');
    });
    expect(cookies).to.deep.equal([
      'a=; Max-Age=0; Domain=example.com; Path=/x; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ]);
  });

  it('a second one of the same name, domain and path takes the first one’s place', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.set('a', '1').set('b', '2').set('a', '3').set('a', '4', { path: '/x' });
      request.cookiesOut.set('a', '5', { domain: 'a.example' });
      request.sendResponse('');
    });
    expect(cookies).to.deep.equal(['a=3', 'b=2', 'a=4; Path=/x', 'a=5; Domain=a.example']);
  });

  it('sendCookies names those that go, once; the rest follow with the headers', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.set('a', '1').set('b', '2');
      request.sendCookies(['b']);
      request.sendCookies(['b', 'none']);
      request.sendHeaders();
      request.finish();
    });
    expect(cookies).to.deep.equal(['b=2', 'a=1']);
  });

  const bad: [string, (request: HTTPRequest) => unknown][] = [
    ['a name with a space', (request) => request.cookiesOut.set('a b', '1')],
    ['a name with CR LF', (request) => request.cookiesOut.set('a\r\n', '1')],
    ['no name', (request) => request.cookiesOut.set('', '1')],
    ['a path with CR LF', (request) => request.cookiesOut.set('a', '1', { path: '/\r\nX: y' })],
    ['a domain with a semicolon', (request) => request.cookiesOut.set('a', '1', { domain: 'a;b' })],
  ];
  for (const [what, set] of bad) {
    it(`${what} is a UsageError`, async () => {
      const cookies = await cookiesOf((request) => {
        expect(() => set(request))
          .to.throw(UsageError)
          .with.property('code', 'HTTP_COOKIE');
        request.sendResponse('');
      });
      expect(cookies).to.deep.equal([]);
    });
  }

  it('a value cannot break out of its header', async () => {
    const cookies = await cookiesOf((request) => {
      request.cookiesOut.set('a', '1\r\nX: y; Path=/');
      request.sendResponse('');
    });
    expect(cookies).to.deep.equal(['a=1%0D%0AX%3A%20y%3B%20Path%3D%2F']);
  });
});

describe('api: cookies there and back', () => {
  async function backAndForth(pair: string): Promise<Readonly<Record<string, string>>> {
    let seen: Readonly<Record<string, string>> = {};
    await wire((request) => {
      seen = request.cookies;
      request.finish();
    }).exchange(get('/', `Cookie: ${pair}`));
    return seen;
  }

  it('any text comes back as it was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 200 }), async (value) => {
        expect((await backAndForth(new CookiesOut().set('a', value).take()[0] ?? '')).a).to.equal(value);
      }),
      { numRuns: 100 },
    );
  });

  it('a name is a name, whatever objects inherit', async () => {
    const cookies = await backAndForth('__proto__=x; constructor=y; __proto__=z');
    expect(Object.entries(cookies)).to.deep.equal([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect('toString' in cookies).to.equal(false);
    expect(new CookiesOut().set('__proto__', 'x').take()[0]).to.equal('__proto__=x');
  });

  it('what is badly encoded stays as it is', async () => {
    expect({ ...(await backAndForth('a=%zz; b; c=%C3%A9; d="q"; =e')) }).to.deep.include({
      a: '%zz',
      c: 'é',
      d: '"q"',
    });
  });
});
