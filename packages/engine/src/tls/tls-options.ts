/** What `startTls` takes: Node's own names where Node has the option, and a check that nothing else is there. */
import type {
  CommonConnectionOptions,
  ConnectionOptions,
  PeerCertificate,
  SecureContext,
  SecureContextOptions,
  TlsOptions,
} from 'node:tls';
import { usageError } from '../errors.js';
import { requireOptions } from '../options.js';

/** Certificates, keys and the like; see `tls.createSecureContext`. PEM text or bytes. */
export type TlsContextOptions = Pick<
  SecureContextOptions,
  | 'ca'
  | 'cert'
  | 'ciphers'
  | 'crl'
  | 'dhparam'
  | 'ecdhCurve'
  | 'honorCipherOrder'
  | 'key'
  | 'maxVersion'
  | 'minVersion'
  | 'passphrase'
  | 'pfx'
  | 'sigalgs'
>;

/** TLS for accepted connections. */
export interface TlsServerOptions extends TlsContextOptions, Pick<CommonConnectionOptions, 'ALPNProtocols'> {
  /**
   * Asks clients for a certificate (`true`), and refuses those without a good one unless `rejectUnauthorized` is
   * false.
   */
  requestCert?: TlsOptions['requestCert'];
  /** With `requestCert`: whether a client without a certificate signed by `ca` is refused. Default true. */
  rejectUnauthorized?: TlsOptions['rejectUnauthorized'];
  /** Other certificates by the name that the client asks for; `*.example.org` stands for any one label. */
  certificates?: Readonly<Record<string, TlsContextOptions>> | undefined;
  /**
   * Asked for names that `certificates` has not: options, which leave out what is the same for all, or null for the
   * default. Without `requestCert` also a `tls.createSecureContext()` of yours.
   */
  certificateFor?:
    | ((servername: string) => TlsCertificate | null | undefined | Promise<TlsCertificate | null | undefined>)
    | undefined;
}

export type TlsCertificate = TlsContextOptions | SecureContext;

/** TLS for dialled connections. The server's certificate and name are verified unless you say otherwise. */
export interface TlsClientOptions extends TlsContextOptions, Pick<CommonConnectionOptions, 'ALPNProtocols'> {
  /**
   * The name to ask for and to verify. Default: the host given to `connect`, 'localhost' for a Unix socket; '' asks
   * for none.
   */
  servername?: string | undefined;
  /** False takes any certificate: for tests. Default true. */
  rejectUnauthorized?: boolean | undefined;
  checkServerIdentity?: ConnectionOptions['checkServerIdentity'];
}

/** What a handshake has agreed on. */
export interface TlsSession {
  /** 'TLSv1.3' for instance. */
  readonly protocol: string;
  readonly cipher: string;
  /** The protocol chosen by ALPN, or null. */
  readonly alpnProtocol: string | null;
  /** The name that the client asked for, or null. */
  readonly servername: string | null;
  /** Whether the peer's certificate was there and verified. */
  readonly authorized: boolean;
  /** Why not, as OpenSSL's code, or null. */
  readonly authorizationError: string | null;
  readonly peerCertificate: PeerCertificate | null;
}

const CONTEXT = [
  'ca',
  'cert',
  'ciphers',
  'crl',
  'dhparam',
  'ecdhCurve',
  'honorCipherOrder',
  'key',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pfx',
  'sigalgs',
];
const SERVER = [
  ...CONTEXT,
  'ALPNProtocols',
  'requestCert',
  'rejectUnauthorized',
  'certificates',
  'certificateFor',
];
const CLIENT = [...CONTEXT, 'ALPNProtocols', 'servername', 'rejectUnauthorized', 'checkServerIdentity'];

const isBoolean = (value: unknown) => typeof value === 'boolean';
const isFunction = (value: unknown) => typeof value === 'function';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** What Node would read in its own way, or only when a connection comes: `requestCert: 1` would ask nobody. */
const VALUES: Readonly<Record<string, (value: unknown) => boolean>> = {
  ALPNProtocols: isProtocolList,
  certificateFor: isFunction,
  certificates: isObject,
  checkServerIdentity: isFunction,
  rejectUnauthorized: isBoolean,
  requestCert: isBoolean,
  servername: (value) => typeof value === 'string',
};

/** Throws UsageError for an option that is not there, and for a value that it does not take. */
export function requireTlsOptions(options: object, side: 'server' | 'client' | 'context'): void {
  requireOptions(options, side === 'server' ? SERVER : side === 'client' ? CLIENT : CONTEXT);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && VALUES[name]?.(value) === false)
      throw usageError('ENGINE_OPTION', `${name}: ${String(value)}`);
  }
}

/** Names of 1 to 255 bytes, or what Node makes of them: each behind its length (RFC 7301 §3.1). */
function isProtocolList(value: unknown): boolean {
  if (!Array.isArray(value)) return value instanceof Uint8Array;
  return value.every((name: unknown) => {
    if (typeof name !== 'string' && !(name instanceof Uint8Array)) return false;
    const length = Buffer.byteLength(name);
    return length > 0 && length <= 255;
  });
}
