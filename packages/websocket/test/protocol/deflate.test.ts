import { expect } from 'chai';
import { DEFLATE_DEFAULTS, offerText, readAnswer } from '#websocket/protocol/deflate.js';
import { FrameWriter } from '#websocket/protocol/frame-writer.js';
import { Message } from '#websocket/protocol/message.js';
import { compress, inflate, packed } from '../support/deflate.js';
import { framesIn } from '../support/frames.js';
import { Reading } from '../support/reader.js';

const plain = { ...DEFLATE_DEFAULTS, threshold: 0 };
const takenOver = { ...plain, contextTakeover: true };
const PMD = 'permessage-deflate';

describe('protocol: what a client offers', () => {
  it('without context take-over, it asks for none and promises none', () => {
    expect(offerText(plain)).to.equal(
      `${PMD}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`,
    );
  });
  it('with it, nothing but that the server may choose our window', () => {
    expect(offerText(takenOver)).to.equal(`${PMD}; client_max_window_bits`);
  });
});

describe('protocol: what a client makes of the answer', () => {
  const cases: { answer: string; without: boolean; with_: boolean }[] = [
    { answer: PMD, without: false, with_: true },
    { answer: `${PMD}; server_no_context_takeover`, without: true, with_: true },
    { answer: `${PMD}; server_no_context_takeover; client_no_context_takeover`, without: true, with_: true },
    { answer: `${PMD}; client_no_context_takeover`, without: false, with_: true },
    { answer: `${PMD}; server_no_context_takeover; server_max_window_bits=9`, without: true, with_: true },
    { answer: `${PMD}; server_no_context_takeover; server_max_window_bits=8`, without: true, with_: true },
    { answer: `${PMD}; server_no_context_takeover; client_max_window_bits=9`, without: true, with_: true },
    { answer: `${PMD}; server_no_context_takeover; client_max_window_bits=8`, without: true, with_: true },
    ...[
      '',
      ',',
      'x-other',
      `x-other, ${PMD}; server_no_context_takeover`,
      `${PMD}; server_no_context_takeover, ${PMD}; server_no_context_takeover`,
      `${PMD}; server_no_context_takeover; client_max_window_bits`,
      `${PMD}; server_no_context_takeover; client_max_window_bits=7`,
      `${PMD}; server_no_context_takeover; client_max_window_bits=16`,
      `${PMD}; server_no_context_takeover; client_max_window_bits=09`,
      `${PMD}; server_no_context_takeover; server_max_window_bits`,
      `${PMD}; server_no_context_takeover; server_max_window_bits=0xf`,
      `${PMD}; server_no_context_takeover=1`,
      `${PMD}; server_no_context_takeover; server_no_context_takeover`,
      `${PMD}; server_no_context_takeover; unknown`,
      `${PMD}; server_no_context_takeover;`,
    ].map((answer) => ({ answer, without: false, with_: false })),
  ];
  for (const { answer, without, with_ } of cases) {
    it(`"${answer}"`, () => {
      expect(readAnswer(answer, plain, 1_000) !== null, 'without context take-over').to.equal(without);
      expect(readAnswer(answer, takenOver, 1_000) !== null, 'with it').to.equal(with_);
    });
  }

  const windows = [8, 9, 12, 15];
  for (const settings of [plain, takenOver]) {
    for (const bits of windows) {
      it(`then speaks with windows of ${bits} bits, ${settings.contextTakeover ? 'taken over' : 'each anew'}`, async () => {
        const answer = `${PMD}; server_max_window_bits=${bits}; client_max_window_bits=${bits}${
          settings.contextTakeover ? '' : '; server_no_context_takeover'
        }`;
        const agreement = readAnswer(answer, settings, 1 << 20);
        if (agreement === null) return expect.fail('declined');
        const chunks: Uint8Array[] = [];
        const write = (bytes: Uint8Array) => chunks.push(bytes) > 0;
        const output = { write, writeLatin1: (text: string) => write(Buffer.from(text, 'latin1')) };
        const writer = new FrameWriter(output, false, agreement);
        const said = ['Inseam, Inseam', 'Inseam, Inseam', 'x'.repeat(200)];
        for (const text of said) writer.message(new Message(text));
        while (!writer.isIdle) await new Promise((resolve) => setImmediate(resolve));
        let before = Buffer.alloc(0);
        const heard = framesIn(Buffer.concat(chunks)).frames.map(({ rsv, payload }) => {
          // zlib has no window of 256 bytes to compress with: nothing is.
          expect(rsv).to.equal(bits === 8 ? 0 : 4);
          const text = rsv === 0 ? payload : inflate(payload, { bits, before });
          if (settings.contextTakeover) before = Buffer.concat([before, text]);
          return text.toString();
        });
        expect(heard).to.deep.equal(said);

        const reading = new Reading({ isServer: false, inflate: agreement.inflate });
        before = Buffer.alloc(0);
        for (const text of said) {
          reading.push(packed(compress(text, { bits: Math.max(9, bits), before }), { key: null }));
          if (settings.contextTakeover) before = Buffer.concat([before, Buffer.from(text)]);
        }
        await reading.until(() => reading.events.length === said.length);
        expect(reading.events).to.deep.equal(said.map((text) => `text ${text}`));
      });
    }
  }
});
