import { itParses, type ParserCase } from '../support/parser-cases.js';

/** A head of exactly `bytes` bytes, its fields of 200 bytes but for the last. */
function headOf(bytes: number): string {
  const start = 'GET / HTTP/1.1\r\nHost: a\r\n';
  const rest = bytes - start.length - 2;
  const full = 200 * Math.max(0, Math.floor(rest / 200) - 1);
  const last = `Y: ${'y'.repeat(rest - full - 5)}\r\n`;
  return `${start}${`X: ${'x'.repeat(195)}\r\n`.repeat(full / 200)}${last}\r\n`;
}

function target(length: number): string {
  return `GET /${'t'.repeat(length - 1)} HTTP/1.1\r\nHost: a\r\n\r\n`;
}

const fields = (count: number) => `GET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(count - 1)}\r\n`;

describe('protocol: limits', () => {
  const cases: ParserCase[] = [
    { name: 'a head of maxHeadBytes', bytes: headOf(200), expect: {}, limits: { maxHeadBytes: 200 } },
    {
      name: 'a head of one more',
      bytes: headOf(201),
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 200 },
    },
    {
      name: 'a head of two more',
      bytes: headOf(202),
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 200 },
    },
    {
      name: 'a head that goes on and on',
      bytes: headOf(400),
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 200 },
    },
    {
      name: 'a head that is bad only beyond the limit',
      bytes: `${headOf(300).slice(0, -4)}\0`,
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 200 },
    },
    {
      name: 'a request line beyond maxHeadBytes',
      bytes: target(300),
      expect: 'HTTP_HEAD_TOO_LARGE',
      limits: { maxHeadBytes: 200 },
    },
    { name: 'the default, 16 KiB', bytes: headOf(16_384), expect: {} },
    { name: 'one more than the default', bytes: headOf(16_385), expect: 'HTTP_HEAD_TOO_LARGE' },
    { name: 'a target of maxTargetBytes', bytes: target(50), expect: {}, limits: { maxTargetBytes: 50 } },
    {
      name: 'a target of one more',
      bytes: target(51),
      expect: 'HTTP_TARGET_TOO_LONG',
      limits: { maxTargetBytes: 50 },
    },
    { name: 'the default, 8 KiB', bytes: target(8_192), expect: {} },
    { name: 'one more than the default', bytes: target(8_193), expect: 'HTTP_TARGET_TOO_LONG' },
    {
      name: 'a target without an end',
      bytes: `GET /${'t'.repeat(60)}`,
      expect: 'HTTP_TARGET_TOO_LONG',
      limits: { maxTargetBytes: 50 },
    },
    {
      name: 'a method without an end',
      bytes: 'M'.repeat(60),
      expect: 'HTTP_METHOD',
      limits: { maxTargetBytes: 50 },
    },
    { name: 'maxHeaders fields', bytes: fields(5), expect: {}, limits: { maxHeaders: 5 } },
    { name: 'one field more', bytes: fields(6), expect: 'HTTP_TOO_MANY_FIELDS', limits: { maxHeaders: 5 } },
    { name: 'the default, 100 fields', bytes: fields(100), expect: {} },
    { name: 'one more than the default', bytes: fields(101), expect: 'HTTP_TOO_MANY_FIELDS' },
  ];
  itParses(cases);
});
