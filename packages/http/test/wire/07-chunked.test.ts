import { expect } from 'chai';
import { post } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

const chunked = (content: string) => post(content, 'Transfer-Encoding: chunked');
const LAST = '0\r\n\r\n';

describe('RFC 9112 §7.1 Chunked Transfer Coding', () => {
  it('sizes are hexadecimal, in either case, with zeros before them', async () => {
    const answer = await wire().exchange(chunked(`00a\r\n0123456789\r\nA\r\nabcdefghij\r\n${LAST}`));
    expect(answer).to.match(/POST \/ 0123456789abcdefghij$/);
  });

  it('data may hold what looks like a chunk', async () => {
    expect(await wire().exchange(chunked(`5\r\n0\r\n\r\n\r\n${LAST}`))).to.match(/POST \/ 0\r\n\r\n$/);
  });

  itRefuses('no size', chunked(`\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_SIZE');
  itRefuses('a size with 0x', chunked(`0x5\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_SIZE');
  itRefuses('a size with a sign', chunked(`+5\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_SIZE');
  itRefuses('a size with a space before it', chunked(` 5\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_SIZE');
  itRefuses('a size with a letter behind it', chunked(`5h\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_SIZE');
  itRefuses(
    'a size that overflows 64 bits',
    chunked(`10000000000000005\r\nhello\r\n${LAST}`),
    '400 HTTP_CHUNK_SIZE',
  );
  itRefuses('a size that ends in a bare LF', chunked(`5\nhello\r\n${LAST}`), '400 HTTP_BARE_LF');
  itRefuses('a size that ends in a bare CR', chunked(`5\rhello\r\n${LAST}`), '400 HTTP_BARE_CR');
  itRefuses('data longer than its size', chunked(`4\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_END');
  itRefuses('data shorter than its size', chunked(`6\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_END');
  itRefuses('data that ends in a bare LF', chunked(`5\r\nhello\n${LAST}`), '400 HTTP_CHUNK_END');
  itRefuses('data that ends in two other bytes', chunked(`5\r\nhelloxx${LAST}`), '400 HTTP_CHUNK_END');
  itRefuses(
    'more than maxRequest',
    chunked(`6\r\nhello \r\n5\r\nworld\r\n${LAST}`),
    '413 HTTP_BODY_TOO_LARGE',
    { maxRequest: 10 },
  );
});

describe('RFC 9112 §7.1.1 Chunk Extensions', () => {
  it('are ignored', async () => {
    const answer = await wire().exchange(chunked(`5;a;b=c ; d="e\\";f"\r\nhello\r\n0;last\r\n\r\n`));
    expect(answer).to.match(/POST \/ hello$/);
  });

  itRefuses('one that is not well-formed', chunked(`5;=x\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_EXTENSION');
  itRefuses('one with an open quotation', chunked(`5;a="\r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_EXTENSION');
  itRefuses('whitespace without one', chunked(`5 \r\nhello\r\n${LAST}`), '400 HTTP_CHUNK_EXTENSION');
  itRefuses('a bare LF in one', chunked(`5;a\nb\r\nhello\r\n${LAST}`), '400 HTTP_BARE_LF');
  itRefuses(
    'one of more than 1 KiB',
    chunked(`5;${'a'.repeat(1025)}\r\nhello\r\n${LAST}`),
    '400 HTTP_CHUNK_EXTENSION',
  );
  itRefuses(
    'more than 16 KiB of them',
    chunked(`1;${'a'.repeat(1000)}\r\nx\r\n`.repeat(17) + LAST),
    '400 HTTP_CHUNK_EXTENSION',
  );
});

describe('RFC 9112 §7.1.2 Chunked Trailer Section', () => {
  it('trailer fields stand apart from header fields: RFC 9110 §6.5.1', async () => {
    const far = wire((request) =>
      request.sendResponse(`${request.headers.get('X-Sum')} ${request.trailers?.get('x-sum')}`),
    );
    expect(await far.exchange(chunked('5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n'))).to.match(/null 42$/);
  });

  it('without them there is no trailer section', async () => {
    const { exchange } = wire((request) => request.sendResponse(String(request.trailers)));
    expect(await exchange(chunked(LAST))).to.match(/null$/);
  });

  itRefuses('a Content-Length in it', chunked('0\r\nContent-Length: 5\r\n\r\n'), '400 HTTP_TRAILER');
  itRefuses(
    'a Transfer-Encoding in it',
    chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n'),
    '400 HTTP_TRAILER',
  );
  itRefuses('a Host in it', chunked('0\r\nHost: b\r\n\r\n'), '400 HTTP_TRAILER');
  itRefuses('a Connection in it', chunked('0\r\nConnection: close\r\n\r\n'), '400 HTTP_TRAILER');
  itRefuses('a folded line in it', chunked('0\r\nX: y\r\n z\r\n\r\n'), '400 HTTP_FIELD_FOLDED');
  itRefuses('a bare LF in it', chunked('0\r\nX: y\n\r\n'), '400 HTTP_BARE_LF');
});
