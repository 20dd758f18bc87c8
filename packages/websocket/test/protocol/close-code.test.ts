import { expect } from 'chai';
import { acceptKey, isKey } from '#websocket/protocol/accept-key.js';
import { closePayload, maySend, NO_CODE } from '#websocket/protocol/close-code.js';
import { Pings } from '#websocket/protocol/pings.js';
import { RateLimit } from '#websocket/protocol/rate-limit.js';

describe('protocol: close codes', () => {
  it('that may be sent, of all numbers', () => {
    const sendable = Array.from({ length: 65_536 }, (_, code) => code).filter((code) => maySend(code));
    const registered = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
    const free = Array.from({ length: 2_000 }, (_, i) => 3000 + i);
    expect(sendable).to.deep.equal([...registered, ...free]);
    for (const odd of [-1, 1000.5, 3000.5, Number.NaN, Number.POSITIVE_INFINITY, 65_536 + 1000]) {
      expect(maySend(odd), String(odd)).to.equal(false);
    }
    expect(maySend('1000' as unknown as number)).to.equal(false);
  });

  const cases: { name: string; code: number; reason: string; payload: string }[] = [
    { name: 'a code', code: 1000, reason: '', payload: '03e8' },
    { name: 'a code and a reason', code: 4999, reason: 'é', payload: '1387c3a9' },
    { name: 'none', code: NO_CODE, reason: 'never said', payload: '' },
    { name: '123 bytes', code: 1000, reason: 'x'.repeat(123), payload: `03e8${'78'.repeat(123)}` },
    { name: 'more than 123 bytes', code: 1000, reason: 'x'.repeat(124), payload: `03e8${'78'.repeat(123)}` },
    {
      name: 'more than 123 bytes, cut before a character',
      code: 1000,
      reason: `${'x'.repeat(122)}é`,
      payload: `03e8${'78'.repeat(122)}`,
    },
    {
      name: 'more than 123 bytes, cut before a character of two code units',
      code: 1000,
      reason: `${'x'.repeat(120)}😀`,
      payload: `03e8${'78'.repeat(120)}`,
    },
  ];
  for (const { name, code, reason, payload } of cases) {
    it(`the payload of ${name}`, () => {
      expect(closePayload(code, reason).toString('hex')).to.equal(payload);
    });
  }
});

describe('protocol: the key of a handshake', () => {
  it('the answer to the example of RFC 6455 §1.3', () => {
    expect(acceptKey('dGhlIHNhbXBsZSBub25jZQ==')).to.equal('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  });

  for (const [key, isOne] of [
    ['dGhlIHNhbXBsZSBub25jZQ==', true],
    ['++++////AAAAZZZZzzzz09==', true],
    ['', false],
    ['dGhlIHNhbXBsZSBub25jZQ', false],
    ['dGhlIHNhbXBsZSBub25jZQ=', false],
    ['dGhlIHNhbXBsZSBub25jZWE=', false],
    ['dGhlIHNhbXBsZSBub25jZWFh', false],
    ['dGhlIHNhbXBsZSBub25j-Q==', false],
    [' dGhlIHNhbXBsZSBub25jZQ==', false],
    ['dGhlIHNhbXBsZSBub25jZQ==\n', false],
    ['dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==', false],
  ] as const) {
    it(`${JSON.stringify(key)} is ${isOne ? 'one' : 'none'}`, () => {
      expect(isKey(key)).to.equal(isOne);
    });
  }
});

describe('protocol: Pings', () => {
  it('a pong tells how long its ping took', () => {
    const pings = new Pings();
    const ping = pings.next(1_000, true);
    expect(pings.answer(Buffer.from(ping), 1_040)).to.equal(40);
    expect(pings.answer(Buffer.from(ping), 1_050)).to.equal(null);
  });

  it('each has a payload of its own, short enough', () => {
    const pings = new Pings();
    const payloads = Array.from({ length: 200 }, () => pings.next(0, true).toString());
    expect(new Set(payloads).size).to.equal(200);
    expect(payloads.every((payload) => payload.length <= 125)).to.equal(true);
  });

  it('answers none for what is not ours', () => {
    const pings = new Pings();
    pings.next(0, true);
    for (const data of ['', 'inseam', 'inseam 2', 'inseam 1 ', 'Inseam 1']) {
      expect(pings.answer(Buffer.from(data), 5), data).to.equal(null);
    }
  });

  it('those that keep the connection alive are not the user’s affair', () => {
    const pings = new Pings();
    expect(pings.answer(pings.next(0, false), 5)).to.equal('keep-alive');
  });

  it('a pong answers those before it, too: the latest that was asked for counts', () => {
    const pings = new Pings();
    pings.next(0, true);
    const second = pings.next(10, true);
    pings.next(20, false);
    const fourth = pings.next(30, false);
    const fifth = pings.next(40, true);
    expect(pings.answer(fourth, 100)).to.equal(90);
    expect(pings.answer(second, 110)).to.equal(null);
    expect(pings.answer(fifth, 120)).to.equal(80);
  });

  it('forgets the oldest of more than 64', () => {
    const pings = new Pings();
    const all = Array.from({ length: 65 }, (_, i) => pings.next(i, true));
    expect(pings.answer(all[0] as Buffer, 100)).to.equal(null);
    expect(pings.answer(all[1] as Buffer, 100)).to.equal(99);
  });
});

describe('protocol: RateLimit', () => {
  it('counts within a second of the first', () => {
    const limit = new RateLimit(2);
    const takes = [0, 10, 999, 1_000, 1_001, 1_999, 2_000].map((now) => limit.take(now));
    expect(takes).to.deep.equal([true, true, false, true, true, false, true]);
  });

  it('begins with the first, whenever that is', () => {
    const limit = new RateLimit(1);
    expect([500, 1_200, 1_499, 1_500].map((now) => limit.take(now))).to.deep.equal([
      true,
      false,
      false,
      true,
    ]);
  });
});
