import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { compress, inflate, packed } from '../support/deflate.js';
import { text } from '../support/frames.js';
import { Echo, type SocketWire, socketWire } from '../support/wire.js';

interface Case {
  readonly offer: string;
  /** The header of the answer; null for none. */
  readonly answer: string | null;
}

const NO_CONTEXT = 'server_no_context_takeover; client_no_context_takeover';
const DECLINED: readonly string[] = [
  '',
  ' ',
  ',',
  'x-webkit-deflate-frame',
  'permessage-bzip2; level=9',
  'Permessage-Deflate',
  'permessage-deflate; unknown',
  'permessage-deflate; unknown=1',
  'permessage-deflate; server_no_context_takeover=true',
  'permessage-deflate; client_no_context_takeover=1',
  'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  'permessage-deflate; client_no_context_takeover; client_no_context_takeover',
  'permessage-deflate; server_max_window_bits',
  'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; server_max_window_bits=8',
  'permessage-deflate; server_max_window_bits=16',
  'permessage-deflate; server_max_window_bits=0',
  'permessage-deflate; server_max_window_bits=-9',
  'permessage-deflate; server_max_window_bits=+9',
  'permessage-deflate; server_max_window_bits=09',
  'permessage-deflate; server_max_window_bits=010',
  'permessage-deflate; server_max_window_bits=9.0',
  'permessage-deflate; server_max_window_bits=1e1',
  'permessage-deflate; server_max_window_bits=0xa',
  'permessage-deflate; server_max_window_bits=nine',
  'permessage-deflate; server_max_window_bits=""',
  'permessage-deflate; server_max_window_bits=10; server_max_window_bits=10',
  'permessage-deflate; server_max_window_bits=10; server_max_window_bits=11',
  'permessage-deflate; client_max_window_bits=7',
  'permessage-deflate; client_max_window_bits=16',
  'permessage-deflate; client_max_window_bits=09',
  'permessage-deflate; client_max_window_bits=1e1',
  'permessage-deflate; client_max_window_bits=0xf',
  'permessage-deflate; client_max_window_bits; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=10; client_max_window_bits',
  'permessage-deflate;',
  'permessage-deflate; ;',
  'permessage-deflate,',
  ', permessage-deflate',
  'permessage-deflate; =1',
  'permessage-deflate; client_max_window_bits=',
  'permessage-deflate; client_max_window_bits="15',
  'permessage-deflate; client_max_window_bits=15"',
  "permessage-deflate; client_max_window_bits='15'",
  'permessage deflate',
  'permessage-deflate client_max_window_bits',
  'permessage-deflate; client max window bits',
  'permessage-deflate; \u00e9',
  '__proto__',
  'permessage-deflate; __proto__',
  'permessage-deflate; constructor',
];

const withoutTakeover: readonly Case[] = [
  { offer: 'permessage-deflate', answer: NO_CONTEXT },
  { offer: 'permessage-deflate; client_max_window_bits', answer: NO_CONTEXT },
  { offer: 'permessage-deflate; server_no_context_takeover', answer: NO_CONTEXT },
  {
    offer: 'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
    answer: 'client_no_context_takeover; server_no_context_takeover',
  },
  {
    offer: 'permessage-deflate; server_max_window_bits=10',
    answer: `server_max_window_bits=10; ${NO_CONTEXT}`,
  },
  {
    offer: 'permessage-deflate; client_max_window_bits="10"',
    answer: `client_max_window_bits=10; ${NO_CONTEXT}`,
  },
];

const withTakeover: readonly Case[] = [
  { offer: 'permessage-deflate', answer: '' },
  { offer: 'permessage-deflate; client_max_window_bits', answer: '' },
  { offer: 'permessage-deflate; server_no_context_takeover', answer: 'server_no_context_takeover' },
  { offer: 'permessage-deflate; client_no_context_takeover', answer: 'client_no_context_takeover' },
  ...[9, 10, 11, 12, 13, 14, 15].map((bits) => ({
    offer: `permessage-deflate; server_max_window_bits=${bits}`,
    answer: `server_max_window_bits=${bits}`,
  })),
  ...[8, 9, 10, 11, 12, 13, 14, 15].map((bits) => ({
    offer: `permessage-deflate; client_max_window_bits=${bits}`,
    answer: `client_max_window_bits=${bits}`,
  })),
  { offer: 'permessage-deflate; server_max_window_bits="12"', answer: 'server_max_window_bits=12' },
  { offer: 'permessage-deflate; server_max_window_bits="1\\2"', answer: 'server_max_window_bits=12' },
  {
    offer: 'permessage-deflate;server_max_window_bits=12 ;\tclient_max_window_bits=9',
    answer: 'server_max_window_bits=12; client_max_window_bits=9',
  },
  // Several: the first that can be taken, whatever stands before it.
  {
    offer: 'permessage-deflate; server_max_window_bits=10, permessage-deflate',
    answer: 'server_max_window_bits=10',
  },
  { offer: 'permessage-deflate; server_max_window_bits=8, permessage-deflate', answer: '' },
  {
    offer:
      'permessage-deflate; unknown, permessage-deflate; server_max_window_bits=99, permessage-deflate; client_no_context_takeover, permessage-deflate',
    answer: 'client_no_context_takeover',
  },
  { offer: 'x-other; a=1; b="c", permessage-deflate', answer: '' },
  { offer: 'permessage-deflate, x-other; a=1', answer: '' },
];

const SHORT = 'Inseam is a network engine for Node.js';

/** Text that refers back by 20,000 bytes, if the window reaches that far. */
const FAR_BACK = randomBytes(10_000).toString('hex').repeat(3);

const bitsOf = (answer: string, side: string) =>
  Number(new RegExp(`${side}_max_window_bits=(\\d+)`).exec(answer)?.[1] ?? 15);

async function open(offer: string, contextTakeover: boolean) {
  const far = await socketWire(Echo, {
    perMessageDeflate: { contextTakeover, threshold: 0 },
    offer,
    limits: { maxBufferedBytes: 1 << 20 },
  });
  const header = /^Sec-WebSocket-Extensions: (.*)$/m.exec(far.answer)?.[1] ?? null;
  expect(far.socket.extensions).to.equal(header ?? '');
  return { far, header };
}

/** Messages in both directions, with the windows that `answer` names. */
async function talk(far: SocketWire, answer: string): Promise<void> {
  const ours = { bits: bitsOf(answer, 'client'), takesOver: !answer.includes('client_no_context_takeover') };
  const theirs = {
    bits: bitsOf(answer, 'server'),
    takesOver: !answer.includes('server_no_context_takeover'),
  };
  const said = ours.bits === 8 ? [SHORT, SHORT] : [SHORT, SHORT, FAR_BACK, FAR_BACK];
  let before = Buffer.alloc(0);
  for (const message of said) {
    far.send(packed(compress(message, { bits: Math.max(9, ours.bits), before })));
    if (ours.takesOver) before = Buffer.concat([before, Buffer.from(message)]);
  }
  await far.until(() => far.messages.length === said.length && far.socket.bufferedAmount === 0);
  before = Buffer.alloc(0);
  const frames = await far.takeFrames();
  const heard = frames.map(({ rsv, payload }) => {
    expect(rsv).to.equal(4);
    const message = inflate(payload, { bits: theirs.bits, before });
    if (theirs.takesOver) before = Buffer.concat([before, message]);
    return message.toString();
  });
  expect(heard).to.deep.equal(said);
  // A window that is taken over makes the second of two messages shorter.
  const [first = 0, second = 0] = frames.map(({ payload }) => payload.length);
  if (theirs.takesOver) expect(second).to.be.below(first);
  else expect(second).to.equal(first);
}

describe('RFC 7692 §5.1 and §7.1 Negotiation: offers that are taken', () => {
  for (const [contextTakeover, cases] of [
    [false, withoutTakeover],
    [true, withTakeover],
  ] as const) {
    for (const { offer, answer } of cases) {
      it(`${offer}, ${contextTakeover ? 'with' : 'without'} context take-over`, async () => {
        const { far, header } = await open(offer, contextTakeover);
        const parameters = answer === '' ? '' : `; ${answer}`;
        expect(header).to.equal(`permessage-deflate${parameters}`);
        await talk(far, header ?? '');
      });
    }
  }

  it('offers in several lines are one list', async () => {
    const far = await socketWire(Echo, {
      perMessageDeflate: { contextTakeover: true },
      lines: [
        'Sec-WebSocket-Extensions: x-other, permessage-deflate; unknown',
        'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9',
      ],
    });
    expect(far.socket.extensions).to.equal('permessage-deflate; server_max_window_bits=9');
  });
});

describe('RFC 7692 §5.1 and §7.1 Negotiation: offers that are declined', () => {
  for (const offer of DECLINED) {
    it(`"${offer}" leaves a good connection without compression`, async () => {
      for (const contextTakeover of [false, true]) {
        const { far, header } = await open(offer, contextTakeover);
        expect(header).to.equal(null);
        expect(await far.exchange(text('Hello'))).to.deep.equal(['text Hello']);
        expect((await far.exchange(packed(compress('Hello'))))[0]).to.match(/^close 1002 /);
      }
    });
  }

  it('any offer, where the option is not set', async () => {
    const far = await socketWire(Echo, { offer: 'permessage-deflate' });
    expect(far.answer).not.to.match(/extensions/i);
    expect(far.socket.extensions).to.equal('');
    expect(await far.exchange(text('x'.repeat(2_000)))).to.deep.equal([`text ${'x'.repeat(2_000)}`]);
  });
});
