/**
 * The server's side of TLS: certificates by name, and handshakes on sockets that are connected already. A
 * `tls.Server` that never listens does the work; connections are brought to it by its 'connection' event, as its
 * documentation allows.
 */
import type { Socket } from 'node:net';
import { createServer, type SecureContext, type Server, type TLSSocket } from 'node:tls';
import { LONGEST_WAIT_MS } from '../clock.js';
import { asError, usageError } from '../errors.js';
import { type TlsHandshake, tryContext } from './tls-handshake.js';
import {
  requireTlsOptions,
  type TlsCertificate,
  type TlsContextOptions,
  type TlsServerOptions,
} from './tls-options.js';

/** The undocumented part: which socket a TLSSocket was made over. */
interface WithParent {
  readonly _parent?: Socket;
}

type Done = Parameters<TlsHandshake>[1];

export class TlsAcceptor {
  readonly #server: Server;
  readonly #certificates = new Map<string, SecureContext>();
  readonly #certificateFor: NonNullable<TlsServerOptions['certificateFor']>;
  readonly #waiting = new WeakMap<Socket, Done>();
  /** What certificates of their own name have in common with the default one. */
  readonly #shared: TlsContextOptions;
  readonly #requestsCert: boolean;

  /** Throws UsageError (`ENGINE_TLS_OPTION`) for a key or certificate that cannot be used, and for none at all. */
  constructor(options: TlsServerOptions) {
    requireTlsOptions(options, 'server');
    const { certificates = {}, certificateFor, ...rest } = options;
    const { key, cert, pfx, passphrase, ALPNProtocols, requestCert, rejectUnauthorized, ...shared } = rest;
    this.#shared = shared;
    this.#requestsCert = requestCert === true;
    if (this.#requestsCert && rejectUnauthorized !== false && !rest.ca && !pfx) {
      throw usageError(
        'ENGINE_TLS_OPTION',
        'requestCert needs the ca that signs the certificates of clients',
      );
    }
    this.#certificateFor = certificateFor ?? (() => null);
    for (const [name, certificate] of Object.entries(certificates)) {
      this.#certificates.set(name.toLowerCase(), this.#contextOf(certificate));
    }
    if (certificateFor === undefined && this.#certificates.size === 0) requireCertificate(rest);
    try {
      this.#server = createServer({
        ...rest,
        SNICallback: (name, done) => this.#choose(name, done),
        // How long it may take is the stream's to say.
        handshakeTimeout: LONGEST_WAIT_MS,
      });
    } catch (error) {
      throw usageError('ENGINE_TLS_OPTION', (error as Error).message, error);
    }
    this.#server.on('secureConnection', (secure) => this.#answer(secure, null));
    this.#server.on('tlsClientError', (error, secure) => {
      const refusal = secure.authorizationError;
      this.#answer(secure, refusal ? new Error(`the client's certificate was refused: ${refusal}`) : error);
    });
  }

  readonly handshake: TlsHandshake = (socket, done) => {
    this.#waiting.set(socket, done);
    // A client that leaves during the handshake will not come back; half-open sockets would wait for it.
    socket.allowHalfOpen = false;
    this.#server.emit('connection', socket);
    socket.allowHalfOpen = true;
  };

  #answer(secure: TLSSocket, error: Error | null): void {
    const socket = (secure as WithParent)._parent;
    const done = socket === undefined ? undefined : this.#waiting.get(socket);
    if (socket === undefined || done === undefined) {
      secure.destroy();
      return;
    }
    this.#waiting.delete(socket);
    secure.allowHalfOpen = true;
    done(error, error === null ? secure : null);
  }

  /** A context by exact name, by wildcard, by the user's function; `undefined` is the default one. */
  #choose(servername: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const name = servername.toLowerCase();
    const known = this.#certificates.get(name) ?? this.#certificates.get(name.replace(/^[^.]+/, '*'));
    if (known !== undefined) {
      done(null, known);
      return;
    }
    Promise.resolve(name)
      .then(this.#certificateFor)
      .then((certificate) => done(null, certificate ? this.#contextOf(certificate) : undefined))
      .catch((error: unknown) => done(asError(error)));
  }

  /** Whom it trusts, its ciphers and versions are the same for every name: a client must not choose them by one. */
  #contextOf(certificate: TlsCertificate): SecureContext {
    if (certificate instanceof Object && 'context' in certificate) {
      if (!this.#requestsCert) return certificate;
      throw usageError('ENGINE_TLS_OPTION', 'with requestCert a certificate has to be given as options');
    }
    requireTlsOptions(certificate, 'context');
    requireCertificate(certificate);
    const own = Object.entries(certificate).filter(([, value]) => value !== undefined);
    return tryContext({ ...this.#shared, ...Object.fromEntries(own) });
  }
}

function requireCertificate({ pfx, key, cert }: TlsContextOptions): void {
  if (pfx !== undefined || (key !== undefined && cert !== undefined)) return;
  throw usageError('ENGINE_TLS_OPTION', 'a server needs key and cert, pfx, certificates or certificateFor');
}

/** Made once for each options object, since reading keys costs more than a handshake's bookkeeping. */
const acceptors = new WeakMap<TlsServerOptions, TlsAcceptor>();

/** The acceptor for `options`; throws UsageError as its constructor does. */
export function acceptorOf(options: TlsServerOptions): TlsAcceptor {
  let acceptor = acceptors.get(options);
  if (acceptor === undefined) {
    acceptor = new TlsAcceptor(options);
    acceptors.set(options, acceptor);
  }
  return acceptor;
}
