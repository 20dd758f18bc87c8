import { feedEveryWay } from '@inseam/engine/testing';
import { WEBSOCKET_ERRORS } from '@inseam/websocket';
import { expect } from 'chai';
import fc from 'fast-check';
import { acceptOffer, DEFLATE_DEFAULTS, readAnswer } from '#websocket/protocol/deflate.js';
import { FrameWriter } from '#websocket/protocol/frame-writer.js';
import { Message } from '#websocket/protocol/message.js';
import { frame } from '../support/frames.js';
import { inflateFor, Reading } from '../support/reader.js';

const LIMITS = { maxMessageBytes: 300, maxFragments: 5 };

const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const key = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)) },
  { weight: 1, arbitrary: fc.constant(null) },
);
const payload = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.uint8Array({ maxLength: 6 }),
  fc.constantFrom(
    Buffer.from([3, 232]),
    Buffer.alloc(125, 'x'),
    Buffer.alloc(126, 'y'),
    Buffer.alloc(260, 'z'),
  ),
);
/** Frames that are mostly in order, each on its own. */
const someFrame = fc
  .record({
    opcode: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(0, 0, 1, 1, 2, 8, 9, 10) },
      { weight: 1, arbitrary: fc.nat(15) },
    ),
    fin: mostly(true, false, false, false),
    rsv: mostly(0, 1, 2, 4),
    key,
    payload,
    form: mostly(undefined, 16 as const, 64 as const),
  })
  .map(({ form, ...parts }) => frame(form === undefined ? parts : { ...parts, form }));

const bytesOf = fc
  .array(
    fc.oneof({ weight: 8, arbitrary: someFrame }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) }),
    {
      maxLength: 10,
    },
  )
  .map((parts) => Buffer.concat(parts));

const isError = (event: string) => Object.hasOwn(WEBSOCKET_ERRORS, event);
const isLast = (event: string) => isError(event) || event.startsWith('close ');

describe('protocol: properties', () => {
  it('any bytes are messages, more that is wanted, or one error, the same however they are cut', () => {
    fc.assert(
      fc.property(bytesOf, (bytes) => {
        const { events } = new Reading({ limits: LIMITS }).push(bytes);
        const end = events.findIndex(isLast);
        if (end !== -1) expect(events).to.have.length(end + 1);
        for (const event of events) expect(event).to.match(/^(?:text|binary|ping|pong|close) |^WEBSOCKET_/);
        for (const { way, chunks } of feedEveryWay(bytes)) {
          if (/cut at \d*[1-9]$/.test(way)) continue;
          expect(new Reading({ limits: LIMITS }).push(...chunks).events, way).to.deep.equal(events);
        }
        const withDeflate = new Reading({ limits: LIMITS, inflate: inflateFor() }).push(bytes);
        // RSV1 means something there: from it on they may go apart.
        const differs = withDeflate.events.findIndex((event, i) => event !== events[i]);
        if (differs !== -1) expect(events[differs]).to.equal('WEBSOCKET_RESERVED_BITS');
        withDeflate.reader.close();
      }),
      { numRuns: 200 },
    );
  });

  it('messages are never longer than the limit, nor is what is kept', () => {
    fc.assert(
      fc.property(bytesOf, (bytes) => {
        const reading = new Reading({ limits: LIMITS }).push(bytes);
        for (const message of reading.messages) expect(message.length).to.be.at.most(300);
      }),
      { numRuns: 300 },
    );
  });

  const texts = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 100 }),
      fc.uint8Array({ maxLength: 100 }),
      fc.nat(3_000).map((length) => 'Inseam '.repeat(length)),
      fc.nat(70_000).map((length) => Buffer.alloc(length, 'bytes')),
    ),
    { maxLength: 8 },
  );

  for (const isServer of [true, false]) {
    for (const deflate of ['no deflate', 'deflate', 'deflate with context take-over']) {
      it(`what a ${isServer ? 'server' : 'client'} writes, the other side reads: ${deflate}`, async () => {
        const settings = { ...DEFLATE_DEFAULTS, threshold: 20, contextTakeover: deflate.endsWith('over') };
        await fc.assert(
          fc.asyncProperty(texts, async (data) => {
            const ofServer = acceptOffer('permessage-deflate', settings, 1 << 20);
            const ofClient = readAnswer(ofServer?.text ?? '', settings, 1 << 20);
            const [ours, theirs] = isServer ? [ofServer, ofClient] : [ofClient, ofServer];
            const isPlain = deflate === 'no deflate';
            const reading = new Reading({
              isServer: !isServer,
              inflate: isPlain ? null : (theirs?.inflate ?? null),
            });
            const write = (bytes: Uint8Array) => void reading.push(bytes) === undefined;
            const output = { write, writeLatin1: (text: string) => write(Buffer.from(text, 'latin1')) };
            const writer = new FrameWriter(output, isServer, isPlain ? null : ours);
            for (const one of data) writer.message(new Message(one));
            writer.sendClose(1000, 'done');
            await reading.until(() => reading.events.at(-1) === 'close 1000 done' || reading.error !== null);
            const expected = data.map((one) =>
              typeof one === 'string' ? `text ${one}` : `binary ${Buffer.from(one).toString('hex')}`,
            );
            expect(reading.events).to.deep.equal([...expected, 'close 1000 done']);
            writer.close();
            reading.reader.close();
          }),
          { numRuns: 60 },
        );
      });
    }
  }
});
