/**
 * A handshake is a function: it takes a connected socket and answers once, with the secure socket or with what went
 * wrong. Which side it plays is its maker's affair, so transports know nothing of certificates.
 */
import { isIP, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { domainToASCII } from 'node:url';
import { asError, usageError } from '../errors.js';
import { requireTlsOptions, type TlsClientOptions, type TlsSession } from './tls-options.js';

/** `done` counts the first time only: whoever gets it sees to that. */
export type TlsHandshake = (
  socket: Socket,
  done: (error: Error | null, secure: TLSSocket | null) => void,
) => void;

/**
 * The client's side. `host` is what was dialled: the name to verify unless the options have another. Throws
 * UsageError for options that cannot work.
 */
export function clientHandshake(options: TlsClientOptions): (host: string | null) => TlsHandshake {
  requireTlsOptions(options, 'client');
  const secureContext = tryContext(options);
  const { rejectUnauthorized = true, ALPNProtocols } = options;
  const check = options.checkServerIdentity ?? checkServerIdentity;
  return (host) => (socket, done) => {
    // An empty name asks for none; what was dialled is verified all the same.
    const name = asCertificatesHaveIt(options.servername || host || 'localhost');
    const asksForName = options.servername !== '' && isIP(name) === 0;
    const secure = connect({
      secureContext,
      rejectUnauthorized,
      ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
      // Addresses are no names to ask for (RFC 6066 §3).
      servername: asksForName ? name : '',
      host: name,
      checkServerIdentity: (_host, certificate) => attempt(() => check(name, certificate)),
      socket,
    });
    secure.once('secureConnect', () => done(null, secure));
    secure.once('error', (error) => done(error, null));
    secure.once('close', () => done(new Error('the server closed the connection'), null));
  };
}

/** An absolute name without its last dot (RFC 6066 §3), one in another script by its ASCII form. */
function asCertificatesHaveIt(name: string): string {
  if (isIP(name) !== 0) return name;
  const relative = name.endsWith('.') ? name.slice(0, -1) : name;
  return domainToASCII(relative) || relative;
}

/** What user code answers; what it throws is an answer, too. */
function attempt(check: () => Error | undefined): Error | undefined {
  try {
    return check();
  } catch (error) {
    return asError(error);
  }
}

/** What went wrong, without OpenSSL's numbers, function and file names. */
export function tlsFailure(error: Error): string {
  if ('reason' in error && typeof error.reason === 'string') return error.reason;
  return /^[\dA-F]+:error:[\dA-F]+:[^:]*:[^:]*:([^:]+):/.exec(error.message)?.[1] ?? error.message;
}

/** A context, or UsageError for keys and certificates that make none. */
export function tryContext(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw usageError('ENGINE_TLS_OPTION', (error as Error).message, error);
  }
}

/** What a finished handshake has agreed on. */
export function sessionOf(socket: TLSSocket): TlsSession {
  const certificate = socket.getPeerCertificate();
  const servername = (socket as TLSSocket & { servername?: string | false }).servername;
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    alpnProtocol: socket.alpnProtocol || null,
    servername: servername || null,
    authorized: socket.authorized,
    // Node's types have an Error here, and its code a string.
    authorizationError: socket.authorizationError ? String(socket.authorizationError) : null,
    peerCertificate: certificate !== null && 'subject' in certificate ? certificate : null,
  };
}
