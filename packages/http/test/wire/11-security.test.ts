import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

describe('RFC 9112 §11.1 Response Splitting', () => {
  const attempts: [string, Record<string, string>][] = [
    ['CR LF in a value', { Location: '/\r\nSet-Cookie: a=b' }],
    ['LF in a value', { Location: '/\nSet-Cookie: a=b' }],
    ['CR in a value', { Location: '/\rSet-Cookie: a=b' }],
    ['NUL in a value', { Location: '/\0' }],
    ['U+010D U+010A in a value, which truncate to CR LF', { Location: '/\u010d\u010aSet-Cookie: a=b' }],
    ['CR LF in a name', { 'X\r\nSet-Cookie': 'a=b' }],
  ];
  for (const [what, headers] of attempts) {
    it(`${what} is a UsageError, and nothing is sent`, async () => {
      const { exchange } = wire((request) => {
        expect(() => request.sendResponse('evil', 302, headers)).to.throw(UsageError);
        expect(() => request.sendHeaders(headers)).to.throw(UsageError);
        request.sendResponse('good');
      });
      const answer = await exchange(get());
      expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*good$/);
      expect(answer).not.to.match(/evil|Location|Set-Cookie/);
    });
  }

  it('a Content-Type is checked as any other header', async () => {
    const { exchange } = wire((request) => request.sendResponse('x', 200, 'text/html\r\nSet-Cookie: a=b'));
    expect(await exchange(get())).to.match(/^HTTP\/1\.1 500 [\s\S]*500 Internal Server Error\n$/);
  });
});

describe('RFC 9112 §11.2 Request Smuggling', () => {
  const chunked = 'Transfer-Encoding: chunked';

  itRefuses(
    'CL.TE: a front that goes by the length',
    message`
    POST / HTTP/1.1
    Host: example.com
    Content-Length: 13
    Transfer-Encoding: chunked

    0

    SMUGGLED`,
    '400 HTTP_TWO_FRAMINGS',
  );
  itRefuses(
    'TE.CL: a front that goes by the chunks',
    message`
    POST / HTTP/1.1
    Host: example.com
    Transfer-Encoding: chunked
    Content-Length: 3

    8
    SMUGGLED
    0

    `,
    '400 HTTP_TWO_FRAMINGS',
  );
  itRefuses(
    'CL.0: a length on a method that needs none, repeated',
    get('/', 'Content-Length: 0', 'Content-Length: 44'),
    '400 HTTP_CONTENT_LENGTH',
  );

  it('content of GET is read as content, not as a request', async () => {
    const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n';
    const answer = await wire().exchange(get('/', `Content-Length: ${smuggled.length}`) + smuggled);
    expect(answer.match(/HTTP\/1\.1 200/g)).to.have.length(1);
  });

  describe('TE.TE: codings that one side might overlook', () => {
    const obfuscations: [string, string][] = [
      ['Transfer-Encoding: xchunked', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding : chunked', '400 HTTP_FIELD_NAME_SPACE'],
      ['Transfer-Encoding:\x0bchunked', '400 HTTP_FIELD_VALUE'],
      ['Transfer-Encoding:\x0cchunked', '400 HTTP_FIELD_VALUE'],
      ['Transfer-Encoding:\xa0chunked', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: "chunked"', '400 HTTP_TRANSFER_ENCODING'],
      ["Transfer-Encoding: 'chunked'", '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: chunked;q=1', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: chunk', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: identity', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: identity, chunked', '501 HTTP_CODING'],
      ['Transfer-Encoding: chunked, identity', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: chunked\r\nTransfer-Encoding: x', '400 HTTP_TRANSFER_ENCODING'],
      ['Transfer-Encoding: x\r\nTransfer-Encoding: chunked', '501 HTTP_CODING'],
      ['Transfer-Encoding:\r\n chunked', '400 HTTP_FIELD_FOLDED'],
      [' Transfer-Encoding: chunked', '400 HTTP_FIELD_FOLDED'],
      ['X: y\nTransfer-Encoding: chunked', '400 HTTP_BARE_LF'],
      ['X: y\rTransfer-Encoding: chunked', '400 HTTP_BARE_CR'],
      ['Transfer-Encoding\0: chunked', '400 HTTP_FIELD_NAME'],
      ['Transfer-Encoding: chunked\0', '400 HTTP_FIELD_VALUE'],
      ['\0Transfer-Encoding: chunked', '400 HTTP_FIELD_NAME'],
      ['Transfer-Encoding: \x00chunked', '400 HTTP_FIELD_VALUE'],
      ['transfer-encoding: chunked\r\nCONTENT-LENGTH: 4', '400 HTTP_TWO_FRAMINGS'],
    ];
    for (const [line, answer] of obfuscations) {
      itRefuses(JSON.stringify(line), post('0\r\n\r\n', line), answer);
    }

    it('Transfer_Encoding is another field, and means nothing', async () => {
      expect(await wire().exchange(post('', 'Transfer_Encoding: chunked'))).to.match(/POST \/$/);
    });
  });

  describe('lengths that one side might read otherwise', () => {
    for (const value of [
      '+5',
      '-5',
      '0x5',
      '5, 5',
      '5,5',
      '5 5',
      '5;',
      '5.',
      '1e1',
      '05f',
      '',
      '"5"',
      'NaN',
      '٥',
    ]) {
      const bytes = Buffer.from(post('hello', `Content-Length: ${value}`)).toString('latin1');
      itRefuses(`Content-Length: ${value}`, bytes, '400 HTTP_CONTENT_LENGTH');
    }
    itRefuses(
      'Content-Length twice, unequal',
      post('hello', 'Content-Length: 5', 'Content-Length: 4'),
      '400 HTTP_CONTENT_LENGTH',
    );
    itRefuses(
      'Content-Length twice, equal',
      post('hello', 'Content-Length: 5', 'Content-Length: 5'),
      '400 HTTP_CONTENT_LENGTH',
    );
    itRefuses(
      'Content-Length with a space before its colon',
      post('hello', 'Content-Length : 5'),
      '400 HTTP_FIELD_NAME_SPACE',
    );
    itRefuses(
      'Content-Length in a folded line',
      post('hello', 'X: y', ' Content-Length: 5'),
      '400 HTTP_FIELD_FOLDED',
    );
    itRefuses('Content-Length with a NUL', post('hello', 'Content-Length: 5\0'), '400 HTTP_FIELD_VALUE');
    itRefuses(
      'Content-Length with a vertical tab',
      post('hello', 'Content-Length: \x0b5'),
      '400 HTTP_FIELD_VALUE',
    );
    itRefuses(
      'Content-Length behind a bare CR',
      post('hello', 'X: y\rContent-Length: 5'),
      '400 HTTP_BARE_CR',
    );
  });

  describe('chunk sizes that one side might read otherwise', () => {
    const sizes: [string, string][] = [
      ['0x5', '400 HTTP_CHUNK_SIZE'],
      ['+5', '400 HTTP_CHUNK_SIZE'],
      ['-1', '400 HTTP_CHUNK_SIZE'],
      ['5_0', '400 HTTP_CHUNK_SIZE'],
      ['5 ', '400 HTTP_CHUNK_EXTENSION'],
      ['5\t', '400 HTTP_CHUNK_EXTENSION'],
      ['5 5', '400 HTTP_CHUNK_EXTENSION'],
      ['5\x00', '400 HTTP_CHUNK_SIZE'],
      ['5;\rx', '400 HTTP_BARE_CR'],
      ['5;\nx', '400 HTTP_BARE_LF'],
      ['100000005', '413 HTTP_BODY_TOO_LARGE'],
      ['ffffffffffffffff5', '400 HTTP_CHUNK_SIZE'],
      ['', '400 HTTP_CHUNK_SIZE'],
    ];
    for (const [size, answer] of sizes) {
      const filler = answer.startsWith('413') ? 'x'.repeat(11 * 1024 * 1024) : 'hello';
      itRefuses(JSON.stringify(size), post(`${size}\r\n${filler}\r\n0\r\n\r\n`, chunked), answer);
    }
    itRefuses('a size line that ends in LF only', post('5\nhello\n0\n\n', chunked), '400 HTTP_BARE_LF');
    itRefuses(
      'a chunk that is longer than its size',
      post('3\r\nabcd\r\n0\r\n\r\n', chunked),
      '400 HTTP_CHUNK_END',
    );
    itRefuses('a chunk with LF for its end', post('3\r\nabc\n0\r\n\r\n', chunked), '400 HTTP_CHUNK_END');
    itRefuses(
      'a last chunk with something between its line ends',
      post('0\r\nGET / HTTP/1.1\r\n\r\n', chunked),
      '400 HTTP_FIELD_NAME_SPACE',
    );
  });

  describe('hosts that one side might read otherwise', () => {
    itRefuses('two Hosts', get('/', 'Host: evil.example'), '400 HTTP_HOST');
    itRefuses('two Hosts in different case', get('/', 'hOST: example.com'), '400 HTTP_HOST');
    itRefuses(
      'a Host with a space before its colon',
      get('/', 'Host : evil.example'),
      '400 HTTP_FIELD_NAME_SPACE',
    );
    itRefuses('a folded Host', 'GET / HTTP/1.1\r\nHost:\r\n evil.example\r\n\r\n', '400 HTTP_FIELD_FOLDED');
    itRefuses('a Host with a backslash', 'GET / HTTP/1.1\r\nHost: a\\@b\r\n\r\n', '400 HTTP_HOST');

    it('an absolute target outranks Host', async () => {
      const { exchange } = wire((request) => request.sendResponse(request.hostname));
      expect(await exchange(get('http://real.example/'))).to.match(/\r\n\r\nreal\.example$/);
    });
  });

  it('no option turns any of this off', async () => {
    const generous = {
      maxRequest: 2 ** 40,
      limits: { maxHeadBytes: 2 ** 20, maxTargetBytes: 2 ** 20, maxHeaders: 10_000 },
    };
    for (const bytes of [post('', 'Content-Length: 0', chunked), post('', 'X : y'), post('', 'X: y\nZ: a')]) {
      expect(await wire(undefined, generous).exchange(bytes)).to.match(/^HTTP\/1\.1 400 /);
    }
  });
});
