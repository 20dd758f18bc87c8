import { expect } from 'chai';
import { checkConditions, holdsIfRange } from '#http/protocol/conditions.js';
import { parseEntityTag } from '#http/protocol/entity-tag.js';
import { HTTPHeaders } from '#http/protocol/http-headers.js';
import { conditionsOf } from '#http/protocol/request-conditions.js';

const MODIFIED = Date.UTC(1994, 10, 6, 8, 49, 37);
const NOW = Date.UTC(2026, 0, 1);
const SAME = 'Sun, 06 Nov 1994 08:49:37 GMT';
const BEFORE = 'Sun, 06 Nov 1994 08:49:36 GMT';
const AFTER = 'Sun, 06 Nov 1994 08:49:38 GMT';

/** Fields as they stand in a request; the file has the tag "now" and the date SAME unless it says otherwise. */
function outcome(
  fields: Record<string, string | string[]>,
  etag = '"now"',
  lastModified: number | null = MODIFIED,
) {
  const conditions = conditionsOf(new HTTPHeaders(fields));
  if (conditions === null) return 'none';
  return checkConditions(conditions, { etag: parseEntityTag(etag), lastModified }, NOW);
}

const CASES: {
  name: string;
  fields: Record<string, string | string[]>;
  expect: 'send' | 304 | 412 | 'none';
}[] = [
  { name: 'no condition', fields: { Accept: '*/*' }, expect: 'none' },
  { name: 'a range alone', fields: { Range: 'bytes=0-' }, expect: 'send' },

  // §13.1.1
  { name: 'If-Match with the tag', fields: { 'If-Match': '"now"' }, expect: 'send' },
  { name: 'If-Match in other letters', fields: { 'iF-mATCH': '"old"' }, expect: 412 },
  { name: 'If-Match with the tag among others', fields: { 'If-Match': '"old", "now"' }, expect: 'send' },
  { name: 'If-Match in two fields', fields: { 'If-Match': ['"old"', '"now"'] }, expect: 'send' },
  { name: 'If-Match with another tag', fields: { 'If-Match': '"old"' }, expect: 412 },
  { name: 'If-Match with the tag as a weak one', fields: { 'If-Match': 'W/"now"' }, expect: 412 },
  { name: 'If-Match: *', fields: { 'If-Match': '*' }, expect: 'send' },
  { name: 'a malformed If-Match', fields: { 'If-Match': '"now", x' }, expect: 412 },
  { name: 'If-Match without quotes', fields: { 'If-Match': 'now' }, expect: 412 },
  { name: 'If-Match: * beside a tag', fields: { 'If-Match': '*, "now"' }, expect: 412 },

  // §13.1.4
  { name: 'If-Unmodified-Since the same date', fields: { 'If-Unmodified-Since': SAME }, expect: 'send' },
  { name: 'If-Unmodified-Since a later date', fields: { 'If-Unmodified-Since': AFTER }, expect: 'send' },
  { name: 'If-Unmodified-Since an earlier date', fields: { 'If-Unmodified-Since': BEFORE }, expect: 412 },
  { name: 'If-Unmodified-Since no date', fields: { 'If-Unmodified-Since': 'yesterday' }, expect: 'send' },
  {
    name: 'If-Unmodified-Since two dates',
    fields: { 'If-Unmodified-Since': [BEFORE, BEFORE] },
    expect: 'send',
  },
  {
    name: 'If-Match that holds, before If-Unmodified-Since that does not',
    fields: { 'If-Match': '"now"', 'If-Unmodified-Since': BEFORE },
    expect: 'send',
  },
  {
    name: 'If-Match that does not hold, before If-Unmodified-Since that does',
    fields: { 'If-Match': '"old"', 'If-Unmodified-Since': AFTER },
    expect: 412,
  },

  // §13.1.2
  { name: 'If-None-Match with the tag', fields: { 'If-None-Match': '"now"' }, expect: 304 },
  { name: 'If-None-Match with the tag as a weak one', fields: { 'If-None-Match': 'W/"now"' }, expect: 304 },
  {
    name: 'If-None-Match with the tag among others',
    fields: { 'If-None-Match': '"old", "now"' },
    expect: 304,
  },
  { name: 'If-None-Match with another tag', fields: { 'If-None-Match': '"old"' }, expect: 'send' },
  { name: 'If-None-Match: *', fields: { 'If-None-Match': '*' }, expect: 304 },
  { name: 'a malformed If-None-Match', fields: { 'If-None-Match': '"now" x' }, expect: 'send' },

  // §13.1.3
  { name: 'If-Modified-Since the same date', fields: { 'If-Modified-Since': SAME }, expect: 304 },
  { name: 'If-Modified-Since a later date', fields: { 'If-Modified-Since': AFTER }, expect: 304 },
  { name: 'If-Modified-Since an earlier date', fields: { 'If-Modified-Since': BEFORE }, expect: 'send' },
  {
    name: 'If-Modified-Since in the form of RFC 850',
    fields: { 'If-Modified-Since': 'Sunday, 06-Nov-94 08:49:37 GMT' },
    expect: 304,
  },
  {
    name: "If-Modified-Since in asctime's form",
    fields: { 'If-Modified-Since': 'Sun Nov  6 08:49:37 1994' },
    expect: 304,
  },
  { name: 'If-Modified-Since no date', fields: { 'If-Modified-Since': '1' }, expect: 'send' },
  { name: 'If-Modified-Since two dates', fields: { 'If-Modified-Since': [SAME, SAME] }, expect: 'send' },
  {
    name: 'If-None-Match with another tag, before If-Modified-Since',
    fields: { 'If-None-Match': '"old"', 'If-Modified-Since': AFTER },
    expect: 'send',
  },
  {
    name: 'a malformed If-None-Match, before If-Modified-Since',
    fields: { 'If-None-Match': 'x', 'If-Modified-Since': AFTER },
    expect: 'send',
  },
  {
    name: 'If-None-Match with the tag, before If-Modified-Since',
    fields: { 'If-None-Match': '"now"', 'If-Modified-Since': BEFORE },
    expect: 304,
  },

  // §13.2.2
  {
    name: 'both steps, and the first fails',
    fields: { 'If-Match': '"old"', 'If-None-Match': '"now"' },
    expect: 412,
  },
  {
    name: 'both steps, and the second fails',
    fields: { 'If-Match': '"now"', 'If-None-Match': '"now"' },
    expect: 304,
  },
  {
    name: 'both dates, and the first fails',
    fields: { 'If-Unmodified-Since': BEFORE, 'If-Modified-Since': SAME },
    expect: 412,
  },
  {
    name: 'both dates, and the second fails',
    fields: { 'If-Unmodified-Since': SAME, 'If-Modified-Since': SAME },
    expect: 304,
  },
];

describe('protocol: conditions, RFC 9110 §13', () => {
  for (const { name, fields, expect: expected } of CASES) {
    it(`${name}: ${expected}`, () => expect(outcome(fields)).to.equal(expected));
  }

  it('a weak tag of the file matches weakly only', () => {
    expect(outcome({ 'If-Match': 'W/"now"' }, 'W/"now"')).to.equal(412);
    expect(outcome({ 'If-Match': '"now"' }, 'W/"now"')).to.equal(412);
    expect(outcome({ 'If-None-Match': '"now"' }, 'W/"now"')).to.equal(304);
  });

  it('without a tag no tag matches, but * does', () => {
    expect(outcome({ 'If-Match': '"now"' }, 'x')).to.equal(412);
    expect(outcome({ 'If-None-Match': '"now"' }, 'x')).to.equal('send');
    expect(outcome({ 'If-Match': '*' }, 'x')).to.equal('send');
    expect(outcome({ 'If-None-Match': '*' }, 'x')).to.equal(304);
  });

  it('without a date no date counts', () => {
    expect(outcome({ 'If-Unmodified-Since': BEFORE }, '"now"', null)).to.equal('send');
    expect(outcome({ 'If-Modified-Since': AFTER }, '"now"', null)).to.equal('send');
  });
});

describe('protocol: If-Range, RFC 9110 §13.1.5', () => {
  const cases: { name: string; field: string; etag?: string; now?: number; expect: boolean }[] = [
    { name: 'the tag', field: '"now"', expect: true },
    { name: 'another tag', field: '"old"', expect: false },
    { name: 'the tag as a weak one', field: 'W/"now"', expect: false },
    { name: 'a weak tag of the file', field: 'W/"now"', etag: 'W/"now"', expect: false },
    { name: 'a list', field: '"now", "old"', expect: false },
    { name: 'a tag that the file has none for', field: '"now"', etag: 'x', expect: false },
    { name: 'the date', field: SAME, expect: true },
    { name: 'the date in another form', field: 'Sun Nov  6 08:49:37 1994', expect: true },
    { name: 'an earlier date', field: BEFORE, expect: false },
    { name: 'a later date', field: AFTER, expect: false },
    { name: 'no date', field: 'x', expect: false },
    { name: '*', field: '*', expect: false },
    { name: 'the date within its second', field: SAME, now: MODIFIED + 999, expect: false },
    { name: 'the date when its second has passed', field: SAME, now: MODIFIED + 1_000, expect: true },
  ];
  for (const { name, field, etag = '"now"', now = NOW, expect: expected } of cases) {
    it(`${name} ${expected ? 'holds' : 'does not hold'}`, () => {
      const validators = { etag: parseEntityTag(etag), lastModified: MODIFIED };
      expect(holdsIfRange(field, validators, now)).to.equal(expected);
    });
  }

  it('no date holds for a file without one', () => {
    expect(holdsIfRange('x', { etag: null, lastModified: null }, NOW)).to.equal(false);
    expect(holdsIfRange(SAME, { etag: null, lastModified: null }, NOW)).to.equal(false);
  });
});
