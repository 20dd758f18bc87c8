import { expect } from 'chai';
import { binary, continuation, frame, masked, ping, pong, text } from '../support/frames.js';
import { BAD_TEXTS, GOOD_TEXTS } from '../support/utf8-cases.js';
import { socketWire } from '../support/wire.js';
import { DEFLATE, itReads, type WireCase } from '../support/wire-cases.js';

const more = { fin: false };
const REFUSED = 'close 1007 text is not valid UTF-8';
const bytewise = (bytes: Buffer) => [...bytes].map((byte) => Buffer.from([byte]));

/** Fragments of one byte each; the last one is empty. */
const inFragments = (bytes: Buffer, control = ping('')) => [
  text('', more),
  ...bytewise(bytes).flatMap((byte, i) => [...(i === 1 ? [control] : []), continuation(byte, more)]),
];

describe('RFC 6455 §8.1 Handling of Errors in UTF-8: what is text', () => {
  itReads(
    GOOD_TEXTS.flatMap((good): WireCase[] => {
      const bytes = Buffer.from(good);
      const name = JSON.stringify(good).replace(
        /[^ -~]/gu,
        (one) => `U+${one.codePointAt(0)?.toString(16)} `,
      );
      const calls = [`text ${good}`.trimEnd()];
      const answers = bytes.length > 1 ? ['pong'] : [];
      return [
        { name, bytes: text(bytes), calls },
        {
          name: `${name}, a fragment for each byte`,
          bytes: [...inFragments(bytes), continuation()],
          calls,
          answers,
        },
      ];
    }),
  );
});

describe('RFC 6455 §8.1 Handling of Errors in UTF-8: what is none', () => {
  itReads([
    {
      name: 'masked so that it looks like text on the wire',
      bytes: text(Buffer.alloc(4, 0xff), { key: [0x9e, 0x9e, 0x9e, 0x9e] }),
      fails: '1007 WEBSOCKET_UTF8',
    },
  ]);
  itReads(
    BAD_TEXTS.flatMap(({ name, bytes, wrongAt }): WireCase[] => [
      { name, bytes: [text('before'), text(bytes)], calls: ['text before'], fails: '1007 WEBSOCKET_UTF8' },
      {
        name: `${name}, a fragment for each byte`,
        bytes: [...inFragments(bytes), continuation()],
        answers: bytes.length > 1 && wrongAt !== 0 ? ['pong'] : [],
        fails: '1007 WEBSOCKET_UTF8',
      },
    ]),
  );

  for (const { name, bytes, wrongAt } of BAD_TEXTS.filter((one) => one.wrongAt >= 0)) {
    for (const [with_, options] of [
      ['', {}],
      [', with permessage-deflate', DEFLATE],
    ] as const) {
      it(`${name}: refused with the byte that is wrong, before the rest of its frame${with_}`, async () => {
        const far = await socketWire(undefined, options);
        const whole = frame({ payload: bytes, length: bytes.length + 100 });
        const wrong = whole.length - bytes.length + wrongAt;
        expect(await far.exchange(whole.subarray(0, wrong))).to.deep.equal([]);
        expect(await far.exchange(whole.subarray(wrong, wrong + 1))).to.deep.equal([REFUSED]);
      });

      it(`${name}: refused before the rest of its message${with_}`, async () => {
        const far = await socketWire(undefined, options);
        const fragments = [text('', more), ...bytewise(bytes).map((byte) => continuation(byte, more))];
        expect(await far.exchange(Buffer.concat(fragments.slice(0, wrongAt + 1)))).to.deep.equal([]);
        expect(await far.exchange(fragments[wrongAt + 1] as Buffer)).to.deep.equal([REFUSED]);
      });
    }
  }

  it('far inside of a long frame, at any of its bytes’ masks', async () => {
    for (let shift = 0; shift < 4; shift++) {
      const far = await socketWire();
      const payload = Buffer.from(`${'x'.repeat(1_000 + shift)}\u20ac`);
      payload[1_001 + shift] = 0x28;
      const start = frame({ length: 100_000, payload: payload.subarray(0, 1_001 + shift) });
      const wrong = masked(payload, [0x37, 0xfa, 0x21, 0x3d]).subarray(1_001 + shift, 1_002 + shift);
      expect(await far.exchange(start)).to.deep.equal([]);
      expect(await far.exchange(wrong)).to.deep.equal([REFUSED]);
    }
  });

  it('the check begins anew with each message', async () => {
    const far = await socketWire();
    far.send(Buffer.concat([text('é', more), continuation('a'), text('b', more), continuation('ü')]));
    await far.settle();
    expect(far.calls).to.deep.equal(['connect', 'text éa', 'text bü']);
  });

  it('bytes of a binary message and of pings are not looked at, also behind text', async () => {
    const far = await socketWire();
    const bytes = Buffer.from([0xff, 0xc0, 0x80]);
    const fragments = [binary(bytes, more), ping(bytes), continuation(bytes)];
    far.send(Buffer.concat([...fragments, text('a', more), continuation('b'), ...fragments]));
    await far.settle();
    const calls = ['connect', 'binary ffc080ffc080', 'text ab', 'binary ffc080ffc080'];
    expect(far.calls).to.deep.equal(calls);
  });

  it('a control frame between fragments changes nothing', async () => {
    const far = await socketWire();
    const start = [text('é', more), ping(Buffer.from([0xff])), pong()];
    expect(await far.exchange(Buffer.concat(start))).to.have.length(1);
    expect(
      await far.exchange(frame({ opcode: 0, payload: Buffer.from([0x61, 0xff]), length: 50 })),
    ).to.deep.equal([REFUSED]);
  });
});
