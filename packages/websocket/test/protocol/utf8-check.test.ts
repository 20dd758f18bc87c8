import { expect } from 'chai';
import fc from 'fast-check';
import { Utf8Check } from '#websocket/protocol/utf8-check.js';
import { BAD_TEXTS, GOOD_TEXTS } from '../support/utf8-cases.js';

const T = '[\\x80-\\xbf]';
const THREE = `\\xe0[\\xa0-\\xbf]|[\\xe1-\\xec\\xee\\xef]${T}|\\xed[\\x80-\\x9f]`;
const FOUR = `\\xf0[\\x90-\\xbf]|[\\xf1-\\xf3]${T}|\\xf4[\\x80-\\x8f]`;
const WHOLE = `[\\x00-\\x7f]|[\\xc2-\\xdf]${T}|(?:${THREE})${T}|(?:${FOUR})${T}${T}`;
const OPEN = `[\\xc2-\\xf4]|${THREE}|(?:${FOUR})${T}?`;
/** The grammar of RFC 3629 §4, and the same with the beginning of a character at the end; of bytes as characters. */
const TEXT = new RegExp(`^(?:${WHOLE})*$`);
const BEGINNING = new RegExp(`^(?:${WHOLE})*(?:${OPEN})?$`);

/** How many of `pieces` are taken, and whether the text is whole then. */
function check(pieces: readonly Uint8Array[]): { taken: number; isWhole: boolean } {
  const utf8 = new Utf8Check();
  for (const [i, piece] of pieces.entries()) {
    if (!utf8.push(Buffer.from(piece))) return { taken: i, isWhole: false };
  }
  return { taken: pieces.length, isWhole: utf8.isWhole };
}

const bytewise = (bytes: Uint8Array) => [...bytes].map((byte) => Buffer.from([byte]));
const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

function expectLikeGrammar(bytes: Buffer): void {
  const text = latin1(bytes);
  const whole = check([bytes]);
  const isBeginning = BEGINNING.test(text);
  const isText = TEXT.test(text);
  if (whole.taken !== (isBeginning ? 1 : 0) || whole.isWhole !== isText)
    expect.fail(`whole: ${bytes.toString('hex')}`);
  const { taken, isWhole } = check(bytewise(bytes));
  let right = 0;
  while (right < bytes.length && BEGINNING.test(text.slice(0, right + 1))) right++;
  if (taken !== right || isWhole !== isText) expect.fail(`byte by byte: ${bytes.toString('hex')}`);
}

describe('protocol: Utf8Check', () => {
  it('takes nothing for text', () => {
    expect(check([])).to.deep.equal({ taken: 0, isWhole: true });
    expect(check([Buffer.alloc(0)])).to.deep.equal({ taken: 1, isWhole: true });
  });

  for (const { name, bytes, wrongAt } of BAD_TEXTS) {
    it(`refuses ${name} with its first wrong byte`, () => {
      const taken = wrongAt === -1 ? bytes.length : wrongAt;
      expect(check(bytewise(bytes))).to.deep.equal({ taken, isWhole: false });
      expect(check([bytes]).isWhole).to.equal(false);
    });
  }

  it('every two bytes there are', () => {
    for (let first = 0x7e; first < 256; first++) {
      for (let second = 0; second < 256; second++) expectLikeGrammar(Buffer.from([first, second]));
    }
  });

  it('every second, third and fourth byte behind every lead', () => {
    const corners = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xed, 0xf0, 0xff];
    for (let lead = 0xbf; lead < 256; lead++) {
      for (const second of corners) {
        for (const third of corners) {
          expectLikeGrammar(Buffer.from([lead, second, third]));
          if (lead >= 0xee)
            for (const fourth of corners) expectLikeGrammar(Buffer.from([lead, second, third, fourth]));
        }
      }
    }
  });

  it('every good text, cut anywhere in two and three', () => {
    for (const text of GOOD_TEXTS) {
      const bytes = Buffer.from(`a${text}é${text}`);
      for (let first = 0; first <= bytes.length; first++) {
        for (let second = first; second <= bytes.length; second++) {
          const pieces = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
          expect(check(pieces)).to.deep.equal({ taken: 3, isWhole: true });
        }
      }
    }
  });

  it('is of one mind with TextDecoder, however the bytes are cut', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text)),
      fc.string({ unit: 'binary', maxLength: 8 }).map((text) => Buffer.from(text)),
      fc.constantFrom(...BAD_TEXTS.map(({ bytes }) => bytes)),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.array(fc.nat(60), { maxLength: 5 }),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts);
          const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
            (a, b) => a - b,
          );
          const pieces = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
          let isText = true;
          try {
            new TextDecoder('utf-8', { fatal: true }).decode(bytes);
          } catch {
            isText = false;
          }
          expect(check(pieces).isWhole).to.equal(isText);
          expectLikeGrammar(bytes);
        },
      ),
      { numRuns: 500 },
    );
  });
});
