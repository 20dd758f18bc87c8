/** Text that is no UTF-8, and text that is, from the corners of RFC 3629 §3 and §4. */
import { hex } from './frames.js';

export interface BadText {
  readonly name: string;
  readonly bytes: Buffer;
  /** The first byte that cannot stand where it does; -1 where only the end is missing. */
  readonly wrongAt: number;
}

const bad = (name: string, digits: string, wrongAt: number): BadText => ({
  name,
  bytes: hex(digits),
  wrongAt,
});

export const BAD_TEXTS: readonly BadText[] = [
  bad('a continuation byte alone', '80', 0),
  bad('the last continuation byte alone', 'bf', 0),
  bad('two continuation bytes', '80 bf', 0),
  bad('a continuation byte behind a character', 'c3 a9 a9', 2),
  bad('0xc0', 'c0', 0),
  bad('0xc1', 'c1', 0),
  bad('0xf5', 'f5', 0),
  bad('0xf8, five bytes', 'f8 88 80 80 80', 0),
  bad('0xfc, six bytes', 'fc 84 80 80 80 80', 0),
  bad('0xfe', 'fe', 0),
  bad('0xff', 'ff', 0),
  bad('an overlong slash of two bytes', 'c0 af', 0),
  bad('an overlong slash of three bytes', 'e0 80 af', 1),
  bad('an overlong slash of four bytes', 'f0 80 80 af', 1),
  bad('the longest overlong of two bytes', 'c1 bf', 0),
  bad('the longest overlong of three bytes', 'e0 9f bf', 1),
  bad('the longest overlong of four bytes', 'f0 8f bf bf', 1),
  bad('an overlong zero', 'c0 80', 0),
  bad('U+D800', 'ed a0 80', 1),
  bad('U+DBFF', 'ed af bf', 1),
  bad('U+DC00', 'ed b0 80', 1),
  bad('U+DFFF', 'ed bf bf', 1),
  bad('a pair of surrogates', 'ed a0 80 ed b0 80', 1),
  bad('U+110000', 'f4 90 80 80', 1),
  bad('U+13FFFF', 'f4 bf bf bf', 1),
  bad('U+140000', 'f5 80 80 80', 0),
  bad('two bytes, the second no continuation', 'c3 28', 1),
  bad('three bytes, the second no continuation', 'e2 28 a1', 1),
  bad('three bytes, the third no continuation', 'e2 82 28', 2),
  bad('four bytes, the second no continuation', 'f0 28 8c bc', 1),
  bad('four bytes, the third no continuation', 'f0 90 28 bc', 2),
  bad('four bytes, the fourth no continuation', 'f0 90 8c 28', 3),
  bad('a new character inside of one of two bytes', 'c3 c3 a9', 1),
  bad('a new character inside of one of three bytes', 'e2 82 e2 82 ac', 2),
  bad('a new character inside of one of four bytes', 'f0 9f 98 f0 9f 98 80', 3),
  bad('κόσμε and a surrogate', 'ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64', 12),
  bad('κόσμε and more than U+10FFFF', 'ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80', 12),
  bad('the end of two bytes missing', 'c3', -1),
  bad('the end of three bytes missing', 'e2', -1),
  bad('the end of three bytes missing, one byte', 'e2 82', -1),
  bad('the end of four bytes missing', 'f0', -1),
  bad('the end of four bytes missing, two bytes', 'f0 9f', -1),
  bad('the end of four bytes missing, one byte', 'f0 9f 98', -1),
];

/** The first and the last character of each length and range, and what looks odd but is text. */
export const GOOD_TEXTS: readonly string[] = [
  '\0',
  '\x7f',
  '\x80',
  '\u07ff',
  '\u0800',
  '\u0fff',
  '\u1000',
  '\ucfff',
  '\ud000',
  '\ud7ff',
  '\ue000',
  '\ufffd',
  '\ufffe',
  '\uffff',
  '\u{10000}',
  '\u{3ffff}',
  '\u{40000}',
  '\u{fffff}',
  '\u{100000}',
  '\u{10ffff}',
  '\ufeffa byte order mark is kept',
  'Hello-µ@ßöäüàá-UTF-8!!',
  'κόσμε \u{1f600}\u{1f468}\u200d\u{1f469}\u200d\u{1f467} ﷽ 日本語 \0 é',
];
