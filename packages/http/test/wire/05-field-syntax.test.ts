import { expect } from 'chai';
import { get } from '../support/message.js';
import { itRefuses } from '../support/refusal.js';
import { wire } from '../support/wire.js';

describe('RFC 9112 §5 Field Syntax', () => {
  const field = (name: string, ...lines: string[]) =>
    wire((request) => request.sendResponse(JSON.stringify(request.headers.get(name)))).exchange(
      get('/', ...lines),
    );

  it('names have no case', async () => {
    expect(await field('x-sum', 'X-SUM: 1')).to.match(/"1"$/);
  });

  it('whitespace around a value is not part of it', async () => {
    expect(await field('X', 'X: \t a b \t')).to.match(/"a b"$/);
  });

  it('a value may be empty', async () => {
    expect(await field('X', 'X:')).to.match(/""$/);
  });

  it('repeated fields are one list: RFC 9110 §5.3', async () => {
    expect(await field('X', 'X: a', 'Y: b', 'x: c')).to.match(/"a, c"$/);
  });

  itRefuses('a name that is no token', get('/', 'X(Y): z'), '400 HTTP_FIELD_NAME');
  itRefuses('no name', get('/', ': z'), '400 HTTP_FIELD_NAME');
  itRefuses('no colon', get('/', 'X'), '400 HTTP_FIELD_NAME');
  itRefuses('a NUL in a value: RFC 9110 §5.5', get('/', 'X: a\0b'), '400 HTTP_FIELD_VALUE');
  itRefuses('another control character in a value', get('/', 'X: a\x08b'), '400 HTTP_FIELD_VALUE');
  itRefuses(
    'more than 100 fields: RFC 6585 §5',
    get('/', ...Array(100).fill('X: y')),
    '431 HTTP_TOO_MANY_FIELDS',
  );
  itRefuses(
    'a head of more than 16 KiB: RFC 6585 §5',
    get('/', `X: ${'y'.repeat(16_384)}`),
    '431 HTTP_HEAD_TOO_LARGE',
  );
  itRefuses(
    'the same, unfinished',
    get('/', `X: ${'y'.repeat(16_384)}`).slice(0, 16_385),
    '431 HTTP_HEAD_TOO_LARGE',
  );
});

describe('RFC 9112 §5.1 Field Line Parsing', () => {
  itRefuses('a space before the colon', get('/', 'X : y'), '400 HTTP_FIELD_NAME_SPACE');
  itRefuses('a tab before the colon', get('/', 'X\t: y'), '400 HTTP_FIELD_NAME_SPACE');
});

describe('RFC 9112 §5.2 Obsolete Line Folding', () => {
  itRefuses('a line folded with a space', get('/', 'X: y', ' z'), '400 HTTP_FIELD_FOLDED');
  itRefuses('a line folded with a tab', get('/', 'X: y', '\tz'), '400 HTTP_FIELD_FOLDED');
  itRefuses('a folded line of nothing', get('/', 'X: y', ' '), '400 HTTP_FIELD_FOLDED');
});
