/**
 * XSendfile: the header by which the proxy in front is told to send a file itself, and what it calls the file. nginx
 * (X-Accel-Redirect) and Apache's mod_xsendfile percent-decode it.
 */
import { relative, sep } from 'node:path';
import { httpUsageError } from '../errors.js';
import { TOKEN_TEXT } from '../protocol/grammar.js';
import { type FileRoot, isWithin } from './file-root.js';

/** Visible ASCII: the prefix stands in the header as it is. */
const PREFIX = /^[\x21-\x7e]*$/;

export class XSendfile {
  readonly header: string;
  readonly #prefix: string | null;
  readonly #root: FileRoot;

  /** Throws UsageError for a header or prefix that could not be sent. */
  constructor(sendfile: true | string, prefix: string | undefined, root: FileRoot) {
    this.header = sendfile === true ? 'X-Sendfile' : sendfile;
    if (typeof this.header !== 'string' || !TOKEN_TEXT.test(this.header)) {
      throw httpUsageError('HTTP_OPTION', 'sendfile: true, or the name of a header');
    }
    if (prefix !== undefined && !(typeof prefix === 'string' && PREFIX.test(prefix))) {
      throw httpUsageError('HTTP_OPTION', 'sendfilePrefix: the beginning of a URI, percent-encoded');
    }
    // nginx takes a URI of its own, never a path of the file system: without a prefix, the root is its "/".
    const isURI = this.header.toLowerCase() === 'x-accel-redirect';
    this.#prefix = prefix?.replace(/\/+$/, '') ?? (isURI ? '' : null);
    this.#root = root;
  }

  /**
   * The header's value for an absolute path that FileRoot has let pass. Throws UsageError for one that has no name
   * below the prefix.
   */
  nameOf(path: string): string {
    if (this.#prefix === null) return encode(path);
    const { base } = this.#root;
    if (!isWithin(base, path)) throw httpUsageError('HTTP_SENDFILE', path);
    return `${this.#prefix}/${encode(relative(base, path))}`;
  }
}

/** Every segment percent-encoded; half a surrogate pair, which no encoding has, as U+FFFD. */
function encode(path: string): string {
  return Buffer.from(path).toString().split(sep).map(encodeURIComponent).join('/');
}
