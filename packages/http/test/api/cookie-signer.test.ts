import { UsageError } from '@inseam/engine';
import { type CookieSecret, HTTPServer } from '@inseam/http';
import { expect } from 'chai';
import fc from 'fast-check';
import { CookieSigner } from '#http/cookies/cookie-signer.js';

const SECRET = 'a secret for tests only, 32 bytes';
const NOW = 1_700_000_000_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const signer = new CookieSigner(SECRET);

function refusalOf(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    expect(error).to.be.instanceOf(UsageError);
    return error as UsageError;
  }
  throw new Error('it was taken');
}

describe('api: CookieSigner', () => {
  const signed = signer.sign('name', 'some text', DAY_MS, NOW);
  const [payload = '', signature = ''] = signed.split(/\.(?=[^.]*$)/);

  it('any text and any JSON comes back', () => {
    const options = { noUnicodeString: false, stringUnit: 'binary' } as const;
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(options)), (value) => {
        fc.pre(value !== null);
        const back = signer.verify('a', signer.sign('a', value, 1_000, NOW), NOW);
        expect(back).to.deep.equal(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('cannot say a cycle', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(refusalOf(() => signer.sign('a', cycle, 1, NOW)).code).to.equal('HTTP_SECURE_COOKIE');
  });

  it('signs the same in the same way', () => {
    expect(signed).to.equal(signer.sign('name', 'some text', DAY_MS, NOW));
    expect(signer.verify('name', signed, NOW)).to.equal('some text');
  });

  it('signs whole milliseconds, none of them lost', () => {
    const fraction = signer.sign('a', 1, 0.5, NOW + 0.75);
    expect(fraction).to.contain(`.${NOW}.1.`);
    expect(signer.verify('a', fraction, NOW + 0.75)).to.equal(1);
  });

  it('signs a lifetime that ends at a date', () => {
    const longest = 8.64e15 - NOW;
    expect(signer.verify('a', signer.sign('a', 1, longest, NOW), NOW)).to.equal(1);
    for (const lifetimeMs of [longest + 1, Number.POSITIVE_INFINITY, 0, -1, Number.NaN]) {
      expect(refusalOf(() => signer.sign('a', 1, lifetimeMs, NOW)).code).to.equal('HTTP_OPTION');
    }
  });

  it('takes no other bit, letter, length or name', () => {
    const others = new Set<string>([
      '',
      '.',
      payload,
      `${payload}.`,
      `${signed}=`,
      `${signed} `,
      `${signed}\n`,
      ` ${signed}`,
      `${signed}.`,
      `${payload}.${signature.slice(0, 42)}`,
      `${payload}.${Buffer.from(signature, 'base64url').toString('hex')}`,
      `2${signed.slice(1)}`,
      `01${signed.slice(1)}`,
      signed.replace('.t.', '.j.'),
      signed.replace('.t.', '.T.'),
      signed.replace('.t.', '.tj.'),
      signed.toUpperCase(),
    ]);
    for (let i = 0; i < signed.length; i++) {
      others.add(signed.slice(0, i) + signed.slice(i + 1));
      const code = signed.charCodeAt(i);
      for (let bit = 0; bit < 9; bit++)
        others.add(signed.slice(0, i) + String.fromCharCode(code ^ (1 << bit)) + signed.slice(i + 1));
      for (const letter of BASE64URL) others.add(signed.slice(0, i) + letter + signed.slice(i + 1));
    }
    others.delete(signed);
    expect(others.size).to.be.above(5_000);
    for (const other of others) expect(signer.verify('name', other, NOW), other).to.equal(null);
    for (const name of ['', 'Name', 'nam', 'name=', 'named']) {
      expect(signer.verify(name, signed, NOW), name).to.equal(null);
    }
  });

  it('takes one spelling of a signature', () => {
    // 43 letters have two bits that no byte needs: four spellings of the same digest.
    const last = BASE64URL.indexOf(signature.at(-1) ?? '');
    const spellings = [...BASE64URL].filter((_, value) => value >> 2 === last >> 2);
    const taken = spellings.filter(
      (letter) => signer.verify('name', `${payload}.${signature.slice(0, -1)}${letter}`, NOW) !== null,
    );
    expect([spellings.length, taken.length]).to.deep.equal([4, 1]);
  });

  it('has no two names and values with the same signature', () => {
    const other = signer.sign('name=1', 'some text', DAY_MS, NOW);
    expect(other).not.to.equal(signed);
    expect(signer.verify('name', `1${other}`, NOW)).to.equal(null);
  });

  const times: [title: string, ageMs: number, isTaken: boolean][] = [
    ['at once', 0, true],
    ['until its end', DAY_MS - 1, true],
    ['not at its end', DAY_MS, false],
    ['not after it', 2 * DAY_MS, false],
    ['by a clock that is 5 s behind', -5_000, true],
    ['not by one further behind', -5_001, false],
  ];
  for (const [title, ageMs, isTaken] of times) {
    it(`is good ${title}`, () => {
      expect(signer.verify('name', signed, NOW + ageMs)).to.equal(isTaken ? 'some text' : null);
    });
  }

  it('signs with the first secret and verifies with all', () => {
    const old = new CookieSigner('old');
    const both = new CookieSigner(['new', 'old', Buffer.from('older')]);
    const young = new CookieSigner('new');
    const value = (by: CookieSigner, text: string) => by.verify('a', text, NOW);
    expect(value(both, old.sign('a', 1, DAY_MS, NOW))).to.equal(1);
    expect(value(both, new CookieSigner('older').sign('a', 1, DAY_MS, NOW))).to.equal(1);
    expect(value(young, both.sign('a', 2, DAY_MS, NOW))).to.equal(2);
    expect(value(old, both.sign('a', 2, DAY_MS, NOW))).to.equal(null);
    expect(value(both, new CookieSigner('other').sign('a', 1, DAY_MS, NOW))).to.equal(null);
  });

  it('takes secrets as text or bytes, and copies them', () => {
    const bytes = Uint8Array.from(Buffer.from(SECRET));
    const ofBytes = new CookieSigner(bytes);
    bytes.fill(0);
    expect(ofBytes.verify('name', signed, NOW)).to.equal('some text');
    expect(new CookieSigner([SECRET]).verify('name', signed, NOW)).to.equal('some text');
  });

  const bad: unknown[] = [
    '',
    new Uint8Array(0),
    [],
    [''],
    ['x', ''],
    ['x', new Uint8Array(0)],
    null,
    5,
    {},
    [5],
  ];
  for (const secret of bad) {
    it(`refuses ${JSON.stringify(secret)} for a secret`, () => {
      const make = () => new HTTPServer(() => {}, { cookieSecret: secret as CookieSecret });
      expect(refusalOf(make).code).to.equal('HTTP_COOKIE_SECRET');
    });
  }
});
