/** The format of signed cookies, written down a second time in another language. */
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { CookieSigner } from '#http/cookies/cookie-signer.js';

const PROGRAM = `
import base64, hashlib, hmac, json, sys

def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()

for secret, name, kind, text, issued, lifetime in json.load(sys.stdin):
    signed = '1.%s.%s.%d.%d' % (kind, base64url(text.encode()), issued, lifetime)
    digest = hmac.new(secret.encode(), (name + '=' + signed).encode(), hashlib.sha256).digest()
    print(signed + '.' + base64url(digest))
`;

/** Signed by python3 with the right secret, for a cookie `a`. */
const OTHERS: [title: string, signed: string][] = [
  ['what is no JSON', '1.j.ew.1500000000000.60000.aV2xYd7BXG7xPkztdTz2BB5jan50TRre9Y0KcR70Qz0'],
  ['another kind', '1.x.e30.1500000000000.60000.cPXov3CW5fAOnbXzcXH7FNFClUadkwej1jYhCGhZxYE'],
  ['another version', '2.t.eA.1500000000000.60000.lQmM7dD5MP-gnUGahk96Ugblba3L64etT0-i6YIjNbg'],
  ['another separator', '1-t.eA.1500000000000.60000.h1vJ_kt7pkjJmqXkdkipXiW3RwI54CFpzgQHK1moaDA'],
  ['a negative time', '1.t.eA.-1500000000000.60000.W6MgLhofVxPXJAVVI_nF3gxuYIYmFHGvVMk0OfBiLss'],
];

interface Vector {
  readonly secret: string;
  readonly name: string;
  readonly value: unknown;
  readonly kind: 't' | 'j';
  readonly text: string;
  readonly issued: number;
  readonly lifetime: number;
  /** What python3 made of it. */
  readonly signed: string;
}

const VECTORS: Vector[] = [
  {
    secret: '1234567890',
    name: 'session',
    value: 'bar',
    kind: 't',
    text: 'bar',
    issued: 1_500_000_000_000,
    lifetime: 2_592_000_000,
    signed: '1.t.YmFy.1500000000000.2592000000.SFQPu_nu8y18vPKILbz1lVnT5620Y512D6yu1c9POgQ',
  },
  {
    secret: '1234567890',
    name: 'session',
    value: '',
    kind: 't',
    text: '',
    issued: 1_500_000_000_000,
    lifetime: 1,
    signed: '1.t..1500000000000.1.yVxZE3Rl2_NE6UnBjcwp3nMLfjcXVb9GdX0YMgFJ7Vc',
  },
  {
    secret: '1234567890',
    name: '__Host-a',
    value: 'こ\u{1f600}',
    kind: 't',
    text: 'こ😀',
    issued: 1_500_000_000_000,
    lifetime: 2_592_000_000,
    signed: '1.t.44GT8J-YgA.1500000000000.2592000000.p4Ek_rUwaM--H5XTi10wuwcLKN-bZBd2_bRTCIPjw8Y',
  },
  {
    secret: 'schlüssel',
    name: "a!#$%&'*+-.^_`|~",
    value: [true, false, null],
    kind: 'j',
    text: '[true,false,null]',
    issued: 1_500_000_000_000,
    lifetime: 60_000,
    signed: '1.j.W3RydWUsZmFsc2UsbnVsbF0.1500000000000.60000.MW82gpDF8lds6JQ1rvvfEp7sEntJBoZ4gR2k5n0bSsk',
  },
  {
    secret: '1234567890',
    name: 'session',
    value: { id: 7, é: '?>?>' },
    kind: 'j',
    text: '{"id":7,"é":"?>?>"}',
    issued: 0,
    lifetime: 8_640_000_000_000_000,
    signed: '1.j.eyJpZCI6Nywiw6kiOiI_Pj8-In0.0.8640000000000000.J6BhhFCPVdsqQMHhcbzYjhklp2A4l_hpNUWOw270hSA',
  },
];

describe('system: signed cookies', () => {
  for (const { secret, name, value, issued, lifetime, signed } of VECTORS) {
    it(`${name} of ${JSON.stringify(value)} is signed as the format says`, () => {
      const signer = new CookieSigner(secret);
      expect(signer.sign(name, value, lifetime, issued)).to.equal(signed);
      expect(signer.verify(name, signed, issued)).to.deep.equal(value);
    });
  }

  const hasPython = spawnSync('python3', ['--version']).status === 0;
  const title = 'python3 signs in the same way';
  if (hasPython || process.env.CI)
    it(title, () => expect(pythonSigns()).to.deep.equal(VECTORS.map(({ signed }) => signed)));
  else it(`${title} (pending: python3 is not installed)`);

  for (const [title, signed] of OTHERS) {
    it(`${title} is not taken, though the signature is right`, () => {
      expect(new CookieSigner('1234567890').verify('a', signed, 1_500_000_000_000)).to.equal(null);
    });
  }
});

function pythonSigns(): string[] {
  const input = VECTORS.map(({ secret, name, kind, text, issued, lifetime }) => [
    secret,
    name,
    kind,
    text,
    issued,
    lifetime,
  ]);
  const { status, stdout, stderr } = spawnSync('python3', ['-c', PROGRAM], { input: JSON.stringify(input) });
  if (status !== 0) throw new Error(String(stderr));
  return String(stdout).trim().split('\n');
}
