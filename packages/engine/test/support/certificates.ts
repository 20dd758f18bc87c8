/**
 * Certificates for the tests of TLS, made by Debian's `openssl` when they are first asked for and gone when the tests end: no key
 * stands in the repository. Keys are elliptic curves', which cost next to nothing.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it, type Suite } from 'mocha';

/** A key and its certificate, as PEM text. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates {
  /** Signs everything here but `unknown` and `unknownClient`. */
  readonly ca: Certificate;
  /** For localhost, 127.0.0.1 and ::1. */
  readonly local: Certificate;
  /** The same names and another key, for what replaces it. */
  readonly renewed: Certificate;
  /** For a.test, and for bücher.test as certificates write it. */
  readonly aTest: Certificate;
  /** For any one label before wild.test. */
  readonly wild: Certificate;
  /** For localhost and as a client, both until yesterday. */
  readonly expired: Certificate;
  readonly client: Certificate;
  /** Signs `unknown` and `unknownClient`, and nobody trusts it. */
  readonly unknownCa: Certificate;
  readonly unknown: Certificate;
  readonly unknownClient: Certificate;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
const LOCAL = 'DNS:localhost,IP:127.0.0.1,IP:::1';

let made: Certificates | null = null;
let folder = '';

/** The same ones for every file of tests. */
export function certificates(): Certificates {
  made ??= make();
  return made;
}

/** A `describe` of what needs certificates. Without openssl it is pending, its title says why; on CI it fails instead. */
export function describeTls(title: string, suite: (this: Suite) => void): void {
  const isThere = spawnSync('openssl', ['version']).status === 0;
  if (isThere || process.env.CI) describe(title, suite);
  else it(`${title} (pending: openssl is not installed)`);
}

after('certificates are removed', () => {
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** The files of one of them, for other programs. */
export function filesOf(name: keyof Certificates): Certificate {
  certificates();
  return paths(name);
}

function make(): Certificates {
  folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  const ca = authority('ca');
  const unknownCa = authority('unknownCa');
  return {
    ca,
    unknownCa,
    local: signed('local', LOCAL),
    renewed: signed('renewed', LOCAL),
    aTest: signed('aTest', 'DNS:a.test,DNS:xn--bcher-kva.test'),
    wild: signed('wild', 'DNS:*.wild.test'),
    expired: signed('expired', LOCAL, { days: -1 }),
    client: signed('client', 'DNS:client'),
    unknown: signed('unknown', LOCAL, { issuer: 'unknownCa' }),
    unknownClient: signed('unknownClient', 'DNS:client', { issuer: 'unknownCa' }),
  };
}

/** One of them as PKCS #12, with this passphrase. */
export function pfxOf(name: keyof Certificates, passphrase: string): Buffer {
  const { key, cert } = filesOf(name);
  openssl(
    'pkcs12',
    '-export',
    '-inkey',
    key,
    '-in',
    cert,
    '-passout',
    `pass:${passphrase}`,
    '-out',
    `${cert}.pfx`,
  );
  return readFileSync(`${cert}.pfx`);
}

function authority(name: keyof Certificates): Certificate {
  const { key, cert } = paths(name);
  openssl('req', '-x509', ...EC, '-keyout', key, '-out', cert, '-subj', `/CN=${name}`);
  return read(name);
}

/** A certificate whose common name is `name`; it ends `days` from now, which may be in the past. */
function signed(
  name: keyof Certificates,
  names: string,
  { issuer = 'ca', days = 2 }: { issuer?: 'ca' | 'unknownCa'; days?: number } = {},
): Certificate {
  const { key, cert } = paths(name);
  const by = paths(issuer);
  writeFileSync(`${cert}.ext`, `subjectAltName=${names}\nbasicConstraints=CA:FALSE\n`);
  openssl('req', '-new', ...EC, '-keyout', key, '-out', `${cert}.csr`, '-subj', `/CN=${name}`);
  const signing = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial', '-extfile', `${cert}.ext`];
  openssl('x509', '-req', '-in', `${cert}.csr`, '-out', cert, '-days', `${days}`, ...signing);
  return read(name);
}

function paths(name: keyof Certificates): Certificate {
  return { key: join(folder, `${name}.key`), cert: join(folder, `${name}.pem`) };
}

function read(name: keyof Certificates): Certificate {
  const { key, cert } = paths(name);
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
