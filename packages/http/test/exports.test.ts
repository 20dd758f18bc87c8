import { readFileSync } from 'node:fs';
import * as http from '@inseam/http';
import { expect } from 'chai';

/** What `index.ts` exports; `type` marks what exists for the compiler only. A change here is a change of the API. */
const EXPORTS = [
  'type CompressionOptions',
  'type ContentSource',
  'type CookieOptions',
  'type CookieSecret',
  'CookiesOut',
  'EventStream',
  'type EventStreamOptions',
  'HTTPConnection',
  'HTTPError',
  'type HTTPErrorCode',
  'type HTTPErrorEntry',
  'type HTTPErrorOptions',
  'HTTPHeaders',
  'type HTTPLimits',
  'HTTPProtocolError',
  'HTTPRequest',
  'HTTPServer',
  'type HTTPServerOptions',
  'HTTP_ERRORS',
  'HTTP_LIMITS',
  'type HeadersInit',
  'MAX_REQUEST',
  'MimeTypes',
  'type MoveOptions',
  'type RequestHandler',
  'STATUS_NAMES',
  'type SecureCookieOptions',
  'type SecureCookieValue',
  'type SendFileOptions',
  'type ServerEvent',
  'TempStore',
  'UploadedFile',
  'type UploadedFiles',
  'type XHeadersOption',
];

const bare = (name: string) => name.replace('type ', '');

describe('exports', () => {
  it('are these', () => {
    const source = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8');
    const names = [...source.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, isType, list]) =>
      (list ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .map((name) => (isType ? `type ${name}` : name)),
    );
    const byName = (a: string, b: string) => (bare(a) < bare(b) ? -1 : 1);
    expect(names.sort(byName)).to.deep.equal(EXPORTS);
  });

  it('are there at run time', () => {
    expect(Object.keys(http).sort()).to.deep.equal(
      EXPORTS.filter((name) => !name.startsWith('type ')).sort(),
    );
  });
});
