import { expect } from 'chai';
import { hasContent, responseFraming } from '#http/protocol/framing.js';
import { itParses } from '../support/parser-cases.js';

const post = (content: string, ...lines: string[]) =>
  ['POST / HTTP/1.1', 'Host: a', ...lines, '', content].join('\r\n');
const EMPTY_CHUNKED = '0\r\n\r\n';

describe('protocol: framing by Content-Length', () => {
  const bad = ['+5', '-5', '0x5', '5,5', '5, 5', '5 5', '5;', '5.0', '1e1', '５', '', 'five', '"5"'];
  itParses([
    { name: 'no field, no content', bytes: post(''), expect: { body: '' } },
    { name: 'five bytes', bytes: post('hello', 'Content-Length: 5'), expect: { body: 'hello' } },
    { name: 'none', bytes: post('', 'Content-Length: 0'), expect: { body: '' } },
    { name: 'leading zeros', bytes: post('hello', 'Content-Length: 0005'), expect: { body: 'hello' } },
    {
      name: 'whitespace around the number',
      bytes: post('hello', 'Content-Length:\t5 '),
      expect: { body: 'hello' },
    },
    {
      name: 'content that looks like a request',
      bytes: post('GET / HTTP/1.1\r\n\r\n', 'Content-Length: 18'),
      expect: { body: 'GET / HTTP/1.1\r\n\r\n' },
    },
    { name: 'content less than announced', bytes: post('hell', 'Content-Length: 5'), expect: 'NEED_MORE' },
    ...bad.map((value) => ({
      name: `"${value}"`,
      bytes: Buffer.from(post('hello', `Content-Length: ${value}`)).toString('latin1'),
      expect: 'HTTP_CONTENT_LENGTH',
    })),
    { name: 'a vertical tab', bytes: post('hello', 'Content-Length: 5\x0b'), expect: 'HTTP_FIELD_VALUE' },
    {
      name: 'two equal fields',
      bytes: post('hello', 'Content-Length: 5', 'Content-Length: 5'),
      expect: 'HTTP_CONTENT_LENGTH',
    },
    {
      name: 'two unequal fields',
      bytes: post('hello', 'Content-Length: 5', 'content-length: 0'),
      expect: 'HTTP_CONTENT_LENGTH',
    },
    {
      name: 'a second, empty field',
      bytes: post('hello', 'Content-Length:', 'Content-Length: 5'),
      expect: 'HTTP_CONTENT_LENGTH',
    },
    {
      name: 'more than a number can hold',
      bytes: post('hello', 'Content-Length: 9007199254740993'),
      expect: 'HTTP_BODY_TOO_LARGE',
    },
    {
      name: 'more than 64 bits',
      bytes: post('hello', 'Content-Length: 18446744073709551621'),
      expect: 'HTTP_BODY_TOO_LARGE',
    },
  ]);
});

describe('protocol: framing by Transfer-Encoding', () => {
  const te = (...values: string[]) =>
    post(EMPTY_CHUNKED, ...values.map((value) => `Transfer-Encoding: ${value}`));
  itParses([
    { name: 'chunked', bytes: te('chunked'), expect: { body: '' } },
    { name: 'chunked in capitals with whitespace', bytes: te('\t ChunKed '), expect: { body: '' } },
    ...[
      '',
      'identity',
      'gzip',
      'xchunked',
      'chunked;a=b',
      '"chunked"',
      'chunked chunked',
      'chunked, identity',
      'chunked,',
      'chunked, chunked',
      '\xa0chunked',
      'chunked\x85',
    ].map((value) => ({ name: `"${value}"`, bytes: te(value), expect: 'HTTP_TRANSFER_ENCODING' })),
    { name: 'chunked in two fields', bytes: te('chunked', 'chunked'), expect: 'HTTP_TRANSFER_ENCODING' },
    {
      name: 'chunked, then another coding in a second field',
      bytes: te('chunked', 'x'),
      expect: 'HTTP_TRANSFER_ENCODING',
    },
    { name: 'a coding that is not known, then chunked', bytes: te('gzip, chunked'), expect: 'HTTP_CODING' },
    { name: 'the same in two fields', bytes: te('gzip', 'chunked'), expect: 'HTTP_CODING' },
    {
      name: 'HTTP/1.0',
      bytes: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      expect: 'HTTP_TRANSFER_ENCODING',
    },
    {
      name: 'with Content-Length after it',
      bytes: post(EMPTY_CHUNKED, 'Transfer-Encoding: chunked', 'Content-Length: 5'),
      expect: 'HTTP_TWO_FRAMINGS',
    },
    {
      name: 'with Content-Length before it',
      bytes: post(EMPTY_CHUNKED, 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      expect: 'HTTP_TWO_FRAMINGS',
    },
    {
      name: 'with an empty Content-Length',
      bytes: post(EMPTY_CHUNKED, 'Content-Length:', 'Transfer-Encoding: chunked'),
      expect: 'HTTP_TWO_FRAMINGS',
    },
    {
      name: 'both fields, neither of them good',
      bytes: post('', 'Content-Length: x', 'Transfer-Encoding: x'),
      expect: 'HTTP_TWO_FRAMINGS',
    },
  ]);
});

describe('protocol: framing of responses', () => {
  it('has no content with 1xx, 204, 205 and 304', () => {
    expect([100, 101, 199, 204, 205, 304].some(hasContent)).to.equal(false);
    expect([200, 203, 206, 303, 305, 404, 500].every(hasContent)).to.equal(true);
  });

  it('goes by the length where there is one, else by chunks, else by the end of the connection', () => {
    expect(responseFraming(200, true, 1)).to.equal('length');
    expect(responseFraming(200, true, 0)).to.equal('length');
    expect(responseFraming(200, false, 1)).to.equal('chunked');
    expect(responseFraming(200, false, 0)).to.equal('close');
    expect(responseFraming(204, true, 1)).to.equal('none');
    expect(responseFraming(304, false, 0)).to.equal('none');
  });
});
