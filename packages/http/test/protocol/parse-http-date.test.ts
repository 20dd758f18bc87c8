import { expect } from 'chai';
import fc from 'fast-check';
import { httpDate } from '#http/protocol/http-date.js';
import { parseHttpDate } from '#http/protocol/parse-http-date.js';

const NOW = Date.UTC(2026, 5, 15, 12, 30, 15);
const RFC_EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37);

const DATES: { name: string; text: string; expect: number }[] = [
  { name: 'IMF-fixdate', text: 'Sun, 06 Nov 1994 08:49:37 GMT', expect: RFC_EXAMPLE },
  { name: 'the form of RFC 850', text: 'Sunday, 06-Nov-94 08:49:37 GMT', expect: RFC_EXAMPLE },
  { name: "asctime's form", text: 'Sun Nov  6 08:49:37 1994', expect: RFC_EXAMPLE },
  {
    name: "asctime's form with a day of two digits",
    text: 'Wed Nov 16 08:49:37 1994',
    expect: Date.UTC(1994, 10, 16, 8, 49, 37),
  },
  { name: 'a leap day', text: 'Thu, 29 Feb 2024 00:00:00 GMT', expect: Date.UTC(2024, 1, 29) },
  { name: 'a leap second', text: 'Sat, 31 Dec 2016 23:59:60 GMT', expect: Date.UTC(2017, 0, 1) },
  {
    name: 'the last second of a day',
    text: 'Sun, 06 Nov 1994 23:59:59 GMT',
    expect: Date.UTC(1994, 10, 6, 23, 59, 59),
  },
  { name: 'a time before 1970', text: 'Wed, 31 Dec 1969 23:59:59 GMT', expect: -1_000 },
  {
    name: 'a year below 100',
    text: 'Sat, 01 Jan 0050 00:00:00 GMT',
    expect: new Date('0050-01-01T00:00:00Z').getTime(),
  },
  {
    name: 'two digits fifty years ahead to the second',
    text: 'Monday, 15-Jun-76 12:30:15 GMT',
    expect: Date.UTC(2076, 5, 15, 12, 30, 15),
  },
  {
    name: 'two digits more than fifty years ahead, as a year that has been',
    text: 'Tuesday, 15-Jun-76 12:30:16 GMT',
    expect: Date.UTC(1976, 5, 15, 12, 30, 16),
  },
  {
    name: 'two digits of a year to come',
    text: 'Friday, 01-Jan-27 00:00:00 GMT',
    expect: Date.UTC(2027, 0, 1),
  },
];

const NO_DATES = [
  '',
  'x',
  '0',
  'Sun, 06 Nov 1994 08:49:37',
  'Sun, 06 Nov 1994 08:49:37 UTC',
  'Sun, 06 Nov 1994 08:49:37 +0000',
  'Sun, 6 Nov 1994 08:49:37 GMT',
  'Sun,06 Nov 1994 08:49:37 GMT',
  'Sun,  06 Nov 1994 08:49:37 GMT',
  ' Sun, 06 Nov 1994 08:49:37 GMT',
  'Sun, 06 Nov 1994 08:49:37 GMT ',
  'sun, 06 nov 1994 08:49:37 gmt',
  'Sun, 06 Nov 94 08:49:37 GMT',
  'Mon, 06 Nov 1994 08:49:37 GMT',
  'Wed, 31 Nov 1994 08:49:37 GMT',
  'Thu, 01 Dec 1994 24:00:00 GMT',
  'Sun, 06 Nov 1994 08:60:37 GMT',
  'Sun, 06 Nov 1994 08:49:61 GMT',
  'Wed, 29 Feb 2023 00:00:00 GMT',
  'Wed, 00 Nov 1994 08:49:37 GMT',
  'Sun, 06-Nov-94 08:49:37 GMT',
  'Monday, 06-Nov-94 08:49:37 GMT',
  'Sunday, 06-Nov-1994 08:49:37 GMT',
  'Sun Nov 6 08:49:37 1994',
  'Sun Nov 06 08:49:37 94',
  'Mon Nov  6 08:49:37 1994',
  '1994-11-06T08:49:37Z',
  'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
];

describe('protocol: reading dates, RFC 9110 §5.6.7', () => {
  for (const { name, text, expect: time } of DATES) {
    it(`reads ${name}`, () => expect(parseHttpDate(text, NOW)).to.equal(time));
  }
  for (const text of NO_DATES) {
    it(`does not take ${JSON.stringify(text)}`, () => expect(parseHttpDate(text, NOW)).to.equal(null));
  }

  it('reads what it writes', () => {
    const seconds = fc.integer({ min: Date.UTC(0, 0, 1) / 1000, max: 253_402_300_799 });
    fc.assert(
      fc.property(seconds, (second) => parseHttpDate(httpDate(second * 1000), NOW) === second * 1000),
    );
  });

  it('answers any text with a time or null', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const time = parseHttpDate(text, NOW);
        return time === null || Number.isFinite(time);
      }),
    );
  });
});
