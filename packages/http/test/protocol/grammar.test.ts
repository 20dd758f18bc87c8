import { expect } from 'chai';
import {
  FIELD,
  FIELD_TEXT,
  HEX,
  hasToken,
  TARGET,
  TOKEN,
  TOKEN_TEXT,
  trimWhitespace,
} from '#http/protocol/grammar.js';

const every = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const members = (table: Uint8Array) => every.filter((_, byte) => table[byte] === 1).join('');

describe('protocol: grammar', () => {
  it('knows the characters of a token', () => {
    const token = "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";
    expect(members(TOKEN)).to.equal(token);
    expect(every.filter((one) => TOKEN_TEXT.test(one)).join('')).to.equal(token);
  });

  it('knows the bytes of a field value', () => {
    const allowed = every.filter((one) => one === '\t' || (one >= ' ' && one !== '\x7f')).join('');
    expect(members(FIELD)).to.equal(allowed);
    expect(every.filter((one) => FIELD_TEXT.test(one)).join('')).to.equal(allowed);
    expect(FIELD_TEXT.test('a\n')).to.equal(false);
    expect(FIELD_TEXT.test('\u0100')).to.equal(false);
  });

  it('knows the characters of a target', () => {
    expect(members(TARGET)).to.equal(
      every.filter((one) => one > ' ' && one < '\x7f' && one !== '#').join(''),
    );
  });

  it('knows the hexadecimal digits', () => {
    expect(every.filter((_, byte) => HEX[byte] !== -1).join('')).to.equal('0123456789ABCDEFabcdef');
    expect([...'09afAF'].map((one) => HEX[one.charCodeAt(0)])).to.deep.equal([0, 9, 10, 15, 10, 15]);
  });

  it('finds a token in a list', () => {
    for (const list of ['close', 'a,close', 'close , b', ',\t CLOSE,'])
      expect(hasToken(list, 'close'), list).to.equal(true);
    for (const list of ['', 'closed', 'a close', 'x-close', '"close"'])
      expect(hasToken(list, 'close'), list).to.equal(false);
  });

  it('trims SP and HTAB only', () => {
    expect(trimWhitespace(' \t a b\t ')).to.equal('a b');
    expect(trimWhitespace(' \t')).to.equal('');
    expect(trimWhitespace('\xa0a\v')).to.equal('\xa0a\v');
  });
});
